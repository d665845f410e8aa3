#include "test_cluster_help.h"

#include <criterion/criterion.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <unistd.h>

#include "test_crypto_rig.h"
#include "vault/certificate.h"
#include "wire/b64.h"

#define CA_NAME "vhsmd cluster CA"
#define DAY     86400L

EVP_PKEY *
ca_key(void)
{
	static EVP_PKEY *key; /* one CA a process */

	if (key == NULL)
		key = rig_make("P-256");
	return key;
}

static X509_NAME *
add_cn(X509_NAME *name, const char *cn)
{
	if (cn[0] != '\0')
		cr_assert_eq(X509_NAME_add_entry_by_txt(name, "CN",
				 MBSTRING_ASC, (const unsigned char *)cn, -1,
				 -1, 0),
		    1);
	return name;
}

static void
add_extension(X509 *x, int nid, const char *value)
{
	if (value[0] == '\0')
		return;
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	cr_assert_not_null(e, "%s", value);
	cr_assert_eq(X509_add_ext(x, e, -1), 1);
	X509_EXTENSION_free(e);
}

static const char *
or_else(const char *wish, const char *good)
{
	return wish == NULL ? good : wish;
}

static void
put_pem(struct buf *b, X509 *x)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;

	cr_assert_eq(PEM_write_bio_X509(bio, x), 1);
	size_t len = (size_t)BIO_get_mem_data(bio, &text);

	buf_put(b, slice_of(text, len));
	BIO_free(bio);
}

void
put_certificate_pem(struct buf *b, EVP_PKEY *key, const struct wish *w)
{
	X509 *x = X509_new();
	long from = w->from_days == 0 ? -1 : w->from_days;
	long to = w->to_days == 0 ? 365 : w->to_days;

	cr_assert_eq(X509_set_version(x, X509_VERSION_3), 1);
	cr_assert_eq(ASN1_INTEGER_set(X509_get_serialNumber(x), 7), 1);
	(void)add_cn(X509_get_issuer_name(x), or_else(w->issuer, CA_NAME));
	(void)add_cn(X509_get_subject_name(x), or_else(w->cn, NODE));
	(void)add_cn(X509_get_subject_name(x), or_else(w->cn_two, ""));
	cr_assert_not_null(X509_gmtime_adj(X509_getm_notBefore(x), from * DAY));
	cr_assert_not_null(X509_gmtime_adj(X509_getm_notAfter(x), to * DAY));
	cr_assert_eq(X509_set_pubkey(x, key), 1);
	add_extension(x, NID_basic_constraints,
	    or_else(w->constraints, "CA:FALSE"));
	add_extension(x, NID_key_usage,
	    or_else(w->key_usage, "digitalSignature"));
	add_extension(x, NID_ext_key_usage,
	    or_else(w->usage, CERTIFICATE_USAGE));
	cr_assert_gt(X509_sign(x,
			 w->issuer_key == NULL ? ca_key() : w->issuer_key,
			 EVP_sha256()),
	    0);
	put_pem(b, x);
	X509_free(x);
}

void
put_ca_pem(struct buf *b)
{
	const struct wish w = { .cn = CA_NAME,
		.usage = "",
		.key_usage = "keyCertSign,cRLSign",
		.constraints = "CA:TRUE,pathlen:0" };

	put_certificate_pem(b, ca_key(), &w);
}

int
fd_with(struct slice text)
{
	int fds[2];

	cr_assert_eq(pipe(fds), 0);
	cr_assert_eq(write(fds[1], text.p, text.len), (ssize_t)text.len);
	(void)close(fds[1]); /* a pipe loses nothing */
	return fds[0];
}

int
fd_with_key(EVP_PKEY *key)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;

	cr_assert_eq(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL,
			 NULL),
	    1);
	size_t len = (size_t)BIO_get_mem_data(bio, &text);
	int fd = fd_with(slice_of(text, len));

	BIO_free(bio);
	return fd;
}

struct identity_terms
good_terms(struct slice chain)
{
	return (struct identity_terms){ .node = slice_text(NODE),
		.address = slice_text(ADDRESS),
		.version = slice_text("9.8.7"),
		.chain = chain,
		.keep_ms = 86400000 };
}

struct identity *
make_identity(struct crypto *c)
{
	AUTO(buf_free) struct buf *chain = buf_new(65536);
	AUTO(buf_free) struct buf *why = buf_new(1000);
	AUTO(pkey_free) EVP_PKEY *key = rig_make("P-256");
	struct identity *id;

	put_certificate_pem(chain, key, &(struct wish){ 0 });
	struct identity_terms terms = good_terms(buf_slice(chain));
	int fd = fd_with_key(key);
	enum vh_err err = identity_new(fd, &terms, clock_wall(), c, &id, why);

	(void)close(fd); /* only read from */
	cr_assert_eq(err, VH_OK, "%s: %.*s", err_name(err), (int)why->len,
	    (const char *)why->p);
	return id;
}

/* --- JWS -------------------------------------------------------------------
 */

static struct slice
part(struct slice *rest)
{
	const uint8_t *dot = memchr(rest->p, '.', rest->len);
	size_t len = dot == NULL ? rest->len : (size_t)(dot - rest->p);
	struct slice s = slice_of(rest->p, len);

	*rest = dot == NULL ? slice_of(rest->p + len, 0)
			    : slice_of(dot + 1, rest->len - len - 1);
	return s;
}

static struct buf *
decoded(struct slice text)
{
	struct buf *b = buf_new(VH_RECORD_MAX);

	cr_assert_eq(b64_decode(text, b), VH_OK);
	return b;
}

static json_t *
json_of(struct slice text)
{
	AUTO(buf_free) struct buf *b = decoded(text);
	json_error_t error;
	json_t *json = json_loadb((const char *)b->p, b->len,
	    JSON_REJECT_DUPLICATES, &error);

	cr_assert_not_null(json, "%s", error.text);
	return json;
}

static X509 *
first_certificate(const json_t *header)
{
	const char *text = json_string_value(
	    json_array_get(json_object_get(header, "x5c"), 0));

	cr_assert_not_null(text);
	size_t len = strlen(text);
	uint8_t *der = malloc(len + 1);
	const uint8_t *p = der;
	int size = EVP_DecodeBlock(der, (const uint8_t *)text, (int)len);

	cr_assert_gt(size, 0); /* counts what padding stands for */
	for (size_t i = len; i > 0 && text[i - 1] == '='; i--)
		size--;
	X509 *x = d2i_X509(NULL, &p, size);

	cr_assert_not_null(x);
	cr_assert_eq(p, der + size);
	free(der);
	return x;
}

struct opened *
open_jws(struct slice jws)
{
	struct opened *o = calloc(1, sizeof *o);
	struct slice rest = jws;
	struct slice header = part(&rest), payload = part(&rest);
	AUTO(buf_free) struct buf *signature = decoded(rest);

	cr_assert_not_null(o);
	o->header = json_of(header);
	o->payload = json_of(payload);
	o->certificate = first_certificate(o->header);
	cr_assert(rig_verify(X509_get0_pubkey(o->certificate),
	    alg_by_id(VH_ALG_ES256),
	    slice_of(jws.p, header.len + 1 + payload.len),
	    buf_slice(signature)));
	return o;
}

void
opened_free(struct opened *o)
{
	if (o == NULL)
		return;
	json_decref(o->header);
	json_decref(o->payload);
	X509_free(o->certificate);
	free(o);
}

const char *
text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text == NULL ? "(absent)" : text;
}

uint64_t
number_of(const json_t *object, const char *name)
{
	return (uint64_t)json_integer_value(json_object_get(object, name));
}
