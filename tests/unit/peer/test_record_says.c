#include "peer/record.h"

#include <criterion/criterion.h>

#include "test_record_world.h"

#define NONCE_B64 "AAECAwQFBgcICQoLDA0ODw"

static const uint8_t nonce[16] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13,
	14, 15 };

static void
revoke_a(struct record_world *w, uint64_t since)
{
	AUTO(buf_free) struct buf *pem = cert_pem(w->ca);
	AUTO(buf_free)
	struct buf *crl = cert_crl(w->ca, (const struct cert *[]){ w->a, NULL },
	    since, T0 + DAY);

	cr_assert_eq(trust_load(w->trust, buf_slice(pem), buf_slice(crl), NULL),
	    VH_OK);
}

/* --- hellos ----------------------------------------------------------------
 */

static enum refusal
meet(const struct record_world *w, struct buf *token, struct hello *out)
{
	AUTO(buf_free) struct buf *mine = token;
	const struct hello_want want = { slice_text("me"),
		slice_of(nonce, sizeof nonce), { T0 } };
	enum refusal why = REFUSAL_NONE;
	enum vh_err err = hello_read(w->trust, w->verifier, buf_slice(mine),
	    &want, out, &why);

	cr_expect_eq(err == VH_OK, why == REFUSAL_NONE);
	return why;
}

Test(hello, says_who_speaks_and_is_remembered)
{
	struct record_world w = record_world_new();
	struct hello h;

	cr_expect_not(trust_allows_node(w.trust, "a", (struct wall_ms){ T0 }));
	cr_assert_eq(meet(&w, test_hello(w.a, "me", NONCE_B64, T0), &h),
	    REFUSAL_NONE);
	cr_expect_str_eq(h.node, "a");
	cr_expect_not(h.skewed);
	cr_expect(trust_allows_node(w.trust, "a", (struct wall_ms){ T0 }));
	record_world_free(&w);
}

Test(hello, is_for_one_audience_and_one_nonce)
{
	struct record_world w = record_world_new();
	struct hello h;

	cr_expect_eq(meet(&w, test_hello(w.a, "you", NONCE_B64, T0), &h),
	    REFUSAL_AUDIENCE);
	cr_expect_eq(meet(&w,
			 test_hello(w.a, "me", "AAECAwQFBgcICQoLDA0ODg", T0),
			 &h),
	    REFUSAL_NONCE);
	cr_expect_eq(meet(&w, test_hello(w.a, "me", "AAEC", T0), &h),
	    REFUSAL_NONCE);
	cr_expect_eq(meet(&w, test_hello(w.a, "me", "", T0), &h),
	    REFUSAL_PAYLOAD);
	cr_expect_eq(meet(&w, test_hello(w.a, "", NONCE_B64, T0), &h),
	    REFUSAL_PAYLOAD);
	record_world_free(&w);
}

Test(hello, no_nonce_is_no_wildcard)
{
	struct record_world w = record_world_new();
	AUTO(buf_free)
	struct buf *token = test_hello(w.a, "me", NONCE_B64, T0);
	const struct hello_want want = { slice_text("me"), { 0 }, { T0 } };
	struct hello h;
	enum refusal why;

	cr_expect_neq(hello_read(w.trust, w.verifier, buf_slice(token), &want,
			  &h, &why),
	    VH_OK);
	cr_expect_eq(why, REFUSAL_NONCE);
	record_world_free(&w);
}

Test(hello, a_clock_far_off_is_reported_and_no_more)
{
	struct record_world w = record_world_new();
	struct hello h;

	cr_expect_eq(meet(&w,
			 test_hello(w.a, "me", NONCE_B64, T0 - 10 * MINUTE),
			 &h),
	    REFUSAL_NONE);
	cr_expect_not(h.skewed);
	cr_expect_eq(meet(&w, test_hello(w.a, "me", NONCE_B64, T0 + DAY), &h),
	    REFUSAL_NONE);
	cr_expect(h.skewed);
	cr_expect_eq(meet(&w, test_hello(w.a, "me", NONCE_B64, T0 - DAY), &h),
	    REFUSAL_NONE);
	cr_expect(h.skewed);
	record_world_free(&w);
}

/* Unlike records: an old hello is of no use, so iat is not what counts. */
Test(hello, the_certificate_is_valid_now)
{
	struct record_world w = record_world_new();
	AUTO(cert_free)
	struct cert *old =
	    cert_issue(w.ca, &(struct cert_want){ .until = T0 - HOUR });
	struct hello h;

	cr_expect_eq(meet(&w, test_hello(old, "me", NONCE_B64, T0 - 2 * HOUR),
			 &h),
	    REFUSAL_EXPIRED);
	cr_expect_not(
	    trust_allows_node(w.trust, "a", (struct wall_ms){ T0 - DAY / 2 }));
	revoke_a(&w, T0);
	cr_expect_eq(meet(&w, test_hello(w.a, "me", NONCE_B64, T0), &h),
	    REFUSAL_REVOKED);
	record_world_free(&w);
}

Test(hello, nobody_speaks_in_anothers_name)
{
	struct record_world w = record_world_new();
	AUTO(cert_free)
	struct cert *b = cert_issue(w.ca, &(struct cert_want){ .cn = "b" });
	json_t *payload = json_pack("{s:s,s:s,s:s,s:I}", "node", "a", "aud",
	    "me", "nonce", NONCE_B64, "iat", (json_int_t)T0);
	struct hello h;

	cr_expect_eq(meet(&w, test_sign(b, "vhsm-hello", payload), &h),
	    REFUSAL_NODE);
	cr_expect_eq(meet(&w, test_tombstone(w.a, "kid", T0), &h), REFUSAL_TYP);
	record_world_free(&w);
}

