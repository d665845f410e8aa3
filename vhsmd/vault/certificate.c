#include "vault/certificate.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/pkey.h"
#include "vault/check.h"

#define NUMBERS_MAX 4096 /* of a public key of any size that alg.def has */

AUTO_FREE(ASN1_OBJECT, ASN1_OBJECT_free)
AUTO_FREE(ASN1_TIME, ASN1_TIME_free)
AUTO_FREE(EXTENDED_KEY_USAGE, EXTENDED_KEY_USAGE_free)
AUTO_FREE(X509, X509_free)

static void
free_bio(BIO *bio)
{
	BIO_free_all(bio);
}
AUTO_FREE(BIO, free_bio)

static void
free_text(unsigned char *text)
{
	OPENSSL_free(text);
}
AUTO_FREE(unsigned char, free_text)

/* --- what the own certificate must say -------------------------------------
 */

static bool
has_key(X509 *x, const struct certificate_want *want)
{
	AUTO(buf_free) struct buf *numbers = buf_new(NUMBERS_MAX);
	EVP_PKEY *pkey = X509_get0_pubkey(x); /* belongs to x */
	struct pub pub;

	return pkey != NULL && pub_of_pkey(pkey, numbers, &pub) == VH_OK &&
	       pub.kty == want->pub->kty && pub.crv == want->pub->crv &&
	       slice_eq(pub.x, want->pub->x) && slice_eq(pub.y, want->pub->y);
}

static bool
is_issued(X509 *x, const struct certificate_want *want)
{
	(void)want;
	return (X509_get_extension_flags(x) & EXFLAG_SS) == 0;
}

static bool
is_no_ca(X509 *x, const struct certificate_want *want)
{
	(void)want;
	return (X509_get_extension_flags(x) & EXFLAG_CA) == 0;
}

static bool
has_name(X509 *x, const struct certificate_want *want)
{
	AUTO(free_text) unsigned char *text = NULL;
	const X509_NAME *name = X509_get_subject_name(x); /* belongs to x */
	int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);

	if (at < 0 || X509_NAME_get_index_by_NID(name, NID_commonName, at) >= 0)
		return false; /* none, or two to choose from */
	int len = ASN1_STRING_to_UTF8(&text,
	    X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));

	return len >= 0 && slice_eq(slice_of(text, (size_t)len), want->node);
}

static bool
is_listed(const EXTENDED_KEY_USAGE *list, const ASN1_OBJECT *usage)
{
	for (int i = 0; i < sk_ASN1_OBJECT_num(list); i++)
		if (OBJ_cmp(sk_ASN1_OBJECT_value(list, i), usage) == 0)
			return true;
	return false;
}

/* Nor may it open TLS connections: what one key signs means one thing. */
static bool
has_usage(X509 *x, const struct certificate_want *want)
{
	AUTO(EXTENDED_KEY_USAGE_free)
	EXTENDED_KEY_USAGE *list =
	    X509_get_ext_d2i(x, NID_ext_key_usage, NULL, NULL);
	AUTO(ASN1_OBJECT_free)
	ASN1_OBJECT *ours = OBJ_txt2obj(CERTIFICATE_USAGE, 1);

	(void)want;
	return list != NULL && ours != NULL && is_listed(list, ours) &&
	       !is_listed(list, OBJ_nid2obj(NID_server_auth)) &&
	       !is_listed(list, OBJ_nid2obj(NID_client_auth)) &&
	       !is_listed(list, OBJ_nid2obj(NID_anyExtendedKeyUsage));
}

/* True also for a certificate that restricts nothing. */
static bool
may_sign(X509 *x, const struct certificate_want *want)
{
	(void)want;
	return (X509_get_key_usage(x) & KU_DIGITAL_SIGNATURE) != 0;
}

/* libcrypto's X509_cmp_time would ask libc for the time zone, a file. */
static bool
seconds_of(const ASN1_TIME *t, int64_t *out)
{
	AUTO(ASN1_TIME_free) ASN1_TIME *epoch = ASN1_TIME_new();
	int days, seconds;

	if (epoch == NULL ||
	    ASN1_TIME_set_string(epoch, "19700101000000Z") != 1 ||
	    ASN1_TIME_diff(&days, &seconds, epoch, t) != 1)
		return false;
	*out = (int64_t)days * 86400 + seconds;
	return true;
}

static bool
has_begun(X509 *x, const struct certificate_want *want)
{
	int64_t from;

	return seconds_of(X509_get0_notBefore(x), &from) &&
	       from <= (int64_t)(want->now.ms / 1000);
}

static bool
has_not_ended(X509 *x, const struct certificate_want *want)
{
	int64_t to;

	return seconds_of(X509_get0_notAfter(x), &to) &&
	       to >= (int64_t)(want->now.ms / 1000);
}

