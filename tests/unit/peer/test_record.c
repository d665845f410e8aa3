#include "peer/record.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "jose/jws.h"
#include "test_record_world.h"

/* Reads a record at T0; the caller's, or NULL. */
static struct record *
read_known(const struct record_world *w, struct slice token,
    const struct record *known, enum refusal *why)
{
	AUTO(record_free) struct record *r = NULL;

	*why = REFUSAL_NONE;
	if (record_open(w->trust, w->verifier, token, T0 + 10 * MINUTE, &r,
		why) != VH_OK) {
		cr_expect_null(r);
		cr_expect_neq(*why, REFUSAL_NONE);
		return NULL;
	}
	if (record_take_keys(r, w->verifier, known, SIZE_MAX, why) != VH_OK) {
		cr_expect_neq(*why, REFUSAL_NONE);
		return NULL;
	}
	cr_expect_eq(*why, REFUSAL_NONE);
	return TAKE(r);
}

static enum refusal
judge(const struct record_world *w, struct buf *token)
{
	AUTO(buf_free) struct buf *mine = token;
	enum refusal why;

	record_free(read_known(w, buf_slice(mine), NULL, &why));
	return why;
}

static const struct test_record plain = { .epoch = 7,
	.seq = 3,
	.iat = T0,
	.keep = DAY };

/* A record of a with these keys. */
static struct test_record
with(const struct test_key *k, const struct test_key *l)
{
	struct test_record r = plain;

	r.keys[0] = k;
	r.keys[1] = l;
	return r;
}

Test(record, says_what_its_node_signed)
{
	struct record_world w = record_world_new();
	AUTO(test_key_free) struct test_key *k = test_key("EC P-256");
	AUTO(test_key_free) struct test_key *l = test_key("X25519");
	AUTO(record_free) struct record *r = NULL;
	enum refusal why;

	k->alg = "ES256";
	k->name = "id-token";
	k->allow = "app,uid:1001";
	struct test_record says = with(k, l);
	AUTO(buf_free) struct buf *token = test_record(w.a, &says);

	r = read_known(&w, buf_slice(token), NULL, &why);
	cr_assert_not_null(r, "%s", refusal_word(why));
	cr_expect_str_eq(r->node, "a");
	cr_expect_str_eq(r->address, "node.example:7600");
	cr_expect_str_eq(r->version, "1.2.3");
	cr_expect(r->epoch == 7 && r->seq == 3 && r->iat_ms == T0 &&
		  r->keep_ms == DAY && r->count == 2 && r->skipped == 0);
	cr_expect(slice_eq(buf_slice(r->token), buf_slice(token)));
	const struct record_key *key = record_key(r, k->kid);

	cr_assert_not_null(key);
	cr_expect(key->use == VH_USE_SIG && key->state == VH_KEY_ACTIVE);
	cr_expect_eq(key->alg->id, VH_ALG_ES256);
	cr_expect(slice_is(key->name, "id-token"));
	cr_expect(slice_is(key->allow, "app,uid:1001"));
	cr_expect_eq(key->ops, 0);
	cr_expect(key->typ.len == 0 && key->claims.len == 0);
	cr_expect_eq(record_key_end(r, key), T0 + DAY);
	key = record_key(r, l->kid);
	cr_assert_not_null(key);
	cr_expect(key->use == VH_USE_ENC && key->alg == NULL);
	cr_expect_eq(record_key_end(r, key), 0);
	cr_expect_null(record_key(r, "other"));
	record_world_free(&w);
}

Test(record, keys_of_every_kind_prove_themselves)
{
	static const char *const kinds[] = { "EC P-256", "EC P-384", "EC P-521",
		"RSA 2048", "Ed25519", "EC secp256k1", "Ed448" };
	struct record_world w = record_world_new();

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		AUTO(test_key_free) struct test_key *k = test_key(kinds[i]);
		struct test_record r = with(k, NULL);

		cr_expect_eq(judge(&w, test_record(w.a, &r)), REFUSAL_NONE,
		    "%s", kinds[i]);
		k->use = "enc";
		cr_expect_eq(judge(&w, test_record(w.a, &r)),
		    i > 3 ? REFUSAL_KEY_TERMS : REFUSAL_NONE, "%s", kinds[i]);
	}
	record_world_free(&w);
}

