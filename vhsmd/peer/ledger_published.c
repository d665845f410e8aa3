#include "peer/ledger_published.h"

#include <stdlib.h>
#include <string.h>

/* A key that claims a kid. */
struct claimant {
	struct ledger_key *key;
	const struct ledger_key *loses_to; /* or NULL */
};

static int
compare_slices(struct slice a, struct slice b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int c = strncmp((const char *)a.p, (const char *)b.p, len);

	return c != 0 ? c : (a.len > b.len) - (a.len < b.len);
}

/* By what they claim; then who had it first. */
static int
compare_claimants(const void *a, const void *b)
{
	const struct ledger_key *x = ((const struct claimant *)a)->key;
	const struct ledger_key *y = ((const struct claimant *)b)->key;
	int c = compare_slices(x->published, y->published);

	if (c != 0)
		return c;
	if (x->since != y->since)
		return x->since < y->since ? -1 : 1;
	return strcmp(x->kid, y->kid);
}

static int
by_kid(const void *kid, const void *key)
{
	return compare_slices(*(const struct slice *)kid,
	    slice_text(((const struct ledger_key *)key)->kid));
}

static size_t
collect(struct ledger_key *keys, size_t count, struct claimant *out)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		if (keys[i].published.len == 0)
			continue;
		out[n].key = &keys[i];
		/* A thumbprint is its own key's, whoever came first. */
		out[n++].loses_to = bsearch(&keys[i].published, keys, count,
		    sizeof *keys, by_kid);
	}
	qsort(out, n, sizeof *out, compare_claimants);
	return n;
}

static void
judge(struct claimant *all, size_t count)
{
	const struct claimant *first = NULL;

	for (size_t i = 0; i < count; i++) {
		if (all[i].loses_to != NULL)
			continue;
		if (first != NULL &&
		    slice_eq(first->key->published, all[i].key->published))
			all[i].loses_to = first->key;
		else
			first = &all[i];
	}
}

static int
compare_clashes(const void *a, const void *b)
{
	return strcmp(((const struct ledger_clash *)a)->kid,
	    ((const struct ledger_clash *)b)->kid);
}

enum vh_err
published_settle(struct ledger_key *keys, size_t *count,
    struct ledger_clash *refused, size_t *refused_count)
{
	struct claimant *all = calloc(*count + 1, sizeof *all);
	size_t n, kept = 0, out = 0;

	if (all == NULL)
		return VH_ENOMEM;
	n = collect(keys, *count, all);
	judge(all, n);
	for (size_t i = 0; i < n; i++) {
		struct ledger_clash *c = &refused[out];

		if (all[i].loses_to == NULL)
			continue;
		memcpy(c->kid, all[i].key->kid, sizeof c->kid);
		memcpy(c->owner, all[i].loses_to->kid, sizeof c->owner);
		c->published = all[i].key->published;
		c->node = all[i].key->node;
		out++;
	}
	free(all);
	qsort(refused, out, sizeof *refused, compare_clashes);
	*refused_count = out;
	for (size_t i = 0, next = 0; i < *count; i++) {
		if (next < out && strcmp(refused[next].kid, keys[i].kid) == 0)
			next++;
		else
			keys[kept++] = keys[i];
	}
	*count = kept;
	return VH_OK;
}
