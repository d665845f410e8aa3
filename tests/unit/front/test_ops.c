/* What the operations say to the vault and to the caller. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdlib.h>

#include "front/loop.h"
#include "front/ops.h"
#include "jose/jwe.h"
#include "world.h"

struct stage {
	struct world *w;
	struct client *c;
	struct frame q; /* the vault's */
};

static struct stage
stage_new(struct directory *d)
{
	struct stage s = { .w = world_new(d, NULL) };

	s.c = client_new(s.w, 0);
	return s;
}

static void
stage_end(struct stage *s)
{
	client_free(s->c);
	world_free(s->w);
}

/* Sends b; the answer is there at once. */
static enum vh_err
ask(struct stage *s, struct buf *b)
{
	client_send(s->c, 1, b);
	world_turn(s->w);
	cr_assert(client_read(s->c));
	return s->c->f.err;
}

/* Sends b; the vault is asked. */
static void
ask_vault(struct stage *s, struct buf *b)
{
	client_send(s->c, 1, b);
	world_turn(s->w);
	cr_assert(vault_next(s->w, &s->q), "the vault is asked");
}

static enum vh_err
answer(struct stage *s, enum vh_err err)
{
	vault_answer(s->w, s->q.id, s->q.op, err);
	world_turn(s->w);
	cr_assert(client_read(s->c));
	return s->c->f.err;
}

static struct slice
got(const struct stage *s, enum vh_tag tag)
{
	return s->c->f.f.at[tag];
}

static bool
has_text(struct slice in, const char *text)
{
	return memmem(in.p, in.len, text, strlen(text)) != NULL;
}

/* --- SIGN ----------------------------------------------------------------- */

Test(ops, sign_puts_the_callers_members_into_the_header)
{
	struct stage s = stage_new(key_directory());
	AUTO(buf_free) struct buf *text = buf_new(1000);
	struct buf *b = client_ask(VH_OP_SIGN, 1, 0);

	frame_put_text(b, VH_F_NAME, "p256");
	frame_put_text(b, VH_F_TYP, "JWT");
	frame_put_text(b, VH_F_HEADER, "{\"x\":1}");
	frame_put_text(b, VH_F_DATA, "");
	ask_vault(&s, b);
	cr_expect_eq(s.w->front->quick, 1);
	struct slice input = s.q.f.at[VH_F_DATA];

	cr_assert_eq(input.p[input.len - 1], '.');
	cr_assert_eq(b64_decode(slice_of(input.p, input.len - 1), text), VH_OK);
	cr_expect(has_text(buf_slice(text), "\"alg\":\"ES256\""));
	cr_expect(has_text(buf_slice(text), key_kid(KEY_P256)));
	cr_expect(has_text(buf_slice(text), "\"typ\":\"JWT\""));
	cr_expect(has_text(buf_slice(text), "\"x\":1"));
	cr_expect_eq(answer(&s, VH_OK), VH_OK);
	stage_end(&s);
}

/* RSA of 4096 bits, as far as anybody can tell from its public key. */
static struct directory *
slow_directory(void)
{
	const struct key_says says = { VH_USE_SIG, 0, "slow", NULL };
	struct directory *d = directory_new();
	char n[(512 * 4 + 2) / 3 + 1], jwk[1024];

	memset(n, '_', sizeof n - 2); /* all bits are ones */
	memcpy(n + sizeof n - 2, "8", 2);
	(void)snprintf(jwk, sizeof jwk,
	    "{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"%s\"}", n);
	AUTO(buf_free) struct buf *b = key_fields_jwk(jwk, &says);

	cr_assert_eq(directory_add(d, buf_slice(b)), VH_OK);
	directory_close(d);
	return d;
}

Test(ops, what_takes_milliseconds_makes_no_crowd)
{
	struct stage s = stage_new(slow_directory());
	struct buf *b = client_ask(VH_OP_SIGN, 1, 0);

	frame_put_text(b, VH_F_NAME, "slow");
	frame_put_text(b, VH_F_DATA, "");
	ask_vault(&s, b);
	cr_expect_eq(s.w->front->quick, 0);
	cr_expect_eq(answer(&s, VH_OK), VH_OK);
	cr_expect_eq(s.w->front->quick, 0);
	stage_end(&s);
}