Test(record, a_pss_key_proves_itself_by_pss)
{
	struct record_world w = record_world_new();
	AUTO(test_key_free) struct test_key *k = test_key("RSA 2048");
	struct test_record r = with(k, NULL);

	k->alg = k->proof_alg = "PS256";
	cr_expect_eq(judge(&w, test_record(w.a, &r)), REFUSAL_NONE);
	record_world_free(&w);
}

/* --- the envelope ----------------------------------------------------------
 */

Test(record, every_prefix_is_refused)
{
	struct record_world w = record_world_new();
	AUTO(buf_free) struct buf *token = test_record(w.a, &plain);
	enum refusal why;

	for (size_t n = 0; n < token->len; n++)
		cr_expect_null(read_known(&w, slice_of(token->p, n), NULL,
				   &why),
		    "%zu", n);
	buf_put_u8(token, 'A');
	cr_expect_null(read_known(&w, buf_slice(token), NULL, &why));
	record_world_free(&w);
}

Test(record, every_flipped_bit_is_refused)
{
	struct record_world w = record_world_new();
	AUTO(buf_free) struct buf *token = test_record(w.a, &plain);
	enum refusal why;

	for (size_t i = 0; i < token->len * 8; i++) {
		token->p[i / 8] ^= (uint8_t)(1u << i % 8);
		cr_expect_null(read_known(&w, buf_slice(token), NULL, &why),
		    "bit %zu", i);
		token->p[i / 8] ^= (uint8_t)(1u << i % 8);
	}
	record_world_free(&w);
}

Test(record, another_typ_is_refused)
{
	struct record_world w = record_world_new();
	static const char *const typs[] = { "vhsm-hello", "vhsm-tombstone",
		"JWT", "vhsm-record2" };

	for (size_t i = 0; i < ARRAY_LEN(typs); i++)
		cr_expect_eq(judge(&w, test_sign(w.a, typs[i],
					   test_payload(w.a, &plain))),
		    REFUSAL_TYP, "%s", typs[i]);
	record_world_free(&w);
}

Test(record, the_header_is_what_it_has_to_be)
{
	struct record_world w = record_world_new();
	static const struct {
		const char *header;
		enum refusal why;
	} rows[] = {
		{ "{}", REFUSAL_TOKEN },
		{ "{\"alg\":\"none\",\"typ\":\"vhsm-record\"}", REFUSAL_ALG },
		{ "{\"alg\":\"HS256\",\"typ\":\"vhsm-record\"}",
		    REFUSAL_TOKEN },
		{ "{\"alg\":\"EdDSA\",\"typ\":\"vhsm-record\"}", REFUSAL_ALG },
		{ "{\"alg\":\"ES256\"}", REFUSAL_TYP },
		{ "{\"alg\":\"ES256\",\"typ\":1}", REFUSAL_TYP },
		{ "{\"alg\":\"ES256\",\"typ\":\"vhsm-record\"}",
		    REFUSAL_CHAIN },
		{ "{\"alg\":\"ES256\",\"typ\":\"vhsm-record\",\"x5c\":[]}",
		    REFUSAL_CHAIN },
		{ "{\"alg\":\"ES256\",\"typ\":\"vhsm-record\",\"x5c\":\"\"}",
		    REFUSAL_CHAIN },
		{ "{\"alg\":\"ES256\",\"typ\":\"vhsm-record\",\"x5c\":[1]}",
		    REFUSAL_CHAIN },
		{ "{\"alg\":\"ES256\",\"typ\":\"vhsm-record\",\"x5c\":[\"\"]}",
		    REFUSAL_CHAIN },
		{ "{\"alg\":\"ES256\",\"typ\":\"vhsm-record\","
		  "\"x5c\":[\"AA\"]}",
		    REFUSAL_CHAIN },
		{ "{\"alg\":\"ES256\",\"typ\":\"vhsm-record\","
		  "\"x5c\":[\"AA==\"]}",
		    REFUSAL_CHAIN },
		{ "{\"alg\":\"ES256\",\"typ\":\"vhsm-record\","
		  "\"x5c\":[\"-_==\"]}",
		    REFUSAL_CHAIN },
		{ "{\"alg\":\"ES256\",\"typ\":\"vhsm-record\",\"x5c\":"
		  "[\"AAAA\",\"AAAA\",\"AAAA\",\"AAAA\",\"AAAA\"]}",
		    REFUSAL_CHAIN },
		{ "{\"alg\":\"ES256\",\"typ\":\"vhsm-record\","
		  "\"crit\":[\"x\"]}",
		    REFUSAL_TOKEN },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf *t =
		    test_sign_text(w.a->key, rows[i].header, "{\"a\":1}");

		cr_expect_eq(judge(&w, t), rows[i].why, "%s", rows[i].header);
	}
	record_world_free(&w);
}

