#include "client/cli/audit_check.h"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>

#include "client/cli/cluster_x509.h"
#include "client/cli/output.h"
#include "wire/b64.h"

#define KEYS_MAX   64
#define CHAIN_MAX  8
#define PART_MAX   AUDIT_LINE_MAX
#define HALF       32 /* bytes of r, of s, of a coordinate */
#define RECORD_EKU "1.3.6.1.4.1.58270.1.1"

struct audit_trust {
	X509_STORE *roots; /* NULL: no CA was given */
	EVP_PKEY *keys[KEYS_MAX];
	size_t count;
};

static void
free_store_ctx(X509_STORE_CTX *ctx)
{
	X509_STORE_CTX_free(ctx);
}
AUTO_FREE(X509_STORE_CTX, free_store_ctx)

static void
free_chain(STACK_OF(X509) * chain)
{
	sk_X509_pop_free(chain, X509_free);
}
AUTO_FREE(STACK_OF(X509), free_chain)

static void
free_md_ctx(EVP_MD_CTX *ctx)
{
	EVP_MD_CTX_free(ctx);
}
AUTO_FREE(EVP_MD_CTX, free_md_ctx)

static void
free_pkey_ctx(EVP_PKEY_CTX *ctx)
{
	EVP_PKEY_CTX_free(ctx);
}
AUTO_FREE(EVP_PKEY_CTX, free_pkey_ctx)

static void
free_ecdsa(ECDSA_SIG *sig)
{
	ECDSA_SIG_free(sig);
}
AUTO_FREE(ECDSA_SIG, free_ecdsa)

void
audit_trust_free(struct audit_trust *t)
{
	if (t == NULL)
		return;
	X509_STORE_free(t->roots);
	for (size_t i = 0; i < t->count; i++)
		EVP_PKEY_free(t->keys[i]);
	free(t);
}

/* --- whom to believe -------------------------------------------------------
 */

static bool
add_roots(struct audit_trust *t, struct slice pem)
{
	AUTO(BIO_free_all) BIO *in = BIO_new_mem_buf(pem.p, (int)pem.len);
	size_t count = 0;

	t->roots = X509_STORE_new();
	if (in == NULL || t->roots == NULL)
		return false;
	for (;;) {
		AUTO(X509_free)
		X509 *cert =
		    PEM_read_bio_X509(in, NULL, x509_no_password, NULL);

		if (cert == NULL)
			return count > 0;
		if (X509_STORE_add_cert(t->roots, cert) != 1)
			return false;
		count++;
	}
}

/* Base64url of exactly one coordinate. */
static bool
coordinate(const json_t *jwk, const char *name, uint8_t out[static HALF])
{
	const char *text = json_string_value(json_object_get(jwk, name));
	size_t len = 0;

	return text != NULL &&
	       b64_decode_into(slice_text(text), out, HALF, &len) == VH_OK &&
	       len == HALF;
}

/* NULL for what is no P-256 key: a set may have others. */
static EVP_PKEY *
key_of_jwk(const json_t *jwk)
{
	const char *crv = json_string_value(json_object_get(jwk, "crv"));
	uint8_t point[1 + 2 * HALF] = { 4 };
	char group[] = "P-256";
	AUTO(free_pkey_ctx)
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EVP_PKEY *key = NULL;

	if (crv == NULL || strcmp(crv, group) != 0 || ctx == NULL ||
	    !coordinate(jwk, "x", point + 1) ||
	    !coordinate(jwk, "y", point + 1 + HALF))
		return NULL;
	OSSL_PARAM params[] = {
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group,
		    sizeof group - 1),
		OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point,
		    sizeof point),
		OSSL_PARAM_END,
	};

	if (EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
		return NULL;
	return key;
}

static bool
add_keys(struct audit_trust *t, struct slice text)
{
	AUTO(json_decref)
	json_t *set = json_loadb((const char *)text.p, text.len,
	    JSON_REJECT_DUPLICATES, NULL);
	json_t *keys = json_object_get(set, "keys"), *jwk;
	size_t i;

	if (keys == NULL && json_is_object(set)) {
		t->keys[0] = key_of_jwk(set);
		t->count = t->keys[0] != NULL;
		return t->count > 0;
	}
	json_array_foreach(keys, i, jwk)
	{
		EVP_PKEY *key = t->count < KEYS_MAX ? key_of_jwk(jwk) : NULL;

		if (key != NULL)
			t->keys[t->count++] = key;
	}
	return t->count > 0;
}