Test(ops, sign_lets_nobody_set_alg_or_kid)
{
	static const char *const bad[] = { "{\"alg\":\"none\"}",
		"{\"kid\":\"x\"}", "{\"crit\":[\"b64\"]}", "{\"b64\":false}" };
	struct stage s = stage_new(key_directory());

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct buf *b = client_ask(VH_OP_SIGN, 1, 0);

		frame_put_text(b, VH_F_HEADER, bad[i]);
		frame_put_text(b, VH_F_DATA, "x");
		cr_expect_eq(ask(&s, b), VH_EHEADER, "%s", bad[i]);
	}
	cr_expect_eq(pendings_count(s.w->front->pendings), 0);
	cr_expect_eq(s.w->front->work, 0);
	stage_end(&s);
}

/* --- VERIFY --------------------------------------------------------------- */

/* RFC 8037, A.4: signed by KEY_ED25519, without kid. */
#define RFC8037                                                                \
	"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."            \
	"hgyY0il_MGCjP0JzlnLWG1PPOt7-"                                         \
	"09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt"                            \
	"9g7sVvpAr_MuM0KAg"

static struct buf *
verify(const char *token, const char *jwks)
{
	struct buf *b = client_ask(VH_OP_VERIFY, 1, 0);

	frame_put_text(b, VH_F_TOKEN, token);
	if (jwks != NULL)
		frame_put_text(b, VH_F_JWKS, jwks);
	return b;
}

Test(ops, verify_finds_the_nodes_key)
{
	struct stage s = stage_new(key_directory());

	cr_expect_eq(ask(&s, verify(RFC8037, NULL)), VH_OK);
	cr_expect(slice_is(got(&s, VH_F_DATA), "Example of Ed25519 signing"));
	cr_expect(slice_is(got(&s, VH_F_KID), key_kid(KEY_ED25519)));
	cr_expect(slice_is(got(&s, VH_F_ALG), "EdDSA"));
	cr_expect(slice_is(got(&s, VH_F_HEADER), "{\"alg\":\"EdDSA\"}"));
	cr_expect(has_text(got(&s, VH_F_JWK), "\"crv\":\"Ed25519\""));
	stage_end(&s);
}

Test(ops, verify_refuses_what_was_changed)
{
	struct stage s = stage_new(key_directory());
	char token[] = RFC8037;

	for (size_t i = 21; i < sizeof token - 2; i += 7) {
		char was = token[i];

		token[i] = was == 'A' ? 'B' : 'A';
		enum vh_err err = ask(&s, verify(token, NULL));

		cr_expect(err == VH_EVERIFY || err == VH_ETOKEN, "%zu", i);
		token[i] = was;
	}
	cr_expect_eq(ask(&s, verify("a.b.c", NULL)), VH_ETOKEN);
	cr_expect_eq(ask(&s, verify("", NULL)), VH_ETOKEN);
	stage_end(&s);
}

Test(ops, verify_uses_the_keys_of_the_request_alone)
{
	struct directory *empty = directory_new();

	directory_close(empty);
	struct stage s = stage_new(empty);
	char jwks[1000];

	cr_expect_eq(ask(&s, verify(RFC8037, NULL)), VH_ENOKEY);
	cr_expect_eq(ask(&s, verify(RFC8037, key_jwk(KEY_ED25519))), VH_OK);
	(void)snprintf(jwks, sizeof jwks, "{\"keys\":[%s,%s]}",
	    key_jwk(KEY_P256), key_jwk(KEY_ED25519));
	cr_expect_eq(ask(&s, verify(RFC8037, jwks)), VH_OK);
	cr_expect(slice_is(got(&s, VH_F_KID), key_kid(KEY_ED25519)));
	cr_expect_eq(ask(&s, verify(RFC8037, key_jwk(KEY_P256))), VH_ENOKEY);
	cr_expect_eq(ask(&s, verify(RFC8037, "{\"keys\":[]}")), VH_ENOKEY);
	cr_expect_eq(ask(&s, verify(RFC8037, "{")), VH_EJSON);
	(void)snprintf(jwks, sizeof jwks, "{\"use\":\"enc\",%s",
	    key_jwk(KEY_ED25519) + 1);
	cr_expect_neq(ask(&s, verify(RFC8037, jwks)), VH_OK);
	stage_end(&s);
	s = stage_new(key_directory());
	cr_expect_eq(ask(&s, verify(RFC8037, key_jwk(KEY_P256))), VH_ENOKEY,
	    "the node's own keys do not count then");
	stage_end(&s);
}

