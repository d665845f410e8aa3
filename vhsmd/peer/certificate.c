#include "peer/certificate.h"

#include <openssl/err.h>
#include <openssl/objects.h>
#include <stdlib.h>

AUTO_FREE(ASN1_TIME, ASN1_TIME_free)
AUTO_FREE(EXTENDED_KEY_USAGE, EXTENDED_KEY_USAGE_free)

static bool
is_alnum(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9');
}

bool
node_name_is_valid(struct slice name)
{
	if (name.len == 0 || name.len > NODE_NAME_MAX || !is_alnum(name.p[0]))
		return false;
	for (size_t i = 0; i < name.len; i++)
		if (!is_alnum(name.p[i]) && name.p[i] != '.' &&
		    name.p[i] != '_' && name.p[i] != '-')
			return false;
	return true;
}

void
certificate_free(struct certificate *c)
{
	if (c == NULL)
		return;
	EVP_PKEY_free(c->key);
	free(c);
}

enum vh_err
certificate_at(const struct certificate *c, uint64_t ms, enum refusal *why)
{
	if (c->revoked_ms != TRUST_NOT_REVOKED)
		return refuse(why, REFUSAL_REVOKED);
	if (ms < c->from_ms || ms > c->until_ms)
		return refuse(why, REFUSAL_EXPIRED);
	return VH_OK;
}

bool
certificate_is_ca(X509 *cert)
{
	/* Other values are guesses about certificates without constraints. */
	return X509_check_ca(cert) == 1;
}

bool
time_in_ms(const ASN1_TIME *t, uint64_t *ms)
{
	AUTO(ASN1_TIME_free) ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
	int days, seconds;

	if (epoch == NULL || t == NULL ||
	    ASN1_TIME_diff(&days, &seconds, epoch, t) != 1)
		return false;
	int64_t since = (int64_t)days * 86400 + seconds;

	*ms = since < 0 ? 0 : (uint64_t)since * 1000;
	return true;
}

static bool
has_usage(const EXTENDED_KEY_USAGE *usages, const char *want)
{
	char text[64];

	for (int i = 0; i < sk_ASN1_OBJECT_num(usages); i++)
		if (OBJ_obj2txt(text, sizeof text,
			sk_ASN1_OBJECT_value(usages, i), 1) > 0 &&
		    strcmp(text, want) == 0)
			return true;
	return false;
}

/* For records, and not for TLS as well: a TLS key lives in a process that
 * strangers talk to.  anyExtendedKeyUsage is not ours either. */
static bool
is_for_records(X509 *leaf)
{
	static const char *const others[] = { "1.3.6.1.5.5.7.3.1",
		"1.3.6.1.5.5.7.3.2", "2.5.29.37.0" };
	AUTO(EXTENDED_KEY_USAGE_free)
	EXTENDED_KEY_USAGE *usages =
	    X509_get_ext_d2i(leaf, NID_ext_key_usage, NULL, NULL);

	if (usages == NULL || !has_usage(usages, TRUST_RECORD_USAGE))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		if (has_usage(usages, others[i]))
			return false;
	/* Without keyUsage all bits are set. */
	return (X509_get_key_usage(leaf) & KU_DIGITAL_SIGNATURE) != 0 &&
	       (X509_get_extension_flags(leaf) & EXFLAG_CA) == 0;
}

/* The one common name, when it is a node name. */
static bool
read_name(X509 *leaf, char name[static NODE_NAME_MAX + 1])
{
	const X509_NAME *subject = X509_get_subject_name(leaf);
	int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);

	if (at < 0 ||
	    X509_NAME_get_index_by_NID(subject, NID_commonName, at) >= 0)
		return false;
	const ASN1_STRING *text =
	    X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
	struct slice value = slice_of(ASN1_STRING_get0_data(text),
	    (size_t)ASN1_STRING_length(text));
	int type = ASN1_STRING_type(text);

	if ((type != V_ASN1_UTF8STRING && type != V_ASN1_PRINTABLESTRING &&
		type != V_ASN1_T61STRING && type != V_ASN1_IA5STRING) ||
	    !node_name_is_valid(value))
		return false;
	memcpy(name, value.p, value.len);
	name[value.len] = '\0';
	return true;
}

/* A named P-256: pub_of_pkey takes no explicit parameters. */
static bool
is_p256(EVP_PKEY *key)
{
	AUTO(buf_free) struct buf *bytes = buf_new(256);
	struct pub pub;

	return key != NULL && pub_of_pkey(key, bytes, &pub) == VH_OK &&
	       pub.kty == VH_KTY_EC && pub.crv == VH_CRV_P256;
}

enum vh_err
certificate_of_leaf(X509 *leaf, struct certificate *out, enum refusal *why)
{
	if (!is_for_records(leaf))
		return refuse(why, REFUSAL_USAGE);
	out->key = X509_get_pubkey(leaf);
	if (!is_p256(out->key))
		return refuse(why, REFUSAL_CERT_KEY);
	if (!read_name(leaf, out->node))
		return refuse(why, REFUSAL_CERT_NAME);
	return VH_OK;
}