Test(hello, every_prefix_and_every_flipped_bit_is_refused)
{
	struct record_world w = record_world_new();
	AUTO(buf_free)
	struct buf *token = test_hello(w.a, "me", NONCE_B64, T0);
	const struct hello_want want = { slice_text("me"),
		slice_of(nonce, sizeof nonce), { T0 } };
	struct hello h;
	enum refusal why;

	for (size_t n = 0; n < token->len; n++)
		cr_expect_neq(hello_read(w.trust, w.verifier,
				  slice_of(token->p, n), &want, &h, &why),
		    VH_OK, "%zu", n);
	for (size_t i = 0; i < token->len * 8; i++) {
		token->p[i / 8] ^= (uint8_t)(1u << i % 8);
		cr_expect_neq(hello_read(w.trust, w.verifier, buf_slice(token),
				  &want, &h, &why),
		    VH_OK, "bit %zu", i);
		token->p[i / 8] ^= (uint8_t)(1u << i % 8);
	}
	record_world_free(&w);
}

Test(hello, is_short)
{
	struct record_world w = record_world_new();
	AUTO(buf_free) struct buf *long_token = buf_new(SIGNED_SHORT_MAX + 1);
	struct hello h;

	memset(buf_extend(long_token, SIGNED_SHORT_MAX + 1), 'A',
	    SIGNED_SHORT_MAX + 1);
	cr_expect_eq(meet(&w, TAKE(long_token), &h), REFUSAL_SIZE);
	record_world_free(&w);
}

/* --- tombstones ------------------------------------------------------------
 */

static enum refusal
bury(const struct record_world *w, struct buf *token, struct tombstone **out)
{
	AUTO(buf_free) struct buf *mine = token;
	enum refusal why = REFUSAL_NONE;
	enum vh_err err = tombstone_read(w->trust, w->verifier, buf_slice(mine),
	    T0 + 10 * MINUTE, out, &why);

	cr_expect_eq(err == VH_OK, why == REFUSAL_NONE);
	cr_expect_eq(err == VH_OK, *out != NULL);
	return why;
}

static enum refusal
judge(const struct record_world *w, struct buf *token)
{
	AUTO(tombstone_free) struct tombstone *s = NULL;

	return bury(w, token, &s);
}

Test(tombstone, says_which_kid_and_by_whom)
{
	struct record_world w = record_world_new();
	AUTO(tombstone_free) struct tombstone *s = NULL;

	cr_assert_eq(bury(&w, test_tombstone(w.a, "the kid", T0), &s),
	    REFUSAL_NONE);
	cr_expect_str_eq(s->kid, "the kid");
	cr_expect_str_eq(s->node, "a");
	cr_expect_eq(s->iat_ms, T0);
	record_world_free(&w);
}

Test(tombstone, its_kid_is_plain_and_not_long)
{
	struct record_world w = record_world_new();
	char kid[JOSE_KID_MAX + 2] = "";

	memset(kid, 'k', JOSE_KID_MAX);
	cr_expect_eq(judge(&w, test_tombstone(w.a, kid, T0)), REFUSAL_NONE);
	kid[JOSE_KID_MAX] = 'k';
	cr_expect_eq(judge(&w, test_tombstone(w.a, kid, T0)), REFUSAL_PAYLOAD);
	cr_expect_eq(judge(&w, test_tombstone(w.a, "", T0)), REFUSAL_PAYLOAD);
	cr_expect_eq(judge(&w, test_tombstone(w.a, "a\nb", T0)),
	    REFUSAL_PAYLOAD);
	cr_expect_eq(judge(&w, test_tombstone(w.a, "k", T0 + HOUR)),
	    REFUSAL_FUTURE);
	record_world_free(&w);
}

Test(tombstone, outlives_its_certificate)
{
	struct record_world w = record_world_new();
	AUTO(cert_free)
	struct cert *old =
	    cert_issue(w.ca, &(struct cert_want){ .until = T0 - HOUR });

	cr_expect_eq(judge(&w, test_tombstone(old, "k", T0 - 2 * HOUR)),
	    REFUSAL_NONE);
	cr_expect_eq(judge(&w, test_tombstone(old, "k", T0)), REFUSAL_EXPIRED);
	record_world_free(&w);
}

Test(tombstone, stands_when_its_certificate_is_revoked_later)
{
	struct record_world w = record_world_new();

	revoke_a(&w, T0 - HOUR);
	cr_expect_eq(judge(&w, test_tombstone(w.a, "k", T0 - 2 * HOUR)),
	    REFUSAL_NONE);
	cr_expect_eq(judge(&w, test_tombstone(w.a, "k", T0 - HOUR)),
	    REFUSAL_REVOKED);
	record_world_free(&w);
}

Test(tombstone, every_flipped_bit_is_refused)
{
	struct record_world w = record_world_new();
	AUTO(buf_free) struct buf *token = test_tombstone(w.a, "k", T0);
	AUTO(tombstone_free) struct tombstone *s = NULL;
	enum refusal why;

	for (size_t i = 0; i < token->len * 8; i++) {
		token->p[i / 8] ^= (uint8_t)(1u << i % 8);
		cr_expect_neq(tombstone_read(w.trust, w.verifier,
				  buf_slice(token), T0, &s, &why),
		    VH_OK, "bit %zu", i);
		token->p[i / 8] ^= (uint8_t)(1u << i % 8);
	}
	record_world_free(&w);
}
