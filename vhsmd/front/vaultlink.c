#include "front/vaultlink.h"

#include <sys/epoll.h>

#include "base/log.h"
#include "front/own.h"
#include "front/requests.h"

/* An answer carries at most one plaintext, or a page of keys. */
#define FRAME_MAX (VH_DATA_MAX + (1u << 20))
#define LIST_MS   10000
#define PAGES_MAX DIRECTORY_KEYS

struct link *
vault_open(int fd)
{
	return link_new(fd, FRAME_MAX);
}

/* One page: its keys go to d; *index is where the list goes on, 0 at its end.
 */
static enum vh_err
list_page(struct link *vault, struct directory *d, uint32_t *index)
{
	AUTO(buf_free) struct buf *b = buf_new(1024);
	struct frame answer;
	struct slice rest, value;
	unsigned tag;
	size_t start = frame_request(b, VH_OP_VLIST, *index + 1, LIST_MS);

	if (*index > 0)
		frame_put_u32(b, VH_F_INDEX, *index);
	frame_close(b, start);
	TRY(buf_end(b));
	TRY(link_call(vault, buf_slice(b), -1, LIST_MS, &answer));
	rest = answer.f.body;
	while (fields_next(&rest, &tag, &value))
		if (tag == VH_F_KEY)
			TRY(directory_add(d, value));
	uint32_t next = fields_u32(&answer.f, VH_F_INDEX);

	if (fields_have(&answer.f, VH_F_INDEX) && next <= *index)
		return VH_EPARSE;
	*index = next;
	return VH_OK;
}

enum vh_err
vault_list(struct link *vault, struct directory *d)
{
	uint32_t index = 0;

	for (size_t pages = 0; pages < PAGES_MAX; pages++) {
		TRY(list_page(vault, d, &index));
		if (index == 0) {
			directory_close(d);
			return VH_OK;
		}
	}
	return VH_EPARSE;
}

static void
lose(struct front *f, enum vh_err err)
{
	if (f->done)
		return;
	LOG(ERROR, "vault-lost", KV_ERR(err));
	f->shared->serving = false;
	f->done = true;
	f->status = 1;
}

static void
watch(struct front *f, bool writes)
{
	struct epoll_event e = { .events = EPOLLIN | (writes ? EPOLLOUT : 0),
		.data.ptr = &f->vault_source };

	if (f->vault_writes == writes)
		return;
	f->vault_writes = writes;
	if (epoll_ctl(f->epoll, EPOLL_CTL_MOD, link_fd(f->vault), &e) != 0)
		lose(f, VH_EIO);
}

/* All that the vault says by itself is that its keys have changed. */
static enum vh_err
hear(struct front *f, const struct frame *said)
{
	if (!said->answer) {
		TRY(frame_check(said, VH_WHO_VAULT));
		if (said->op != VH_OP_VCHANGED)
			return VH_EPARSE;
		own_changed(f);
		return VH_OK;
	}
	if (said->op == VH_OP_VLIST)
		return own_page(f, said);
	request_answer(f, said);
	return VH_OK;
}

void
vault_read(struct front *f)
{
	struct slice message;
	struct frame answer;
	/* What came before the end is still worth answering. */
	enum vh_err end = link_fill(f->vault), err;

	for (;;) {
		err = link_next(f->vault, &message);
		if (err != VH_OK || message.len == 0)
			break;
		err = frame_parse(message, &answer);
		if (err == VH_OK)
			err = hear(f, &answer);
		if (err != VH_OK)
			break;
	}
	if (end == VH_OK)
		end = err;
	if (end != VH_OK)
		lose(f, end);
}

static void
vault_ready(struct front *f, struct source *s, uint32_t events)
{
	(void)s;
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		vault_read(f);
	/* EPOLLOUT: the end of the round flushes. */
}

enum vh_err
vault_watch(struct front *f)
{
	struct epoll_event e = { .events = EPOLLIN,
		.data.ptr = &f->vault_source };

	f->vault_source.ready = vault_ready;
	return epoll_ctl(f->epoll, EPOLL_CTL_ADD, link_fd(f->vault), &e) == 0
		   ? VH_OK
		   : VH_EIO;
}

void
vault_flush(struct front *f)
{
	if (link_unsent(f->vault) == 0 && !f->vault_writes)
		return;
	enum vh_err err = link_flush(f->vault);

	if (err != VH_OK)
		lose(f, err);
	else
		watch(f, link_is_blocked(f->vault));
}

/* As far as front knows which key it will be. */
static bool
is_quick(const struct pending *p)
{
	const struct dkey *key =
	    p->tried < p->try_count ? p->tries[p->tried] : p->key;

	return key == NULL || !pub_is_slow(&key->pub);
}

struct buf *
vault_ask(struct front *f, struct pending *p, enum vh_op op, size_t *start)
{
	struct buf *b = link_out(f->vault);
	uint32_t left = mono_left_ms(p->deadline, f->now);

	p->asked = (uint16_t)op;
	p->quick = is_quick(p);
	f->quick += p->quick;
	/* 0 would mean no deadline. */
	*start = frame_request(b, op, pending_id(f->pendings, p),
	    left == 0 ? 1 : left);
	if ((op_row(op)->may & VH_TAG_BIT(VH_F_WHO)) != 0 && p->who[0] != '\0')
		frame_put_text(b, VH_F_WHO, p->who);
	return b;
}

void
vault_asked(struct front *f, struct pending *p)
{
	p->asked = 0;
	f->quick -= p->quick;
	p->quick = false;
}
