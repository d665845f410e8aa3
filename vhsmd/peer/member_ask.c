#include "peer/member_core.h"

#include <stdio.h>
#include <stdlib.h>

/* Past its time-out a question gets this much more before we call it failed:
 * the shell's own time-out comes first. */
#define SLACK_MS      100
#define ID_SLOT       (MEMBER_ASKS_MAX - 1)
#define KEEP_CAPACITY 16384 /* a buffer larger than this is not kept */

static_assert((MEMBER_ASKS_MAX & ID_SLOT) == 0);

bool
asks_init(struct member *m)
{
	m->asks = calloc(MEMBER_ASKS_MAX, sizeof *m->asks);
	m->replies = calloc(MEMBER_REPLIES_MAX, sizeof *m->replies);
	if (m->asks == NULL || m->replies == NULL)
		return false;
	for (size_t i = 0; i < MEMBER_ASKS_MAX; i++)
		LL_PREPEND(m->asks_free, &m->asks[i]);
	for (size_t i = 0; i < MEMBER_REPLIES_MAX; i++)
		LL_PREPEND(m->replies_free, &m->replies[i]);
	return true;
}

void
asks_free(struct member *m)
{
	free(m->asks);
	free(m->replies);
	buf_free(m->out);
}

struct ask *
ask_begin(struct member *m, enum ask_purpose purpose, enum message_kind kind,
    struct node *n, uint32_t timeout_ms)
{
	struct ask *a = m->asks_free;

	if (a == NULL)
		return NULL;
	LL_DELETE(m->asks_free, a);
	size_t slot = (size_t)(a - m->asks);

	*a = (struct ask){
		.id = ++m->last_ask * MEMBER_ASKS_MAX + slot,
		.purpose = purpose,
		.kind = kind,
		.node = n,
		.timeout_ms = timeout_ms,
		.asked = m->now,
		.deadline = after_ms(m, timeout_ms + SLACK_MS),
	};
	if (n != NULL)
		(void)snprintf(a->address, sizeof a->address, "%s", n->address);
	DL_APPEND(m->outbox, a);
	return a;
}

void
ask_end(struct member *m, struct ask *a)
{
	if (a->sent)
		DL_DELETE(m->asked, a);
	else
		DL_DELETE(m->outbox, a);
	a->purpose = ASK_FREE;
	LL_PREPEND(m->asks_free, a);
}

struct ask *
ask_find(struct member *m, uint64_t id)
{
	struct ask *a = &m->asks[id & ID_SLOT];

	return a->purpose != ASK_FREE && a->id == id ? a : NULL;
}

void
asks_drop_node(struct member *m, const struct node *n)
{
	if (m->probe.node == n)
		probe_drop(m);
	for (size_t i = 0; i < MEMBER_ASKS_MAX; i++) {
		struct ask *a = &m->asks[i];

		if (a->purpose == ASK_FREE || a->node != n)
			continue;
		if (a->purpose == ASK_HELP)
			reply_ready(m, a->reply, MESSAGE_NACK);
		else if (a->purpose == ASK_INDIRECT)
			m->probe.waiting--;
		ask_end(m, a);
	}
}

static void
set_text(char *to, size_t room, struct slice from)
{
	(void)snprintf(to, room, "%.*s", (int)from.len, (const char *)from.p);
}

struct reply *
reply_begin(struct member *m, uint64_t token, const struct message *q)
{
	struct reply *r = m->replies_free;

	if (r == NULL)
		return NULL;
	LL_DELETE(m->replies_free, r);
	*r = (struct reply){
		.token = token,
		.used = true,
		.instance = q->sender.instance,
	};
	set_text(r->name, sizeof r->name, q->sender.name);
	if (q->target.len > 0)
		set_text(r->target, sizeof r->target, q->target);
	return r;
}

void
reply_ready(struct member *m, struct reply *r, enum message_kind kind)
{
	r->kind = kind;
	DL_APPEND(m->ready, r);
}

static void
told_once_more(struct member *m, struct node *n, unsigned limit)
{
	DL_DELETE2(m->tell[n->told], n, told_prev, told_next);
	n->told++;
	n->telling = n->told < limit;
	if (n->telling)
		DL_APPEND2(m->tell[n->told], n, told_prev, told_next);
	else
		n->told = TOLD_MAX;
}

static void
put_node(struct member *m, const struct node *n, uint32_t *count)
{
	struct update u;

	update_of_node(m, n, &u);
	message_put(m->out, &u);
	++*count;
}

/* The least told first.  Picked, then counted: one that moves on to the next
 * list is not met again there. */
static void
put_gossip(struct member *m, uint32_t *count)
{
	unsigned limit = tell_limit(m);
	struct node *picked[TELL_ENTRIES];
	size_t n = 0;

	for (unsigned told = 0; told < TOLD_MAX && n < TELL_ENTRIES; told++) {
		struct node *at;

		for (at = m->tell[told]; at != NULL && n < TELL_ENTRIES;
		     at = at->told_next)
			picked[n++] = at;
	}
	for (size_t i = 0; i < n; i++) {
		/* Every message begins with our own entry. */
		if (picked[i] != m->self)
			put_node(m, picked[i], count);
		told_once_more(m, picked[i], limit);
	}
}

