#include "peer/superlink.h"

#include <unistd.h>

#include "base/log.h"
#include "peer/certs.h"
#include "peer/frontlink.h"
#include "peer/pull.h"
#include "peer/save.h"

#define STOP_MS 3000  /* grace when the supervisor names none */
#define STAY_MS 15000 /* for front, after that; longer than its own grace */

/* --- descriptors ------------------------------------------------------------
 */

/* In place of one that came before. */
static void
keep(int *to, int fd)
{
	if (*to >= 0)
		(void)close(*to); /* read only */
	*to = fd;
}

static enum vh_err
take_file(struct peer *p, uint32_t role, int fd)
{
	int *const files[] = { [VH_ROLE_NODE_CERT] = &p->given.cert,
		[VH_ROLE_NODE_KEY] = &p->given.key,
		[VH_ROLE_CA] = &p->given.ca,
		[VH_ROLE_CRL] = &p->given.crl,
		[VH_ROLE_STATE] = &p->state_fd };

	if (role >= ARRAY_LEN(files) || files[role] == NULL) {
		(void)close(fd); /* nothing to do about a failure */
		return VH_EFIELD;
	}
	keep(files[role], fd);
	return VH_OK;
}

static enum vh_err
take_vault(struct peer *p, int fd)
{
	if (p->vault != NULL) {
		(void)close(fd); /* nothing to do about a failure */
		return VH_EFIELD;
	}
	p->vault = link_new(fd, PEER_FRAME_MAX);
	return p->vault == NULL ? VH_ENOMEM : VH_OK;
}

enum vh_err
super_give(struct peer *p, const struct frame *q)
{
	uint32_t role = fields_u32(&q->f, VH_F_ROLE);
	int fd = link_take_fd(p->super);

	if (fd < 0)
		return VH_EFIELD;
	if (role == VH_ROLE_VAULT)
		return take_vault(p, fd);
	if (role != VH_ROLE_FRONT)
		return take_file(p, role, fd);
	front_take(p, fd);
	return p->front == NULL ? VH_ENOMEM : VH_OK;
}

/* --- what it asks -----------------------------------------------------------
 */

void
super_tell_seeds(struct peer *p)
{
	const char *seeds[MEMBER_SEEDS_MAX];
	size_t count = 0, over;

	if (names_left_out(p->names, &over))
		LOG(NOTICE, "addresses-left-out", KV("count", over),
		    KV("most", (size_t)NAMES_MAX));
	while (count < MEMBER_SEEDS_MAX &&
	       (seeds[count] = names_seed(p->names, count)) != NULL)
		count++;
	enum vh_err err = member_seeds(p->member, p->now.mono, seeds, count);

	if (err != VH_OK)
		LOG(ERROR, "seeds-refused", KV_ERR(err));
}

static enum vh_err
take_seeds(struct peer *p, const struct frame *q)
{
	TRY(names_set_seeds(p->names, q->f.at[VH_F_SEEDS]));
	if (fields_have(&q->f, VH_F_NAMES))
		TRY(names_set_known(p->names, q->f.at[VH_F_NAMES]));
	super_tell_seeds(p);
	return VH_OK;
}

static enum vh_err
reload(struct peer *p, const struct frame *q)
{
	(void)q;
	TRY(certs_load(p));
	certs_recheck(p);
	return VH_OK;
}

/* Twice: the first time the others hear that we are about to leave, so that
 * they withdraw our encryption keys and rather ask somebody else, and all goes
 * on; the second time, front having finished, that we have left. */
static void
stop(struct peer *p, const struct frame *q)
{
	p->leaves = p->stopping;
	p->stop_id = q->id;
	p->stop_by = mono_after_ms(p->now.mono,
	    q->deadline_ms != 0 ? q->deadline_ms : STOP_MS);
	p->saved = p->stays = false;
	p->stopping = true;
	LOG(NOTICE, p->leaves ? "leaving" : "stopping",
	    KV("relays", (unsigned long)p->relays));
	if (p->leaves)
		member_leave(p->member, p->now.mono);
	else
		push_leaving(p);
}

/* Whether the others have heard it. */
static bool
is_told(const struct peer *p)
{
	return p->leaves ? member_has_left(p->member) : p->telling == 0;
}

void
super_settle_stop(struct peer *p)
{
	bool late = mono_passed(p->stop_by, p->now.mono);

	if (!p->stopping || p->done)
		return;
	if (p->stays) {
		p->done = late;
		return;
	}
	if (!late && !is_told(p))
		return;
	if (!p->saved && !save_is_busy(p)) {
		p->saved = true;
		save_tick(p, true);
	}
	if (!late && (!p->saved || save_is_busy(p)))
		return;
	link_answer(p->super, VH_OP_PSTOP, p->stop_id, VH_OK);
	p->stays = true;
	p->stop_by = mono_after_ms(p->now.mono, STAY_MS);
	p->status = 0;
}

static void
answer_super(struct peer *p, const struct frame *q)
{
	enum vh_err err = frame_check(q, VH_WHO_SUPER);

	if (err == VH_OK && q->op == VH_OP_PSTOP) {
		stop(p, q);
		return;
	}
	if (err == VH_OK && q->op == VH_OP_GIVE)
		err = super_give(p, q);
	else if (err == VH_OK && q->op == VH_OP_PSEEDS)
		err = take_seeds(p, q);
	else if (err == VH_OK && q->op == VH_OP_PRELOAD)
		err = reload(p, q);
	else if (err == VH_OK)
		err = VH_EOP;
	link_answer(p->super, q->op, q->id, err);
}

enum vh_err
super_read(struct peer *p)
{
	struct slice message;
	struct frame f;

	TRY(link_fill(p->super));
	for (;;) {
		TRY(link_next(p->super, &message));
		if (message.len == 0)
			return VH_OK;
		TRY(frame_parse(message, &f));
		if (!f.answer) {
			answer_super(p, &f);
			continue;
		}
		struct pending *w = pending_find(p, f.id);

		if (w != NULL && w->whom == OF_SUPER)
			pending_end(p, w, f.err, &f);
	}
}

/* --- what we ask ------------------------------------------------------------
 */

static void
names_asked(struct peer *p, const struct pending *w, enum vh_err err,
    const struct frame *a)
{
	(void)p;
	(void)w;
	(void)a;
	/* What they are comes with PSEEDS. */
	if (err != VH_OK)
		LOG(ERROR, "names-not-resolved", KV_ERR(err));
}

void
super_ask_names(struct peer *p)
{
	struct buf *b;
	size_t start;

	if (!names_have_changed(p->names, p->now.mono))
		return;
	AUTO(buf_free) struct buf *list = buf_new(65536);

	names_put_wanted(p->names, list);
	if (buf_end(list) != VH_OK ||
	    link_ask(p, OF_SUPER, VH_OP_PRESOLVE, PEER_WAIT_MS, names_asked, &b,
		&start) == NULL)
		return;
	frame_put(b, VH_F_NAMES, buf_slice(list));
	frame_close(b, start);
}
