#include "peer/publish.h"

#include "base/log.h"
#include "peer/pull.h"
#include "peer/save.h"
#include "peer/take.h"

#define RETRY_MS 200 /* after a vault that was busy */
/* What is announced, until it is on the disk.  A save that had to wait is
 * written within a second, and for another second nothing is (STATE_PAUSE_MS):
 * asking within these two would be put off again, and so for ever. */
#define SAVE_AGAIN_MS 2100

static void
record_in(struct peer *p, uint32_t ms)
{
	struct mono_ns at = mono_after_ms(p->now.mono, ms);

	if (at.ns < p->publishing.record_at.ns)
		p->publishing.record_at = at;
}

/* --- the record -------------------------------------------------------------
 */

/* Whether the record shows keys active that do not sign yet. */
static bool
is_announced(struct peer *p, const struct verdict *v, const struct fields *f)
{
	struct publishing *u = &p->publishing;
	uint64_t epoch, seq;
	enum vh_err err =
	    announce_shown(p->announce, p->now.mono, v->epoch, v->seq, f);

	if (err != VH_OK) {
		LOG(ERROR, "not-announced", KV_ERR(err));
		record_in(p, RETRY_MS);
	}
	if (!announce_waits(p->announce, &epoch, &seq))
		return false;
	u->save_at = p->now.mono;
	u->changes++;
	return true;
}

static void
take_own(struct peer *p, const struct frame *a)
{
	struct publishing *u = &p->publishing;
	struct slice token = a->f.at[VH_F_RECORD];
	struct verdict v;

	if (take_own_record(p, token, &v) != VH_OK ||
	    v.reason != REFUSAL_NONE) {
		LOG(ERROR, "own-record-refused",
		    KV("reason", refusal_word(v.reason)));
		return;
	}
	u->epoch = v.epoch;
	u->seq = v.seq;
	member_set_digest(p->member,
	    (struct member_digest){ .epoch = v.epoch, .seq = v.seq });
	p->live_changed = true;
	if (v.news)
		u->active = false;
	/* What is announced, or shown for the first time, is pushed until it
	 * is taken. */
	if (!is_announced(p, &v, &a->f) && !u->shows && (v.news || u->push))
		push_all(p, VH_F_RECORD, token);
	u->push = false;
}

static void
got_record(struct peer *p, const struct pending *w, enum vh_err err,
    const struct frame *a)
{
	(void)w;
	p->publishing.asked = false;
	if (err == VH_OK && fields_have(&a->f, VH_F_RECORD)) {
		take_own(p, a);
		return;
	}
	if (err != VH_EBUSY)
		LOG(ERROR, "no-record", KV_ERR(err));
	record_in(p, RETRY_MS);
}

/* The highest epoch that anybody has told of. */
static uint64_t
seen_epoch(const struct peer *p)
{
	const struct record *r = ledger_current(p->ledger, p->settings->node);

	return r == NULL ? 0 : r->epoch;
}

static void
ask_record(struct peer *p)
{
	struct publishing *u = &p->publishing;
	uint64_t seen = seen_epoch(p);
	struct buf *b;
	size_t start;

	u->record_at = mono_after_ms(p->now.mono, PUBLISH_EACH_MS);
	if (link_ask(p, OF_VAULT, VH_OP_VRECORD, PEER_WAIT_MS, got_record, &b,
		&start) == NULL)
		return;
	if (seen > 0)
		frame_put_u64(b, VH_F_EPOCH, seen);
	frame_close(b, start);
	u->asked = true;
}

/* --- activation -------------------------------------------------------------
 */

static void
announced(struct peer *p, const struct pending *w, enum vh_err err,
    const struct frame *a)
{
	struct publishing *u = &p->publishing;
	bool all = w->ref != 0;

	u->activating = false;
	if (err != VH_OK) {
		LOG(ERROR, "not-announced", KV_ERR(err));
		return; /* the next tick tries again */
	}
	u->active = u->active || all;
	LOG(NOTICE, "announced", KV("all", all),
	    KV("keys", fields_u32(&a->f, VH_F_COUNT)));
	record_in(p, 0);
}

/* One key, or (NULL) all. */
static void
announce(struct peer *p, const char *kid)
{
	struct buf *b;
	size_t start;
	struct pending *w = link_ask(p, OF_VAULT, VH_OP_VANNOUNCE, PEER_WAIT_MS,
	    announced, &b, &start);

	if (w == NULL)
		return;
	w->ref = kid == NULL;
	if (kid != NULL)
		frame_put_text(b, VH_F_KID, kid);
	frame_close(b, start);
	p->publishing.activating = true;
}

