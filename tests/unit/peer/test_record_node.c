#include "test_record_node.h"

#include <criterion/criterion.h>
#include <openssl/ecdsa.h>
#include <openssl/rsa.h>
#include <stdlib.h>

#include "wire/b64.h"

/* --- keys ------------------------------------------------------------------
 */

static const struct kind {
	const char *name, *type, *param, *proof_alg;
	unsigned bits;
} kinds[] = {
	{ "EC P-256", "EC", "P-256", "ES256", 0 },
	{ "EC P-384", "EC", "P-384", "ES384", 0 },
	{ "EC P-521", "EC", "P-521", "ES512", 0 },
	{ "RSA 2048", "RSA", NULL, "RS256", 2048 },
	{ "RSA 1024", "RSA", NULL, "RS256", 1024 },
	{ "Ed25519", "ED25519", NULL, "EdDSA", 0 },
	{ "X25519", "X25519", NULL, NULL, 0 },
	{ "EC secp256k1", "EC", "secp256k1", "ES256K", 0 },
	{ "Ed448", "ED448", NULL, "EdDSA", 0 },
};

static EVP_PKEY *
generate(const struct kind *kind)
{
	EVP_PKEY *key = kind->bits > 0 ? EVP_RSA_gen(kind->bits)
			: kind->param != NULL
			    ? EVP_EC_gen(kind->param)
			    : EVP_PKEY_Q_keygen(NULL, NULL, kind->type);

	cr_assert_not_null(key, "%s", kind->name);
	return key;
}

static const struct kind *
kind_of(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	cr_assert(false, "no kind %s", name);
	return NULL;
}

struct test_key *
test_key(const char *name)
{
	const struct kind *kind = kind_of(name);
	AUTO(buf_free) struct buf *bytes = buf_new(4096);
	struct test_key *k = calloc(1, sizeof *k);
	struct pub pub;

	*k = (struct test_key){ .pkey = generate(kind),
		.use = kind->proof_alg == NULL ? "enc" : "sig",
		.state = "active",
		.proof_alg = kind->proof_alg };
	cr_assert_eq(pub_of_pkey(k->pkey, bytes, &pub), VH_OK);
	if (pub_thumbprint(&pub, k->kid) != VH_OK)
		k->kid[0] = '\0'; /* a weak one */
	return k;
}

struct test_key *
test_enc_key(const char *name)
{
	struct test_key *k = test_key(name);

	k->use = "enc";
	return k;
}

void
test_key_free(struct test_key *k)
{
	if (k == NULL)
		return;
	EVP_PKEY_free(k->pkey);
	free(k);
}

/* --- signatures ------------------------------------------------------------
 */

/* r and s of a DER signature, each of half bytes (RFC 7518, 3.4). */
static void
put_raw(struct buf *out, const uint8_t *der, size_t len, size_t half)
{
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)len);
	uint8_t *to = buf_extend(out, 2 * half);

	cr_assert(sig != NULL && to != NULL);
	BN_bn2binpad(ECDSA_SIG_get0_r(sig), to, (int)half);
	BN_bn2binpad(ECDSA_SIG_get0_s(sig), to + half, (int)half);
	ECDSA_SIG_free(sig);
}

static struct buf *
sign(EVP_PKEY *key, const char *alg_name, struct slice text)
{
	const struct alg *alg = alg_by_name(slice_text(alg_name));
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	struct buf *out = buf_new(2048);
	const EVP_MD *md =
	    alg->digest == NULL ? NULL : EVP_get_digestbyname(alg->digest);
	EVP_PKEY_CTX *pctx;
	uint8_t sig[1024];
	size_t len = sizeof sig;

	cr_assert_eq(EVP_DigestSignInit(ctx, &pctx, md, NULL, key), 1);
	if (alg->kind == VH_KIND_PSS) {
		EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING);
		EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_DIGEST);
	}
	cr_assert_eq(EVP_DigestSign(ctx, sig, &len, text.p, text.len), 1);
	EVP_MD_CTX_free(ctx);
	if (alg->kind == VH_KIND_ECDSA)
		put_raw(out, sig, len, alg->size / 2);
	else
		buf_put(out, slice_of(sig, len));
	cr_assert_eq(buf_end(out), VH_OK);
	return out;
}

static char *
text_of(const struct buf *b)
{
	return strndup((const char *)b->p, b->len);
}

char *
test_proof(const struct test_key *k, const char *text)
{
	AUTO(buf_free)
	struct buf *sig = sign(k->pkey, k->proof_alg, slice_text(text));
	AUTO(buf_free) struct buf *b64 = buf_new(4096);

	b64_put(b64, buf_slice(sig));
	return text_of(b64);
}

struct buf *
test_sign_text(EVP_PKEY *key, const char *header, const char *payload)
{
	struct buf *token = buf_new(64u << 20);

	b64_put(token, slice_text(header));
	buf_put_u8(token, '.');
	b64_put(token, slice_text(payload));
	AUTO(buf_free)
	struct buf *sig = sign(key, "ES256", buf_slice(token));

	buf_put_u8(token, '.');
	b64_put(token, buf_slice(sig));
	cr_assert_eq(buf_end(token), VH_OK);
	return token;
}

