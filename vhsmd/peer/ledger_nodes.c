#include "peer/ledger_core.h"

#include <stdlib.h>

/* Where name is among the nodes, or would be. */
static size_t
place_of(const struct ledger *l, const char *name, bool *found)
{
	size_t lo = 0, hi = l->node_count;

	*found = false;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int c = strcmp(l->nodes[mid]->name, name);

		if (c == 0) {
			*found = true;
			return mid;
		}
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct ledger_node *
ledger_node_find(const struct ledger *l, const char *name)
{
	bool found;
	size_t at = place_of(l, name, &found);

	return found ? l->nodes[at] : NULL;
}

struct ledger_node *
ledger_node_get(struct ledger *l, const char *name)
{
	bool found;
	size_t at = place_of(l, name, &found);

	if (found)
		return l->nodes[at];
	if (l->node_count >= LEDGER_NODES_MAX)
		return NULL;
	struct ledger_node *n = calloc(1, sizeof *n);

	if (n == NULL)
		return NULL;
	memcpy(n->name, name, strlen(name));
	memmove(l->nodes + at + 1, l->nodes + at,
	    (l->node_count - at) * sizeof *l->nodes);
	l->nodes[at] = n;
	l->node_count++;
	return n;
}

static bool
is_before(const struct record *r, uint64_t epoch, uint64_t seq)
{
	return r->epoch < epoch || (r->epoch == epoch && r->seq < seq);
}

const struct record *
ledger_node_record(const struct ledger_node *n, uint64_t epoch, uint64_t seq)
{
	for (size_t i = 0; i < n->count; i++)
		if (n->records[i]->epoch == epoch && n->records[i]->seq == seq)
			return n->records[i];
	return NULL;
}

const struct record *
ledger_node_epoch(const struct ledger_node *n, uint64_t epoch)
{
	for (size_t i = 0; i < n->count; i++)
		if (n->records[i]->epoch == epoch)
			return n->records[i];
	return NULL;
}

enum vh_err
ledger_node_add(struct ledger *l, struct ledger_node *n, struct record *r)
{
	size_t at = 0;

	if (n->count == n->room) {
		size_t room = n->room * 2 + 2;
		struct record **more =
		    reallocarray(n->records, room, sizeof *more);

		if (more == NULL) {
			record_free(r);
			return VH_ENOMEM;
		}
		n->records = more;
		n->room = room;
	}
	while (at < n->count && !is_before(n->records[at], r->epoch, r->seq))
		at++;
	memmove(n->records + at + 1, n->records + at,
	    (n->count - at) * sizeof *n->records);
	n->records[at] = r;
	n->count++;
	n->bytes += r->token->len;
	l->bytes += r->token->len;
	return VH_OK;
}

void
ledger_node_drop(struct ledger *l, struct ledger_node *n, size_t i)
{
	struct record *r = n->records[i];

	n->bytes -= r->token->len;
	l->bytes -= r->token->len;
	n->count--;
	memmove(n->records + i, n->records + i + 1,
	    (n->count - i) * sizeof *n->records);
	record_free(r);
	l->rest_dirty = true;
}

/* --- what is still needed --------------------------------------------------
 */

/* A record keeps a key until then. */
struct hold {
	const char *kid;
	uint64_t end;
	size_t record;
};

/* By kid, the latest end first, the newer record first. */
static int
compare_holds(const void *a, const void *b)
{
	const struct hold *x = a, *y = b;
	int c = strcmp(x->kid, y->kid);

	if (c != 0)
		return c;
	if (x->end != y->end)
		return x->end > y->end ? -1 : 1;
	return x->record < y->record ? -1 : x->record > y->record;
}

static size_t
collect_holds(const struct ledger *l, const struct ledger_node *n, uint64_t now,
    struct hold *holds)
{
	size_t count = 0;

	for (size_t i = 0; i < n->count; i++) {
		const struct record *r = n->records[i];

		for (size_t k = 0; k < r->count; k++) {
			uint64_t end = record_key_end(r, &r->keys[k]);

			if (end > now && !ledger_is_revoked(l, r->keys[k].kid))
				holds[count++] =
				    (struct hold){ r->keys[k].kid, end, i };
		}
	}
	return count;
}

/* Drops the evidence that, for every key, another record outdoes. */
static enum vh_err
drop_outdone(struct ledger *l, struct ledger_node *n, uint64_t now)
{
	size_t keys = 0, count;

	for (size_t i = 0; i < n->count; i++)
		keys += n->records[i]->count;
	struct hold *holds = calloc(keys + 1, sizeof *holds);
	bool *needed = calloc(n->count + 1, sizeof *needed);

	if (holds == NULL || needed == NULL) {
		free(holds);
		free(needed);
		return VH_ENOMEM;
	}
	count = collect_holds(l, n, now, holds);
	qsort(holds, count, sizeof *holds, compare_holds);
	for (size_t i = 0; i < count; i++)
		if (i == 0 || strcmp(holds[i - 1].kid, holds[i].kid) != 0)
			needed[holds[i].record] = true;
	free(holds);
	for (size_t i = n->count; i-- > 1;)
		if (!needed[i])
			ledger_node_drop(l, n, i);
	free(needed);
	return VH_OK;
}

enum vh_err
ledger_node_prune(struct ledger *l, struct ledger_node *n, uint64_t now)
{
	if (n->count > 1)
		TRY(drop_outdone(l, n, now));
	/* Over the bounds: the oldest life goes first. */
	while (n->count > 1 && (n->count > LEDGER_RECORDS_MAX ||
				   n->bytes > LEDGER_NODE_BYTES_MAX))
		ledger_node_drop(l, n, n->count - 1);
	if (n->count == 1 && ledger_live_find(l, n->name) == NULL &&
	    n->records[0]->iat_ms + n->records[0]->keep_ms + LEDGER_LINGER_MS <=
		now)
		ledger_node_drop(l, n, 0);
	return VH_OK;
}

static void
node_free(struct ledger_node *n)
{
	for (size_t i = 0; i < n->count; i++)
		record_free(n->records[i]);
	free(n->records);
	free(n);
}

void
ledger_nodes_sweep(struct ledger *l)
{
	size_t kept = 0;

	for (size_t i = 0; i < l->node_count; i++) {
		if (l->nodes[i]->count > 0)
			l->nodes[kept++] = l->nodes[i];
		else
			node_free(l->nodes[i]);
	}
	l->node_count = kept;
}

void
ledger_nodes_free(struct ledger *l)
{
	for (size_t i = 0; i < l->node_count; i++)
		node_free(l->nodes[i]);
	free(l->nodes);
}

/* --- who lives -------------------------------------------------------------
 */

static int
by_name(const void *name, const void *live)
{
	return strcmp(name, ((const struct ledger_live *)live)->node);
}

const struct ledger_live *
ledger_live_find(const struct ledger *l, const char *name)
{
	if (l->live_count == 0)
		return NULL;
	return bsearch(name, l->live, l->live_count, sizeof *l->live, by_name);
}

bool
ledger_node_is_here(const struct ledger *l, const struct ledger_node *n)
{
	const struct ledger_live *live = ledger_live_find(l, n->name);

	return live != NULL && n->count > 0 &&
	       (live->epoch == 0 || live->epoch == n->records[0]->epoch);
}
