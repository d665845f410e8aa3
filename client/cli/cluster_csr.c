#include "client/cli/cluster_csr.h"

#include <openssl/pem.h>
#include <stdlib.h>

#define POINT_SIZE 65 /* 4, x, y */

static void
extensions_free(X509_EXTENSIONS *x)
{
	sk_X509_EXTENSION_pop_free(x, X509_EXTENSION_free);
}
AUTO_FREE(X509_EXTENSIONS, extensions_free)

void
csr_free(struct csr *c)
{
	if (c == NULL)
		return;
	EVP_PKEY_free(c->key);
	free(c);
}

/* --- making -------------------------------------------------------------- */

static bool
add_extensions(X509_REQ *req, enum cert_kind kind, const struct sans *sans)
{
	AUTO(extensions_free) X509_EXTENSIONS *x = sk_X509_EXTENSION_new_null();
	AUTO(GENERAL_NAMES_free) GENERAL_NAMES *names = x509_sans_of(sans);
	AUTO(EXTENDED_KEY_USAGE_free)
	EXTENDED_KEY_USAGE *ekus = x509_ekus_of(kind);

	if (x == NULL || names == NULL || ekus == NULL ||
	    X509V3_add1_i2d(&x, NID_ext_key_usage, ekus, 0, 0) != 1)
		return false;
	if (kind_row(kind)->has_sans &&
	    X509V3_add1_i2d(&x, NID_subject_alt_name, names, 0, 0) != 1)
		return false;
	return X509_REQ_add_extensions(req, x) == 1;
}

X509_REQ *
csr_make(EVP_PKEY *key, enum cert_kind kind, const char *name,
    const struct sans *sans)
{
	AUTO(X509_REQ_free) X509_REQ *req = X509_REQ_new();
	AUTO(X509_NAME_free) X509_NAME *subject = x509_name_of(name);

	if (req == NULL || subject == NULL ||
	    X509_REQ_set_version(req, 0) != 1 ||
	    X509_REQ_set_subject_name(req, subject) != 1 ||
	    X509_REQ_set_pubkey(req, key) != 1 ||
	    !add_extensions(req, kind, sans) ||
	    X509_REQ_sign(req, key, EVP_sha256()) <= 0)
		return NULL;
	return TAKE(req);
}

/* --- taking apart -------------------------------------------------------- */

static enum vh_err
refuse(struct buf *why, enum vh_err err, const char *text)
{
	buf_put_text(why, text);
	return err;
}

/* Named curve and uncompressed point: nothing that a certificate could carry
 * on to readers who take keys apart less strictly. */
static bool
is_plain_p256(X509_REQ *req)
{
	const unsigned char *point = NULL;
	int len = 0, type = 0;
	X509_ALGOR *algor = NULL;
	const ASN1_OBJECT *oid = NULL;
	const void *curve = NULL;

	if (X509_PUBKEY_get0_param(NULL, &point, &len, &algor,
		X509_REQ_get_X509_PUBKEY(req)) != 1)
		return false;
	X509_ALGOR_get0(&oid, &type, &curve, algor);
	return OBJ_obj2nid(oid) == NID_X9_62_id_ecPublicKey &&
	       type == V_ASN1_OBJECT &&
	       OBJ_obj2nid(curve) == NID_X9_62_prime256v1 &&
	       len == POINT_SIZE && point[0] == 4;
}

static enum vh_err
take_key(X509_REQ *req, struct csr *c, struct buf *why)
{
	if (!is_plain_p256(req))
		return refuse(why, VH_EKEY, "its key is not EC P-256");
	c->key = X509_REQ_get_pubkey(req);
	if (c->key == NULL)
		return refuse(why, VH_EKEY, "its key is not sound");
	if (X509_REQ_get_signature_nid(req) != NID_ecdsa_with_SHA256 ||
	    X509_REQ_verify(req, c->key) != 1)
		return refuse(why, VH_EKEY,
		    "its signature is not one by its own key");
	return VH_OK;
}

static enum vh_err
check_extensions(const X509_EXTENSIONS *x, struct buf *why)
{
	char name[80];

	for (int i = 0; i < sk_X509_EXTENSION_num(x); i++) {
		const ASN1_OBJECT *oid =
		    X509_EXTENSION_get_object(sk_X509_EXTENSION_value(x, i));
		int nid = OBJ_obj2nid(oid);

		if (nid == NID_ext_key_usage || nid == NID_subject_alt_name)
			continue;
		(void)OBJ_obj2txt(name, sizeof name, oid, 0);
		buf_format(why, "it asks for %s, which no node gets", name);
		return VH_EFIELD;
	}
	return VH_OK;
}