Test(record, a_record_signed_by_another_key_is_forged)
{
	struct record_world w = record_world_new();
	AUTO(cert_free)
	struct cert *b = cert_issue(w.ca, &(struct cert_want){ .cn = "b" });
	EVP_PKEY *a_key = w.a->key;

	w.a->key = b->key; /* a's certificate, b's signature */
	cr_expect_eq(judge(&w, test_record(w.a, &plain)), REFUSAL_SIGNATURE);
	w.a->key = a_key;
	record_world_free(&w);
}

Test(record, a_member_cannot_speak_for_another)
{
	struct record_world w = record_world_new();
	AUTO(cert_free)
	struct cert *b = cert_issue(w.ca, &(struct cert_want){ .cn = "b" });

	cr_expect_eq(judge(&w, test_sign(b, "vhsm-record",
				   test_payload(w.a, &plain))),
	    REFUSAL_NODE);
	record_world_free(&w);
}

Test(record, another_ca_is_refused)
{
	struct record_world w = record_world_new();
	AUTO(cert_free) struct cert *other = cert_ca("test CA", NULL);
	AUTO(cert_free)
	struct cert *a = cert_issue(other, &(struct cert_want){ 0 });

	cr_expect_eq(judge(&w, test_record(a, &plain)), REFUSAL_UNTRUSTED);
	record_world_free(&w);
}

Test(record, a_tls_certificate_signs_no_record)
{
	struct record_world w = record_world_new();
	AUTO(cert_free)
	struct cert *tls = cert_issue(w.ca,
	    &(struct cert_want){ .usage = "serverAuth,clientAuth" });

	cr_expect_eq(judge(&w, test_record(tls, &plain)), REFUSAL_USAGE);
	record_world_free(&w);
}

Test(record, the_certificate_is_judged_at_iat)
{
	struct record_world w = record_world_new();
	AUTO(cert_free)
	struct cert *a = cert_issue(w.ca,
	    &(struct cert_want){ .from = T0 - 2 * HOUR, .until = T0 - HOUR });
	struct test_record r = plain;

	cr_expect_eq(judge(&w, test_record(a, &r)), REFUSAL_EXPIRED);
	r.iat = T0 - 90 * MINUTE;
	cr_expect_eq(judge(&w, test_record(a, &r)), REFUSAL_NONE);
	r.iat = T0 - 3 * HOUR;
	cr_expect_eq(judge(&w, test_record(a, &r)), REFUSAL_EXPIRED);
	record_world_free(&w);
}

Test(record, a_revoked_certificate_loses_whatever_its_iat)
{
	struct record_world w = record_world_new();
	AUTO(buf_free) struct buf *pem = cert_pem(w.ca);
	AUTO(buf_free)
	struct buf *crl =
	    cert_crl(w.ca, (const struct cert *[]){ w.a, NULL }, T0, T0 + DAY);
	struct test_record r = plain;

	r.iat = T0 - HOUR;
	cr_assert_eq(trust_load(w.trust, buf_slice(pem), buf_slice(crl), NULL),
	    VH_OK);
	cr_expect_eq(judge(&w, test_record(w.a, &r)), REFUSAL_REVOKED);
	record_world_free(&w);
}

Test(record, the_future_is_ten_minutes_away)
{
	struct record_world w = record_world_new();
	struct test_record r = plain;

	r.iat = T0 + 10 * MINUTE;
	cr_expect_eq(judge(&w, test_record(w.a, &r)), REFUSAL_NONE);
	r.iat++;
	cr_expect_eq(judge(&w, test_record(w.a, &r)), REFUSAL_FUTURE);
	record_world_free(&w);
}

