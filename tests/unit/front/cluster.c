#include "cluster.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

#include "front/forward_core.h"
#include "front/peerlink.h"
#include "front/remote.h"
#include "jose/jwe.h"
#include "jose/jws.h"

#define FRAME_MAX (32u << 20)

void
question_free(struct question *q)
{
	if (q == NULL)
		return;
	buf_free(q->bytes);
	free(q);
}

bool
question_is_for(const struct question *q, const char *node)
{
	return q != NULL && q->f.op == VH_OP_PFORWARD &&
	       slice_is(q->f.f.at[VH_F_NODE], node);
}

static void
in_cluster(struct settings *s)
{
	cr_assert_eq(settings_set_text(&s->node, "a"), VH_OK);
	cr_assert_eq(settings_set_text(&s->cluster_listen,
			 "tls+tcp://192.0.2.1:7600"),
	    VH_OK);
	char app[64];

	s->per_principal = 1000;

	(void)snprintf(app, sizeof app, "app=uid:%u", getuid());
	cr_assert_eq(settings_set_text(&s->principals, app), VH_OK);
}

void
cluster_attach(struct cluster *c)
{
	int fds[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds),
	    0);
	c->peer = link_new(fds[0], FRAME_MAX);
	c->w->front->now = clock_mono();
	cr_assert_eq(peer_attach(c->w->front, fds[1]), VH_OK);
}

void
cluster_lose(struct cluster *c)
{
	link_free(c->peer);
	c->peer = NULL;
	world_turn(c->w);
}

struct cluster *
cluster_new(struct directory *own)
{
	struct cluster *c = calloc(1, sizeof *c);

	c->w = world_new(own, in_cluster);
	cr_assert_eq(remote_publish(c->w->front), VH_OK);
	c->keys = buf_new(1u << 20);
	c->members = buf_new(1u << 16);
	c->seq = 100;
	cluster_attach(c);
	return c;
}

void
cluster_free(struct cluster *c)
{
	world_free(c->w);
	link_free(c->peer);
	buf_free(c->keys);
	buf_free(c->members);
	free(c);
}

/* --- what peer says ------------------------------------------------------- */

static void
put_holder(struct buf *b, struct slice item)
{
	const uint8_t *at = memchr(item.p, '=', item.len);
	size_t len = at == NULL ? item.len : (size_t)(at - item.p), nest;

	nest = frame_nest(b, VH_F_HOLDER);
	frame_put(b, VH_F_NODE, slice_of(item.p, len));
	frame_put_u32(b, VH_F_LOAD, at == NULL ? 0 : at[1] - (uint32_t)'0');
	frame_nest_close(b, nest);
}

void
cluster_list_with(struct cluster *c, enum test_key which,
    const struct key_says *says, enum vh_key_state state, const char *holders,
    struct buf *more)
{
	AUTO(buf_free) struct buf *fields = key_fields(which, says);
	struct slice rest = slice_text(holders), item;
	size_t nest = frame_nest(c->keys, VH_F_KEY);

	buf_put(c->keys, buf_slice(fields));
	frame_put_u32(c->keys, VH_F_STATE, state);
	while (rest.len > 0 && slice_next_item(&rest, &item))
		put_holder(c->keys, item);
	if (more != NULL)
		buf_put(c->keys, buf_slice(more));
	buf_free(more);
	frame_nest_close(c->keys, nest);
}

void
cluster_list(struct cluster *c, enum test_key which,
    const struct key_says *says, enum vh_key_state state, const char *holders)
{
	cluster_list_with(c, which, says, state, holders, NULL);
}

void
cluster_clear(struct cluster *c)
{
	buf_clear(c->keys);
}

void
cluster_member(struct cluster *c, const char *node, const char *state,
    uint32_t load, uint64_t epoch)
{
	size_t nest = frame_nest(c->members, VH_F_MEMBER);

	frame_put_text(c->members, VH_F_NODE, node);
	frame_put_text(c->members, VH_F_ADDRESS, "192.0.2.9:7600");
	frame_put_text(c->members, VH_F_NAME, state);
	frame_put_u32(c->members, VH_F_LOAD, load);
	frame_put_u32(c->members, VH_F_COUNT, 2);
	frame_put_u64(c->members, VH_F_EPOCH, epoch);
	frame_put_text(c->members, VH_F_VERSION, "1");
	frame_nest_close(c->members, nest);
}

static void
say(struct cluster *c, struct buf *b)
{
	cr_assert_eq(buf_end(b), VH_OK);
	/* Front has ended it: nobody hears. */
	if (c->w->front->peer.link == NULL)
		return;
	cr_assert_eq(link_send(c->peer, buf_slice(b), -1), VH_OK);
}