static void
activated(struct peer *p, const struct pending *w, enum vh_err err,
    const struct frame *a)
{
	static const struct fields none = { .present = 0 };
	struct publishing *u = &p->publishing;
	uint64_t epoch, seq;

	(void)w;
	u->activating = false;
	if (err != VH_OK) {
		LOG(ERROR, "not-activated", KV_ERR(err));
		return; /* the next tick tries again */
	}
	LOG(NOTICE, "activated", KV("active", fields_u32(&a->f, VH_F_COUNT)));
	u->changes++;
	(void)announce_waits(p->announce, &epoch, &seq);
	/* No kids: this takes memory for none. */
	(void)announce_shown(p->announce, p->now.mono, epoch, seq, &none);
}

static void
activate(struct peer *p, uint64_t epoch, uint64_t seq)
{
	struct buf *b;
	size_t start;

	if (link_ask(p, OF_VAULT, VH_OP_VACTIVATE, PEER_WAIT_MS, activated, &b,
		&start) == NULL)
		return;
	frame_put_u64(b, VH_F_EPOCH, epoch);
	frame_put_u64(b, VH_F_SEQ, seq);
	frame_close(b, start);
	p->publishing.activating = true;
}

static void
taken(struct peer *p, const struct pending *w, enum vh_err err,
    const struct frame *a)
{
	if (err == VH_OK)
		announce_taken(p->announce, w->node,
		    fields_u64(&a->f, VH_F_EPOCH), fields_u64(&a->f, VH_F_SEQ));
}

/* How many other nodes live, for all that is known (one that is suspected may),
 * and how many of them have what is announced; pushes it to the others when it
 * is time. */
static size_t
look_round(struct peer *p, size_t *acked)
{
	bool push = announce_push_is_due(p->announce, p->now.mono);
	const struct record *r = ledger_current(p->ledger, p->settings->node);
	struct member_node n;
	size_t others = 0;

	*acked = 0;
	for (size_t i = 0; member_at(p->member, i, &n); i++) {
		bool has = announce_has_taken(p->announce, n.name);

		if (n.self || n.state > MEMBER_SUSPECT)
			continue;
		others++;
		*acked += has;
		if (push && !has && r != NULL)
			push_record(p, &n, buf_slice(r->token), taken);
	}
	return others;
}

static void
save_announced(struct peer *p)
{
	struct publishing *u = &p->publishing;

	if (announce_is_saved(p->announce) || save_is_busy(p) ||
	    !mono_passed(u->save_at, p->now.mono))
		return;
	u->save_at = mono_after_ms(p->now.mono, SAVE_AGAIN_MS);
	save_tick(p, true);
}

/* Lets sign what the cluster knows of. */
static void
settle_announced(struct peer *p)
{
	uint64_t epoch, seq;
	size_t acked;

	if (!announce_waits(p->announce, &epoch, &seq))
		return;
	save_announced(p);
	size_t others = look_round(p, &acked);
	enum announce_state state =
	    announce_look(p->announce, p->now.mono, others, acked);

	if (state == ANNOUNCE_WAITS)
		return;
	if (state != ANNOUNCE_SAFE)
		LOG(NOTICE, "announced-late",
		    KV("because", announce_state_name(state)),
		    KV("others", others), KV("acked", acked));
	activate(p, epoch, seq);
}

/* Whether another node's record is here, or nobody is to be expected. */
static bool
has_joined(const struct peer *p)
{
	struct member_node n;

	if (mono_passed(p->publishing.joined_by, p->now.mono))
		return true;
	for (size_t i = 0; member_at(p->member, i, &n); i++)
		if (!n.self && n.state == MEMBER_ALIVE &&
		    ledger_current(p->ledger, n.name) != NULL)
			return true;
	return false;
}

/* The first of our signing keys that waits though it is active elsewhere; and
 * whether any waits at all. */
static const struct record_key *
waiting_key(const struct peer *p, bool *any)
{
	const struct record *r = ledger_current(p->ledger, p->settings->node);

	*any = false;
	for (size_t i = 0; r != NULL && i < r->count; i++) {
		const struct record_key *k = &r->keys[i];

		if (k->use != VH_USE_SIG || k->state != VH_KEY_PUBLISHED)
			continue;
		*any = true;
		if (ledger_is_active(p->ledger, k->kid))
			return k;
	}
	return NULL;
}

/* Whether every node that we know of is there: after a power cut others are
 * about to come back, and shall know of a key before its first signature. */
static bool
is_whole(const struct peer *p)
{
	const struct record *r;
	struct member_node n;

	if (mono_passed(p->publishing.whole_by, p->now.mono))
		return true;
	for (size_t i = 0; (r = ledger_current_at(p->ledger, i)) != NULL; i++)
		if (!member_find(p->member, slice_text(r->node), &n) ||
		    n.state != MEMBER_ALIVE)
			return false;
	return true;
}

