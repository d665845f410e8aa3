#include "peer/ledger_core.h"

#include <sodium.h>
#include <stdlib.h>

struct ledger *
ledger_new(const struct ledger_config *c, struct moment now)
{
	AUTO(ledger_free) struct ledger *l = calloc(1, sizeof *l);

	if (l == NULL || strlen(c->self) > NODE_NAME_MAX)
		return NULL;
	memcpy(l->self, c->self, strlen(c->self));
	l->trust = c->trust;
	l->verifier = verifier_new();
	l->revokers = buf_new(c->revokers.len);
	buf_put(l->revokers, c->revokers);
	l->nodes = calloc(LEDGER_NODES_MAX, sizeof(struct ledger_node *));
	if (l->verifier == NULL || l->nodes == NULL ||
	    buf_end(l->revokers) != VH_OK)
		return NULL;
	ledger_clock_start(&l->clock, now);
	l->version = now.wall.ms;
	l->dirty = l->rest_dirty = true;
	return TAKE(l);
}

void
ledger_free(struct ledger *l)
{
	if (l == NULL)
		return;
	directory_free(l->directory);
	ledger_nodes_free(l);
	ledger_graves_free(l);
	verifier_free(l->verifier);
	buf_free(l->revokers);
	free(l->live);
	free(l);
}

/* Later than that is the future. */
static uint64_t
latest_iat(const struct ledger *l)
{
	return ledger_clock_latest(&l->clock) + RECORD_AHEAD_MAX_MS;
}

/* --- records ---------------------------------------------------------------
 */

/* Whether r says the same as the current record, only later, of a node that is
 * here: then nothing that was worked out changes. */
static bool
is_just_later(const struct ledger *l, const struct ledger_node *n,
    const struct record *r)
{
	const struct record *current = n->records[0];

	return current->epoch == r->epoch && r->iat_ms >= current->iat_ms &&
	       slice_eq(slice_of(current->content, sizeof current->content),
		   slice_of(r->content, sizeof r->content)) &&
	       ledger_node_is_here(l, n);
}

/* What is to be said of r, which is verified and in its place. */
static void
judge_place(const struct record *r, const struct record *before,
    struct verdict *out)
{
	out->new_epoch = before != NULL && before->epoch < r->epoch;
	out->news = before == NULL || before->epoch != r->epoch ||
		    !slice_eq(slice_of(before->content, sizeof before->content),
			slice_of(r->content, sizeof r->content));
}

/* Puts the verified record where it belongs, unless nothing is left of it. */
static enum vh_err
place_record(struct ledger *l, struct ledger_node *n, struct record *r,
    struct verdict *out)
{
	uint64_t now = ledger_clock_earliest(&l->clock);
	uint64_t epoch = r->epoch, seq = r->seq;
	const struct record *current = n->count == 0 ? NULL : n->records[0];
	bool newer = current == NULL || epoch > current->epoch ||
		     (epoch == current->epoch && seq > current->seq);

	if (newer && current != NULL && is_just_later(l, n, r)) {
		bool rest_dirty = l->rest_dirty;

		if (ledger_node_add(l, n, r) != VH_OK)
			return refuse(&out->reason, REFUSAL_MEMORY);
		ledger_node_drop(l, n, 1);
		l->rest_dirty = rest_dirty; /* it was no evidence */
		return VH_OK;
	}
	if (newer)
		judge_place(r, current, out);
	if (ledger_node_add(l, n, r) != VH_OK)
		return refuse(&out->reason, REFUSAL_MEMORY);
	if (ledger_node_prune(l, n, now) != VH_OK)
		out->news |= newer; /* pruned with the next */
	if (ledger_node_record(n, epoch, seq) == NULL) {
		out->new_epoch = out->news = false;
		return refuse(&out->reason,
		    newer ? REFUSAL_ENDED : REFUSAL_STALE);
	}
	l->dirty = l->rest_dirty = true;
	return VH_OK;
}

/* Of a node that lives, the record of a later life: it has been restarted,
 * which we are about to hear from it, or another node has its name.  Until that
 * is known, the one that lives keeps its place. */
static bool
is_of_another_life(const struct ledger *l, const struct record *r)
{
	const struct ledger_live *live = ledger_live_find(l, r->node);

	return live != NULL && !live->own && live->epoch != 0 &&
	       live->epoch < r->epoch;
}

/* Takes up to most more keys of *r, NULL for v if our vault made it; once it
 * has them all, it is placed and *r NULL.  Until then others may come first. */
static enum vh_err
take_more(struct ledger *l, struct verifier *v, size_t most, struct record **r,
    struct verdict *out)
{
	struct ledger_node *n = ledger_node_find(l, (*r)->node);

