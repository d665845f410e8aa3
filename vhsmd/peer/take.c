#include "peer/take.h"

#include <stdlib.h>
#include <utlist.h>

#include "base/log.h"
#include "peer/pull.h"

#define LOG_LINES  20 /* of refusals, each LIMIT_EACH_MS */
#define UNREAD_MAX 8  /* records of up to VH_RECORD_MAX */

struct unread {
	char from[NODE_NAME_MAX + 1];
	struct record *r;
	uint64_t question;
	struct unread *prev, *next;
};

static enum vh_err
judged(struct peer *p, const char *from, const char *event, enum vh_err err,
    const struct verdict *v, uint64_t *taken, uint64_t *refused)
{
	uint64_t over;

	p->counts.refused[v->reason]++;
	if (v->reason == REFUSAL_NONE) {
		++*taken;
		p->ledger_changed = true;
		p->saving.again = true;
		return err;
	}
	if (refusal_is_ordinary(v->reason))
		return err;
	++*refused;
	if (limit_take(&p->refusals, p->now.mono, LOG_LINES, &over))
		LOG(NOTICE, event, KV("reason", refusal_word(v->reason)),
		    KV("node", v->node), KV("from", from),
		    KV("left_out", over));
	return err;
}

static enum vh_err
record_judged(struct peer *p, const char *from, enum vh_err err,
    const struct verdict *v)
{
	err = judged(p, from, "record-refused", err, v,
	    &p->counts.records_taken, &p->counts.records_refused);
	/* Of its earlier epochs somebody else may know when they ended. */
	if (err == VH_OK && v->reason == REFUSAL_NONE && v->new_epoch)
		pull_want(p, v->node, true);
	return err;
}

static enum vh_err
tombstone_judged(struct peer *p, const char *from, enum vh_err err,
    const struct verdict *v)
{
	err = judged(p, from, "tombstone-refused", err, v,
	    &p->counts.tombstones_taken, &p->counts.tombstones_refused);
	if (err == VH_OK && v->reason == REFUSAL_NONE)
		LOG(NOTICE, "revoked", KV("kid", v->kid), KV("by", v->node));
	return err;
}

enum vh_err
take_own_record(struct peer *p, struct slice token, struct verdict *v)
{
	enum vh_err err = ledger_take_own_record(p->ledger, p->now, token, v);

	return record_judged(p, "", err, v);
}

static enum vh_err
take_tombstone(struct peer *p, const char *from, struct slice token,
    struct verdict *v)
{
	enum vh_err err = ledger_take_tombstone(p->ledger, p->now, token, v);

	return tombstone_judged(p, from, err, v);
}

enum vh_err
take_own_tombstone(struct peer *p, struct slice token, struct verdict *v)
{
	return take_tombstone(p, "", token, v);
}

/* --- records of many new keys ----------------------------------------------
 */

static bool
is_being_read(const struct peer *p, const struct record *r)
{
	for (const struct unread *u = p->unread; u != NULL; u = u->next)
		if (strcmp(u->r->node, r->node) == 0 &&
		    u->r->epoch == r->epoch && u->r->seq == r->seq)
			return true;
	return false;
}

/* Takes r over; false when there are too many. */
static bool
keep(struct peer *p, const char *from, struct record *r, uint64_t question)
{
	const struct unread *u;
	size_t count;

	DL_COUNT(p->unread, u, count);
	struct unread *kept =
	    count < UNREAD_MAX ? calloc(1, sizeof *kept) : NULL;

	if (kept == NULL)
		return false;
	(void)strncpy(kept->from, from, sizeof kept->from - 1);
	kept->r = r;
	kept->question = question;
	DL_APPEND(p->unread, kept);
	return true;
}

static void
unread_free(struct peer *p, struct unread *u)
{
	DL_DELETE(p->unread, u);
	record_free(u->r);
	free(u);
}

void
unread_tick(struct peer *p)
{
	struct unread *u = p->unread;
	struct verdict v;

	if (u == NULL)
		return;
	enum vh_err err = ledger_take_more(p->ledger, p->now, &u->r, &v);

	if (u->r != NULL)
		return;
	(void)record_judged(p, u->from, err, &v);
	if (u->question != TAKE_FOR_NOBODY)
		push_answer(p, u->question, u->from);
	unread_free(p, u);
}

bool
unread_any(const struct peer *p)
{
	return p->unread != NULL;
}

void
unread_drop(struct peer *p)
{
	while (p->unread != NULL) {
		if (p->unread->question != TAKE_FOR_NOBODY)
			question_fail(p, p->unread->question, VH_EBUSY);
		unread_free(p, p->unread);
	}
}

/* --- frames ----------------------------------------------------------------
 */

/* Whether it is done with. */
static bool
take_record(struct peer *p, const char *from, struct slice token,
    uint64_t question)
{
	AUTO(record_free) struct record *r = NULL;
	struct verdict v;
	enum vh_err err = ledger_open_record(p->ledger, p->now, token, &r, &v);

	if (r != NULL && is_being_read(p, r))
		return true;
	if (r != NULL)
		err = ledger_take_more(p->ledger, p->now, &r, &v);
	if (r != NULL && keep(p, from, r, question)) {
		(void)TAKE(r);
		return false;
	}
	while (r != NULL)
		err = ledger_take_more(p->ledger, p->now, &r, &v);
	(void)record_judged(p, from, err, &v);
	return true;
}

bool
take_all(struct peer *p, const char *from, const struct frame *f,
    uint64_t question)
{
	struct slice rest = f->f.body, value;
	struct verdict v;
	bool done = true;
	unsigned tag;

	while (fields_next(&rest, &tag, &value)) {
		if (tag == VH_F_TOMBSTONE)
			(void)take_tombstone(p, from, value, &v);
		if (tag == VH_F_RECORD &&
		    !take_record(p, from, value,
			done ? question : TAKE_FOR_NOBODY))
			done = false;
	}
	return done;
}
