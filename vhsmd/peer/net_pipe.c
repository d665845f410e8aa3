/* One connection: bytes in, cut into frames; frames out, as bytes. */
#include <stdlib.h>

#include "peer/net_inner.h"

#define SEND_MAX (256u << 10) /* given to nng at once */
#define KEPT_MAX (256u << 10) /* of memory, for the next frames */

static void read_more(struct pipe *p);
static void take_bytes(struct pipe *p);
static void write_on(struct pipe *p);

/* --- life -------------------------------------------------------------------
 */

static void
run(struct owner *o)
{
	struct pipe *p = (struct pipe *)o;
	struct net *n = p->owner.net;
	int result;

	write_on(p);
	if (op_is_done(&p->rx, &result)) {
		if (p->stream == NULL)
			dial_done(p, result);
		else if (result != 0)
			pipe_end(p, net_err(result), nng_strerror(result));
		else
			take_bytes(p);
	}
	if (n->pipes[p->id % NET_PIPES_MAX] == p)
		pipe_settle(p);
}

static uint64_t *
pipes_of(struct net *n, bool came_in)
{
	return came_in ? &n->counts.in : &n->counts.out;
}

enum vh_err
pipe_new(struct net *n, bool came_in, struct pipe **out)
{
	AUTO(pipe_free) struct pipe *p = calloc(1, sizeof *p);
	size_t tries = 0;

	*out = NULL;
	if (p == NULL)
		return VH_ENOMEM;
	p->owner.net = n;
	p->owner.run = run;
	p->came_in = came_in;
	p->opened = n->now;
	p->in = buf_new(NET_FRAME_MAX + NET_CHUNK);
	p->out = buf_new(NET_OUT_MAX);
	p->next = buf_new(NET_OUT_MAX);
	if (p->in == NULL || p->out == NULL || p->next == NULL ||
	    !op_init(&p->rx, &p->owner) || !op_init(&p->tx, &p->owner))
		return VH_ENOMEM;
	/* Ids go round the table, so that none comes back soon. */
	do {
		if (tries++ == NET_PIPES_MAX)
			return VH_EBUSY;
		p->id = ++n->ids;
	} while (p->id == 0 || n->pipes[p->id % NET_PIPES_MAX] != NULL);
	n->counts.strangers += came_in;
	*pipes_of(n, came_in) += 1;
	n->pipes[p->id % NET_PIPES_MAX] = p;
	*out = TAKE(p);
	return VH_OK;
}

static void
forget_unsent(struct pipe *p)
{
	struct pipe **at = &p->owner.net->unsent;

	while (*at != NULL && *at != p)
		at = &(*at)->unsent_next;
	if (*at == p)
		*at = p->unsent_next;
}

/* A call that came through, which nobody has looked at. */
static void
take_unseen(struct pipe *p)
{
	nng_aio_wait(p->rx.aio);
	if (nng_aio_result(p->rx.aio) == 0)
		p->stream = nng_aio_get_output(p->rx.aio, 0);
}

/* Waits for nng, if it has an op: only net_free does that. */
void
pipe_free(struct pipe *p)
{
	if (p == NULL)
		return;
	forget_unsent(p);
	if (p->stream != NULL)
		nng_stream_close(p->stream);
	if (p->dialer != NULL)
		nng_stream_dialer_close(p->dialer);
	if (p->stream == NULL && p->rx.busy)
		take_unseen(p);
	op_free(&p->rx);
	op_free(&p->tx);
	owner_unqueue(&p->owner);
	if (p->stream != NULL)
		nng_stream_free(p->stream);
	if (p->dialer != NULL)
		nng_stream_dialer_free(p->dialer);
	buf_free(p->in);
	buf_free(p->out);
	buf_free(p->next);
	free(p);
}

void
pipe_open(struct pipe *p, nng_stream *stream)
{
	struct net *n = p->owner.net;

	p->stream = stream;
	net_stream_address(stream, p->address);
	if (p->closed) {
		nng_stream_close(stream);
		return;
	}
	p->up = true;
	n->hooks.up(n->hooks.context, p->id, p->came_in);
	read_more(p);
}