	memcpy(out->node, (*r)->node, sizeof out->node);
	out->epoch = (*r)->epoch;
	out->seq = (*r)->seq;
	if (n != NULL && ledger_node_record(n, out->epoch, out->seq) != NULL)
		return refuse(&out->reason, REFUSAL_STALE);
	if (is_of_another_life(l, *r))
		return refuse(&out->reason, REFUSAL_LIFE);
	if (l->bytes + buf_slice((*r)->token).len > LEDGER_BYTES_MAX)
		return refuse(&out->reason, REFUSAL_FULL);
	TRY(record_take_keys(*r, v,
	    n == NULL ? NULL : ledger_node_epoch(n, out->epoch), most,
	    &out->reason));
	if ((*r)->json != NULL)
		return VH_OK;
	if (n == NULL) {
		ledger_nodes_sweep(l);
		n = ledger_node_get(l, out->node);
	}
	if (n == NULL)
		return refuse(&out->reason, REFUSAL_FULL);
	return place_record(l, n, TAKE(*r), out);
}

static enum vh_err
take_record(struct ledger *l, struct moment now, struct slice token,
    struct verifier *v, bool saved, struct verdict *out)
{
	AUTO(record_free) struct record *r = NULL;

	*out = (struct verdict){ 0 };
	ledger_clock_see(&l->clock, now);
	TRY(record_open(l->trust, l->verifier, token,
	    saved ? UINT64_MAX : latest_iat(l), &r, &out->reason));
	return take_more(l, v, SIZE_MAX, &r, out);
}

enum vh_err
ledger_take_record(struct ledger *l, struct moment now, struct slice token,
    struct verdict *out)
{
	return take_record(l, now, token, l->verifier, false, out);
}

enum vh_err
ledger_take_own_record(struct ledger *l, struct moment now, struct slice token,
    struct verdict *out)
{
	return take_record(l, now, token, NULL, false, out);
}

enum vh_err
ledger_take_saved_record(struct ledger *l, struct moment now,
    struct slice token, struct verdict *out)
{
	return take_record(l, now, token, l->verifier, true, out);
}

enum vh_err
ledger_open_record(struct ledger *l, struct moment now, struct slice token,
    struct record **out, struct verdict *verdict)
{
	*verdict = (struct verdict){ 0 };
	ledger_clock_see(&l->clock, now);
	return record_open(l->trust, l->verifier, token, latest_iat(l), out,
	    &verdict->reason);
}

enum vh_err
ledger_take_more(struct ledger *l, struct moment now, struct record **r,
    struct verdict *out)
{
	*out = (struct verdict){ 0 };
	ledger_clock_see(&l->clock, now);
	enum vh_err err = take_more(l, l->verifier, LEDGER_CHECKS, r, out);

	if (err != VH_OK) {
		record_free(*r);
		*r = NULL;
	}
	return err;
}

/* --- tombstones ------------------------------------------------------------
 */

static bool
may_revoke(const struct ledger *l, const char *node)
{
	struct slice rest = buf_slice(l->revokers), item;

	if (rest.len == 0)
		return true;
	while (slice_next_item(&rest, &item))
		if (slice_is(item, node))
			return true;
	return false;
}

static enum vh_err
take_tombstone(struct ledger *l, struct slice token, uint64_t latest,
    struct verdict *out)
{
	AUTO(tombstone_free) struct tombstone *s = NULL;

	TRY(tombstone_read(l->trust, l->verifier, token, latest, &s,
	    &out->reason));
	memcpy(out->node, s->node, sizeof s->node);
	memcpy(out->kid, s->kid, sizeof s->kid);
	if (!may_revoke(l, s->node))
		return refuse(&out->reason, REFUSAL_REVOKER);
	if (ledger_is_revoked(l, s->kid))
		return refuse(&out->reason, REFUSAL_STALE);
	if (l->grave_count >= LEDGER_TOMBSTONES_MAX)
		return refuse(&out->reason, REFUSAL_FULL);
	if (ledger_bury(l, TAKE(s)) != VH_OK)
		return refuse(&out->reason, REFUSAL_MEMORY);
	out->news = true;
	l->dirty = l->rest_dirty = true;
	l->next_end = 0; /* evidence of the kid goes */
	return VH_OK;
}

enum vh_err
ledger_take_tombstone(struct ledger *l, struct moment now, struct slice token,
    struct verdict *out)
{
	*out = (struct verdict){ 0 };
	ledger_clock_see(&l->clock, now);
	return take_tombstone(l, token, latest_iat(l), out);
}

enum vh_err
ledger_take_saved_tombstone(struct ledger *l, struct moment now,
    struct slice token, struct verdict *out)
{
	*out = (struct verdict){ 0 };
	ledger_clock_see(&l->clock, now);
	return take_tombstone(l, token, UINT64_MAX, out);
}

/* --- who lives -------------------------------------------------------------
 */

static int
compare_live(const void *a, const void *b)
{
	return strcmp(((const struct ledger_live *)a)->node,
	    ((const struct ledger_live *)b)->node);
}

/* Whether a set says the same as the one we have, apart from load. */
static bool
is_same_live(const struct ledger *l, const struct ledger_live *nodes,
    size_t count)
{
	if (count != l->live_count)
		return false;
	for (size_t i = 0; i < count; i++)
		if (strcmp(nodes[i].node, l->live[i].node) != 0 ||
		    nodes[i].epoch != l->live[i].epoch ||
		    nodes[i].leaving != l->live[i].leaving)
			return false;
	return true;
}