static void
put_table(struct member *m, uint32_t *count)
{
	for (size_t i = 0; i < m->count; i++)
		put_node(m, m->order[i], count);
}

/* What the one we speak to should know of itself: that it is suspected or held
 * for dead (Lifeguard's buddy system), or that its name is another's. */
static void
put_of_receiver(struct member *m, const struct node *n, uint64_t instance,
    uint32_t *count)
{
	struct update u;

	if (n == NULL || n == m->self)
		return;
	if (n->state == MEMBER_ALIVE && n->instance == instance)
		return;
	update_of_node(m, n, &u);
	if (n->instance != instance && n->contest != NULL &&
	    n->contest->phase == CONTEST_TWIN) {
		u.state = UPDATE_TWIN;
		u.by = node_name(n); /* it does not keep the name */
	}
	message_put(m->out, &u);
	++*count;
}

static void
put_twin_of(struct member *m, const struct node *n, uint32_t *count)
{
	struct update u;

	if (n->contest == NULL)
		return;
	update_of_node(m, n, &u);
	u.state = UPDATE_TWIN;
	u.by = (struct slice){ 0 };
	u.instance = n->contest->instance;
	u.incarnation = n->contest->incarnation;
	u.address = slice_text(n->contest->address);
	message_put(m->out, &u);
	++*count;
}

static void
put_self(struct member *m, uint32_t *count)
{
	struct update u;

	update_of_node(m, m->self, &u);
	u.state = m->leaving ? MEMBER_LEFT : MEMBER_ALIVE;
	u.age_s = 0;
	message_put(m->out, &u);
	++*count;
}

static bool
fresh_out(struct member *m)
{
	if (m->out != NULL && m->out->cap > KEEP_CAPACITY) {
		buf_free(m->out);
		m->out = NULL;
	}
	if (m->out == NULL)
		m->out = buf_new(MEMBER_MESSAGE_MAX);
	if (m->out != NULL)
		buf_clear(m->out);
	return m->out != NULL;
}

/* The rest of a message that began at `opened`, to `to` in its `instance`. */
static struct slice
compose(struct member *m, size_t opened, enum message_kind kind,
    const struct node *to, uint64_t instance, const struct node *target,
    const struct node *twin)
{
	uint32_t count = 0;

	put_self(m, &count);
	put_of_receiver(m, to, instance, &count);
	if (target != NULL)
		put_node(m, target, &count);
	if (twin != NULL)
		put_twin_of(m, twin, &count);
	if (kind == MESSAGE_SYNC || kind == MESSAGE_TABLE)
		put_table(m, &count);
	else
		put_gossip(m, &count);
	message_close(m->out, opened, count);
	if (buf_end(m->out) != VH_OK)
		return (struct slice){ 0 };
	return buf_slice(m->out);
}

static struct slice
compose_ask(struct member *m, const struct ask *a)
{
	bool indirect = a->kind == MESSAGE_PING_REQ;
	struct slice target = { 0 };

	if (!fresh_out(m))
		return target;
	if (indirect)
		target = node_name(a->about);
	size_t opened = message_open(m->out, a->kind, a->help_ms, target);

	return compose(m, opened, a->kind, a->node,
	    a->node == NULL ? 0 : a->node->instance, indirect ? a->about : NULL,
	    a->purpose == ASK_TWIN ? a->node : NULL);
}

static struct slice
compose_reply(struct member *m, const struct reply *r)
{
	struct slice none = { 0 };

	if (!fresh_out(m))
		return none;
	size_t opened = message_open(m->out, r->kind, 0, none);
	const struct node *target =
	    r->target[0] == '\0' ? NULL : node_find(m, slice_text(r->target));

	return compose(m, opened, r->kind, node_find(m, slice_text(r->name)),
	    r->instance, target == m->self ? NULL : target, NULL);
}

static void
next_reply(struct member *m, struct member_action *out)
{
	struct reply *r = m->ready;

	out->kind = MEMBER_REPLY;
	out->id = r->token;
	out->name[0] = out->address[0] = '\0';
	out->timeout_ms = 0;
	out->bytes = compose_reply(m, r);
	DL_DELETE(m->ready, r);
	r->used = false;
	LL_PREPEND(m->replies_free, r);
}

static void
next_ask(struct member *m, struct member_action *out)
{
	struct ask *a = m->outbox;

	DL_DELETE(m->outbox, a);
	DL_APPEND(m->asked, a);
	a->sent = true;
	a->asked = m->now;
	a->deadline = after_ms(m, a->timeout_ms + SLACK_MS);
	due_by(m, a->deadline);
	out->kind = MEMBER_ASK;
	out->id = a->id;
	out->timeout_ms = a->timeout_ms;
	set_text(out->name, sizeof out->name,
	    a->node == NULL ? slice_text("") : node_name(a->node));
	set_text(out->address, sizeof out->address, slice_text(a->address));
	out->bytes = compose_ask(m, a);
}

bool
member_next(struct member *m, struct mono_ns now, struct member_action *out)
{
	time_moves(m, now);
	if (m->ready != NULL) {
		next_reply(m, out);
		return true;
	}
	while (m->outbox != NULL) {
		next_ask(m, out);
		/* Without memory for it, it fails by its time-out. */
		if (out->bytes.len > 0)
			return true;
	}
	return false;
}