static const struct {
	bool (*holds)(X509 *x, const struct certificate_want *want);
	const char *otherwise;
} checks[] = {
	{ has_key, "record key is not the key of the first certificate" },
	{ has_name,
	    "the certificate's common name is not the name of this node" },
	{ has_usage, "certificate is not for records, expected extended key "
		     "usage " CERTIFICATE_USAGE " and none of TLS" },
	{ may_sign, "certificate's key usage forbids digital signatures" },
	{ is_no_ca, "certificate of a CA, expected one that it issued" },
	{ is_issued, "certificate is self-signed, expected one of the "
		     "cluster's CA" },
	{ has_begun, "certificate is not valid yet" },
	{ has_not_ended, "certificate has expired" },
};

static enum vh_err
check_own(X509 *x, const struct certificate_want *want, struct buf *why)
{
	if (X509_get_extension_flags(x) & EXFLAG_INVALID)
		return check_failed(why,
		    "certificate has a malformed extension");
	for (size_t i = 0; i < ARRAY_LEN(checks); i++)
		if (!checks[i].holds(x, want))
			return check_failed(why, checks[i].otherwise);
	return VH_OK;
}

/* --- the chain -------------------------------------------------------------
 */

/* libcrypto's own would ask a terminal. */
static int
no_password(char *to, int room, int rw, void *arg)
{
	(void)to;
	(void)room;
	(void)rw;
	(void)arg;
	return -1;
}

/* *out is NULL at the end. */
static enum vh_err
next_certificate(BIO *pem, X509 **out, struct buf *why)
{
	ERR_clear_error();
	*out = PEM_read_bio_X509(pem, NULL, no_password, NULL);
	if (*out != NULL)
		return VH_OK;
	unsigned long error = ERR_peek_last_error();

	if (ERR_GET_LIB(error) == ERR_LIB_PEM &&
	    ERR_GET_REASON(error) == PEM_R_NO_START_LINE) {
		ERR_clear_error();
		return VH_OK;
	}
	return check_failed(why, "malformed certificate, expected PEM");
}

/* What has been put into an array. */
struct chain {
	struct buf *x5c;
	size_t count, bytes; /* of DER */
};

static enum vh_err
put_certificate(X509 *x, struct chain *chain, struct buf *why)
{
	struct buf *x5c = chain->x5c;
	AUTO(buf_free) struct buf *der = buf_new(CERTIFICATE_CHAIN_MAX);
	int len = i2d_X509(x, NULL);

	if (len <= 0)
		return check_failed(why, "malformed certificate");
	chain->bytes += (size_t)len;
	if (chain->count == CERTIFICATE_COUNT_MAX ||
	    chain->bytes > CERTIFICATE_CHAIN_MAX)
		return REFUSE(why, VH_ETOOBIG,
		    "certificate chain has more than %d certificates or %d "
		    "bytes",
		    CERTIFICATE_COUNT_MAX, CERTIFICATE_CHAIN_MAX);
	uint8_t *p = buf_extend(der, (size_t)len);

	TRY(buf_end(der));
	if (i2d_X509(x, &p) != len)
		return VH_EINTERNAL;
	buf_put_text(x5c, chain->count++ == 0 ? "\"" : ",\"");
	/* 4 characters for 3 bytes, and a NUL that is not ours. */
	size_t at = buf_slice(x5c).len, size = ((size_t)len + 2) / 3 * 4;
	uint8_t *to = buf_extend(x5c, size + 1);

	TRY(buf_end(x5c));
	(void)EVP_EncodeBlock(to, der->p, len); /* writes just that many */
	buf_trim(x5c, at + size);
	buf_put_text(x5c, "\"");
	return buf_end(x5c);
}

enum vh_err
certificate_chain(struct slice pem, const struct certificate_want *want,
    struct buf *x5c, struct buf *why)
{
	AUTO(free_bio) BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.len);
	struct chain chain = { .x5c = x5c };

	if (bio == NULL)
		return check_failed(why, "no certificate");
	buf_put_text(x5c, "[");
	for (;;) {
		AUTO(X509_free) X509 *x = NULL;

		TRY(next_certificate(bio, &x, why));
		if (x == NULL)
			break;
		if (chain.count == 0)
			TRY(check_own(x, want, why));
		else if (!is_issued(x, want))
			continue; /* the CA's own */
		TRY(put_certificate(x, &chain, why));
	}
	if (chain.count == 0)
		return REFUSE(why, VH_EKEY, "no certificate in this PEM text");
	buf_put_text(x5c, "]");
	return buf_end(x5c);
}