enum vh_err
ledger_set_live(struct ledger *l, const struct ledger_live *nodes, size_t count)
{
	struct ledger_live *copy;

	if (count > TRUST_NODES_MAX)
		return VH_EFIELD;
	copy = calloc(count + 1, sizeof *copy);
	if (copy == NULL)
		return VH_ENOMEM;
	if (count > 0) {
		memcpy(copy, nodes, count * sizeof *copy);
		qsort(copy, count, sizeof *copy, compare_live);
	}
	if (!is_same_live(l, copy, count)) {
		l->dirty = true;
		l->next_end = 0; /* the dead keep less */
	}
	free(l->live);
	l->live = copy;
	l->live_count = count;
	ledger_directory_set_loads(l);
	return VH_OK;
}

/* --- judging again ---------------------------------------------------------
 */

static bool
still_holds(const struct ledger *l, const struct record *r)
{
	AUTO(record_free) struct record *again = NULL;
	enum refusal why;
	enum vh_err err = record_open(l->trust, l->verifier,
	    buf_slice(r->token), UINT64_MAX, &again, &why);

	return err == VH_OK || err == VH_ENOMEM;
}

size_t
ledger_recheck(struct ledger *l, struct moment now)
{
	size_t gone = ledger_recheck_graves(l);

	ledger_clock_see(&l->clock, now);
	for (size_t i = 0; i < l->node_count; i++)
		for (size_t r = l->nodes[i]->count; r-- > 0;) {
			if (still_holds(l, l->nodes[i]->records[r]))
				continue;
			ledger_node_drop(l, l->nodes[i], r);
			gone++;
		}
	l->dirty = l->rest_dirty = true;
	l->next_end = 0;
	return gone;
}

/* --- working it out --------------------------------------------------------
 */

static enum vh_err
update_digest(struct ledger *l)
{
	AUTO(buf_free) struct buf *text = buf_new(SIZE_MAX / 4);

	for (size_t i = 0; i < l->grave_count; i++)
		buf_format(text, "%s\n", l->graves[i]->kid);
	for (size_t i = 0; i < l->node_count; i++)
		for (size_t r = 1; r < l->nodes[i]->count; r++)
			buf_format(text, "%s|%llu|%llu\n", l->nodes[i]->name,
			    (unsigned long long)l->nodes[i]->records[r]->epoch,
			    (unsigned long long)l->nodes[i]->records[r]->seq);
	TRY(buf_end(text));
	struct slice all = buf_slice(text);

	(void)crypto_hash_sha256(l->digest, all.p, all.len); /* returns 0 */
	l->rest_dirty = false;
	return VH_OK;
}

enum vh_err
ledger_tick(struct ledger *l, struct moment now)
{
	ledger_clock_see(&l->clock, now);
	uint64_t ends = ledger_clock_earliest(&l->clock);

	if (ends >= l->next_end) {
		for (size_t i = 0; i < l->node_count; i++)
			TRY(ledger_node_prune(l, l->nodes[i], ends));
		ledger_nodes_sweep(l);
		l->dirty = true;
	}
	if (l->dirty)
		TRY(ledger_directory_update(l, ends));
	return l->rest_dirty ? update_digest(l) : VH_OK;
}

/* --- queries ---------------------------------------------------------------
 */

uint64_t
ledger_version(const struct ledger *l)
{
	return l->version;
}

void
ledger_digest(const struct ledger *l, uint8_t out[static 32])
{
	memcpy(out, l->digest, sizeof l->digest);
}

struct ledger_stats
ledger_stats(const struct ledger *l)
{
	struct ledger_stats s = { .nodes = l->node_count,
		.bytes = l->bytes,
		.tombstones = l->grave_count };

	for (size_t i = 0; i < l->node_count; i++)
		s.records += l->nodes[i]->count;
	(void)ledger_keys(l, &s.keys); /* for the count */
	return s;
}

const struct record *
ledger_current(const struct ledger *l, const char *node)
{
	const struct ledger_node *n = ledger_node_find(l, node);

	return n == NULL || n->count == 0 ? NULL : n->records[0];
}

const struct record *
ledger_current_at(const struct ledger *l, size_t i)
{
	for (size_t n = 0; n < l->node_count; n++)
		if (l->nodes[n]->count > 0 && i-- == 0)
			return l->nodes[n]->records[0];
	return NULL;
}

void
ledger_each_record(const struct ledger *l, const char *node, ledger_each *each,
    void *context)
{
	const struct ledger_node *n = ledger_node_find(l, node);

	for (size_t i = 0; n != NULL && i < n->count; i++)
		if (!each(buf_slice(n->records[i]->token), context))
			return;
}

void
ledger_each_evidence(const struct ledger *l, ledger_each *each, void *context)
{
	for (size_t i = 0; i < l->node_count; i++)
		for (size_t r = 1; r < l->nodes[i]->count; r++)
			if (!each(buf_slice(l->nodes[i]->records[r]->token),
				context))
				return;
}
