#include "vault/trail.h"

#include <inttypes.h>
#include <stdlib.h>

/* --- a queue of uses -------------------------------------------------------
 */

enum vh_err
use_put(struct buf *b, const struct use *u)
{
	/* The three texts stand behind it; their pointers mean nothing. */
	buf_put(b, slice_of(u, sizeof *u));
	buf_put(b, u->op);
	buf_put(b, u->who);
	buf_put(b, u->kid);
	return buf_end(b);
}

static void
cut(struct slice *rest, struct slice *text)
{
	text->p = rest->p;
	*rest = slice_of(rest->p + text->len, rest->len - text->len);
}

bool
use_next(struct slice *rest, struct use *out)
{
	if (rest->len < sizeof *out)
		return false;
	memcpy(out, rest->p, sizeof *out);
	*rest = slice_of(rest->p + sizeof *out, rest->len - sizeof *out);
	cut(rest, &out->op);
	cut(rest, &out->who);
	cut(rest, &out->kid);
	return true;
}

/* --- counters --------------------------------------------------------------
 */

struct sum {
	struct use use; /* its texts point into text; its time is the first */
	char *text;
	uint64_t count;
	struct wall_ms last;
};

struct trail_rows {
	size_t count;
	struct sum at[TRAIL_ROWS];
};

static bool
is_same(const struct use *a, const struct use *b)
{
	return a->alg == b->alg && a->err == b->err && slice_eq(a->op, b->op) &&
	       slice_eq(a->kid, b->kid) && slice_eq(a->who, b->who);
}

/* Few rows are in use at once, and the one that was used last most. */
static struct sum *
find_sum(struct trail_rows *rows, const struct use *u)
{
	for (size_t i = 0; i < rows->count; i++) {
		if (!is_same(&rows->at[i].use, u))
			continue;
		struct sum found = rows->at[i];
		size_t front = i / 2;

		rows->at[i] = rows->at[front];
		rows->at[front] = found;
		return &rows->at[front];
	}
	return NULL;
}

static enum vh_err
add_sum(struct trail_rows *rows, const struct use *u)
{
	size_t len = u->op.len + u->who.len + u->kid.len;
	struct sum *sum = &rows->at[rows->count];
	char *to = malloc(len + 1);

	if (to == NULL)
		return VH_ENOMEM;
	*sum =
	    (struct sum){ .use = *u, .text = to, .count = 1, .last = u->time };
	struct slice *const texts[] = { &sum->use.op, &sum->use.who,
		&sum->use.kid };

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		if (texts[i]->len > 0)
			memcpy(to, texts[i]->p, texts[i]->len);
		texts[i]->p = (const uint8_t *)to;
		to += texts[i]->len;
	}
	rows->count++;
	return VH_OK;
}

/* --- lines -----------------------------------------------------------------
 */

struct trail *
trail_new(struct slice node, unsigned flags)
{
	AUTO(trail_free) struct trail *t = calloc(1, sizeof *t);

	if (t == NULL || node.len > VH_NODE_MAX)
		return NULL;
	t->out = buf_new(TRAIL_TEXT_MAX);
	t->rows = calloc(1, sizeof *t->rows);
	if (t->out == NULL || t->rows == NULL)
		return NULL;
	if (node.len > 0)
		memcpy(t->node, node.p, node.len);
	t->summary = (flags & VH_AUDIT_SUMMARY) != 0;
	return TAKE(t);
}

static void
drop_rows(struct trail_rows *rows)
{
	for (size_t i = 0; i < rows->count; i++)
		free(rows->at[i].text);
	rows->count = 0;
}

void
trail_free(struct trail *t)
{
	if (t == NULL)
		return;
	if (t->rows != NULL)
		drop_rows(t->rows);
	free(t->rows);
	buf_free(t->out);
	free(t);
}

/* The first line after a checkpoint begins the time until the next one. */
static enum vh_err
put(struct trail *t, struct audit_entry *e, struct trail_now now)
{
	if (t->chain.seq == t->check_seq)
		t->check_by = mono_after_ms(now.mono, TRAIL_CHECK_MS);
	e->node = slice_text(t->node);
	TRY(audit_put(t->out, &t->chain, e));
	t->lines++;
	return VH_OK;
}

static enum vh_err
put_use(struct trail *t, const struct use *u, struct wall_ms time,
    struct slice more, struct trail_now now)
{
	struct audit_entry e = { .time_ms = time.ms,
		.who = u->who,
		.op = u->op,
		.kid = u->kid,
		.outcome =
		    slice_text(u->err == VH_OK ? "ok" : err_name(u->err)),
		.more = more };

	if (u->alg != NULL)
		e.alg = slice_text(u->alg->name);
	if (u->has_digest && more.len == 0)
		e.digest = slice_of(u->digest, sizeof u->digest);
	return put(t, &e, now);
}

static enum vh_err
put_sum(struct trail *t, const struct sum *sum, struct trail_now now)
{
	AUTO(buf_free) struct buf *more = buf_new(256);

	buf_format(more,
	    ",\"count\":%" PRIu64 ",\"first_ms\":%" PRIu64
	    ",\"last_ms\":%" PRIu64,
	    sum->count, sum->use.time.ms, sum->last.ms);
	TRY(buf_end(more));
	return put_use(t, &sum->use, now.wall, buf_slice(more), now);
}