Test(ops, verify_holds_the_token_to_the_algorithms_asked_for)
{
	struct stage s = stage_new(key_directory());
	struct buf *b = verify(RFC8037, NULL);

	frame_put_text(b, VH_F_ALG, "RS256,ES256");
	cr_expect_eq(ask(&s, b), VH_EALG);
	b = verify(RFC8037, NULL);
	frame_put_text(b, VH_F_ALG, "RS256,EdDSA");
	cr_expect_eq(ask(&s, b), VH_OK);
	stage_end(&s);
}

Test(ops, a_token_with_an_unknown_kid_finds_no_key)
{
	/* {"alg":"EdDSA","kid":"x"} */
	static const char token[] =
	    "eyJhbGciOiJFZERTQSIsImtpZCI6IngifQ.eA."
	    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWb"
	    "hijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
	struct stage s = stage_new(key_directory());
	char jwks[1000];

	cr_expect_eq(ask(&s, verify(token, NULL)), VH_ENOKEY);
	(void)snprintf(jwks, sizeof jwks, "{\"kid\":\"y\",%s",
	    key_jwk(KEY_ED25519) + 1);
	cr_expect_eq(ask(&s, verify(token, jwks)), VH_ENOKEY);
	(void)snprintf(jwks, sizeof jwks, "{\"kid\":\"x\",%s",
	    key_jwk(KEY_ED25519) + 1);
	cr_expect_eq(ask(&s, verify(token, jwks)), VH_EVERIFY);
	cr_expect_eq(ask(&s, verify(token, key_jwk(KEY_ED25519))), VH_EVERIFY);
	stage_end(&s);
}

/* --- DECRYPT -------------------------------------------------------------- */

/* A JWE nobody can decrypt, for an X25519 key; kid may be NULL. */
static void
make_jwe(struct buf *token, const char *kid)
{
	static const uint8_t iv[12], tag[16];
	AUTO(buf_free) struct buf *header = buf_new(1000);
	AUTO(buf_free) struct buf *head = buf_new(1000);

	buf_format(header,
	    "{\"alg\":\"ECDH-ES\",\"enc\":\"A128GCM\",\"epk\":%s",
	    key_jwk(KEY_X25519_B));
	if (kid != NULL)
		buf_format(header, ",\"kid\":\"%s\"", kid);
	buf_put_text(header, "}");
	b64_put(head, buf_slice(header));
	jwe_put(token, buf_slice(head), slice_of(NULL, 0), slice_of(iv, 12),
	    slice_text("secret"), slice_of(tag, 16));
}

static struct buf *
decrypt(const char *kid)
{
	AUTO(buf_free) struct buf *token = buf_new(4000);
	struct buf *b = client_ask(VH_OP_DECRYPT, 1, 0);

	make_jwe(token, kid);
	frame_put(b, VH_F_TOKEN, buf_slice(token));
	return b;
}