/* --- what a node says ------------------------------------------------------
 */

const char *
test_node_name(const struct cert *by)
{
	static char name[128]; /* borrowed until the next call */

	X509_NAME_get_text_by_NID(X509_get_subject_name(by->cert),
	    NID_commonName, name, sizeof name);
	return name;
}

/* The chain up to, but not with, the CA. */
char *
test_header(const struct cert *by, const char *typ)
{
	AUTO(buf_free) struct buf *json = buf_new(65536);

	buf_format(json, "{\"alg\":\"ES256\",\"typ\":\"%s\",\"x5c\":[", typ);
	for (const struct cert *c = by; c->issuer != NULL; c = c->issuer) {
		AUTO(buf_free) struct buf *der = cert_der(c);
		char b64[8192];

		EVP_EncodeBlock((unsigned char *)b64, der->p, (int)der->len);
		buf_format(json, "%s\"%s\"", c == by ? "" : ",", b64);
	}
	buf_put_text(json, "]}");
	return text_of(json);
}

struct buf *
test_sign(const struct cert *by, const char *typ, json_t *payload)
{
	char *header = test_header(by, typ);
	char *text = json_dumps(payload, JSON_COMPACT);
	struct buf *token = test_sign_text(by->key, header, text);

	free(header);
	free(text);
	json_decref(payload);
	return token;
}

static json_t *
jwk_json(const struct test_key *k)
{
	AUTO(buf_free) struct buf *bytes = buf_new(4096);
	AUTO(buf_free) struct buf *text = buf_new(8192);
	struct pub pub;

	cr_assert_eq(pub_of_pkey(k->pkey, bytes, &pub), VH_OK);
	jwk_put(text, &pub, slice_text(k->kid),
	    strcmp(k->use, "sig") == 0 ? VH_USE_SIG : VH_USE_ENC,
	    k->alg == NULL ? NULL : alg_by_name(slice_text(k->alg)));
	cr_assert_eq(buf_end(text), VH_OK);
	return json_loadb((char *)text->p, text->len, 0, NULL);
}

static json_t *
key_json(const struct test_key *k, const char *node, uint64_t epoch)
{
	json_t *j = json_object();

	json_object_set_new(j, "jwk", jwk_json(k));
	json_object_set_new(j, "state", json_string(k->state));
	if (k->name != NULL)
		json_object_set_new(j, "name", json_string(k->name));
	if (k->published != NULL)
		json_object_set_new(j, "kid", json_string(k->published));
	if (k->allow != NULL)
		json_object_set_new(j, "allow", json_string(k->allow));
	if (k->ops != NULL)
		json_object_set_new(j, "key_ops", json_loads(k->ops, 0, NULL));
	if (k->typ != NULL)
		json_object_set_new(j, "typ", json_string(k->typ));
	if (k->claims != NULL)
		json_object_set_new(j, "claims", json_string(k->claims));
	if (strcmp(k->state, "retired") == 0)
		json_object_set_new(j, "active_until",
		    json_integer((json_int_t)k->active_until));
	if (strcmp(k->use, "sig") == 0) {
		AUTO(buf_free) struct buf *text = buf_new(512);

		buf_format(text, "vhsm-proof|%s|%llu|%s", node,
		    (unsigned long long)epoch, k->kid);
		buf_put_u8(text, 0);
		char *proof = test_proof(k, (const char *)text->p);

		json_object_set_new(j, "proof", json_string(proof));
		json_object_set_new(j, "proof_alg", json_string(k->proof_alg));
		free(proof);
	}
	return j;
}

json_t *
test_payload(const struct cert *by, const struct test_record *r)
{
	const char *node = test_node_name(by);
	json_t *keys = json_array();
	json_t *j = json_pack("{s:s,s:I,s:I,s:I,s:s,s:s,s:I}", "node", node,
	    "epoch", (json_int_t)r->epoch, "seq", (json_int_t)r->seq, "iat",
	    (json_int_t)r->iat, "address", "node.example:7600", "version",
	    "1.2.3", "keep_after", (json_int_t)r->keep);

	for (size_t i = 0; i < ARRAY_LEN(r->keys) && r->keys[i] != NULL; i++)
		json_array_append_new(keys,
		    key_json(r->keys[i], node, r->epoch));
	json_object_set_new(j, "keys", keys);
	return j;
}

struct buf *
test_record(const struct cert *by, const struct test_record *r)
{
	return test_sign(by, "vhsm-record", test_payload(by, r));
}

struct buf *
test_hello(const struct cert *by, const char *aud, const char *nonce_b64,
    uint64_t iat)
{
	return test_sign(by, "vhsm-hello",
	    json_pack("{s:s,s:s,s:s,s:I}", "node", test_node_name(by), "aud",
		aud, "nonce", nonce_b64, "iat", (json_int_t)iat));
}

struct buf *
test_tombstone(const struct cert *by, const char *kid, uint64_t iat)
{
	return test_sign(by, "vhsm-tombstone",
	    json_pack("{s:s,s:s,s:I}", "kid", kid, "node", test_node_name(by),
		"iat", (json_int_t)iat));
}