void
cluster_tell(struct cluster *c)
{
	AUTO(buf_free) struct buf *b = buf_new(1000);
	size_t start = frame_request(b, VH_OP_PCHANGED, 0, 0);

	frame_put_u64(b, VH_F_SEQ, ++c->seq);
	frame_close(b, start);
	say(c, b);
	cluster_age(c, 200);
	struct question *q = cluster_next(c);

	cr_assert_null(q, "nothing but the list is asked for");
}

static void
give_list(struct cluster *c, const struct frame *q)
{
	AUTO(buf_free) struct buf *b = buf_new(FRAME_MAX);
	size_t start = frame_answer(b, q->op, q->id, VH_OK);

	buf_put(b, buf_slice(c->keys));
	frame_put_u64(b, VH_F_SEQ, c->seq);
	frame_close(b, start);
	say(c, b);
	c->pulls++;
}

static void
give_status(struct cluster *c, const struct frame *q)
{
	AUTO(buf_free) struct buf *b = buf_new(FRAME_MAX);
	size_t start = frame_answer(b, q->op, q->id, VH_OK);

	buf_put(b, buf_slice(c->members));
	frame_close(b, start);
	say(c, b);
}

/* --- what front says ------------------------------------------------------ */

static struct question *
question_of(struct slice message)
{
	struct question *q = calloc(1, sizeof *q);
	enum vh_tag inside;

	q->bytes = buf_new(FRAME_MAX);
	buf_put(q->bytes, message);
	cr_assert_eq(frame_parse(buf_slice(q->bytes), &q->f), VH_OK);
	if (!q->f.answer)
		cr_assert_eq(frame_check(&q->f, VH_WHO_FRONT), VH_OK);
	inside = q->f.answer ? VH_F_ANSWER : VH_F_REQUEST;
	if (fields_have(&q->f.f, inside))
		cr_assert_eq(frame_parse(q->f.f.at[inside], &q->inner), VH_OK);
	return q;
}

/* False: it is none of peer's daily business. */
static bool
serve(struct cluster *c, const struct frame *q)
{
	if (q->answer || (q->op != VH_OP_PKEYS && q->op != VH_OP_PSTATUS))
		return false;
	if (q->op == VH_OP_PSTATUS && q->id != PEER_STATUS_ID)
		return false;
	if (q->op == VH_OP_PKEYS)
		give_list(c, q);
	else
		give_status(c, q);
	return true;
}

struct question *
cluster_next(struct cluster *c)
{
	struct slice message;

	for (int i = 0; i < 8; i++) {
		world_turn(c->w);
		if (c->peer == NULL)
			return NULL;
		cr_assert_eq(link_next(c->peer, &message), VH_OK);
		if (message.len == 0) {
			/* The end: what came before it was read. */
			if (link_fill(c->peer) != VH_OK)
				return NULL;
			cr_assert_eq(link_next(c->peer, &message), VH_OK);
		}
		if (message.len == 0)
			continue;
		struct question *q = question_of(message);

		if (!serve(c, &q->f))
			return q;
		question_free(q);
		i = 0;
	}
	return NULL;
}

/* --- what other nodes say ------------------------------------------------- */

static size_t
open_answer(struct buf *b, const struct question *q, enum vh_err err,
    size_t at[static 2])
{
	at[0] = frame_answer(b, VH_OP_PFORWARD, q->f.id, VH_OK);
	at[1] = frame_nest(b, VH_F_ANSWER);
	return frame_answer(b, q->inner.op, q->inner.id, err);
}

static void
close_answer(struct cluster *c, struct buf *b, size_t inner,
    const size_t at[static 2])
{
	frame_close(b, inner);
	frame_nest_close(b, at[1]);
	frame_close(b, at[0]);
	say(c, b);
	world_turn(c->w);
}

void
put_token(struct buf *b, const char *kid, const char *alg, const char *payload)
{
	static const uint8_t signature[256];
	const struct header_wish wish = {
		.alg = alg_by_name(slice_text(alg)),
		.kid = slice_text(kid),
	};

	cr_assert_eq(jws_put_protected(&wish, b, NULL), VH_OK);
	buf_put_u8(b, '.');
	b64_put(b, slice_text(payload));
	buf_put_u8(b, '.');
	b64_put(b, slice_of(signature, alg[0] == 'R' ? 256 : 64));
}

static void
copy_text(char *to, size_t room, struct slice text)
{
	cr_assert_lt(text.len, room);
	if (text.len > 0)
		memcpy(to, text.p, text.len);
	to[text.len] = '\0';
}

void
node_signs(struct cluster *c, const struct question *q, const char *payload)
{
	AUTO(buf_free) struct buf *b = buf_new(FRAME_MAX);
	AUTO(buf_free) struct buf *token = buf_new(FRAME_MAX);
	char kid[64], alg[64];
	size_t at[2], inner = open_answer(b, q, VH_OK, at);

	copy_text(kid, sizeof kid, q->inner.f.at[VH_F_KID]);
	copy_text(alg, sizeof alg, q->inner.f.at[VH_F_ALG]);
	put_token(token, kid, alg, payload);
	frame_put(b, VH_F_TOKEN, buf_slice(token));
	frame_put_text(b, VH_F_KID, kid);
	frame_put_text(b, VH_F_ALG, alg);
	frame_put_text(b, VH_F_JWK, "{}");
	close_answer(c, b, inner, at);
}

