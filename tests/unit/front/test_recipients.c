/* DECRYPT of what is for several: which errors keep their keys away. */
#include <criterion/criterion.h>

#include "cluster.h"
#include "wire/b64.h"

static const struct key_says ours = { VH_USE_ENC, 0, NULL, NULL };
static const struct key_says theirs = { VH_USE_ENC, 0, NULL, "nobody" };

struct stage {
	struct cluster *c;
	struct client *k;
};

/* A key of the node; ops 0: for all that its use has. */
static void
add(struct directory *d, enum test_key which, const struct key_says *says,
    uint32_t ops)
{
	AUTO(buf_free) struct buf *b = key_fields_ops(which, says, ops);

	cr_assert_eq(directory_add(d, buf_slice(b)), VH_OK);
}

/* A node with an X25519 key, and another node with those keys that others say.
 */
static struct stage
stage_with(const struct key_says *says, uint32_t ops)
{
	struct directory *d = directory_new();
	struct stage s;

	add(d, KEY_X25519, says, ops);
	directory_close(d);
	s.c = cluster_new(d);
	s.k = client_new(s.c->w, 0);
	return s;
}

/* A key of the cluster's list. */
static void
list(struct stage *s, enum test_key which, const char *holders, uint32_t ops)
{
	struct buf *more = buf_new(64);

	if (ops != 0)
		frame_put_u32(more, VH_F_OPS, ops);
	cluster_list_with(s->c, which, &ours, VH_KEY_ACTIVE, holders, more);
}

static void
tell(struct stage *s)
{
	cluster_tell(s->c);
	cluster_age(s->c, 10000);
	cr_assert_null(cluster_next(s->c));
}

static void
stage_end(struct stage *s)
{
	cr_expect_eq(pendings_count(s->c->w->front->pendings), 0);
	client_free(s->k);
	cluster_free(s->c);
}

static void
put_recipient(struct buf *b, const char *kid)
{
	static const uint8_t wrapped[24];

	buf_format(b,
	    "{\"header\":{\"alg\":\"ECDH-ES+A128KW\",\"kid\":\"%s\",\"epk\":%s}"
	    ",\"encrypted_key\":\"",
	    kid, key_jwk(KEY_X25519_B));
	b64_put(b, slice_of(wrapped, sizeof wrapped));
	buf_put_text(b, "\"}");
}

/* kids end in NULL. */
static struct buf *
ask(const char *const kids[])
{
	AUTO(buf_free) struct buf *token = buf_new(8000);
	struct buf *b = client_ask(VH_OP_DECRYPT, 1, 0);
	static const uint8_t zero[16];

	buf_put_text(token, "{\"protected\":\"");
	b64_put(token, slice_text("{\"enc\":\"A128GCM\"}"));
	buf_put_text(token, "\",\"recipients\":[");
	for (size_t i = 0; kids[i] != NULL; i++) {
		buf_put_text(token, i == 0 ? "" : ",");
		put_recipient(token, kids[i]);
	}
	buf_put_text(token, "],\"iv\":\"");
	b64_put(token, slice_of(zero, 12));
	buf_put_text(token, "\",\"ciphertext\":\"AAAA\",\"tag\":\"");
	b64_put(token, slice_of(zero, 16));
	buf_put_text(token, "\"}");
	frame_put(b, VH_F_TOKEN, buf_slice(token));
	return b;
}

/* The answer to one that goes nowhere. */
static enum vh_err
refused(struct stage *s, const char *const kids[])
{
	client_send(s->k, 1, ask(kids));
	cr_expect_null(cluster_next(s->c));
	world_turn(s->c->w);
	cr_assert(client_read(s->k));
	return s->k->f.err;
}

static const char *const *
one_and_two(bool two)
{
	static const char *kids[2][3];

	kids[0][0] = kids[1][1] = key_kid(KEY_X25519);
	kids[1][0] = "somebody";
	return kids[two];
}

Test(recipients, a_key_that_may_not_open_is_told_of_for_one_and_for_several)
{
	for (int two = 0; two < 2; two++) {
		struct stage s = stage_with(&ours, VH_KEY_ENCRYPT);

		cr_expect_eq(refused(&s, one_and_two(two)), VH_EPOLICY,
		    "several: %d", two);
		cr_expect_not_null(memmem(s.k->f.f.at[VH_F_WHY].p,
		    s.k->f.f.at[VH_F_WHY].len, "ops of the key spec", 19));
		stage_end(&s);
	}
}

Test(recipients, a_key_of_others_is_as_good_as_absent)
{
	for (int two = 0; two < 2; two++) {
		struct stage s = stage_with(&theirs, VH_KEY_ENCRYPT);
		struct stage none = stage_with(&ours, 0);
		const char *const absent[] = { "nobody's", "somebody", NULL };

		cr_expect_eq(refused(&s, one_and_two(two)), VH_ENOKEY);
		cr_expect_eq(refused(&none, absent + (two ? 0 : 1)), VH_ENOKEY);
		if (two)
			cr_expect(slice_eq(s.k->f.f.at[VH_F_WHY],
			    none.k->f.f.at[VH_F_WHY]));
		stage_end(&s);
		stage_end(&none);
	}
}

Test(recipients, what_the_own_key_may_not_another_holder_does)
{
	for (int two = 0; two < 2; two++) {
		struct stage s = stage_with(&ours, VH_KEY_ENCRYPT);

		list(&s, KEY_X25519, "a,b", 0);
		tell(&s);
		client_send(s.k, 1, ask(one_and_two(two)));
		AUTO(question_free) struct question *q = cluster_next(s.c);

		cr_assert(question_is_for(q, "b"), "several: %d", two);
		node_decrypts(s.c, q, "plain");
		world_turn(s.c->w);
		cr_assert(client_read(s.k));
		cr_expect_eq(s.k->f.err, VH_OK);
		stage_end(&s);
	}
}

Test(recipients, what_no_holder_may_is_told_of_too)
{
	for (int two = 0; two < 2; two++) {
		struct stage s = stage_with(&theirs, 0);

		cluster_list(s.c, KEY_X25519, &theirs, VH_KEY_ACTIVE, "a");
		list(&s, KEY_X25519_B, "b", VH_KEY_ENCRYPT);
		tell(&s);
		const char *const kids[] = { "somebody", key_kid(KEY_X25519_B),
			key_kid(KEY_X25519), NULL };
		const char *const alone[] = { key_kid(KEY_X25519_B), NULL };

		cr_expect_eq(refused(&s, two ? kids : alone), VH_EPOLICY);
		stage_end(&s);
	}
}

Test(recipients, one_key_that_may_open_is_enough)
{
	struct stage s = stage_with(&ours, VH_KEY_ENCRYPT);

	list(&s, KEY_X25519, "a", VH_KEY_ENCRYPT);
	list(&s, KEY_X25519_B, "b", 0);
	tell(&s);
	const char *const kids[] = { key_kid(KEY_X25519), key_kid(KEY_X25519_B),
		NULL };

	client_send(s.k, 1, ask(kids));
	AUTO(question_free) struct question *q = cluster_next(s.c);

	cr_assert(question_is_for(q, "b"));
	cr_expect(slice_is(q->inner.f.at[VH_F_KID], key_kid(KEY_X25519_B)));
	node_decrypts(s.c, q, "plain");
	world_turn(s.c->w);
	cr_assert(client_read(s.k));
	cr_expect_eq(s.k->f.err, VH_OK);
	stage_end(&s);
}
