#include "front/select.h"

#include <criterion/criterion.h>

#include "keys.h"

struct bench {
	struct directory *d;
	struct policy *policy;
	struct caller caller;
	struct buf *why;
};

static struct bench
bench_new(struct directory *d)
{
	struct bench b = { .d = d, .caller = { .uid = 1000, .gid = 1000 } };

	cr_assert_eq(policy_parse("app=uid:1001", &b.policy), VH_OK);
	b.why = buf_new(1000);
	return b;
}

static void
bench_end(struct bench *b)
{
	directory_free(b->d);
	policy_free(b->policy);
	buf_free(b->why);
}

static void
put(struct buf *b, enum vh_tag tag, const char *text)
{
	if (text != NULL)
		frame_put_text(b, tag, text);
}

struct ask {
	const char *kid, *name, *alg, *kty, *crv, *use;
	enum vh_use op;
	uint64_t random;
};

static struct buf *
fields_of(struct ask a)
{
	struct buf *b = buf_new(4096);

	put(b, VH_F_KID, a.kid);
	put(b, VH_F_NAME, a.name);
	put(b, VH_F_ALG, a.alg);
	put(b, VH_F_KTY, a.kty);
	put(b, VH_F_CRV, a.crv);
	put(b, VH_F_USE, a.use);
	return b;
}

static enum vh_err
choose(struct bench *b, struct ask a, struct choice *out)
{
	AUTO(buf_free) struct buf *body = fields_of(a);
	const struct asker asker = { .policy = b->policy,
		.caller = &b->caller };
	struct selector s;
	const struct search q = { .d = b->d,
		.s = &s,
		.asker = &asker,
		.purpose = a.op == VH_USE_ENC ? FOR_ENCRYPT : FOR_SIGN };
	struct fields f;

	buf_clear(b->why);
	cr_assert_eq(fields_parse(buf_slice(body), &f), VH_OK);
	TRY(selector_parse(&f, &s, b->why));
	return select_key(&q, a.random, out, b->why);
}

static void
expect(struct bench *b, struct ask a, enum test_key key, uint32_t alg)
{
	struct choice c = { 0 };

	cr_assert_eq(choose(b, a, &c), VH_OK, "%.*s", (int)b->why->len,
	    (const char *)b->why->p);
	cr_expect_str_eq(c.key->kid, key_kid(key));
	cr_expect_eq(c.alg->id, alg, "%s", c.alg->name);
}

static void
refuse(struct bench *b, struct ask a, enum vh_err want, const char *why)
{
	struct choice c = { 0 };

	cr_expect_eq(choose(b, a, &c), want);
	buf_put_u8(b->why, 0);
	cr_expect_str_eq((const char *)b->why->p, why);
}

Test(select, each_criterion_finds_its_key)
{
	struct bench b = bench_new(key_directory());

	expect(&b, (struct ask){ .kid = key_kid(KEY_RSA) }, KEY_RSA,
	    VH_ALG_RS256);
	expect(&b, (struct ask){ .name = "p256" }, KEY_P256, VH_ALG_ES256);
	expect(&b, (struct ask){ .alg = "PS512" }, KEY_RSA, VH_ALG_PS512);
	expect(&b, (struct ask){ .kty = "OKP" }, KEY_ED25519, VH_ALG_EDDSA);
	expect(&b, (struct ask){ .crv = "P-256" }, KEY_P256, VH_ALG_ES256);
	expect(&b, (struct ask){ .kty = "EC", .use = "sig" }, KEY_P256,
	    VH_ALG_ES256);
	bench_end(&b);
}

Test(select, a_list_is_in_order_of_preference)
{
	struct bench b = bench_new(key_directory());

	expect(&b, (struct ask){ .alg = "ES512,EdDSA,RS256" }, KEY_ED25519,
	    VH_ALG_EDDSA);
	expect(&b, (struct ask){ .alg = "RS256,EdDSA" }, KEY_RSA, VH_ALG_RS256);
	expect(&b, (struct ask){ .alg = "NEW,,RS384" }, KEY_RSA, VH_ALG_RS384);
	bench_end(&b);
}

Test(select, all_criteria_hold_together)
{
	struct bench b = bench_new(key_directory());

	struct choice c;

	cr_expect_eq(choose(&b,
			 (struct ask){ .kid = key_kid(KEY_RSA),
			     .name = "p256" },
			 &c),
	    VH_ENOKEY);
	cr_expect_eq(choose(&b,
			 (struct ask){ .kid = key_kid(KEY_RSA), .kty = "EC" },
			 &c),
	    VH_ENOKEY);
	cr_expect_eq(choose(&b, (struct ask){ .kty = "EC", .crv = "Ed25519" },
			 &c),
	    VH_ENOKEY);
	bench_end(&b);
}

Test(select, the_use_of_the_operation_is_a_criterion)
{
	struct bench b = bench_new(key_directory());

	refuse(&b, (struct ask){ .name = "p521" }, VH_ENOKEY,
	    "no key (use sig): name=\"p521\"");
	refuse(&b, (struct ask){ .name = "p256", .use = "enc" }, VH_ENOKEY,
	    "no key (use sig): name=\"p256\" use=\"enc\"");
	expect(&b,
	    (struct ask){ .op = VH_USE_ENC,
		.name = "p521",
		.alg = "RSA-OAEP,ECDH-ES" },
	    KEY_P521, VH_ALG_ECDH_ES);
	bench_end(&b);
}

