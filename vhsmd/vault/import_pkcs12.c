/* PKCS#12 (RFC 7292): one private key, what libcrypto makes of the rest being
 * ignored.  A file whose MAC the passphrase does not confirm is not looked
 * into; all rounds of key derivation together are bounded. */
#include <openssl/err.h>
#include <openssl/pkcs12.h>

#include "vault/import_encrypted.h"

AUTO_FREE(PKCS12, PKCS12_free)

/* A bag that has none of what follows is somebody's certificate. */
static void
safes_free(STACK_OF(PKCS7) * safes)
{
	sk_PKCS7_pop_free(safes, PKCS7_free);
}

static void
bags_free(STACK_OF(PKCS12_SAFEBAG) * bags)
{
	sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
}
AUTO_FREE(STACK_OF(PKCS7), safes_free)
AUTO_FREE(STACK_OF(PKCS12_SAFEBAG), bags_free)

bool
pkcs12_is(struct slice s)
{
	static const uint8_t version[] = { 0x02, 0x01, 0x03, 0x30 };
	size_t at = 2;

	if (s.len < 2 || s.p[0] != 0x30)
		return false;
	/* Some writers leave the length open (BER). */
	if (s.p[1] > 0x80)
		at += s.p[1] & 0x7f;
	return s.len >= at + sizeof version &&
	       slice_eq(slice_of(s.p + at, sizeof version),
		   slice_of(version, sizeof version));
}

static enum vh_err
check_mac(struct encrypted *e, PKCS12 *p12)
{
	struct slice pass = e->in->terms->passphrase;
	const ASN1_INTEGER *iterations = NULL;

	if (PKCS12_mac_present(p12) != 1)
		return REFUSE(e->in->why, VH_EKEY,
		    "PKCS#12 without a MAC not supported");
	PKCS12_get0_mac(NULL, NULL, NULL, &iterations, p12);
	/* Absent, it is 1. */
	if (iterations != NULL)
		TRY(encrypted_spend(e, iterations));
	if (PKCS12_verify_mac(p12, (const char *)pass.p, (int)pass.len) != 1)
		return encrypted_refused(e);
	return VH_OK;
}

static enum vh_err
add_plain(const struct import *in, const PKCS12_SAFEBAG *bag)
{
	const PKCS8_PRIV_KEY_INFO *key = PKCS12_SAFEBAG_get0_p8inf(bag);
	unsigned char *der = NULL;
	int len = i2d_PKCS8_PRIV_KEY_INFO(key, &der);

	if (len <= 0)
		return check_failed(in->why, "malformed key in PKCS#12");
	enum vh_err err = import_der(in, slice_of(der, (size_t)len));

	OPENSSL_clear_free(der, (size_t)len);
	return err;
}

static enum vh_err
add_bag(struct encrypted *e, const PKCS12_SAFEBAG *bag, size_t *keys)
{
	int nid = PKCS12_SAFEBAG_get_nid(bag);

	if (nid == NID_certBag || nid == NID_crlBag)
		return VH_OK;
	if (nid != NID_keyBag && nid != NID_pkcs8ShroudedKeyBag)
		return REFUSE(e->in->why, VH_EKEY,
		    "PKCS#12 holds something else than keys and certificates");
	if (++*keys > 1)
		return REFUSE(e->in->why, VH_EKEY,
		    "PKCS#12 holds several private keys, expected one");
	if (nid == NID_keyBag)
		return add_plain(e->in, bag);
	return encrypted_add(e, PKCS12_SAFEBAG_get0_pkcs8(bag));
}

/* A part encrypted by another method than ours: as a rule certificates, for
 * which some writers take RC2.  Only if no key is found elsewhere is that what
 * is wrong. */
static bool
is_foreign(struct encrypted *e, PKCS7 *safe)
{
	struct encrypted look = { .in = e->in };
	size_t mark = buf_slice(e->in->why).len;

	if (!PKCS7_type_is_encrypted(safe))
		return false;
	(void)encrypted_check(&look,
	    safe->d.encrypted->enc_data->algorithm); /* says whose it is */
	buf_trim(e->in->why, mark);
	return look.foreign;
}

/* The bags of one part; NULL with a reason. */
static enum vh_err
unpack(struct encrypted *e, PKCS7 *safe, STACK_OF(PKCS12_SAFEBAG) * *out)
{
	struct slice pass = e->in->terms->passphrase;

	if (PKCS7_type_is_data(safe)) {
		*out = PKCS12_unpack_p7data(safe);
	} else if (PKCS7_type_is_encrypted(safe)) {
		TRY(encrypted_check(e, safe->d.encrypted->enc_data->algorithm));
		*out = PKCS12_unpack_p7encdata(safe, (const char *)pass.p,
		    (int)pass.len);
	} else {
		return REFUSE(e->in->why, VH_EKEY,
		    "PKCS#12 encrypted to a certificate not supported, "
		    "expected a passphrase");
	}
	return *out == NULL ? check_failed(e->in->why, "malformed PKCS#12")
			    : VH_OK;
}

static enum vh_err
add_safe(struct encrypted *e, PKCS7 *safe, size_t *keys)
{
	AUTO(bags_free) STACK_OF(PKCS12_SAFEBAG) *bags = NULL;

	TRY(unpack(e, safe, &bags));
	for (int i = 0; i < sk_PKCS12_SAFEBAG_num(bags); i++)
		TRY(add_bag(e, sk_PKCS12_SAFEBAG_value(bags, i), keys));
	return VH_OK;
}

static enum vh_err
refuse_empty(struct encrypted *e, STACK_OF(PKCS7) * safes)
{
	for (int i = 0; i < sk_PKCS7_num(safes); i++) {
		PKCS7 *safe = sk_PKCS7_value(safes, i);

		if (is_foreign(e, safe))
			return encrypted_check(e,
			    safe->d.encrypted->enc_data->algorithm);
	}
	return REFUSE(e->in->why, VH_EKEY,
	    "no private key in this PKCS#12 file");
}

enum vh_err
import_pkcs12(const struct import *in, struct slice der)
{
	struct encrypted e = { .in = in };
	const unsigned char *p = der.p;
	size_t keys = 0;

	TRY(encrypted_needs(in));
	ERR_clear_error();
	AUTO(PKCS12_free) PKCS12 *p12 = d2i_PKCS12(NULL, &p, (long)der.len);

	if (p12 == NULL || p != der.p + der.len)
		return check_failed(in->why, "malformed PKCS#12");
	TRY(check_mac(&e, p12));
	AUTO(safes_free) STACK_OF(PKCS7) *safes = PKCS12_unpack_authsafes(p12);

	if (safes == NULL)
		return check_failed(in->why, "malformed PKCS#12");
	for (int i = 0; i < sk_PKCS7_num(safes); i++)
		if (!is_foreign(&e, sk_PKCS7_value(safes, i)))
			TRY(add_safe(&e, sk_PKCS7_value(safes, i), &keys));
	return keys == 1 ? VH_OK : refuse_empty(&e, safes);
}
