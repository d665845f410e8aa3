/* What the importers share: the numbers of one private key as its file gives
 * them, before libcrypto has seen them. */
#ifndef VAULT_IMPORT_PARTS_H
#define VAULT_IMPORT_PARTS_H

#include "vault/check.h"
#include "vault/import.h"

/* Unsigned big-endian numbers, borrowed from a struct secret. */
struct parts {
	enum vh_kty kty;
	enum vh_crv crv;                     /* 0 for RSA */
	struct slice n, e, p, q, dp, dq, qi; /* RSA */
	struct slice d;     /* all; OKP: the raw private key; oct: the key */
	struct slice point; /* EC: as SEC1, 2.3.3 has it; OKP: the raw public
			     * key; empty when the file has only d */
};

/* One import; what import_fd was given. */
struct import {
	const struct key_terms *terms;
	size_t workers;
	const struct store *known;
	struct store *to;
	struct buf *why;
};

/* The EVP object, the caller's: all CRT numbers in it, the public part
 * computed when the file has none.  VH_EKEY when d is out of range, the point
 * is off its curve or not d's; VH_ENOMEM.  RSA numbers are not checked. */
enum vh_err parts_to_pkey(const struct parts *parts, EVP_PKEY **out,
    struct buf *why);

/* Makes a key of parts with terms and adds it.  Errors as import_fd. */
enum vh_err import_add(const struct import *in, const struct parts *parts,
    const struct key_terms *terms);

/* One key as DER: PKCS#1, SEC1, PKCS#8 or its successor RFC 5958, encrypted or
 * not; exactly spent.  Or PKCS#12. */
enum vh_err import_der(const struct import *in, struct slice der);
/* Whether der is one SEQUENCE and nothing else. */
bool der_is_whole(struct slice der);
/* PKCS#8 under a passphrase, that of in->terms. */
enum vh_err import_encrypted(const struct import *in, struct slice der);
/* The same of a PEM block with the headers of RFC 1421. */
enum vh_err import_encrypted_pem(const struct import *in, struct slice body);
/* Whether bytes look like PKCS#12; and its one private key. */
bool pkcs12_is(struct slice bytes);
enum vh_err import_pkcs12(const struct import *in, struct slice der);
/* All keys of a PEM text. */
enum vh_err import_pem(const struct import *in, struct slice text);
/* A JWK or a JWK Set. */
enum vh_err import_jwk(const struct import *in, struct slice text);

/* Decodes padded base64, white space in it ignored, in constant time.  VH_EKEY
 * (without a reason), VH_ENOMEM. */
enum vh_err base64_to_secret(struct slice text, struct secret **out,
    struct buf *why);

/* A few harmless characters of an untrusted name, fit for a reason. */
struct shown {
	char text[28];
};
struct shown shown_of(struct slice name);

#endif