Test(select, a_named_key_that_fits_no_algorithm_says_so)
{
	struct bench b = bench_new(key_directory());

	refuse(&b, (struct ask){ .name = "p256", .alg = "RS256,ES384" },
	    VH_EALG,
	    "the key fits none of the algorithms (use sig): name=\"p256\""
	    " alg=\"RS256,ES384\"");
	refuse(&b, (struct ask){ .alg = "ES384" }, VH_ENOKEY,
	    "no key (use sig): alg=\"ES384\"");
	bench_end(&b);
}

Test(select, what_does_not_exist_is_named)
{
	struct bench b = bench_new(key_directory());

	refuse(&b, (struct ask){ .alg = "HS1,none" }, VH_EALG,
	    "alg not known: \"HS1,none\"");
	refuse(&b, (struct ask){ .kty = "OCT" }, VH_EFIELD,
	    "kty not known: \"OCT\"");
	refuse(&b, (struct ask){ .crv = "P-192" }, VH_EFIELD,
	    "crv not known: \"P-192\"");
	refuse(&b, (struct ask){ .use = "both" }, VH_EFIELD,
	    "use not known: \"both\"");
	refuse(&b, (struct ask){ .kid = "" }, VH_EFIELD, "KID is empty");
	bench_end(&b);
}

/* A forbidden key, and none at all: the same error, the same line. */
Test(select, absent_and_forbidden_keys_read_the_same)
{
	static const struct key_says says = { VH_USE_SIG, 0, "k", "app" };
	struct directory *d = directory_new();
	struct bench b, none = bench_new(directory_new());
	const struct ask asks[] = { { .kid = key_kid(KEY_P256) },
		{ .name = "k" }, { .alg = "ES256" },
		{ .name = "k", .alg = "RS256" }, { .op = 0 } };
	struct choice c;

	key_add(d, KEY_P256, &says);
	directory_close(d);
	b = bench_new(d);
	for (size_t i = 0; i < ARRAY_LEN(asks); i++) {
		cr_expect_eq(choose(&b, asks[i], &c), VH_ENOKEY);
		cr_expect_eq(choose(&none, asks[i], &c), VH_ENOKEY);
		cr_expect(slice_eq(buf_slice(b.why), buf_slice(none.why)));
	}
	b.caller.uid = 1001;
	expect(&b, (struct ask){ .name = "k" }, KEY_P256, VH_ALG_ES256);
	bench_end(&b);
	bench_end(&none);
}

Test(select, among_keys_that_fit_the_random_number_decides)
{
	struct bench b = bench_new(key_directory());
	unsigned seen = 0;
	struct choice c;

	for (uint64_t r = 0; r < 3; r++) {
		cr_assert_eq(choose(&b, (struct ask){ .random = r }, &c),
		    VH_OK);
		for (int k = 0; k < TEST_KEYS; k++)
			if (strcmp(c.key->kid, key_kid((enum test_key)k)) == 0)
				seen |= 1u << k;
	}
	cr_expect_eq(seen, 1u << KEY_RSA | 1u << KEY_P256 | 1u << KEY_ED25519);
	cr_assert_eq(choose(&b, (struct ask){ .random = UINT64_MAX }, &c),
	    VH_OK);
	bench_end(&b);
}

Test(select, without_algorithm_a_key_to_encrypt_needs_a_pin)
{
	struct bench b = bench_new(key_directory());

	refuse(&b, (struct ask){ .op = VH_USE_ENC, .name = "x25519" },
	    VH_ENOKEY, "no key (use enc): name=\"x25519\"");
	bench_end(&b);
}

Test(select, a_key_that_may_not_is_never_chosen)
{
	struct directory *d = directory_new();
	AUTO(buf_free)
	struct buf *b = key_fields(KEY_P256,
	    &(struct key_says){ VH_USE_SIG, 0, "k", NULL });
	struct bench bench;

	frame_put_u32(b, VH_F_OPS, VH_KEY_VERIFY);
	cr_assert_eq(directory_add(d, buf_slice(b)), VH_OK);
	directory_close(d);
	bench = bench_new(d);
	refuse(&bench, (struct ask){ .name = "k" }, VH_EPOLICY,
	    "ops of the key spec do not let callers do this with the key (use "
	    "sig): name=\"k\"");
	refuse(&bench, (struct ask){ .alg = "ES256" }, VH_ENOKEY,
	    "no key (use sig): alg=\"ES256\"");
	bench_end(&bench);
}

Test(select, a_key_that_is_not_active_yet_says_so)
{
	struct directory *d = directory_new();
	AUTO(buf_free)
	struct buf *b = key_fields(KEY_P256,
	    &(struct key_says){ VH_USE_SIG, 0, "k", NULL });
	struct bench bench;

	frame_put_u32(b, VH_F_STATE, VH_KEY_PUBLISHED);
	cr_assert_eq(directory_add(d, buf_slice(b)), VH_OK);
	directory_close(d);
	bench = bench_new(d);
	refuse(&bench, (struct ask){ .name = "k" }, VH_EINACTIVE,
	    "the key is published and not active yet (use sig): name=\"k\"");
	refuse(&bench, (struct ask){ .alg = "ES256" }, VH_EINACTIVE,
	    "the key is published and not active yet (use sig): alg=\"ES256\"");
	refuse(&bench, (struct ask){ .alg = "RS256" }, VH_ENOKEY,
	    "no key (use sig): alg=\"RS256\"");
	bench_end(&bench);
}