/* --- the payload -----------------------------------------------------------
 */

/* Judges the plain record with a member set to what JSON says, or without it.
 */
static enum refusal
judge_member(const struct record_world *w, const char *name, const char *value)
{
	json_t *payload = test_payload(w->a, &plain);

	if (value == NULL)
		json_object_del(payload, name);
	else
		json_object_set_new(payload, name,
		    json_loads(value, JSON_DECODE_ANY, NULL));
	return judge(w, test_sign(w->a, "vhsm-record", payload));
}

Test(record, each_member_is_there_and_in_bounds)
{
	struct record_world w = record_world_new();
	static const char *const members[] = { "node", "epoch", "seq", "iat",
		"address", "keep_after", "keys" };
	static const struct {
		const char *name, *value;
		enum refusal why;
	} rows[] = {
		{ "node", "\"b\"", REFUSAL_NODE },
		{ "node", "7", REFUSAL_PAYLOAD },
		{ "epoch", "0", REFUSAL_PAYLOAD },
		{ "epoch", "-1", REFUSAL_PAYLOAD },
		{ "epoch", "1.0", REFUSAL_PAYLOAD },
		{ "epoch", "\"7\"", REFUSAL_PAYLOAD },
		{ "epoch", "9007199254740992", REFUSAL_PAYLOAD },
		{ "epoch", "9007199254740991", REFUSAL_NONE },
		{ "seq", "0", REFUSAL_PAYLOAD },
		{ "iat", "true", REFUSAL_PAYLOAD },
		{ "keep_after", "0", REFUSAL_NONE },
		{ "keep_after", "315360000000", REFUSAL_NONE },
		{ "keep_after", "315360000001", REFUSAL_PAYLOAD },
		{ "address", "\"\"", REFUSAL_PAYLOAD },
		{ "address", "\"a\\u0001b\"", REFUSAL_PAYLOAD },
		{ "version", "7", REFUSAL_PAYLOAD },
		{ "keys", "{}", REFUSAL_PAYLOAD },
		{ "keys", "[1]", REFUSAL_PAYLOAD },
		{ "keys", "[{}]", REFUSAL_PAYLOAD },
		{ "keys", "[{\"jwk\":{}}]", REFUSAL_KEY_MALFORMED },
		{ "of_a_newer_node", "{\"a\":[1,2]}", REFUSAL_NONE },
	};

	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		cr_expect_eq(judge_member(&w, members[i], NULL),
		    REFUSAL_PAYLOAD, "no %s", members[i]);
	cr_expect_eq(judge_member(&w, "version", NULL), REFUSAL_NONE);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		cr_expect_eq(judge_member(&w, rows[i].name, rows[i].value),
		    rows[i].why, "%s: %s", rows[i].name, rows[i].value);
	record_world_free(&w);
}

Test(record, members_are_not_given_twice)
{
	struct record_world w = record_world_new();
	char *header = test_header(w.a, "vhsm-record");

	cr_expect_eq(judge(&w, test_sign_text(w.a->key, header,
				   "{\"node\":\"a\",\"node\":\"a\"}")),
	    REFUSAL_PAYLOAD);
	free(header);
	record_world_free(&w);
}

Test(record, a_node_has_4096_keys_at_most)
{
	struct record_world w = record_world_new();
	json_t *payload = test_payload(w.a, &plain);
	json_t *keys = json_object_get(payload, "keys");

	for (size_t i = 0; i <= RECORD_KEYS_MAX; i++)
		json_array_append_new(keys, json_object());
	cr_expect_eq(judge(&w, test_sign(w.a, "vhsm-record", payload)),
	    REFUSAL_KEYS);
	record_world_free(&w);
}

/* --- keys ------------------------------------------------------------------
 */

/* Judges a record of one key after a change: member name of the key, or of its
 * JWK, becomes what JSON says; NULL takes it away. */
static enum refusal
judge_key(const struct record_world *w, const struct test_key *k, bool in_jwk,
    const char *name, const char *value)
{
	struct test_record r = with(k, NULL);
	json_t *payload = test_payload(w->a, &r);
	json_t *at = json_array_get(json_object_get(payload, "keys"), 0);

	if (in_jwk)
		at = json_object_get(at, "jwk");
	if (value == NULL)
		json_object_del(at, name);
	else
		json_object_set_new(at, name,
		    json_loads(value, JSON_DECODE_ANY, NULL));
	return judge(w, test_sign(w->a, "vhsm-record", payload));
}