struct audit_trust *
audit_trust_new(struct slice ca, struct slice jwks, const char **why)
{
	AUTO(audit_trust_free) struct audit_trust *t = calloc(1, sizeof *t);

	*why = "out of memory";
	if (t == NULL)
		return NULL;
	*why = "no certificate in the file of --ca";
	if (ca.len > 0 && !add_roots(t, ca))
		return NULL;
	*why = "no P-256 key in the file of --jwks";
	if (jwks.len > 0 && !add_keys(t, jwks))
		return NULL;
	return TAKE(t);
}

/* --- a checkpoint ----------------------------------------------------------
 */

struct jws {
	json_t *header, *claim;
	struct slice input; /* what is signed */
	uint8_t signature[2 * HALF];
};

static void
jws_drop_auto(const struct jws *jws)
{
	json_decref(jws->header);
	json_decref(jws->claim);
}

static json_t *
decode_json(struct slice text)
{
	AUTO(buf_free) struct buf *b = buf_new(PART_MAX);

	if (b64_decode(text, b) != VH_OK)
		return NULL;
	return json_loadb((const char *)b->p, b->len, JSON_REJECT_DUPLICATES,
	    NULL);
}

static bool
jws_parse(struct slice text, struct jws *out)
{
	const uint8_t *first =
	    text.len == 0 ? NULL : memchr(text.p, '.', text.len);
	const uint8_t *last =
	    text.len == 0 ? NULL : memrchr(text.p, '.', text.len);
	size_t len = 0;

	if (first == NULL || first == last)
		return false;
	out->input = slice_of(text.p, (size_t)(last - text.p));
	out->header = decode_json(slice_of(text.p, (size_t)(first - text.p)));
	out->claim =
	    decode_json(slice_of(first + 1, (size_t)(last - first) - 1));
	struct slice signature =
	    slice_of(last + 1, (size_t)(text.p + text.len - last) - 1);

	return json_is_object(out->header) && json_is_object(out->claim) &&
	       b64_decode_into(signature, out->signature, sizeof out->signature,
		   &len) == VH_OK &&
	       len == sizeof out->signature;
}

static bool
has_text(const json_t *object, const char *name, struct slice wanted)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text != NULL && slice_is(wanted, text);
}

static bool
is_signed_by(const struct jws *jws, EVP_PKEY *key)
{
	AUTO(free_md_ctx) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	AUTO(free_ecdsa) ECDSA_SIG *sig = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(jws->signature, HALF, NULL);
	BIGNUM *s = BN_bin2bn(jws->signature + HALF, HALF, NULL);
	uint8_t *der = NULL;

	if (sig == NULL || r == NULL || s == NULL ||
	    ECDSA_SIG_set0(sig, r, s) != 1) {
		BN_free(r);
		BN_free(s);
		return false;
	}
	int len = i2d_ECDSA_SIG(sig, &der);
	bool good =
	    len > 0 && ctx != NULL &&
	    EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
	    EVP_DigestVerify(ctx, der, (size_t)len, jws->input.p,
		jws->input.len) == 1;

	OPENSSL_free(der);
	return good;
}

/* RFC 7515, 4.1.6: base64 with padding, DER inside. */
static STACK_OF(X509) * chain_of(const json_t *header)
{
	AUTO(free_chain) STACK_OF(X509) *chain = sk_X509_new_null();
	json_t *x5c = json_object_get(header, "x5c"), *item;
	size_t i;

	json_array_foreach(x5c, i, item)
	{
		uint8_t der[PART_MAX];
		const uint8_t *at = der;
		const char *text = json_string_value(item);
		size_t len = text == NULL ? 0 : strlen(text);
		int n =
		    len < sizeof der && i < CHAIN_MAX
			? EVP_DecodeBlock(der, (const uint8_t *)text, (int)len)
			: -1;
		/* Padding counts as zeros, which DER is told to ignore. */
		X509 *cert = n > 0 ? d2i_X509(NULL, &at, n) : NULL;

		if (cert == NULL || sk_X509_push(chain, cert) <= 0) {
			X509_free(cert);
			return NULL;
		}
	}
	return sk_X509_num(chain) > 0 ? TAKE(chain) : NULL;
}

