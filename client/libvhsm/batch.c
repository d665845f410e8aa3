/* Many requests in flight over one connection.
 *
 * A slot is free, in flight, or over (its answer lies in it until somebody
 * waits for it).  When the connection breaks before a byte of what is in
 * flight was sent, the line is sent again over a new one, once; otherwise all
 * of it is over, outcome unknown. */
#include <stdlib.h>
#include <unistd.h>

#include "client/libvhsm/handle.h"
#include "client/libvhsm/request.h"

#define LINE_LONG 65536 /* bytes in line that are sent without vhsm_wait */

struct slot {
	uint32_t ticket; /* 0: free */
	bool over;
	enum vhsm_op op;
	struct until until;
	uint64_t ended;             /* order in which slots were over */
	struct vhsm_answer *answer; /* once over; NULL: there was no memory */
};

struct vhsm_batch {
	struct vhsm *h;
	struct pool *pool;  /* of the process that made the batch */
	struct place place; /* the connection is ours alone */
	uint32_t last_ticket;
	uint64_t ends;
	uint64_t clean; /* conn_sent when nothing was in flight */
	struct slot slots[VHSM_BATCH_MAX];
};

static unsigned
in_flight(const struct vhsm_batch *b)
{
	unsigned n = 0;

	for (size_t i = 0; i < VHSM_BATCH_MAX; i++)
		n += b->slots[i].ticket != 0 && !b->slots[i].over;
	return n;
}

static void
slot_end(struct vhsm_batch *b, struct slot *s, struct vhsm_answer *answer)
{
	s->over = true;
	s->ended = ++b->ends;
	s->answer = answer;
}

static void
end_all(struct vhsm_batch *b, enum vh_err err)
{
	for (size_t i = 0; i < VHSM_BATCH_MAX; i++) {
		struct slot *s = &b->slots[i];

		if (s->ticket != 0 && !s->over)
			slot_end(b, s, answer_of_error(err, ""));
	}
	place_hang_up(&b->place);
}

/* The slot with this ticket; VHSM_ANY finds a free one. */
static struct slot *
slot_of(struct vhsm_batch *b, uint32_t ticket)
{
	for (size_t i = 0; i < VHSM_BATCH_MAX; i++)
		if (b->slots[i].ticket == ticket)
			return &b->slots[i];
	return NULL;
}

/* The slot that is over and was so first, or has this ticket. */
static struct slot *
slot_over(struct vhsm_batch *b, uint32_t ticket)
{
	struct slot *first = NULL;

	for (size_t i = 0; i < VHSM_BATCH_MAX; i++) {
		struct slot *s = &b->slots[i];

		if (s->ticket == 0 || !s->over)
			continue;
		if (ticket != VHSM_ANY && s->ticket != ticket)
			continue;
		if (first == NULL || s->ended < first->ended)
			first = s;
	}
	return first;
}

static enum vh_err
connect_anew(struct vhsm_batch *b)
{
	TRY(place_dial(&b->place, &b->h->where, handle_until(b->h)));
	b->clean = conn_sent(b->place.conn);
	return VH_OK;
}

/* The connection is gone and no byte was sent: the same line over another. */
static enum vh_err
send_again(struct vhsm_batch *b)
{
	struct conn *old = TAKE(b->place.conn);

	atomic_store(&b->place.fd, -1);
	enum vh_err err = connect_anew(b);

	if (err == VH_OK) {
		conn_move_unsent(old, b->place.conn);
		err = conn_flush(b->place.conn);
	}
	conn_close(old);
	return err;
}

static enum vh_err
flush(struct vhsm_batch *b)
{
	enum vh_err err = conn_flush(b->place.conn);

	if (err == VH_ELOST && conn_sent(b->place.conn) == b->clean)
		return send_again(b);
	return err;
}

/* Takes the answers that have been read to their slots. */
static enum vh_err
sort_answers(struct vhsm_batch *b)
{
	struct slice body;
	uint32_t id;

	for (;;) {
		TRY(conn_next(b->place.conn, &id, &body));
		if (body.p == NULL)
			break;
		struct slot *s = id == VHSM_ANY ? NULL : slot_of(b, id);
		struct vhsm_answer *answer = NULL;

		/* Nobody waits for it any more: its time was up. */
		if (s == NULL || s->over)
			continue;
		enum vh_err err = answer_parse(body, s->op, id, &answer);

		if (err != VH_OK && err != VH_ENOMEM)
			return err;
		slot_end(b, s, answer);
	}
	conn_rest(b->place.conn);
	return VH_OK;
}

/* Ends what is past its time; gives the earliest time of the rest. */
static struct until
end_expired(struct vhsm_batch *b)
{
	struct until first = { UINT64_MAX };
	uint64_t now = until_now_ns();

	for (size_t i = 0; i < VHSM_BATCH_MAX; i++) {
		struct slot *s = &b->slots[i];

		if (s->ticket == 0 || s->over)
			continue;
		if (s->until.ns <= now)
			slot_end(b, s, answer_of_error(VH_EDEADLINE, ""));
		else
			first = until_first(first, s->until);
	}
	return first;
}

/* Sends and reads what goes without waiting. */
static enum vh_err
step(struct vhsm_batch *b)
{
	TRY(flush(b));
	TRY(conn_fill(b->place.conn));
	return sort_answers(b);
}