Test(record, private_members_are_refused_and_named)
{
	static const char *const names[] = { "d", "p", "q", "dp", "dq", "qi",
		"oth", "k" };
	struct record_world w = record_world_new();
	AUTO(test_key_free) struct test_key *k = test_key("EC P-256");

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		cr_expect_eq(judge_key(&w, k, true, names[i], "\"AQAB\""),
		    REFUSAL_KEY_PRIVATE, "%s", names[i]);
	record_world_free(&w);
}

Test(record, a_kid_is_the_thumbprint)
{
	struct record_world w = record_world_new();
	AUTO(test_key_free) struct test_key *k = test_key("EC P-256");
	AUTO(test_key_free) struct test_key *l = test_key("EC P-256");
	char other[VH_KID_SIZE + 3];

	snprintf(other, sizeof other, "\"%s\"", l->kid);
	cr_expect_eq(judge_key(&w, k, true, "kid", other), REFUSAL_KEY_KID);
	cr_expect_eq(judge_key(&w, k, true, "kid", "\"x\""), REFUSAL_KEY_KID);
	cr_expect_eq(judge_key(&w, k, true, "kid", NULL), REFUSAL_KEY_KID);
	record_world_free(&w);
}

Test(record, weak_and_unsound_keys_are_refused)
{
	struct record_world w = record_world_new();
	AUTO(test_key_free) struct test_key *weak = test_key("RSA 1024");
	AUTO(test_key_free) struct test_key *rsa = test_key("RSA 2048");
	AUTO(test_key_free) struct test_key *ec = test_enc_key("EC P-256");
	struct test_record r = with(weak, NULL);

	snprintf(weak->kid, sizeof weak->kid, "weak");
	cr_expect_eq(judge(&w, test_record(w.a, &r)), REFUSAL_KEY_WEAK);
	cr_expect_eq(judge_key(&w, rsa, true, "e", "\"Aw\""), REFUSAL_KEY_WEAK);
	cr_expect_eq(judge_key(&w, ec, true, "y", NULL), REFUSAL_KEY_MALFORMED);
	cr_expect_eq(judge_key(&w, ec, true, "x", "\"AAAA\""),
	    REFUSAL_KEY_MALFORMED);
	record_world_free(&w);
}

/* An encryption key has no proof, so its point is looked at by itself. */
Test(record, a_point_off_its_curve_is_refused)
{
	struct record_world w = record_world_new();
	AUTO(test_key_free) struct test_key *k = test_enc_key("EC P-256");
	struct test_record r = with(k, NULL);
	json_t *payload = test_payload(w.a, &r);
	json_t *jwk =
	    json_object_get(json_array_get(json_object_get(payload, "keys"), 0),
		"jwk");
	struct pub pub = { .kty = VH_KTY_EC, .crv = VH_CRV_P256 };
	uint8_t x[32] = { 1 }, y[32] = { 2 };
	char kid[VH_KID_SIZE + 1];

	pub.x = slice_of(x, 32);
	pub.y = slice_of(y, 32);
	cr_assert_eq(pub_thumbprint(&pub, kid), VH_OK);
	json_object_set_new(jwk, "x",
	    json_string("AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"));
	json_object_set_new(jwk, "y",
	    json_string("AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"));
	json_object_set_new(jwk, "kid", json_string(kid));
	cr_expect_eq(judge(&w, test_sign(w.a, "vhsm-record", payload)),
	    REFUSAL_KEY_MALFORMED);
	record_world_free(&w);
}