static void
show(struct peer *p, bool on)
{
	p->publishing.shows = on;
	announce_show(p->announce, on);
}

/* The time of publish_before begins when everybody has our record. */
static void
begin_time(struct peer *p)
{
	struct publishing *u = &p->publishing;
	size_t acked, others = look_round(p, &acked);

	if (!mono_passed(u->shown_by, p->now.mono) &&
	    (acked < others || !is_whole(p)))
		return;
	show(p, false);
	u->timed = true;
	u->active_at =
	    mono_after_ms(p->now.mono, p->settings->cluster_publish_ms);
}

static void
announce_what_may(struct peer *p)
{
	struct publishing *u = &p->publishing;
	bool any;
	const struct record_key *k = waiting_key(p, &any);

	if (!any) {
		show(p, false);
		u->active = true;
		return;
	}
	if (!u->timed)
		begin_time(p);
	if ((!ledger_has_active(p->ledger) && is_whole(p)) ||
	    (u->timed && mono_passed(u->active_at, p->now.mono)))
		announce(p, NULL);
	else if (k != NULL)
		announce(p, k->kid);
}

/* The vault says again which key is due until it is active. */
void
publish_changed(struct peer *p, const struct fields *f)
{
	struct slice due = f->at[VH_F_KID];
	char kid[VH_KID_SIZE + 1];

	if (due.len != VH_KID_SIZE) {
		p->publishing.push = true;
		record_in(p, 0);
		return;
	}
	memcpy(kid, due.p, due.len);
	kid[due.len] = '\0';
	if (!p->publishing.activating && !p->publishing.asked)
		announce(p, kid);
}

void
publish_start(struct peer *p)
{
	struct publishing *u = &p->publishing;
	bool expects = p->settings->cluster_seed_count > 0 ||
		       names_seed(p->names, 0) != NULL;

	u->joined_by =
	    mono_after_ms(p->now.mono, expects ? PUBLISH_JOIN_MS : 0);
	u->whole_by = mono_after_ms(p->now.mono, PUBLISH_WHOLE_MS);
	u->record_at = p->now.mono;
	show(p, true);
}

/* Of two nodes with our name we are the one that came later: what we would
 * publish took the place of the other's record.  Tokens of that other node are
 * verified here as everywhere. */
static bool
name_is_taken(struct peer *p)
{
	struct publishing *u = &p->publishing;
	bool taken = member_has_lost_name(p->member, p->now.mono);

	if (taken != u->taken)
		u->record_at = p->now.mono;
	if (taken && !u->taken)
		LOG(ERROR, "name-taken", KV("node", p->settings->node));
	if (!taken && u->taken)
		LOG(NOTICE, "name-free", KV("node", p->settings->node));
	u->taken = taken;
	if (taken && mono_passed(u->record_at, p->now.mono)) {
		u->record_at = mono_after_ms(p->now.mono, PUBLISH_EACH_MS);
		pull_own(p);
	}
	return taken;
}

void
publish_tick(struct peer *p)
{
	struct publishing *u = &p->publishing;

	if (name_is_taken(p))
		return;
	if (!u->asked && !u->activating &&
	    mono_passed(u->record_at, p->now.mono))
		ask_record(p);
	if (!u->joined && has_joined(p)) {
		u->joined = true;
		u->shown_by = mono_after_ms(p->now.mono, PUBLISH_SHOWN_MS);
	}
	if (!u->joined || u->seq == 0 || u->asked || u->activating)
		return;
	if (!u->active)
		announce_what_may(p);
	if (!u->activating)
		settle_announced(p);
}

/* --- hellos -----------------------------------------------------------------
 */

static void
signed_hello(struct peer *p, const struct pending *w, enum vh_err err,
    const struct frame *a)
{
	struct slice jws = { 0 };

	if (err == VH_OK)
		jws = a->f.at[VH_F_HELLO];
	if (err == VH_OK && jws.len == 0)
		err = VH_EPARSE;
	session_signed(p->sessions, p->now.mono, w->ref, err, jws);
}

void
publish_sign_hello(void *context, uint64_t ref, struct slice nonce,
    struct slice audience)
{
	struct peer *p = context;
	struct buf *b;
	size_t start;
	struct pending *w = link_ask(p, OF_VAULT, VH_OP_VHELLO, PEER_WAIT_MS,
	    signed_hello, &b, &start);

	if (w == NULL) {
		session_signed(p->sessions, p->now.mono, ref, VH_EBUSY,
		    slice_of(NULL, 0));
		return;
	}
	w->ref = ref;
	frame_put(b, VH_F_NONCE, nonce);
	frame_put(b, VH_F_AUDIENCE, audience);
	frame_close(b, start);
}