Test(ops, decrypt_asks_for_the_key_the_token_names)
{
	struct stage s = stage_new(key_directory());

	ask_vault(&s, decrypt(key_kid(KEY_X25519)));
	cr_expect_eq(s.q.op, VH_OP_VDECRYPT);
	cr_expect(slice_is(s.q.f.at[VH_F_KID], key_kid(KEY_X25519)));
	cr_expect_eq(fields_u32(&s.q.f, VH_F_ALG_ID), VH_ALG_ECDH_ES);
	cr_expect_eq(fields_u32(&s.q.f, VH_F_ENC_ID), VH_ENC_A128GCM);
	cr_expect_eq(fields_u32(&s.q.f, VH_F_CRV_ID), VH_CRV_X25519);
	cr_expect(slice_is(s.q.f.at[VH_F_CIPHERTEXT], "secret"));
	cr_expect_eq(answer(&s, VH_OK), VH_OK);
	cr_expect(slice_is(got(&s, VH_F_DATA), "plain"));
	cr_expect(slice_is(got(&s, VH_F_KID), key_kid(KEY_X25519)));
	cr_expect(has_text(got(&s, VH_F_HEADER), "\"epk\""));
	stage_end(&s);
}

Test(ops, a_named_key_that_does_not_decrypt_is_the_only_one_tried)
{
	struct stage s = stage_new(key_directory());

	ask_vault(&s, decrypt(key_kid(KEY_X25519)));
	cr_expect_eq(answer(&s, VH_EDECRYPT), VH_EDECRYPT);
	cr_expect_eq(got(&s, VH_F_WHY).len, 0);
	stage_end(&s);
}

Test(ops, without_kid_keys_on_the_curve_are_tried_in_turn)
{
	struct stage s = stage_new(key_directory());
	char first[64];

	ask_vault(&s, decrypt(NULL));
	(void)snprintf(first, sizeof first, "%.*s", (int)s.q.f.at[VH_F_KID].len,
	    (const char *)s.q.f.at[VH_F_KID].p);
	vault_answer(s.w, s.q.id, s.q.op, VH_EDECRYPT);
	world_turn(s.w);
	cr_expect_not(client_read(s.c));
	cr_assert(vault_next(s.w, &s.q));
	cr_expect_not(slice_is(s.q.f.at[VH_F_KID], first));
	cr_expect_eq(fields_u32(&s.q.f, VH_F_CRV_ID), VH_CRV_X25519);
	cr_expect_eq(answer(&s, VH_OK), VH_OK);
	cr_expect_not(slice_is(got(&s, VH_F_KID), first));
	cr_expect(has_text(got(&s, VH_F_HEADER), "\"epk\""));
	cr_expect_not(vault_next(s.w, &s.q));
	stage_end(&s);
}

Test(ops, when_no_key_decrypts_there_is_one_error)
{
	struct stage s = stage_new(key_directory());

	ask_vault(&s, decrypt(NULL));
	vault_answer(s.w, s.q.id, s.q.op, VH_EDECRYPT);
	world_turn(s.w);
	cr_assert(vault_next(s.w, &s.q));
	cr_expect_eq(answer(&s, VH_EDECRYPT), VH_EDECRYPT);
	cr_expect_eq(got(&s, VH_F_WHY).len, 0);
	cr_expect_eq(pendings_count(s.w->front->pendings), 0);
	stage_end(&s);
}

Test(ops, decrypt_of_an_unknown_kid_or_a_signing_key_finds_no_key)
{
	struct stage s = stage_new(key_directory());

	cr_expect_eq(ask(&s, decrypt("unknown")), VH_ENOKEY);
	cr_expect_eq(ask(&s, decrypt(key_kid(KEY_ED25519))), VH_ENOKEY);
	cr_expect_eq(ask(&s, decrypt(key_kid(KEY_RSA))), VH_ENOKEY);
	stage_end(&s);
}

Test(ops, a_client_that_left_is_not_worked_for_again)
{
	struct world *w = world_new(key_directory(), NULL);
	struct client *c = client_new(w, 0);
	struct frame q;

	client_send(c, 1, decrypt(NULL));
	world_turn(w);
	cr_assert(vault_next(w, &q));
	client_free(c);
	world_turn(w);
	vault_answer(w, q.id, q.op, VH_EDECRYPT);
	world_turn(w);
	cr_expect_not(vault_next(w, &q));
	cr_expect_eq(pendings_count(w->front->pendings), 0);
	world_free(w);
}