Test(record, use_and_alg_fit_the_key)
{
	struct record_world w = record_world_new();
	AUTO(test_key_free) struct test_key *ec = test_key("EC P-256");
	AUTO(test_key_free) struct test_key *x = test_key("X25519");

	cr_expect_eq(judge_key(&w, ec, true, "use", NULL), REFUSAL_KEY_TERMS);
	cr_expect_eq(judge_key(&w, ec, true, "use", "7"), REFUSAL_KEY_TERMS);
	cr_expect_eq(judge_key(&w, ec, true, "alg", "\"ES384\""),
	    REFUSAL_KEY_TERMS);
	cr_expect_eq(judge_key(&w, ec, true, "alg", "\"ECDH-ES\""),
	    REFUSAL_KEY_TERMS);
	cr_expect_eq(judge_key(&w, ec, true, "alg", "\"ES256\""), REFUSAL_NONE);
	cr_expect_eq(judge_key(&w, x, true, "use", "\"sig\""),
	    REFUSAL_KEY_TERMS);
	record_world_free(&w);
}

Test(record, name_allow_and_state_are_in_bounds)
{
	struct record_world w = record_world_new();
	AUTO(test_key_free) struct test_key *k = test_key("EC P-256");
	char *big = calloc(1, RECORD_ALLOW_MAX + 8);

	big[0] = '"';
	memset(big + 1, 'a', RECORD_ALLOW_MAX);
	big[RECORD_ALLOW_MAX + 1] = '"';
	cr_expect_eq(judge_key(&w, k, false, "allow", big), REFUSAL_NONE);
	cr_expect_eq(judge_key(&w, k, false, "name", big), REFUSAL_KEY_TERMS);
	big[RECORD_ALLOW_MAX + 1] = 'a';
	big[RECORD_ALLOW_MAX + 2] = '"';
	cr_expect_eq(judge_key(&w, k, false, "allow", big), REFUSAL_KEY_TERMS);
	cr_expect_eq(judge_key(&w, k, false, "name", "\"a\\nb\""),
	    REFUSAL_KEY_TERMS);
	cr_expect_eq(judge_key(&w, k, false, "allow", "[]"), REFUSAL_KEY_TERMS);
	cr_expect_eq(judge_key(&w, k, false, "state", NULL), REFUSAL_KEY_TERMS);
	free(big);
	record_world_free(&w);
}

/* What the record of a key with these key_ops makes of them. */
static uint32_t
ops_of(const struct record_world *w, struct test_key *k, const char *ops)
{
	AUTO(record_free) struct record *r = NULL;
	enum refusal why;

	k->ops = ops;
	k->typ = "JWT,at+jwt";
	k->claims = "max_lifetime=1000;iss=say \"me\"";
	struct test_record says = with(k, NULL);
	AUTO(buf_free) struct buf *token = test_record(w->a, &says);

	r = read_known(w, buf_slice(token), NULL, &why);
	cr_assert_not_null(r, "%s", refusal_word(why));
	cr_expect(slice_is(r->keys[0].typ, k->typ));
	cr_expect(slice_is(r->keys[0].claims, k->claims));
	return r->keys[0].ops;
}

Test(record, key_ops_say_what_callers_may_do)
{
	struct record_world w = record_world_new();
	AUTO(test_key_free) struct test_key *k = test_key("EC P-256");
	AUTO(test_key_free) struct test_key *e = test_enc_key("EC P-256");

	cr_expect_eq(ops_of(&w, k, "[\"sign\"]"), VH_KEY_SIGN);
	cr_expect_eq(ops_of(&w, k, "[\"sign\",\"verify\",\"raw\"]"),
	    VH_KEY_SIGN | VH_KEY_VERIFY | VH_KEY_RAW);
	cr_expect_eq(ops_of(&w, e, "[\"encrypt\"]"), VH_KEY_ENCRYPT);
	cr_expect_eq(ops_of(&w, k, NULL), 0);
	/* What only a newer node knows is nothing that we could ask. */
	cr_expect_eq(ops_of(&w, k, "[\"sign\",\"notarize\"]"), VH_KEY_SIGN);
	cr_expect_eq(ops_of(&w, k, "[\"notarize\"]") &
			 (VH_KEY_SIGN | VH_KEY_VERIFY),
	    0);
	cr_expect_neq(ops_of(&w, k, "[]"), 0, "0 would be everything");
	cr_expect_eq(ops_of(&w, e, "[]") & (VH_KEY_ENCRYPT | VH_KEY_DECRYPT),
	    0);
	record_world_free(&w);
}

