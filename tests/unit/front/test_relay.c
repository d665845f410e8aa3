/* Requests of other nodes' callers. */
#include "front/relay.h"

#include <criterion/criterion.h>

#include "cluster.h"
#include "front/loop.h"
#include "front/requests.h"

/* Own: Ed25519 for everybody, P-256 for "app" and for a caller of b, RSA for a
 * uid; X25519 to decrypt.  P-521 is c's. */
static struct cluster *
stage_new(void)
{
	static const struct key_says sig = { VH_USE_SIG, 0, NULL, NULL };
	static const struct key_says named = { VH_USE_SIG, 0, NULL,
		"app,b/uid:7" };
	static const struct key_says uid = { VH_USE_SIG, 0, NULL, "uid:7" };
	static const struct key_says enc = { VH_USE_ENC, 0, NULL, NULL };
	struct directory *d = directory_new();
	struct cluster *c;

	key_add(d, KEY_ED25519, &sig);
	key_add(d, KEY_P256, &named);
	key_add(d, KEY_RSA, &uid);
	key_add(d, KEY_X25519, &enc);
	directory_close(d);
	c = cluster_new(d);
	cluster_list(c, KEY_ED25519, &sig, VH_KEY_ACTIVE, "a,c");
	cluster_list(c, KEY_P256, &named, VH_KEY_ACTIVE, "a,c");
	cluster_list(c, KEY_RSA, &uid, VH_KEY_ACTIVE, "a,c");
	cluster_list(c, KEY_X25519, &enc, VH_KEY_ACTIVE, "a");
	cluster_list(c, KEY_P521, &enc, VH_KEY_ACTIVE, "c");
	cluster_tell(c);
	return c;
}

static struct buf *
sign_with(const char *kid)
{
	struct buf *b = client_ask(VH_OP_SIGN, 33, 0);

	if (kid != NULL)
		frame_put_text(b, VH_F_KID, kid);
	frame_put_text(b, VH_F_DATA, "hello");
	return b;
}

/* What comes back: the error in it, or else of the whole. */
static enum vh_err
result(struct cluster *c, uint64_t id)
{
	AUTO(question_free) struct question *q = cluster_next(c);

	cr_assert_not_null(q);
	cr_assert(q->f.answer);
	cr_assert_eq(q->f.op, VH_OP_PRELAYED);
	cr_assert_eq(q->f.id, id);
	if (q->f.err != VH_OK)
		return q->f.err;
	cr_assert(q->inner.answer);
	cr_expect_eq(q->inner.id, 33);
	return q->inner.err;
}

static uint64_t
counted(const struct cluster *c, enum count which)
{
	return c->w->shared->counts[which];
}

Test(relay, a_request_of_another_nodes_caller_is_done_here)
{
	struct cluster *c = stage_new();
	struct frame v;

	cluster_relay(c, 5, "b", "uid:7", sign_with(key_kid(KEY_ED25519)));
	cr_assert(vault_next(c->w, &v));
	cr_expect_eq(v.op, VH_OP_VSIGN);
	cr_expect_leq(v.deadline_ms, 1000);
	cr_expect_eq(c->w->front->peer.relayed_count, 1);
	vault_answer(c->w, v.id, v.op, VH_OK);
	AUTO(question_free) struct question *q = cluster_next(c);

	cr_assert_not_null(q);
	cr_expect_eq(q->f.id, 5);
	cr_expect_eq(q->f.err, VH_OK);
	cr_expect_eq(q->inner.op, VH_OP_SIGN);
	cr_expect_eq(q->inner.id, 33);
	cr_expect_eq(q->inner.err, VH_OK);
	cr_expect_gt(q->inner.f.at[VH_F_TOKEN].len, 0);
	cr_expect(slice_is(q->inner.f.at[VH_F_KID], key_kid(KEY_ED25519)));
	cr_expect_eq(counted(c, COUNT_RELAYED_OK), 1);
	cr_expect_eq(c->w->front->peer.relayed_count, 0);
	cr_expect_eq(c->w->front->work, 0);
	cluster_free(c);
}

