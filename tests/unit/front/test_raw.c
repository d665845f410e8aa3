/* RAWSIGN, RAWDECRYPT, RAWDERIVE: what is asked of the vault and of other
 * nodes.
 */
#include <criterion/criterion.h>

#include "cluster.h"
#include "front/loop.h"
#include "stage.h"

#define RAW_SIG (VH_KEY_SIGN | VH_KEY_VERIFY | VH_KEY_RAW)
#define RAW_ENC (VH_KEY_ENCRYPT | VH_KEY_DECRYPT | VH_KEY_RAW)

static const uint8_t bytes[256];

static void
add(struct directory *d, enum test_key which, enum vh_use use, uint32_t ops)
{
	const struct key_says says = { use, 0, NULL, NULL };
	AUTO(buf_free) struct buf *b = key_fields_ops(which, &says, ops);

	cr_assert_eq(directory_add(d, buf_slice(b)), VH_OK);
}

/* P-256 and P-521 are raw, Ed25519, RSA and X25519 are not. */
static struct directory *
keys(void)
{
	struct directory *d = directory_new();

	add(d, KEY_P256, VH_USE_SIG, RAW_SIG);
	add(d, KEY_P521, VH_USE_ENC, RAW_ENC);
	add(d, KEY_ED25519, VH_USE_SIG, 0);
	add(d, KEY_RSA, VH_USE_ENC, VH_KEY_DECRYPT);
	add(d, KEY_X25519, VH_USE_ENC, VH_KEY_ENCRYPT | VH_KEY_RAW);
	directory_close(d);
	return d;
}

static struct buf *
ask(enum vh_op op, enum test_key key, const char *alg, size_t size)
{
	struct buf *b = client_ask(op, 1, 0);

	frame_put_text(b, VH_F_KID, key_kid(key));
	if (alg != NULL)
		frame_put_text(b, VH_F_ALG, alg);
	if (op != VH_OP_RAWDERIVE)
		frame_put(b, VH_F_DATA, slice_of(bytes, size));
	return b;
}

static struct buf *
ask_sign(enum test_key key, const char *alg, size_t size)
{
	struct buf *b = ask(VH_OP_RAWSIGN, key, alg, size);

	frame_put_u32(b, VH_F_PREHASHED, 1);
	return b;
}

static void
reaches_vault(struct stage *s, struct buf *b)
{
	client_send(s->c, 1, b);
	world_turn(s->w);
	cr_assert(vault_next(s->w, &s->q), "the vault is asked");
}

static enum vh_err
answer(struct stage *s)
{
	world_turn(s->w);
	cr_assert(client_read(s->c));
	return s->c->f.err;
}

static bool
says(const struct stage *s, const char *text)
{
	struct slice why = s->c->f.f.at[VH_F_WHY];

	return memmem(why.p, why.len, text, strlen(text)) != NULL;
}

static void
refused(struct stage *s, struct buf *b, enum vh_err err, const char *text)
{
	client_send(s->c, 1, b);
	cr_expect_eq(answer(s), err, "%s", text);
	cr_expect(says(s, text), "%.*s", (int)s->c->f.f.at[VH_F_WHY].len,
	    (const char *)s->c->f.f.at[VH_F_WHY].p);
	cr_expect_not(vault_next(s->w, &s->q), "%s", text);
}

Test(raw, a_digest_goes_to_the_vault_and_a_signature_comes_back)
{
	struct stage s = stage_new(keys(), NULL);

	reaches_vault(&s, ask_sign(KEY_P256, "ES256", 32));
	cr_expect_eq(s.q.op, VH_OP_VRAWSIGN);
	cr_expect(slice_is(s.q.f.at[VH_F_KID], key_kid(KEY_P256)));
	cr_expect_eq(fields_u32(&s.q.f, VH_F_ALG_ID), VH_ALG_ES256);
	cr_expect_eq(fields_u32(&s.q.f, VH_F_PREHASHED), 1);
	cr_expect_eq(s.q.f.at[VH_F_DATA].len, 32);
	cr_expect_gt(s.q.f.at[VH_F_WHO].len, 0);
	vault_gives(s.w, &s.q, VH_F_SIGNATURE, slice_of(bytes, 64));
	cr_assert_eq(answer(&s), VH_OK);
	cr_expect_eq(s.c->f.f.at[VH_F_SIGNATURE].len, 64);
	cr_expect(slice_is(s.c->f.f.at[VH_F_KID], key_kid(KEY_P256)));
	cr_expect(slice_is(s.c->f.f.at[VH_F_ALG], "ES256"));
	cr_expect_gt(s.c->f.f.at[VH_F_JWK].len, 0);
	stage_end(&s);
}

Test(raw, data_goes_without_a_mark)
{
	struct stage s = stage_new(keys(), NULL);

	reaches_vault(&s, ask(VH_OP_RAWSIGN, KEY_P256, "ES256", 7));
	cr_expect_not(fields_have(&s.q.f, VH_F_PREHASHED));
	vault_answer(s.w, s.q.id, s.q.op, VH_EAUDIT);
	cr_expect_eq(answer(&s), VH_EAUDIT);
	stage_end(&s);
}