static enum vh_err
take_kind(const X509_EXTENSIONS *x, struct csr *c, struct buf *why)
{
	int state = 0; /* -1: absent, -2: twice */
	AUTO(EXTENDED_KEY_USAGE_free)
	EXTENDED_KEY_USAGE *ekus =
	    X509V3_get_d2i(x, NID_ext_key_usage, &state, NULL);

	if (ekus == NULL || !x509_kind_of(ekus, &c->kind))
		return refuse(why, VH_EFIELD,
		    "its extended key usage is neither that of TLS (server and "
		    "client) nor that of records");
	return VH_OK;
}

static enum vh_err
take_san(const GENERAL_NAME *name, struct sans *sans)
{
	int type;
	const ASN1_STRING *value = GENERAL_NAME_get0_value(name, &type);

	if (type != GEN_DNS && type != GEN_IPADD)
		return VH_EFIELD;
	struct slice s = slice_of(ASN1_STRING_get0_data(value),
	    (size_t)ASN1_STRING_length(value));

	return type == GEN_DNS ? sans_add(sans, s) : sans_add_ip(sans, s);
}

static bool
is_own_name(const GENERAL_NAME *name, const char *node)
{
	int type;
	const ASN1_STRING *value = GENERAL_NAME_get0_value(name, &type);

	return type == GEN_DNS &&
	       slice_is(slice_of(ASN1_STRING_get0_data(value),
			    (size_t)ASN1_STRING_length(value)),
		   node);
}

static enum vh_err
take_sans(const X509_EXTENSIONS *x, struct csr *c, struct buf *why)
{
	int state = 0;
	AUTO(GENERAL_NAMES_free)
	GENERAL_NAMES *names =
	    X509V3_get_d2i(x, NID_subject_alt_name, &state, NULL);

	if (names == NULL && state != -1)
		return refuse(why, VH_EFIELD,
		    "its alternative names are malformed or there twice");
	if (!kind_row(c->kind)->has_sans)
		return names == NULL ? VH_OK
				     : refuse(why, VH_EFIELD,
					   "a certificate of records has no "
					   "alternative names");
	TRY(sans_add_node(&c->sans, slice_text(c->name)));
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
		enum vh_err err = is_own_name(name, c->name)
				      ? VH_OK
				      : take_san(name, &c->sans);

		if (err != VH_OK)
			return refuse(why, err,
			    err == VH_ETOOBIG
				? "it has too many alternative names"
				: "one of its alternative names is no DNS name "
				  "or IP address");
	}
	return VH_OK;
}

static enum vh_err
take_all(X509_REQ *req, struct csr *c, struct buf *why)
{
	AUTO(extensions_free) X509_EXTENSIONS *x = NULL;

	TRY(take_key(req, c, why));
	if (!x509_node_of(X509_REQ_get_subject_name(req), c->name))
		return refuse(why, VH_EFIELD,
		    "its subject is not one common name that is a node name");
	x = X509_REQ_get_extensions(req);
	TRY(check_extensions(x, why));
	TRY(take_kind(x, c, why));
	return take_sans(x, c, why);
}

enum vh_err
csr_parse(struct slice pem, struct csr **out, struct buf *why)
{
	AUTO(BIO_free_all) BIO *in = NULL;
	AUTO(X509_REQ_free) X509_REQ *req = NULL;
	AUTO(csr_free) struct csr *c = calloc(1, sizeof *c);

	if (c == NULL)
		return refuse(why, VH_ENOMEM, err_text(VH_ENOMEM));
	if (pem.len > 0 && pem.len <= PEM_FILE_MAX)
		in = BIO_new_mem_buf(pem.p, (int)pem.len);
	if (in != NULL)
		req = PEM_read_bio_X509_REQ(in, NULL, x509_no_password, NULL);
	if (req == NULL)
		return refuse(why, VH_EPARSE,
		    "not a certificate request in PEM");
	TRY(take_all(req, c, why));
	*out = TAKE(c);
	return VH_OK;
}
