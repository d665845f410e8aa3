/* VERIFY of MACs: what the vault is asked, and what becomes of its answers. */
#include <criterion/criterion.h>

#include "world.h"

#define PAYLOAD "RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
#define HS256   "eyJhbGciOiJIUzI1NiJ9"
#define MAC     "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
/* RFC 8037, A.4: signed by KEY_ED25519, without kid. */
#define GOOD                                                                   \
	"{\"protected\":\"eyJhbGciOiJFZERTQSJ9\",\"signature\":"               \
	"\"hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5Bh"  \
	"VsPt9g7sVvpAr_MuM0KAg\"}"
#define MACED "{\"protected\":\"" HS256 "\",\"signature\":\"" MAC "\"}"
#define GENERAL(parts)                                                         \
	"{\"payload\":\"" PAYLOAD "\",\"signatures\":[" parts "]}"

struct stage {
	struct world *w;
	struct client *c;
	struct frame q; /* the vault's */
};

/* The kid of symmetric key i. */
static struct slice
mac_kid(size_t i)
{
	static char kid[64];

	memset(kid, 'A', VH_KID_SIZE);
	kid[0] = (char)('B' + i);
	return slice_of(kid, VH_KID_SIZE);
}

static void
add_mac(struct directory *d, size_t i)
{
	AUTO(buf_free) struct buf *b = buf_new(4096);

	frame_put(b, VH_F_KID, mac_kid(i));
	frame_put_u32(b, VH_F_USE_ID, VH_USE_SIG);
	frame_put_u32(b, VH_F_KTY_ID, VH_KTY_OCT);
	frame_put_u32(b, VH_F_BITS, 256);
	cr_assert_eq(directory_add(d, buf_slice(b)), VH_OK);
}

/* A node with that many symmetric keys, and Ed25519. */
static struct stage
stage_new(size_t macs)
{
	static const struct key_says says = { VH_USE_SIG, 0, NULL, NULL };
	struct directory *d = directory_new();

	key_add(d, KEY_ED25519, &says);
	for (size_t i = 0; i < macs; i++)
		add_mac(d, i);
	directory_close(d);
	struct stage s = { .w = world_new(d, NULL) };

	s.c = client_new(s.w, 0);
	return s;
}

static void
stage_end(struct stage *s)
{
	cr_expect_eq(pendings_count(s->w->front->pendings), 0);
	cr_expect_eq(s->w->front->work, 0);
	client_free(s->c);
	world_free(s->w);
}

static void
verify(struct stage *s, const char *token)
{
	struct buf *b = client_ask(VH_OP_VERIFY, 1, 0);

	frame_put_text(b, VH_F_TOKEN, token);
	client_send(s->c, 1, b);
	world_turn(s->w);
}

static bool
vault_is_asked(struct stage *s)
{
	return vault_next(s->w, &s->q) && s->q.op == VH_OP_VVERIFY;
}

static void
answer(struct stage *s, enum vh_err err)
{
	vault_answer(s->w, s->q.id, VH_OP_VVERIFY, err);
	world_turn(s->w);
}

/* The reply; its outcomes as one number, a digit each: 1 for a valid one. */
static unsigned
outcomes(struct stage *s)
{
	struct slice rest, body;
	struct fields party;
	unsigned tag, all = 0;

	cr_assert(client_read(s->c));
	cr_assert_eq(s->c->f.err, VH_OK, "%s", err_name(s->c->f.err));
	rest = s->c->f.f.body;
	while (fields_next(&rest, &tag, &body)) {
		if (tag != VH_F_PARTY)
			continue;
		cr_assert_eq(fields_parse(body, &party), VH_OK);
		uint32_t outcome = fields_u32(&party, VH_F_OUTCOME);

		cr_expect(outcome == VH_OK || outcome == VH_EVERIFY);
		cr_expect_eq(fields_have(&party, VH_F_JWK), outcome == VH_OK);
		all = all * 10 + (outcome == VH_OK);
	}
	return all;
}

