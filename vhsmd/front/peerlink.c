#include "front/peerlink.h"

#include <errno.h>
#include <sys/epoll.h>

#include "base/log.h"
#include "front/relay.h"
#include "front/remote.h"
#include "front/requests.h"

/* A request of a caller of another node, or a page of keys. */
#define FRAME_MAX (VH_TOKEN_MAX + (2u << 20))

bool
peer_is_full(const struct front *f, size_t bytes)
{
	return f->peer.link != NULL &&
	       link_unsent(f->peer.link) + bytes > FRONT_PEER_OUT_MAX;
}

/* All that hung on the link ends; keys stay as they were last. */
static void
detach(struct front *f)
{
	link_free(TAKE(f->peer.link));
	f->peer.since = f->now;
	f->peer.broken = f->peer.writes = f->peer.status_asked = false;
	remote_stop(f);
	requests_peer_lost(f, VH_ELOST);
	forwards_peer_lost(f);
}

static void
break_off(struct front *f, enum vh_err err)
{
	/* At the end of all, peer ends as well. */
	if (!f->peer.broken && !f->stopping)
		LOG(NOTICE, "peer-lost", KV_ERR(err));
	f->peer.broken = true;
}

/* --- what comes ----------------------------------------------------------- */

static enum vh_err
handle_answer(struct front *f, const struct frame *answer)
{
	switch (answer->op) {
	case VH_OP_PKEYS: return remote_page(f, answer);
	case VH_OP_PFORWARD: forward_answer(f, answer); return VH_OK;
	case VH_OP_PREVOKE: request_answer(f, answer); return VH_OK;
	case VH_OP_PSTATUS:
		if (answer->id == PEER_STATUS_ID)
			return members_answer(f, answer);
		request_answer(f, answer);
		return VH_OK;
	default: return VH_EOP;
	}
}

/* A message that peer may not send ends the link. */
static enum vh_err
handle(struct front *f, struct slice message)
{
	struct frame m;

	TRY(frame_parse(message, &m));
	if (m.answer)
		return handle_answer(f, &m);
	TRY(frame_check(&m, VH_WHO_PEER));
	if (m.op == VH_OP_PRELAYED) {
		relay_take(f, &m);
		return VH_OK;
	}
	if (m.op != VH_OP_PCHANGED)
		return VH_EOP;
	remote_changed(f, fields_u64(&m.f, VH_F_SEQ));
	return VH_OK;
}

static enum vh_err
read_all(struct front *f)
{
	struct slice message;
	/* What came before the end is still worth handling. */
	enum vh_err end = link_fill(f->peer.link);

	while (!f->peer.broken) {
		TRY(link_next(f->peer.link, &message));
		if (message.len == 0)
			return end;
		TRY(handle(f, message));
	}
	return VH_OK;
}

static void
peer_ready(struct front *f, struct source *s, uint32_t events)
{
	(void)s;
	/* EPOLLOUT: the end of the round flushes. */
	if (f->peer.link == NULL || f->peer.broken ||
	    (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0)
		return;
	enum vh_err err = read_all(f);

	if (err != VH_OK)
		break_off(f, err);
}

/* --- the link ------------------------------------------------------------- */

enum vh_err
peer_attach(struct front *f, int fd)
{
	struct epoll_event e = { .events = EPOLLIN,
		.data.ptr = &f->peer.source };

	if (f->peer.link != NULL)
		detach(f);
	f->peer.link = link_new(fd, FRAME_MAX);
	if (f->peer.link == NULL)
		return VH_ENOMEM;
	f->peer.source.ready = peer_ready;
	f->peer.since = f->now;
	if (epoll_ctl(f->epoll, EPOLL_CTL_ADD, fd, &e) != 0) {
		detach(f);
		return VH_EIO;
	}
	LOG(NOTICE, "peer-attached", KV("keys", directory_count(f->directory)));
	f->peer.status_at = f->now;
	remote_start(f);
	forwards_peer_came(f);
	return VH_OK;
}

static enum vh_err
watch(struct front *f, bool writes)
{
	struct epoll_event e = { .events = EPOLLIN | (writes ? EPOLLOUT : 0),
		.data.ptr = &f->peer.source };

	if (f->peer.writes == writes)
		return VH_OK;
	f->peer.writes = writes;
	return epoll_ctl(f->epoll, EPOLL_CTL_MOD, link_fd(f->peer.link), &e) ==
		       0
		   ? VH_OK
		   : VH_EIO;
}

static enum vh_err
flush(struct front *f)
{
	struct buf *b = link_out(f->peer.link);

	TRY(buf_end(b));
	if (buf_slice(b).len == 0 && !f->peer.writes)
		return VH_OK;
	TRY(link_flush(f->peer.link));
	return watch(f, link_is_blocked(f->peer.link));
}

void
peer_flush(struct front *f)
{
	if (f->peer.link == NULL)
		return;
	enum vh_err err = f->peer.broken ? VH_OK : flush(f);

	if (err != VH_OK)
		break_off(f, err);
	if (f->peer.broken)
		detach(f);
}

void
peer_tick(struct front *f)
{
	if (f->peer.link == NULL)
		return;
	remote_tick(f);
	members_tick(f);
}

int
peer_wait_ms(const struct front *f)
{
	struct mono_ns first = members_next(f), pull = remote_next(f);

	if (f->peer.link == NULL)
		return -1;
	if (pull.ns < first.ns)
		first = pull;
	uint32_t left = mono_left_ms(first, f->now);

	return left > INT32_MAX ? INT32_MAX : (int)left;
}

struct buf *
peer_ask(struct front *f, struct pending *p, enum vh_op op, size_t *start)
{
	struct buf *b = link_out(f->peer.link);
	uint32_t left = mono_left_ms(p->deadline, f->now);

	p->asked = (uint16_t)op;
	*start = frame_request(b, op, pending_id(f->pendings, p),
	    left == 0 ? 1 : left); /* 0 would mean no deadline */
	return b;
}