/* Until the slot of ticket is over, or any; VH_EDEADLINE. */
static enum vh_err
wait_over(struct vhsm_batch *b, uint32_t ticket, struct until until)
{
	bool first = true;

	while (slot_over(b, ticket) == NULL) {
		enum vh_err err = step(b);

		if (err != VH_OK) {
			end_all(b, err);
			continue;
		}
		struct until next = end_expired(b);

		if (slot_over(b, ticket) != NULL)
			break;
		if (!first && until_left_ns(until) == 0)
			return VH_EDEADLINE;
		first = false;
		/* Its result is what the next round finds. */
		(void)conn_wait(b->place.conn, until_first(until, next));
	}
	return VH_OK;
}

enum vhsm_error
vhsm_batch_open(struct vhsm *h, struct vhsm_batch **out)
{
	struct vhsm_batch *b = calloc(1, sizeof *b);

	*out = NULL;
	if (b == NULL)
		return VHSM_ENOMEM;
	b->h = h;
	b->pool = handle_pool(h);
	atomic_init(&b->place.fd, -1);
	enum vh_err err = b->pool == NULL ? VH_ENOMEM : connect_anew(b);

	if (err != VH_OK) {
		free(b);
		return (enum vhsm_error)err;
	}
	*out = b;
	return VHSM_OK;
}

void
vhsm_batch_close(struct vhsm_batch *b)
{
	if (b == NULL)
		return;
	/* The copy in a child may have been in the middle of a change. */
	if (!pool_is_ours(b->pool)) {
		place_abandon(&b->place);
		return;
	}
	place_hang_up(&b->place);
	for (size_t i = 0; i < VHSM_BATCH_MAX; i++)
		vhsm_answer_free(b->slots[i].answer);
	free(b);
}

static uint32_t
next_ticket(struct vhsm_batch *b)
{
	/* Tickets are SP request ids, whose top bit is not free. */
	do {
		b->last_ticket = (b->last_ticket + 1) & 0x7fffffffu;
	} while (
	    b->last_ticket == VHSM_ANY || slot_of(b, b->last_ticket) != NULL);
	return b->last_ticket;
}

/* Appends to the line; what does not fit leaves it as it was. */
static enum vh_err
put_in_line(struct vhsm_batch *b, const struct vhsm_request *q, struct slot *s)
{
	struct buf *line = conn_out(b->place.conn);
	size_t len = line->len;

	request_put(line, q, s->ticket, until_left_ms(s->until));
	enum vh_err err = buf_end(line);

	if (err == VH_OK)
		return VH_OK;
	line->err = VH_OK;
	buf_trim(line, len);
	return err == VH_ETOOBIG && len > 0 ? VH_EBUSY : err;
}

static enum vh_err
submit(struct vhsm_batch *b, const struct vhsm_request *q, uint32_t *ticket)
{
	struct slot *s = slot_of(b, VHSM_ANY);

	if (s == NULL)
		return VH_EBUSY;
	if (b->place.conn == NULL)
		TRY(connect_anew(b));
	if (in_flight(b) == 0 && conn_unsent(b->place.conn) == 0)
		b->clean = conn_sent(b->place.conn);
	struct slot made = { .ticket = next_ticket(b),
		.op = q->op,
		.until = handle_until(b->h) };

	TRY(put_in_line(b, q, &made));
	*s = made;
	*ticket = made.ticket;
	/* A broken connection shows, and is dealt with, in vhsm_wait. */
	if (conn_unsent(b->place.conn) > LINE_LONG)
		(void)conn_flush(b->place.conn);
	return VH_OK;
}

enum vhsm_error
vhsm_submit(struct vhsm_batch *b, const struct vhsm_request *request,
    uint32_t *ticket)
{
	const char *culprit;

	*ticket = VHSM_ANY;
	if (!pool_is_ours(b->pool))
		return VHSM_ELOST;
	enum vh_err err = request_check(request, &culprit);

	if (err == VH_OK)
		err = submit(b, request, ticket);
	return (enum vhsm_error)err;
}

enum vhsm_error
vhsm_wait(struct vhsm_batch *b, uint32_t *ticket, int timeout_ms,
    struct vhsm_answer **out)
{
	struct until until = until_in_ms(timeout_ms);

	*out = NULL;
	if (!pool_is_ours(b->pool))
		return VHSM_ELOST;
	if (*ticket != VHSM_ANY
		? slot_of(b, *ticket) == NULL
		: in_flight(b) == 0 && slot_over(b, VHSM_ANY) == NULL)
		return VHSM_EFIELD;
	enum vh_err err = wait_over(b, *ticket, until);

	if (err != VH_OK)
		return (enum vhsm_error)err;
	struct slot *s = slot_over(b, *ticket);

	*ticket = s->ticket;
	*out = TAKE(s->answer);
	*s = (struct slot){ 0 };
	return *out == NULL ? VHSM_ENOMEM : VHSM_OK;
}

int
vhsm_batch_fd(const struct vhsm_batch *b)
{
	if (!pool_is_ours(b->pool) || b->place.conn == NULL)
		return -1;
	return conn_fd(b->place.conn);
}