/* --- ENCRYPT -------------------------------------------------------------- */

static struct buf *
encrypt(const char *alg)
{
	struct buf *b = client_ask(VH_OP_ENCRYPT, 1, 0);

	frame_put_text(b, VH_F_ALG, alg);
	frame_put_text(b, VH_F_ENC, "A128GCM");
	frame_put_text(b, VH_F_DATA, "plain");
	return b;
}

static void
answer_encrypted(struct stage *s)
{
	AUTO(buf_free) struct buf *b = buf_new(4096);
	size_t at = frame_answer(b, VH_OP_VENCRYPT, s->q.id, VH_OK);

	frame_put_text(b, VH_F_PROTECTED, "aGVhZA");
	frame_put_text(b, VH_F_ENCRYPTED_KEY, "key");
	frame_put_text(b, VH_F_IV, "iv");
	frame_put_text(b, VH_F_CIPHERTEXT, "text");
	frame_put_text(b, VH_F_TAG, "tag");
	frame_close(b, at);
	cr_assert_eq(link_send(s->w->vault, buf_slice(b), -1), VH_OK);
	world_turn(s->w);
	cr_assert(client_read(s->c));
}

Test(ops, encrypt_for_a_key_of_the_node_names_it)
{
	struct stage s = stage_new(key_directory());
	struct buf *b = encrypt("ECDH-ES+A128KW");

	frame_put_text(b, VH_F_NAME, "x25519");
	ask_vault(&s, b);
	cr_expect_eq(s.q.op, VH_OP_VENCRYPT);
	cr_expect(slice_is(s.q.f.at[VH_F_KID], key_kid(KEY_X25519)));
	cr_expect(has_text(s.q.f.at[VH_F_HEADER], "\"enc\":\"A128GCM\""));
	cr_expect(has_text(s.q.f.at[VH_F_HEADER], key_kid(KEY_X25519)));
	cr_expect(slice_is(s.q.f.at[VH_F_DATA], "plain"));
	answer_encrypted(&s);
	cr_expect_eq(s.c->f.err, VH_OK);
	cr_expect(slice_is(got(&s, VH_F_TOKEN), "aGVhZA.a2V5.aXY.dGV4dA.dGFn"));
	cr_expect(slice_is(got(&s, VH_F_KID), key_kid(KEY_X25519)));
	stage_end(&s);
}

Test(ops, encrypt_for_a_jwk_sends_its_numbers)
{
	struct stage s = stage_new(key_directory());
	struct buf *b = encrypt("RSA-OAEP,ECDH-ES");

	frame_put_text(b, VH_F_JWK, key_jwk(KEY_P521));
	ask_vault(&s, b);
	cr_expect_not(fields_have(&s.q.f, VH_F_KID));
	cr_expect_eq(fields_u32(&s.q.f, VH_F_CRV_ID), VH_CRV_P521);
	cr_expect_eq(s.q.f.at[VH_F_PUB_X].len, 66);
	cr_expect_eq(fields_u32(&s.q.f, VH_F_ALG_ID), VH_ALG_ECDH_ES);
	cr_expect_not(has_text(s.q.f.at[VH_F_HEADER], "kid"));
	answer_encrypted(&s);
	cr_expect(slice_is(got(&s, VH_F_KID), key_kid(KEY_P521)));
	stage_end(&s);
}

Test(ops, encrypt_refuses_what_does_not_fit)
{
	struct stage s = stage_new(key_directory());
	struct buf *b = encrypt("RSA-OAEP");

	frame_put_text(b, VH_F_JWK, key_jwk(KEY_P521));
	cr_expect_eq(ask(&s, b), VH_EALG);
	b = encrypt("ECDH-ES");
	frame_put_text(b, VH_F_JWK, key_jwk(KEY_P521));
	frame_put_text(b, VH_F_KID, "x");
	cr_expect_eq(ask(&s, b), VH_EFIELD);
	b = encrypt("RSA-OAEP");
	cr_expect_eq(ask(&s, b), VH_ENOKEY);
	b = encrypt("ES256");
	cr_expect_eq(ask(&s, b), VH_ENOKEY);
	b = encrypt("ECDH-ES");
	frame_put_text(b, VH_F_JWK, "{\"kty\":\"oct\",\"k\":\"AAAA\"}");
	cr_expect_neq(ask(&s, b), VH_OK);
	stage_end(&s);
}