Test(verify_mac, of_several_signatures_the_vault_judges_the_macs)
{
	static const enum vh_err says[] = { VH_OK, VH_EVERIFY };
	static const unsigned want[] = { 111, 101 };

	for (size_t i = 0; i < ARRAY_LEN(says); i++) {
		struct stage s = stage_new(1);

		verify(&s, GENERAL(GOOD "," MACED "," GOOD));
		cr_expect_not(client_read(s.c));
		cr_assert(vault_is_asked(&s));
		cr_expect(slice_eq(s.q.f.at[VH_F_KID], mac_kid(0)));
		cr_expect_eq(fields_u32(&s.q.f, VH_F_ALG_ID), VH_ALG_HS256);
		cr_expect(slice_is(s.q.f.at[VH_F_DATA], HS256 "." PAYLOAD));
		cr_expect_eq(s.q.f.at[VH_F_SIGNATURE].len, 32);
		answer(&s, says[i]);
		cr_expect_eq(outcomes(&s), want[i]);
		cr_expect(slice_is(s.c->f.f.at[VH_F_ALG], "EdDSA"));
		stage_end(&s);
	}
}

Test(verify_mac, keys_that_fit_are_tried_until_one_does)
{
	struct stage s = stage_new(3);
	uint8_t second;

	verify(&s, GENERAL(MACED "," GOOD));
	cr_assert(vault_is_asked(&s));
	uint8_t first = s.q.f.at[VH_F_KID].p[0];

	answer(&s, VH_EVERIFY);
	cr_assert(vault_is_asked(&s));
	second = s.q.f.at[VH_F_KID].p[0];
	cr_expect_neq(first, second);
	answer(&s, VH_OK);
	cr_expect_eq(outcomes(&s), 11, "the third is not asked for");
	cr_expect_eq(s.c->f.f.at[VH_F_KID].p[0], second);
	cr_expect(slice_is(s.c->f.f.at[VH_F_ALG], "HS256"));
	stage_end(&s);
}

Test(verify_mac, each_mac_of_a_message_is_judged)
{
	struct stage s = stage_new(1);

	verify(&s, GENERAL(MACED "," MACED "," MACED));
	cr_assert(vault_is_asked(&s));
	answer(&s, VH_EVERIFY);
	cr_assert(vault_is_asked(&s));
	answer(&s, VH_OK);
	cr_assert(vault_is_asked(&s));
	answer(&s, VH_EVERIFY);
	cr_expect_eq(outcomes(&s), 10);
	stage_end(&s);
}

Test(verify_mac, of_many_keys_eight_are_tried)
{
	struct stage s = stage_new(12);
	size_t asked = 0;

	verify(&s, HS256 "." PAYLOAD "." MAC);
	for (; vault_is_asked(&s); asked++)
		answer(&s, VH_EVERIFY);
	cr_expect_eq(asked, PENDING_TRIES);
	cr_assert(client_read(s.c));
	cr_expect_eq(s.c->f.err, VH_EVERIFY);
	stage_end(&s);
}

Test(verify_mac, another_error_of_the_vault_is_the_answer)
{
	static const enum vh_err errors[] = { VH_EBUSY, VH_EAUDIT, VH_EKEY };

	for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
		struct stage s = stage_new(2);

		verify(&s, GENERAL(GOOD "," MACED));
		cr_assert(vault_is_asked(&s));
		answer(&s, errors[i]);
		cr_assert(client_read(s.c));
		cr_expect_eq(s.c->f.err, errors[i]);
		cr_expect_not(vault_is_asked(&s));
		stage_end(&s);
	}
}

Test(verify_mac, without_a_key_the_vault_is_not_asked)
{
	struct stage s = stage_new(0);

	verify(&s, HS256 "." PAYLOAD "." MAC);
	cr_assert(client_read(s.c));
	cr_expect_eq(s.c->f.err, VH_ENOKEY);
	verify(&s, GENERAL(MACED "," MACED));
	cr_assert(client_read(s.c));
	cr_expect_eq(s.c->f.err, VH_ENOKEY);
	cr_expect_not(vault_is_asked(&s));
	stage_end(&s);
}