static bool
is_for_records(X509 *cert)
{
	AUTO(EXTENDED_KEY_USAGE_free)
	EXTENDED_KEY_USAGE *ekus =
	    X509_get_ext_d2i(cert, NID_ext_key_usage, NULL, NULL);
	char oid[64];

	for (int i = 0; ekus != NULL && i < sk_ASN1_OBJECT_num(ekus); i++)
		if (OBJ_obj2txt(oid, sizeof oid, sk_ASN1_OBJECT_value(ekus, i),
			1) > 0 &&
		    strcmp(oid, RECORD_EKU) == 0)
			return true;
	return false;
}

/* Judged at the time of the checkpoint. */
static bool
is_issued(const struct audit_trust *t, STACK_OF(X509) * chain, json_int_t ms)
{
	AUTO(free_store_ctx) X509_STORE_CTX *ctx = X509_STORE_CTX_new();

	if (ctx == NULL || X509_STORE_CTX_init(ctx, t->roots,
			       sk_X509_value(chain, 0), chain) != 1)
		return false;
	X509_STORE_CTX_set_time(ctx, 0, (time_t)(ms / 1000));
	/* A record key's usage is none that libcrypto knows. */
	(void)X509_VERIFY_PARAM_set_purpose(X509_STORE_CTX_get0_param(ctx),
	    X509_PURPOSE_ANY);
	return X509_verify_cert(ctx) == 1;
}

static const char *
check_chain(const struct audit_trust *t, const struct jws *jws,
    struct slice node)
{
	AUTO(free_chain) STACK_OF(X509) *chain = chain_of(jws->header);
	char name[NODE_NAME_SIZE];

	if (chain == NULL)
		return "the checkpoint has no certificate";
	X509 *cert = sk_X509_value(chain, 0);

	if (!is_issued(t, chain,
		json_integer_value(json_object_get(jws->claim, "iat"))))
		return "the CA did not issue the checkpoint's certificate, or "
		       "not for that time";
	if (!is_for_records(cert) ||
	    !x509_node_of(X509_get_subject_name(cert), name) ||
	    !slice_is(node, name))
		return "the checkpoint's certificate is not for this node";
	return is_signed_by(jws, X509_get0_pubkey(cert))
		   ? NULL
		   : "the checkpoint's signature is not valid";
}

static const char *
check_signer(const struct audit_trust *t, const struct jws *jws,
    struct slice node)
{
	if (t->roots != NULL)
		return check_chain(t, jws, node);
	for (size_t i = 0; i < t->count; i++)
		if (is_signed_by(jws, t->keys[i]))
			return NULL;
	return t->count == 0 ? NULL
			     : "the checkpoint is signed by none of the keys";
}

const char *
audit_check(const struct audit_trust *t, struct slice line,
    const struct audit_chain *before)
{
	__attribute__((cleanup(jws_drop_auto))) struct jws jws = { 0 };
	struct slice node = audit_member(line, "node");
	char chain[AUDIT_HASH_B64 + 1];

	audit_hash_text(before->hash, chain);
	if (!jws_parse(audit_member(line, "jws"), &jws) ||
	    !has_text(jws.header, "alg", slice_text("ES256")) ||
	    !has_text(jws.header, "typ", slice_text("vhsm-audit")))
		return "the checkpoint is malformed";
	json_int_t seq = json_integer_value(json_object_get(jws.claim, "seq"));

	if (!has_text(jws.claim, "node", node) ||
	    !has_text(jws.claim, "chain", slice_text(chain)) ||
	    seq != (json_int_t)before->seq)
		return "the checkpoint is of other lines than those before it";
	return check_signer(t, &jws, node);
}
