/* Keys under a passphrase, the one of in->terms.  Only on a worker. */
#ifndef VAULT_IMPORT_ENCRYPTED_H
#define VAULT_IMPORT_ENCRYPTED_H

#include <openssl/x509.h>

#include "vault/import_parts.h"

/* Rounds of key derivation that one file may ask for, so that a start takes
 * bounded time: some seconds. */
#define IMPORT_ITERATIONS_MAX UINT64_C(10000000)

/* One encrypted file. */
struct encrypted {
	const struct import *in;
	uint64_t spent; /* rounds so far */
	bool foreign;   /* encrypted_check: another method than ours */
};

/* VH_EKEY with a reason unless the file comes with a passphrase. */
enum vh_err encrypted_needs(const struct import *in);
/* Counts rounds; VH_EKEY when the file asks for too many. */
enum vh_err encrypted_spend(struct encrypted *e,
    const ASN1_INTEGER *iterations);
/* Whether alg is one of ours, and its rounds counted: PBES2 of PBKDF2 and
 * AES-CBC or 3DES, or the 3DES of PKCS#12. */
enum vh_err encrypted_check(struct encrypted *e, const X509_ALGOR *alg);
/* Decrypts an EncryptedPrivateKeyInfo and adds its key. */
enum vh_err encrypted_add(struct encrypted *e, const X509_SIG *sig);
/* The one refusal of a wrong passphrase. */
enum vh_err encrypted_refused(const struct encrypted *e);

#endif