Test(record, key_ops_and_rules_are_texts_in_bounds)
{
	struct record_world w = record_world_new();
	AUTO(test_key_free) struct test_key *k = test_key("EC P-256");
	AUTO(buf_free) struct buf *big = buf_new(8192);

	buf_put_text(big, "\"");
	for (size_t i = 0; i <= RECORD_TYP_MAX; i++)
		buf_put_u8(big, 'a');
	buf_put_text(big, "\"");
	buf_put_u8(big, 0);
	cr_expect_eq(judge_key(&w, k, false, "key_ops", "\"sign\""),
	    REFUSAL_KEY_TERMS);
	cr_expect_eq(judge_key(&w, k, false, "key_ops", "[1]"),
	    REFUSAL_KEY_TERMS);
	cr_expect_eq(judge_key(&w, k, false, "typ", "[\"JWT\"]"),
	    REFUSAL_KEY_TERMS);
	cr_expect_eq(judge_key(&w, k, false, "typ", (const char *)big->p),
	    REFUSAL_KEY_TERMS);
	cr_expect_eq(judge_key(&w, k, false, "claims", (const char *)big->p),
	    REFUSAL_KEY_TERMS);
	cr_expect_eq(judge_key(&w, k, false, "claims", "\"iss=x\""),
	    REFUSAL_NONE);
	record_world_free(&w);
}

Test(record, a_retired_key_says_when_it_was_last_active)
{
	struct record_world w = record_world_new();
	AUTO(test_key_free) struct test_key *k = test_key("EC P-256");
	struct test_record r = with(k, NULL);
	AUTO(record_free) struct record *read = NULL;
	enum refusal why;

	k->state = "retired";
	k->active_until = T0 - HOUR;
	AUTO(buf_free) struct buf *token = test_record(w.a, &r);

	read = read_known(&w, buf_slice(token), NULL, &why);
	cr_assert_not_null(read);
	cr_expect_eq(record_key_end(read, &read->keys[0]), T0 - HOUR + DAY);
	cr_expect_eq(judge_key(&w, k, false, "active_until", NULL),
	    REFUSAL_KEY_TERMS);
	k->active_until = T0 + 1;
	cr_expect_eq(judge(&w, test_record(w.a, &r)), REFUSAL_KEY_TERMS,
	    "after iat");
	record_world_free(&w);
}

Test(record, a_key_stands_there_once)
{
	struct record_world w = record_world_new();
	AUTO(test_key_free) struct test_key *k = test_key("EC P-256");
	struct test_record r = with(k, k);

	cr_expect_eq(judge(&w, test_record(w.a, &r)), REFUSAL_KEY_TWICE);
	record_world_free(&w);
}

