/* Private keys under a passphrase.  What says how they are encrypted is read
 * and bounded before any of it runs; what comes out goes through import_der,
 * as if it had never been encrypted.  All of it lies in the arena, where
 * libcrypto allocates and where the worker has its stack. */
#include "vault/import_encrypted.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>

#define ITERATIONS_TEXT "10000000" /* IMPORT_ITERATIONS_MAX */
#define NAME_MAX_       64

AUTO_FREE(X509_SIG, X509_SIG_free)
AUTO_FREE(PBE2PARAM, PBE2PARAM_free)
AUTO_FREE(PBKDF2PARAM, PBKDF2PARAM_free)
AUTO_FREE(PBEPARAM, PBEPARAM_free)

enum vh_err
encrypted_spend(struct encrypted *e, const ASN1_INTEGER *iterations)
{
	uint64_t n = 0;

	if (iterations != NULL &&
	    ASN1_INTEGER_get_uint64(&n, iterations) == 1 && n > 0 &&
	    n <= IMPORT_ITERATIONS_MAX - e->spent) {
		e->spent += n;
		return VH_OK;
	}
	ERR_clear_error();
	return REFUSE(e->in->why, VH_EKEY,
	    "iterations of the passphrase's key derivation out of range, "
	    "expected 1 to " ITERATIONS_TEXT " in all");
}

/* "hmacWithSHA256", or as dotted numbers. */
static enum vh_err
refuse_method(struct encrypted *e, const ASN1_OBJECT *method)
{
	char name[NAME_MAX_] = "?";

	(void)OBJ_obj2txt(name, sizeof name, method, 0); /* '?' stays */
	ERR_clear_error();
	e->foreign = true;
	return REFUSE(e->in->why, VH_EKEY,
	    "encryption %s not supported, expected AES-CBC or 3DES under "
	    "PBKDF2, or the 3DES of PKCS#12: openssl pkcs8 -topk8 and openssl "
	    "pkcs12 -export write such without -legacy",
	    name);
}

static bool
is_one_of(const ASN1_OBJECT *o, const int *nids, size_t count)
{
	int nid = OBJ_obj2nid(o);

	for (size_t i = 0; i < count; i++)
		if (nids[i] == nid)
			return true;
	return false;
}

static const int ciphers[] = { NID_aes_128_cbc, NID_aes_192_cbc,
	NID_aes_256_cbc, NID_des_ede3_cbc };
static const int prfs[] = { NID_hmacWithSHA1, NID_hmacWithSHA224,
	NID_hmacWithSHA256, NID_hmacWithSHA384, NID_hmacWithSHA512 };

/* RFC 8018, A.4: the cipher, and PBKDF2 with its numbers. */
static enum vh_err
check_pbes2(struct encrypted *e, const X509_ALGOR *alg)
{
	AUTO(PBE2PARAM_free)
	PBE2PARAM *pbe = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBE2PARAM),
	    alg->parameter);

	if (pbe == NULL)
		return refuse_method(e, alg->algorithm);
	if (OBJ_obj2nid(pbe->keyfunc->algorithm) != NID_id_pbkdf2)
		return refuse_method(e, pbe->keyfunc->algorithm);
	if (!is_one_of(pbe->encryption->algorithm, ciphers, ARRAY_LEN(ciphers)))
		return refuse_method(e, pbe->encryption->algorithm);
	AUTO(PBKDF2PARAM_free)
	PBKDF2PARAM *kdf =
	    ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBKDF2PARAM),
		pbe->keyfunc->parameter);

	if (kdf == NULL)
		return refuse_method(e, pbe->keyfunc->algorithm);
	if (kdf->prf != NULL &&
	    !is_one_of(kdf->prf->algorithm, prfs, ARRAY_LEN(prfs)))
		return refuse_method(e, kdf->prf->algorithm);
	return encrypted_spend(e, kdf->iter);
}

enum vh_err
encrypted_check(struct encrypted *e, const X509_ALGOR *alg)
{
	int nid = OBJ_obj2nid(alg->algorithm);

	if (nid == NID_pbes2)
		return check_pbes2(e, alg);
	if (nid != NID_pbe_WithSHA1And3_Key_TripleDES_CBC)
		return refuse_method(e, alg->algorithm);
	AUTO(PBEPARAM_free)
	PBEPARAM *kdf =
	    ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBEPARAM), alg->parameter);

	if (kdf == NULL)
		return refuse_method(e, alg->algorithm);
	return encrypted_spend(e, kdf->iter);
}

enum vh_err
encrypted_refused(const struct encrypted *e)
{
	return check_failed(e->in->why,
	    "wrong passphrase, or the file is damaged");
}