Test(relay, a_token_is_decrypted_here)
{
	struct cluster *c = stage_new();
	struct buf *b = ask_decrypt(key_kid(KEY_X25519));
	struct frame v;

	frame_put_text(b, VH_F_KID, key_kid(KEY_X25519));
	cluster_relay(c, 5, "b", "uid:7", b);
	cr_assert(vault_next(c->w, &v));
	cr_expect_eq(v.op, VH_OP_VDECRYPT);
	vault_answer(c->w, v.id, v.op, VH_OK);
	AUTO(question_free) struct question *q = cluster_next(c);

	cr_assert_not_null(q);
	cr_expect(slice_is(q->inner.f.at[VH_F_DATA], "plain"));
	cluster_free(c);
}

Test(relay, allow_is_asked_again)
{
	static const struct {
		enum test_key key;
		const char *node, *principals;
		bool in;
	} rows[] = {
		{ KEY_P256, "b", "uid:7", true },
		{ KEY_P256, "b", "uid:8", false },
		{ KEY_P256, "c", "uid:7", false },
		{ KEY_P256, "c", "uid:8,app", true },
		{ KEY_P256, "c", "uid:8,b/uid:7", false },
		{ KEY_RSA, "b", "uid:7", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct cluster *c = stage_new();
		struct frame v;

		cluster_relay(c, i, rows[i].node, rows[i].principals,
		    sign_with(key_kid(rows[i].key)));
		cr_expect_eq(vault_next(c->w, &v), rows[i].in, "row %zu", i);
		if (!rows[i].in)
			cr_expect_eq(result(c, i), VH_ENOKEY);
		cluster_free(c);
	}
}

/* Loops cannot be. */
Test(relay, a_request_makes_one_hop)
{
	struct cluster *c = stage_new();
	struct frame v;

	cluster_relay(c, 5, "b", "uid:7", sign_with(key_kid(KEY_P521)));
	cr_expect_eq(result(c, 5), VH_ENOKEY);
	cluster_relay(c, 6, "b", "uid:7", sign_with(key_kid(KEY_ED25519)));
	cr_assert(vault_next(c->w, &v));
	vault_answer(c->w, v.id, v.op, VH_EBUSY);
	cr_expect_eq(result(c, 6), VH_EBUSY, "c could do it, but is not asked");
	cr_expect_eq(counted(c, COUNT_RELAYED_BUSY), 1);
	cluster_free(c);
}

Test(relay, the_key_is_the_other_nodes_choice)
{
	struct cluster *c = stage_new();

	cluster_relay(c, 5, "b", "uid:7", sign_with(NULL));
	cr_expect_eq(result(c, 5), VH_EFIELD);
	cluster_free(c);
}

Test(relay, nothing_else_can_be_asked)
{
	static const enum vh_op ops[] = { VH_OP_KEYS, VH_OP_STATUS, VH_OP_DRAIN,
		VH_OP_CLUSTER, VH_OP_REVOKE, VH_OP_VSIGN, VH_OP_PKEYS,
		VH_OP_GIVE };
	struct cluster *c = stage_new();

	for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
		struct buf *b = client_ask(ops[i], 33, 0);

		cluster_relay(c, i, "b", "uid:0", b);
		cr_expect_neq(result(c, i), VH_OK, "%s", op_name(ops[i]));
		cr_assert_not_null(c->w->front->peer.link);
	}
	cr_expect_not(c->w->shared->draining);
	cluster_free(c);
}

Test(relay, what_is_no_request_is_refused_whole)
{
	struct cluster *c = stage_new();
	struct buf *b = buf_new(100);

	(void)frame_answer(b, VH_OP_SIGN, 33, VH_OK);
	cluster_relay(c, 1, "b", "uid:7", b);
	cr_expect_eq(result(c, 1), VH_EPARSE);
	cluster_relay(c, 2, "a", "uid:7", sign_with(key_kid(KEY_ED25519)));
	cr_expect_eq(result(c, 2), VH_EFIELD, "from this node itself");
	cluster_relay(c, 3, "b,c", "uid:7", sign_with(key_kid(KEY_ED25519)));
	cr_expect_eq(result(c, 3), VH_EFIELD);
	cr_expect_eq(nodes_count(c->w->front->nodes), 1, "c, of the list");
	cluster_free(c);
}