Test(raw, a_result_of_another_size_is_none)
{
	struct stage s = stage_new(keys(), NULL);

	reaches_vault(&s, ask_sign(KEY_P256, "ES256", 32));
	vault_gives(s.w, &s.q, VH_F_SIGNATURE, slice_of(bytes, 63));
	cr_expect_eq(answer(&s), VH_EINTERNAL);
	stage_end(&s);
}

Test(raw, the_other_sides_numbers_go_to_the_vault)
{
	struct stage s = stage_new(keys(), NULL);
	struct buf *b = ask(VH_OP_RAWDERIVE, KEY_P521, NULL, 0);

	frame_put_text(b, VH_F_JWK, key_jwk(KEY_P521));
	reaches_vault(&s, b);
	cr_expect_eq(s.q.op, VH_OP_VRAWDERIVE);
	cr_expect_eq(fields_u32(&s.q.f, VH_F_ALG_ID), VH_ALG_ECDH_ES);
	cr_expect_eq(s.q.f.at[VH_F_PUB_X].len, 66);
	cr_expect_eq(s.q.f.at[VH_F_PUB_Y].len, 66);
	vault_gives(s.w, &s.q, VH_F_DATA, slice_of(bytes, 66));
	cr_assert_eq(answer(&s), VH_OK);
	cr_expect_eq(s.c->f.f.at[VH_F_DATA].len, 66);
	cr_expect_not(fields_have(&s.c->f.f, VH_F_JWK));
	stage_end(&s);
}

Test(raw, what_cannot_be_is_refused_without_the_vault)
{
	struct stage s = stage_new(keys(), NULL);
	struct buf *b = ask(VH_OP_RAWDERIVE, KEY_P521, NULL, 0);

	frame_put_text(b, VH_F_JWK, key_jwk(KEY_P256));
	refused(&s, b, VH_EKEY, "not on P-521");
	refused(&s, ask_sign(KEY_P256, "ES256", 31), VH_EFIELD,
	    "a digest of 31 bytes, expected 32 for ES256");
	refused(&s, ask_sign(KEY_P256, "ES384", 48), VH_EALG, "fits none");
	refused(&s, ask_sign(KEY_P256, "HS256", 32), VH_EALG,
	    "no raw operation of this kind");
	refused(&s, ask(VH_OP_RAWDECRYPT, KEY_P521, "ECDH-ES", 9), VH_EALG,
	    "no raw operation of this kind");
	refused(&s, ask(VH_OP_RAWDECRYPT, KEY_RSA, "RSA1_5", 256), VH_EALG,
	    "no raw operation of this kind");
	stage_end(&s);
}

Test(raw, a_key_that_is_not_raw_or_lacks_the_op_is_refused)
{
	struct stage s = stage_new(keys(), NULL);
	struct buf *b = ask(VH_OP_RAWDERIVE, KEY_X25519, NULL, 0);

	frame_put_text(b, VH_F_JWK, key_jwk(KEY_X25519_B));
	refused(&s, b, VH_EPOLICY, "raw and ops of the key spec");
	refused(&s, ask(VH_OP_RAWSIGN, KEY_ED25519, "EdDSA", 9), VH_EPOLICY,
	    "raw and ops of the key spec");
	refused(&s, ask(VH_OP_RAWDECRYPT, KEY_RSA, "RSA-OAEP", 256), VH_EPOLICY,
	    "raw and ops of the key spec");
	refused(&s, ask(VH_OP_RAWSIGN, KEY_RSA, "RS256", 9), VH_ENOKEY,
	    "no key");
	stage_end(&s);
}

/* --- other nodes ------------------------------------------------------------
 */

static void
list(struct cluster *c, enum test_key which, enum vh_use use, uint32_t ops,
    const char *node)
{
	const struct key_says says = { use, 0, NULL, NULL };
	AUTO(buf_free) struct buf *fields = key_fields_ops(which, &says, ops);
	size_t nest = frame_nest(c->keys, VH_F_KEY), holder;

	buf_put(c->keys, buf_slice(fields));
	frame_put_u32(c->keys, VH_F_STATE, VH_KEY_ACTIVE);
	holder = frame_nest(c->keys, VH_F_HOLDER);
	frame_put_text(c->keys, VH_F_NODE, node);
	frame_nest_close(c->keys, holder);
	frame_nest_close(c->keys, nest);
}

struct far {
	struct cluster *c;
	struct client *k;
};

/* Node b holds a raw P-256 and P-521, and an Ed25519 that is not raw. */
static struct far
far_new(void)
{
	struct directory *d = directory_new();
	struct far s;

	directory_close(d);
	s.c = cluster_new(d);
	list(s.c, KEY_P256, VH_USE_SIG, RAW_SIG, "b");
	list(s.c, KEY_P521, VH_USE_ENC, RAW_ENC, "b");
	list(s.c, KEY_ED25519, VH_USE_SIG, VH_KEY_SIGN, "b");
	cluster_tell(s.c);
	cluster_age(s.c, 10000);
	cr_assert_null(cluster_next(s.c));
	s.k = client_new(s.c->w, 0);
	return s;
}