enum vh_err
encrypted_needs(const struct import *in)
{
	if (in->terms->passphrase.len > 0)
		return VH_OK;
	return REFUSE(in->why, VH_EKEY,
	    "private key is encrypted, expected a passphrase_file beside it");
}

/* What was decrypted, once it is one whole DER value: a wrong passphrase gives
 * good padding once in 256 times, but then hardly ever this. */
static enum vh_err
add_decrypted(const struct encrypted *e, struct slice der)
{
	/* Nothing encrypted inside. */
	struct key_terms terms = *e->in->terms;
	struct import in = *e->in;

	if (!der_is_whole(der))
		return encrypted_refused(e);
	terms.passphrase = slice_of(NULL, 0);
	in.terms = &terms;
	return import_der(&in, der);
}

enum vh_err
encrypted_add(struct encrypted *e, const X509_SIG *sig)
{
	struct slice pass = e->in->terms->passphrase;
	const ASN1_OCTET_STRING *data;
	const X509_ALGOR *alg;
	unsigned char *out = NULL;
	int len = 0;

	X509_SIG_get0(sig, &alg, &data);
	TRY(encrypted_check(e, alg));
	if (PKCS12_pbe_crypt(alg, (const char *)pass.p, (int)pass.len,
		data->data, data->length, &out, &len, 0) == NULL)
		return encrypted_refused(e);
	enum vh_err err = add_decrypted(e, slice_of(out, (size_t)len));

	OPENSSL_clear_free(out, (size_t)len);
	return err;
}

enum vh_err
import_encrypted(const struct import *in, struct slice der)
{
	struct encrypted e = { .in = in };
	const unsigned char *p = der.p;

	TRY(encrypted_needs(in));
	ERR_clear_error();
	AUTO(X509_SIG_free)
	X509_SIG *sig = d2i_X509_SIG(NULL, &p, (long)der.len);

	if (sig == NULL || p != der.p + der.len)
		return check_failed(in->why,
		    "malformed encrypted PKCS#8, expected RFC 5958");
	return encrypted_add(&e, sig);
}

/* What libcrypto's reader calls for the passphrase. */
static int
passphrase(char *to, int size, int, void *of)
{
	const struct slice *pass = of;

	if (pass->len > (size_t)size)
		return -1;
	memcpy(to, pass->p, pass->len);
	return (int)pass->len;
}

/* RFC 1421's headers: lines up to an empty one.  header gets a text. */
static enum vh_err
cut_header(struct slice body, char *header, size_t size, struct slice *rest)
{
	const char *const ends[] = { "\n\n", "\n\r\n" };

	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		const uint8_t *end =
		    memmem(body.p, body.len, ends[i], strlen(ends[i]));
		size_t len = end == NULL ? 0 : (size_t)(end - body.p) + 1;

		if (len == 0 || len >= size)
			continue;
		size_t used = 0;

		for (size_t k = 0; k < len; k++)
			if (body.p[k] != '\r' && body.p[k] != 0)
				header[used++] = (char)body.p[k];
		header[used] = '\0';
		*rest = slice_of(body.p + len, body.len - len);
		return VH_OK;
	}
	return VH_EKEY;
}

enum vh_err
import_encrypted_pem(const struct import *in, struct slice body)
{
	struct slice pass = in->terms->passphrase, rest;
	struct encrypted e = { .in = in };
	AUTO(secret_free) struct secret *data = NULL;
	EVP_CIPHER_INFO how;
	char header[256];

	TRY(encrypted_needs(in));
	ERR_clear_error();
	if (cut_header(body, header, sizeof header, &rest) != VH_OK ||
	    PEM_get_EVP_CIPHER_INFO(header, &how) != 1 || how.cipher == NULL)
		return check_failed(in->why,
		    "malformed or unknown encryption in the PEM header, "
		    "expected Proc-Type and DEK-Info");
	int nid = EVP_CIPHER_get_nid(how.cipher);

	if (!is_one_of(OBJ_nid2obj(nid), ciphers, ARRAY_LEN(ciphers)))
		return refuse_method(&e, OBJ_nid2obj(nid));
	enum vh_err err = base64_to_secret(rest, &data, in->why);

	if (err == VH_EKEY)
		return REFUSE(in->why, VH_EKEY,
		    "malformed base64 in PEM, expected whole padded groups");
	TRY(err);
	long len = (long)secret_len(data);

	if (PEM_do_header(&how, secret_rw(data), &len, passphrase, &pass) != 1)
		return encrypted_refused(&e);
	return add_decrypted(&e, slice_of(secret_ro(data).p, (size_t)len));
}