Test(relay, a_node_has_a_bound_and_all_have_one)
{
	struct cluster *c = stage_new();
	struct client *k = client_new(c->w, 0);
	struct frame v;
	size_t asked = 0;

	for (uint64_t i = 0; i < RELAYED_PER_NODE; i++)
		cluster_relay(c, i, "b", "uid:7",
		    sign_with(key_kid(KEY_ED25519)));
	cluster_relay(c, 1000, "b", "uid:7", sign_with(key_kid(KEY_ED25519)));
	cr_expect_eq(result(c, 1000), VH_EBUSY);
	cluster_relay(c, 1001, "c", "uid:7", sign_with(key_kid(KEY_ED25519)));
	while (vault_next(c->w, &v))
		asked++;
	cr_expect_eq(asked, RELAYED_PER_NODE + 1);
	/* Local callers have places of their own. */
	client_sign(k, 1, "x");
	world_turn(c->w);
	cr_assert(vault_next(c->w, &v));
	vault_answer(c->w, v.id, v.op, VH_OK);
	world_turn(c->w);
	cr_assert(client_read(k));
	cr_expect_eq(k->f.err, VH_OK);
	client_free(k);
	cluster_free(c);
}

Test(relay, a_node_that_drains_says_so)
{
	struct cluster *c = stage_new();

	requests_drain(c->w->front, true);
	cluster_relay(c, 5, "b", "uid:7", sign_with(key_kid(KEY_ED25519)));
	cr_expect_eq(result(c, 5), VH_EDRAINING);
	cluster_free(c);
}

Test(relay, when_peer_is_gone_nobody_waits_any_more)
{
	struct cluster *c = stage_new();
	struct frame v;

	cluster_relay(c, 5, "b", "uid:7", sign_with(key_kid(KEY_ED25519)));
	cr_assert(vault_next(c->w, &v));
	cluster_lose(c);
	cr_expect_eq(c->w->front->peer.relayed_count, 0);
	cr_expect_eq(pendings_count(c->w->front->pendings), 1);
	cluster_attach(c);
	vault_answer(c->w, v.id, v.op, VH_OK);
	cr_expect_null(cluster_next(c), "the new peer did not ask");
	cr_expect_eq(pendings_count(c->w->front->pendings), 0);
	cluster_free(c);
}

/* Whatever peer sends, callers are served, and nothing is read past its end. */
Test(relay, mutated_messages_of_peer_hurt_nobody_else)
{
	struct cluster *c = stage_new();
	struct client *k = client_new(c->w, 0);
	AUTO(buf_free) struct buf *inner = sign_with(key_kid(KEY_ED25519));
	AUTO(buf_free) struct buf *good = buf_new(65536);
	size_t start = frame_request(good, VH_OP_PRELAYED, 9, 1000);
	uint64_t random = 1;
	struct frame v;

	frame_close(inner, 0);
	frame_put_text(good, VH_F_NODE, "b");
	frame_put(good, VH_F_REQUEST, buf_slice(inner));
	frame_put_text(good, VH_F_PRINCIPALS, "uid:7,app");
	frame_put_text(good, VH_F_RID, "0123456789abcdef");
	frame_close(good, start);
	for (int i = 0; i < 3000; i++) {
		AUTO(buf_free) struct buf *bad = buf_new(65536);

		random = random * 6364136223846793005u + 1442695040888963407u;
		buf_put(bad, buf_slice(good));
		bad->p[(random >> 33) % bad->len] ^=
		    (uint8_t)(1u << (random >> 60 & 7));
		if (c->w->front->peer.link == NULL) {
			cluster_lose(c);
			cluster_attach(c);
		}
		cr_assert_eq(link_send(c->peer, buf_slice(bad), -1), VH_OK);
		question_free(cluster_next(c));
		while (vault_next(c->w, &v))
			vault_answer(c->w, v.id, v.op, VH_OK);
	}
	client_sign(k, 1, "x");
	world_turn(c->w);
	cr_assert(vault_next(c->w, &v));
	vault_answer(c->w, v.id, v.op, VH_OK);
	world_turn(c->w);
	cr_assert(client_read(k));
	cr_expect_eq(k->f.err, VH_OK);
	client_free(k);
	cluster_free(c);
}