static void
far_end(struct far *s)
{
	cr_expect_eq(pendings_count(s->c->w->front->pendings), 0);
	client_free(s->k);
	cluster_free(s->c);
}

static enum vh_err
heard(struct far *s)
{
	world_turn(s->c->w);
	cr_assert(client_read(s->k));
	return s->k->f.err;
}

Test(raw, another_nodes_key_signs_there)
{
	struct far s = far_new();

	client_send(s.k, 1, ask_sign(KEY_P256, "ES256", 32));
	AUTO(question_free) struct question *q = cluster_next(s.c);

	cr_assert(question_is_for(q, "b"));
	cr_expect_eq(q->inner.op, VH_OP_RAWSIGN);
	cr_expect(slice_is(q->inner.f.at[VH_F_KID], key_kid(KEY_P256)));
	cr_expect(slice_is(q->inner.f.at[VH_F_ALG], "ES256"));
	cr_expect_eq(fields_u32(&q->inner.f, VH_F_PREHASHED), 1);
	cr_expect_eq(q->inner.f.at[VH_F_DATA].len, 32);
	node_gives(s.c, q, "ES256", VH_F_SIGNATURE, slice_of(bytes, 64));
	cr_assert_eq(heard(&s), VH_OK);
	cr_expect_eq(s.k->f.f.at[VH_F_SIGNATURE].len, 64);
	cr_expect(slice_is(s.k->f.f.at[VH_F_KID], key_kid(KEY_P256)));
	far_end(&s);
}

Test(raw, without_a_kid_another_nodes_raw_key_signs)
{
	struct far s = far_new();
	struct buf *b = client_ask(VH_OP_RAWSIGN, 1, 0);

	frame_put_text(b, VH_F_ALG, "EdDSA,ES256");
	frame_put_text(b, VH_F_DATA, "x");
	client_send(s.k, 1, b);
	AUTO(question_free) struct question *q = cluster_next(s.c);

	cr_assert_not_null(q);
	cr_expect(slice_is(q->inner.f.at[VH_F_KID], key_kid(KEY_P256)));
	node_gives(s.c, q, "ES256", VH_F_SIGNATURE, slice_of(bytes, 64));
	cr_expect_eq(heard(&s), VH_OK);
	far_end(&s);
}

Test(raw, another_nodes_key_derives_there)
{
	struct far s = far_new();
	struct buf *b = ask(VH_OP_RAWDERIVE, KEY_P521, NULL, 0);

	frame_put_text(b, VH_F_JWK, key_jwk(KEY_P521));
	client_send(s.k, 1, b);
	AUTO(question_free) struct question *q = cluster_next(s.c);

	cr_assert_not_null(q);
	cr_expect_eq(q->inner.op, VH_OP_RAWDERIVE);
	cr_expect(slice_is(q->inner.f.at[VH_F_JWK], key_jwk(KEY_P521)));
	node_gives(s.c, q, "ECDH-ES", VH_F_DATA, slice_of(bytes, 66));
	cr_expect_eq(heard(&s), VH_OK);
	far_end(&s);
}

/* What the key cannot have come to: another size, another algorithm. */
Test(raw, an_answer_that_was_not_asked_for_reaches_nobody)
{
	static const struct {
		const char *alg;
		enum vh_tag tag;
		size_t size;
	} bad[] = { { "ES256", VH_F_SIGNATURE, 63 },
		{ "ES384", VH_F_SIGNATURE, 96 }, { "ES256", VH_F_DATA, 64 },
		{ "EdDSA", VH_F_SIGNATURE, 64 }, { "", VH_F_SIGNATURE, 64 } };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct far s = far_new();

		client_send(s.k, 1, ask_sign(KEY_P256, "ES256", 32));
		AUTO(question_free) struct question *q = cluster_next(s.c);

		cr_assert_not_null(q);
		node_gives(s.c, q, bad[i].alg, bad[i].tag,
		    slice_of(bytes, bad[i].size));
		cluster_age(s.c, FORWARD_LOST_MS + 1);
		cr_expect_neq(heard(&s), VH_OK, "%zu", i);
		cr_expect_eq(s.k->f.f.at[bad[i].tag].len, 0, "%zu", i);
		far_end(&s);
	}
}

Test(raw, a_request_of_another_node_is_done_here)
{
	struct cluster *c = cluster_new(keys());

	list(c, KEY_P256, VH_USE_SIG, RAW_SIG, "a");
	cluster_tell(c);
	cr_assert_null(cluster_next(c));
	cluster_relay(c, 5, "b", "uid:7", ask_sign(KEY_P256, "ES256", 32));
	struct frame v;

	cr_assert(vault_next(c->w, &v));
	cr_expect_eq(v.op, VH_OP_VRAWSIGN);
	vault_gives(c->w, &v, VH_F_SIGNATURE, slice_of(bytes, 64));
	AUTO(question_free) struct question *q = cluster_next(c);

	cr_assert_not_null(q);
	cr_expect_eq(q->inner.err, VH_OK);
	cr_expect_eq(q->inner.f.at[VH_F_SIGNATURE].len, 64);
	cluster_free(c);
}