enum vh_err
trail_sum(struct trail *t, bool at_once, struct trail_now now)
{
	enum vh_err err = VH_OK;

	if (t->rows->count == 0 ||
	    (!at_once && !mono_passed(t->sum_by, now.mono)))
		return VH_OK;
	for (size_t i = 0; err == VH_OK && i < t->rows->count; i++)
		err = put_sum(t, &t->rows->at[i], now);
	drop_rows(t->rows);
	return err;
}

enum vh_err
trail_use(struct trail *t, const struct use *u, struct trail_now now)
{
	if (!t->summary || u->act)
		return put_use(t, u, u->time, slice_of(NULL, 0), now);
	struct sum *sum = find_sum(t->rows, u);

	if (sum != NULL) {
		sum->count++;
		sum->last = u->time;
		return VH_OK;
	}
	TRY(trail_sum(t, t->rows->count == TRAIL_ROWS, now));
	if (t->rows->count == 0)
		t->sum_by = mono_after_ms(now.mono, TRAIL_SUMMARY_MS);
	return add_sum(t->rows, u);
}

enum vh_err
trail_say(struct trail *t, const char *op, bool anchor, struct slice more,
    struct trail_now now)
{
	struct audit_entry e = { .time_ms = now.wall.ms,
		.who = slice_text("vault"),
		.op = slice_text(op),
		.more = more,
		.anchor = anchor };

	return put(t, &e, now);
}

enum vh_err
trail_lost(struct trail *t, uint64_t n, struct trail_now now)
{
	AUTO(buf_free) struct buf *more = buf_new(64);

	buf_format(more, ",\"count\":%" PRIu64, n);
	TRY(buf_end(more));
	return trail_say(t, "lost", false, buf_slice(more), now);
}

enum vh_err
trail_repair(struct trail *t, struct slice torn, bool over,
    struct trail_now now)
{
	AUTO(buf_free) struct buf *more = buf_new(64);
	uint8_t digest[AUDIT_HASH];

	audit_hash(torn, digest);
	buf_format(more, ",\"torn\":%zu", torn.len);
	TRY(buf_end(more));
	if (!over)
		buf_put_text(t->out, "\n");
	struct audit_entry e = { .time_ms = now.wall.ms,
		.who = slice_text("vault"),
		.op = slice_text("repair"),
		.digest = slice_of(digest, sizeof digest),
		.more = buf_slice(more),
		.anchor = true };

	return put(t, &e, now);
}

static enum vh_err
put_again(struct trail *t, const struct audit_chain *from, const char *error,
    struct slice copies, struct trail_now now)
{
	AUTO(buf_free) struct buf *more = buf_new(256);
	char base[AUDIT_HASH_B64 + 1];

	audit_hash_text(from->hash, base);
	buf_format(more,
	    ",\"from\":%" PRIu64 ",\"base\":\"%s\",\"error\":\"%s\"",
	    from->seq + 1, base, error);
	TRY(buf_end(more));
	TRY(trail_say(t, "again", true, buf_slice(more), now));
	buf_put(t->out, copies);
	TRY(buf_end(t->out));
	/* Who goes on from the end of the file finds a line of its own there.
	 */
	return trail_say(t, "open", true, slice_of(NULL, 0), now);
}

enum vh_err
trail_again(struct trail *t, const struct audit_chain *from, const char *error,
    struct trail_now now)
{
	AUTO(buf_free) struct buf *was = t->out;
	struct audit_chain chain = t->chain;
	/* The line feed of a torn line belongs to the file that is over. */
	bool torn = was->len > 0 && was->p[0] == '\n';

	t->out = buf_new(TRAIL_TEXT_MAX);
	enum vh_err err = put_again(t, from, error,
	    slice_of(was->p + torn, was->len - torn), now);

	if (err == VH_OK)
		return VH_OK;
	buf_free(t->out);
	t->out = TAKE(was);
	t->chain = chain;
	return err;
}

/* --- checkpoints -----------------------------------------------------------
 */

bool
trail_wants_check(const struct trail *t, bool at_once, struct trail_now now)
{
	uint64_t since = t->chain.seq - t->check_seq;

	return since > 0 && (at_once || since >= TRAIL_CHECK_LINES ||
				mono_passed(t->check_by, now.mono));
}

void
trail_put_claim(const struct trail *t, struct trail_now now, struct buf *json)
{
	char chain[AUDIT_HASH_B64 + 1];

	audit_hash_text(t->chain.hash, chain);
	buf_put_text(json, "{\"node\":\"");
	audit_put_escaped(json, slice_text(t->node));
	buf_format(json,
	    "\",\"seq\":%" PRIu64 ",\"chain\":\"%s\",\"iat\":%" PRIu64 "}",
	    t->chain.seq, chain, now.wall.ms);
}

enum vh_err
trail_check(struct trail *t, struct slice kid, struct slice jws,
    struct trail_now now)
{
	AUTO(buf_free) struct buf *more = buf_new(AUDIT_LINE_MAX);

	buf_put_text(more, ",\"jws\":\"");
	buf_put(more, jws);
	buf_put_text(more, "\"");
	TRY(buf_end(more));
	struct audit_entry e = { .time_ms = now.wall.ms,
		.who = slice_text("vault"),
		.op = slice_text("checkpoint"),
		.kid = kid,
		.alg = slice_text("ES256"),
		.more = buf_slice(more) };

	TRY(put(t, &e, now));
	t->check_seq = t->chain.seq;
	return VH_OK;
}