void
pipe_end(struct pipe *p, enum vh_err err, const char *why)
{
	if (p->closed)
		return;
	/* Failures of TLS after the first byte are no failed handshakes. */
	if (err == VH_EVERIFY && p->heard)
		err = VH_ELOST;
	p->closed = true;
	p->owner.net->ending = true;
	p->err = err;
	p->why = why;
	/* All that nng has of it comes back now. */
	if (p->stream != NULL)
		nng_stream_close(p->stream);
	if (p->dialer != NULL)
		nng_stream_dialer_close(p->dialer);
	if (p->stream == NULL && p->rx.busy)
		nng_aio_abort(p->rx.aio, NNG_ECANCELED);
}

static void
lose_asks(struct pipe *p)
{
	struct net *n = p->owner.net;

	for (size_t i = 0; i < NET_ASKS_MAX; i++) {
		struct asked *a = &p->asks[i];

		if (!a->used)
			continue;
		a->used = false;
		n->hooks.answered(n->hooks.context, p->id, a->id, VH_ELOST,
		    NULL);
	}
}

static void
tell_end(struct pipe *p)
{
	struct net *n = p->owner.net;

	p->told = true;
	if (p->came_in && !p->trusted)
		n->counts.strangers--;
	*pipes_of(n, p->came_in) -= 1;
	n->counts.failed_in += p->came_in && p->err == VH_EVERIFY;
	n->counts.failed_out += !p->came_in && p->err == VH_EVERIFY;
	lose_asks(p);
	n->hooks.down(n->hooks.context, p->id, p->err, p->why);
}

void
pipe_settle(struct pipe *p)
{
	struct net *n = p->owner.net;

	if (!p->closed)
		return;
	if (!p->told)
		tell_end(p);
	if (!op_is_over(&p->rx) || !op_is_over(&p->tx))
		return;
	n->pipes[p->id % NET_PIPES_MAX] = NULL;
	pipe_free(p);
}

void
pipe_check(struct pipe *p)
{
	char address[NET_ADDRESS_MAX];

	if (!p->up || p->closed)
		return;
	net_stream_address(p->stream, address);
	if (address[0] == '\0')
		pipe_end(p, VH_ELOST, "connection is gone");
}

void
pipe_expire(struct pipe *p)
{
	struct net *n = p->owner.net;

	for (size_t i = 0; i < NET_ASKS_MAX; i++) {
		struct asked *a = &p->asks[i];

		if (!a->used || !mono_passed(a->by, n->now))
			continue;
		a->used = false;
		n->hooks.answered(n->hooks.context, p->id, a->id, VH_EDEADLINE,
		    NULL);
	}
}

/* --- in ---------------------------------------------------------------------
 */

static void
take_answer(struct pipe *p, const struct frame *f, enum vh_err err)
{
	struct net *n = p->owner.net;

	for (size_t i = 0; i < NET_ASKS_MAX; i++) {
		struct asked *a = &p->asks[i];

		if (!a->used || a->id != f->id)
			continue;
		a->used = false;
		n->hooks.answered(n->hooks.context, p->id, f->id,
		    err == VH_OK ? f->err : err, err == VH_OK ? f : NULL);
		return;
	}
	/* Late: whoever asked has had its deadline. */
}

/* Which of the two a frame is, its head says, whatever follows. */
static void
take_frame(struct pipe *p, struct slice message)
{
	struct net *n = p->owner.net;
	struct frame f = { 0 };
	enum vh_err err = frame_parse(message, &f);
	bool is_answer = (message.p[3] & FRAME_ANSWER) != 0;

	if (is_answer)
		take_answer(p, &f, err);
	else
		n->hooks.asked(n->hooks.context, p->id, err, &f);
}

/* Takes the whole frames at the beginning of bytes; *taken is their size. */
static enum vh_err
cut_frames(struct pipe *p, struct slice bytes, size_t *taken)
{
	size_t size;

	*taken = 0;
	while (!p->closed) {
		const uint8_t *at = bytes.p + *taken;
		size_t left = bytes.len - *taken;

		TRY(frame_size(at, left,
		    p->trusted ? NET_FRAME_MAX : NET_STRANGER_MAX, &size));
		if (size == 0 || size > left)
			break;
		take_frame(p, slice_of(at, size));
		*taken += size;
	}
	return VH_OK;
}

