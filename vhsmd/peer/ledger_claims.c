#include "peer/ledger_claims.h"

#include <stdlib.h>

void
claims_free(struct claims *c)
{
	free(c->all);
}

/* --- collecting ------------------------------------------------------------
 */

/* Whether the record lists the key, and as what. */
static bool
is_listed(const struct ledger *l, const struct claim *c, uint64_t end,
    uint64_t now, enum vh_key_state *state)
{
	const struct ledger_live *live;

	*state = c->key->state;
	if (c->key->use == VH_USE_SIG)
		return c->here || end > now;
	live = ledger_live_find(l, c->node->name);
	if (live != NULL && live->leaving)
		*state = VH_KEY_RETIRED;
	return c->here;
}

static void
collect_record(const struct ledger *l, const struct ledger_node *n, size_t i,
    uint64_t now, struct claims *out)
{
	const struct record *r = n->records[i];
	bool here = i == 0 && ledger_node_is_here(l, n);

	for (size_t k = 0; k < r->count; k++) {
		struct claim c = { &r->keys[k], n, i, here, 0 };
		uint64_t end = record_key_end(r, c.key);

		if (end > now && end < out->next_end)
			out->next_end = end;
		if (is_listed(l, &c, end, now, &c.state) &&
		    !ledger_is_revoked(l, c.key->kid) &&
		    (c.key->published == NULL ||
			!ledger_is_revoked(l, c.key->published)))
			out->all[out->count++] = c;
	}
}

/* By kid, then node, then the newest record first. */
static int
compare_claims(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;
	int by_kid = strcmp(x->key->kid, y->key->kid);

	if (by_kid != 0)
		return by_kid;
	if (x->node != y->node)
		return strcmp(x->node->name, y->node->name);
	return x->record < y->record ? -1 : x->record > y->record;
}

enum vh_err
claims_collect(const struct ledger *l, uint64_t now, struct claims *out)
{
	size_t most = 0;

	for (size_t i = 0; i < l->node_count; i++)
		for (size_t r = 0; r < l->nodes[i]->count; r++)
			most += l->nodes[i]->records[r]->count;
	out->all = calloc(most + 1, sizeof *out->all);
	if (out->all == NULL)
		return VH_ENOMEM;
	for (size_t i = 0; i < l->node_count; i++) {
		const struct ledger_node *n = l->nodes[i];

		for (size_t r = 0; r < n->count; r++)
			collect_record(l, n, r, now, out);
		if (n->count == 0)
			continue;
		uint64_t gone = n->records[0]->iat_ms + n->records[0]->keep_ms +
				LEDGER_LINGER_MS;

		if (gone > now && gone < out->next_end)
			out->next_end = gone;
	}
	qsort(out->all, out->count, sizeof *out->all, compare_claims);
	return VH_OK;
}

/* --- what several amount to ------------------------------------------------
 */

void
group_leave_speakers(struct group *g)
{
	bool proven = false;
	size_t kept = 0;

	for (size_t i = 0; i < g->count; i++)
		proven |= g->all[i].key->use == VH_USE_SIG;
	for (size_t i = 0; i < g->count; i++) {
		if (proven && g->all[i].key->use != VH_USE_SIG)
			continue;
		if (kept > 0 && g->all[kept - 1].node == g->all[i].node)
			continue;
		g->all[kept++] = g->all[i];
	}
	g->count = kept;
}

enum vh_key_state
group_state(const struct group *g)
{
	static const enum vh_key_state order[] = { VH_KEY_ACTIVE,
		VH_KEY_PUBLISHED };

	for (size_t s = 0; s < ARRAY_LEN(order); s++)
		for (size_t i = 0; i < g->count; i++)
			if (g->all[i].state == order[s])
				return order[s];
	return VH_KEY_RETIRED;
}

const struct alg *
group_alg(const struct group *g)
{
	for (size_t i = 1; i < g->count; i++)
		if (g->all[i].key->alg != g->all[0].key->alg)
			return NULL;
	return g->all[0].key->alg;
}

uint64_t
claim_epoch(const struct claim *c)
{
	return c->node->records[c->record]->epoch;
}

const struct claim *
group_first(const struct group *g)
{
	const struct claim *first = &g->all[0];

	for (size_t i = 1; i < g->count; i++)
		if (claim_epoch(&g->all[i]) < claim_epoch(first))
			first = &g->all[i];
	return first;
}