void
node_decrypts(struct cluster *c, const struct question *q, const char *text)
{
	AUTO(buf_free) struct buf *b = buf_new(FRAME_MAX);
	size_t at[2], inner = open_answer(b, q, VH_OK, at);

	frame_put_text(b, VH_F_DATA, text);
	frame_put_text(b, VH_F_KID, "what it likes");
	frame_put_text(b, VH_F_HEADER, "{}");
	close_answer(c, b, inner, at);
}

void
node_gives(struct cluster *c, const struct question *q, const char *alg,
    enum vh_tag tag, struct slice value)
{
	AUTO(buf_free) struct buf *b = buf_new(FRAME_MAX);
	size_t at[2], inner = open_answer(b, q, VH_OK, at);

	frame_put(b, tag, value);
	frame_put_text(b, VH_F_ALG, alg);
	frame_put_text(b, VH_F_KID, "what it likes");
	close_answer(c, b, inner, at);
}

void
node_refuses(struct cluster *c, const struct question *q, enum vh_err err)
{
	AUTO(buf_free) struct buf *b = buf_new(FRAME_MAX);
	size_t at[2], inner = open_answer(b, q, err, at);

	frame_put_text(b, VH_F_WHY, "be\ncause");
	close_answer(c, b, inner, at);
}

void
peer_fails(struct cluster *c, const struct question *q, enum vh_err err)
{
	AUTO(buf_free) struct buf *b = buf_new(1000);

	frame_put_error(b, VH_OP_PFORWARD, q->f.id, err, NULL);
	say(c, b);
	world_turn(c->w);
}

void
cluster_relay(struct cluster *c, uint64_t id, const char *node,
    const char *principals, struct buf *request)
{
	AUTO(buf_free) struct buf *b = buf_new(FRAME_MAX);
	size_t start = frame_request(b, VH_OP_PRELAYED, id, 1000);

	frame_close(request, 0);
	frame_put_text(b, VH_F_NODE, node);
	frame_put(b, VH_F_REQUEST, buf_slice(request));
	frame_put_text(b, VH_F_PRINCIPALS, principals);
	frame_put_text(b, VH_F_RID, "0123456789abcdef");
	frame_close(b, start);
	say(c, b);
	buf_free(request);
	world_turn(c->w);
}

/* --- time ----------------------------------------------------------------- */

static void
before(struct mono_ns *t, uint64_t ms)
{
	t->ns = t->ns > ms * 1000000 ? t->ns - ms * 1000000 : 0;
}

static void
age_node(struct node *n, uint64_t ms)
{
	if (n == NULL)
		return;
	before(&n->heard, ms);
	before(&n->avoid_until, ms);
}

static void
age_forward(struct forward *w, uint64_t ms)
{
	before(&w->since, ms);
	before(&w->next_at, ms);
	for (size_t i = 0; i < w->count; i++)
		if (w->tries[i] != NULL)
			before(&w->tries[i]->since, ms);
}

void
cluster_age(struct cluster *c, uint64_t ms)
{
	static const char *const names[] = { "b", "c", "d" };
	struct front *f = c->w->front;
	struct forward *w;

	DL_FOREACH(f->forwards->all, w)
	age_forward(w, ms);
	before(&f->forwards->soonest, ms);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		age_node(node_find(f->nodes, slice_text(names[i])), ms);
	before(&f->peer.since, ms);
	before(&f->peer.pull.not_before, ms);
	before(&f->peer.status_at, ms);
}

/* -------------------------------------------------------------------------- */

struct buf *
ask_decrypt(const char *kid)
{
	static const uint8_t iv[12], tag[16];
	AUTO(buf_free) struct buf *header = buf_new(1000);
	AUTO(buf_free) struct buf *head = buf_new(1000);
	AUTO(buf_free) struct buf *token = buf_new(4000);
	struct buf *b = client_ask(VH_OP_DECRYPT, 1, 0);

	buf_format(header,
	    "{\"alg\":\"ECDH-ES\",\"enc\":\"A128GCM\",\"epk\":%s",
	    key_jwk(KEY_X25519_B));
	if (kid != NULL)
		buf_format(header, ",\"kid\":\"%s\"", kid);
	buf_put_text(header, "}");
	b64_put(head, buf_slice(header));
	jwe_put(token, buf_slice(head), slice_of(NULL, 0), slice_of(iv, 12),
	    slice_text("secret"), slice_of(tag, 16));
	frame_put(b, VH_F_TOKEN, buf_slice(token));
	return b;
}