/* What one long frame needed is not kept for good. */
static void
empty(struct buf **b)
{
	if ((*b)->cap <= KEPT_MAX) {
		buf_clear(*b);
		return;
	}
	struct buf *fresh = buf_new((*b)->max);

	if (fresh == NULL)
		fresh = TAKE(*b);
	buf_clear(fresh);
	buf_free(*b);
	*b = fresh;
}

/* Frames that are whole in what has just come are taken from where it is. */
static enum vh_err
take_fresh(struct pipe *p, struct slice bytes)
{
	size_t taken;

	TRY(cut_frames(p, bytes, &taken));
	if (taken < bytes.len)
		buf_put(p->in, slice_of(bytes.p + taken, bytes.len - taken));
	return buf_end(p->in);
}

static enum vh_err
take_more(struct pipe *p, struct slice bytes)
{
	size_t taken;

	buf_put(p->in, bytes);
	TRY(buf_end(p->in));
	TRY(cut_frames(p, buf_slice(p->in), &taken));
	if (taken == buf_slice(p->in).len)
		empty(&p->in);
	else
		buf_drop(p->in, taken);
	return VH_OK;
}

static void
read_more(struct pipe *p)
{
	nng_iov iov = { p->rx_chunk, sizeof p->rx_chunk };

	if (p->closed)
		return;
	op_begin(&p->rx);
	(void)nng_aio_set_iov(p->rx.aio, 1, &iov); /* of one: no failure */
	nng_stream_recv(p->stream, p->rx.aio);
}

static void
take_bytes(struct pipe *p)
{
	struct slice bytes = slice_of(p->rx_chunk, nng_aio_count(p->rx.aio));
	enum vh_err err = buf_slice(p->in).len == 0 ? take_fresh(p, bytes)
						    : take_more(p, bytes);

	p->heard = true;
	if (err != VH_OK)
		pipe_end(p, err, "not a frame, or too long");
	read_more(p);
}

/* --- out --------------------------------------------------------------------
 */

/* Whether nng has nothing to send for it. */
static bool
is_idle(struct pipe *p)
{
	int result;

	if (!op_is_over(&p->tx))
		return false;
	if (!op_is_done(&p->tx, &result))
		return true;
	if (result == 0)
		p->out_sent += nng_aio_count(p->tx.aio);
	else
		pipe_end(p, net_err(result), nng_strerror(result));
	return true;
}

static void
write_on(struct pipe *p)
{
	/* Nothing to add to what nng has: it says so when there is a rest. */
	if (buf_slice(p->next).len == 0 && p->tx.busy && !p->tx.done)
		return;
	if (!is_idle(p) || p->closed)
		return;
	if (p->out_sent == p->out->len) {
		empty(&p->out);
		struct buf *sent = p->out;

		p->out_sent = 0;
		p->out = p->next;
		p->next = sent;
	}
	size_t left = p->out->len - p->out_sent;
	nng_iov iov = { p->out->p + p->out_sent,
		left < SEND_MAX ? left : SEND_MAX };

	if (left == 0)
		return;
	op_begin(&p->tx);
	p->tx.lazy = left; /* what is left of it wants to go on */
	p->owner.net->counts.writes++;
	(void)nng_aio_set_iov(p->tx.aio, 1, &iov); /* of one: no failure */
	nng_stream_send(p->stream, p->tx.aio);
}

enum vh_err
pipe_send(struct pipe *p, struct slice frame)
{
	struct net *n = p->owner.net;

	if (buf_slice(p->next).len + frame.len > NET_OUT_MAX)
		return VH_EBUSY;
	buf_put(p->next, frame);
	TRY(buf_end(p->next));
	if (p->unsent)
		return VH_OK;
	p->unsent = true;
	p->unsent_next = n->unsent;
	n->unsent = p;
	return VH_OK;
}

void
pipe_flush(struct pipe *p)
{
	write_on(p);
}