/* --- KEYS, STATUS --------------------------------------------------------- */

Test(ops, keys_lists_what_the_caller_may_use)
{
	static const struct key_says hidden = { VH_USE_SIG, 0, "h",
		"uid:99999" };
	static const struct key_says shown = { VH_USE_SIG, 0, NULL, NULL };
	struct directory *d = directory_new();

	key_add(d, KEY_P256, &hidden);
	key_add(d, KEY_ED25519, &shown);
	directory_close(d);
	struct stage s = stage_new(d);

	cr_expect_eq(ask(&s, client_ask(VH_OP_KEYS, 1, 0)), VH_OK);
	json_t *set = json_loadb((const char *)got(&s, VH_F_JWKS).p,
	    got(&s, VH_F_JWKS).len, 0, NULL);

	cr_assert_eq(json_array_size(json_object_get(set, "keys")), 1);
	cr_expect(has_text(got(&s, VH_F_JWKS), key_kid(KEY_ED25519)));
	json_decref(set);
	struct buf *b = client_ask(VH_OP_KEYS, 1, 0);

	frame_put_text(b, VH_F_ALG, "ES256");
	cr_expect_eq(ask(&s, b), VH_OK);
	cr_expect(slice_is(got(&s, VH_F_JWKS), "{\"keys\":[]}"));
	stage_end(&s);
}

Test(ops, status_reports_the_node_and_its_vault)
{
	struct stage s = stage_new(key_directory());

	ask_vault(&s, client_ask(VH_OP_STATUS, 1, 0));
	cr_expect_eq(s.q.op, VH_OP_VSTATS);
	AUTO(buf_free) struct buf *b = buf_new(4096);
	size_t at = frame_answer(b, VH_OP_VSTATS, s.q.id, VH_OK);

	frame_put_text(b, VH_F_PROTECTION, "memfd_secret");
	frame_close(b, at);
	cr_assert_eq(link_send(s.w->vault, buf_slice(b), -1), VH_OK);
	world_turn(s.w);
	cr_assert(client_read(s.c));
	json_t *json = json_loadb((const char *)got(&s, VH_F_JSON).p,
	    got(&s, VH_F_JSON).len, 0, NULL);

	cr_expect_str_eq(json_string_value(json_object_get(json, "protection")),
	    "memfd_secret");
	cr_expect_eq(json_integer_value(json_object_get(json, "keys")),
	    TEST_KEYS);
	cr_expect_str_eq(json_string_value(json_object_get(json, "separation")),
	    "reduced");
	cr_expect(json_is_true(json_object_get(json, "ready")));
	const json_t *limits = json_object_get(json, "limits");

	cr_expect_eq(json_integer_value(json_object_get(limits, "payload")),
	    1048576);
	cr_expect_eq(json_integer_value(
			 json_object_get(limits, "per_principal")),
	    64);
	cr_expect(json_is_array(json_object_get(json, "principals")));
	json_decref(json);
	stage_end(&s);
}

Test(ops, http_gets_statistics_through_the_loop)
{
	struct stage s = stage_new(key_directory());
	struct vault_stats *stats = calloc(1, sizeof *stats);

	stats_ask(s.w->front);
	stats_ask(s.w->front);
	world_turn(s.w);
	cr_assert(vault_next(s.w, &s.q));
	cr_expect_eq(s.q.op, VH_OP_VSTATS);
	vault_answer(s.w, s.q.id, s.q.op, VH_OK);
	cr_expect_not(vault_next(s.w, &s.q), "one question at a time");
	world_turn(s.w);
	cr_expect(shared_stats_peek(s.w->shared, stats));
	free(stats);
	stage_end(&s);
}