Test(record, what_only_a_newer_node_knows_is_passed_over)
{
	struct record_world w = record_world_new();
	AUTO(test_key_free) struct test_key *k = test_key("EC P-256");
	static const struct {
		bool in_jwk;
		const char *name, *value;
	} rows[] = {
		{ true, "kty", "\"PQC\"" },
		{ true, "crv", "\"P-999\"" },
		{ true, "use", "\"both\"" },
		{ true, "alg", "\"ES1024\"" },
		{ false, "state", "\"paused\"" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		cr_expect_eq(judge_key(&w, k, rows[i].in_jwk, rows[i].name,
				 rows[i].value),
		    REFUSAL_NONE, "%s", rows[i].name);
	record_world_free(&w);
}

/* --- proof of possession ---------------------------------------------------
 */

/* Judges a record of k, epoch 7, that proves itself with a signature by `by`
 * over text. */
static enum refusal
judge_proof(const struct record_world *w, const struct test_key *k,
    const struct test_key *by, const char *text)
{
	AUTO(buf_free) struct buf *json = buf_new(4096);
	char *proof = test_proof(by, text);

	buf_format(json, "\"%s\"", proof);
	buf_put_u8(json, 0);
	free(proof);
	return judge_key(w, k, false, "proof", (const char *)json->p);
}

Test(record, a_key_that_the_sender_cannot_prove_is_refused)
{
	struct record_world w = record_world_new();
	AUTO(test_key_free) struct test_key *k = test_key("EC P-256");
	AUTO(test_key_free) struct test_key *other = test_key("EC P-256");
	char good[256], bad[256];

	snprintf(good, sizeof good, "vhsm-proof|a|7|%s", k->kid);
	cr_expect_eq(judge_proof(&w, k, k, good), REFUSAL_NONE);
	cr_expect_eq(judge_proof(&w, k, other, good), REFUSAL_PROOF);
	snprintf(bad, sizeof bad, "vhsm-proof|b|7|%s", k->kid);
	cr_expect_eq(judge_proof(&w, k, k, bad), REFUSAL_PROOF, "of b");
	snprintf(bad, sizeof bad, "vhsm-proof|a|6|%s", k->kid);
	cr_expect_eq(judge_proof(&w, k, k, bad), REFUSAL_PROOF, "epoch 6");
	snprintf(bad, sizeof bad, "vhsm-proof|a|7|%s", other->kid);
	cr_expect_eq(judge_proof(&w, k, k, bad), REFUSAL_PROOF, "other kid");
	cr_expect_eq(judge_key(&w, k, false, "proof", NULL), REFUSAL_PROOF);
	cr_expect_eq(judge_key(&w, k, false, "proof", "\"AA\""), REFUSAL_PROOF);
	cr_expect_eq(judge_key(&w, k, false, "proof", "\"A\""), REFUSAL_PROOF);
	cr_expect_eq(judge_key(&w, k, false, "proof_alg", "\"RS256\""),
	    REFUSAL_PROOF);
	cr_expect_eq(judge_key(&w, k, false, "proof_alg", "\"none\""),
	    REFUSAL_PROOF);
	cr_expect_eq(judge_key(&w, k, false, "proof_alg", NULL), REFUSAL_PROOF);
	record_world_free(&w);
}

/* Taken from a node that cannot sign: a relay of a's key by b fails. */
Test(record, the_proof_of_another_node_proves_nothing)
{
	struct record_world w = record_world_new();
	AUTO(cert_free)
	struct cert *b = cert_issue(w.ca, &(struct cert_want){ .cn = "b" });
	AUTO(test_key_free) struct test_key *k = test_key("EC P-256");
	struct test_record r = with(k, NULL);
	json_t *payload = test_payload(w.a, &r);

	json_object_set_new(payload, "node", json_string("b"));
	cr_expect_eq(judge(&w, test_sign(b, "vhsm-record", payload)),
	    REFUSAL_PROOF);
	record_world_free(&w);
}

Test(record, a_proof_that_is_known_is_not_checked_again)
{
	struct record_world w = record_world_new();
	AUTO(test_key_free) struct test_key *k = test_key("EC P-256");
	struct test_record r = with(k, NULL);
	AUTO(buf_free) struct buf *first = test_record(w.a, &r);
	AUTO(record_free) struct record *known = NULL;
	enum refusal why;

	known = read_known(&w, buf_slice(first), NULL, &why);
	cr_assert_not_null(known);
	/* Another epoch makes the proof false, so reading it proves that it was
	 * not looked at. */
	json_t *payload = test_payload(w.a, &r);
	json_t *item = json_array_get(json_object_get(payload, "keys"), 0);
	AUTO(buf_free) struct buf *second = NULL;

	json_object_set_new(payload, "epoch", json_integer(8));
	second = test_sign(w.a, "vhsm-record", json_incref(payload));
	record_free(read_known(&w, buf_slice(second), known, &why));
	/* That one has a proof of its own (ECDSA draws a number). */
	cr_expect_eq(why, REFUSAL_PROOF);
	buf_free(second);
	struct slice mine = { 0 };
	AUTO(jws_free) struct jws *jws = NULL;
	json_t *before;

	cr_assert_eq(jws_parse(buf_slice(first), &jws, NULL), VH_OK);
	mine = jws->payload;
	before = json_loadb((const char *)mine.p, mine.len, 0, NULL);
	json_object_set(item, "proof",
	    json_object_get(json_array_get(json_object_get(before, "keys"), 0),
		"proof"));
	json_decref(before);
	second = test_sign(w.a, "vhsm-record", payload);
	record_free(read_known(&w, buf_slice(second), known, &why));
	cr_expect_eq(why, REFUSAL_NONE);
	record_free(read_known(&w, buf_slice(second), NULL, &why));
	cr_expect_eq(why, REFUSAL_PROOF);
	record_world_free(&w);
}
