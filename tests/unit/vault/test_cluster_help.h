/* What the tests of a node's identity and records share: a CA and what it
 * issues, and a reader of JWS that owes nothing to the vault. */
#ifndef TEST_CLUSTER_HELP_H
#define TEST_CLUSTER_HELP_H

#include <jansson.h>
#include <openssl/x509v3.h>

#include "vault/identity.h"

#define NODE    "a.example"
#define ADDRESS "a.example:7600"

/* A certificate to be; zero or NULL: as a good record certificate has it. */
struct wish {
	const char *cn;     /* NODE; "" for none */
	const char *cn_two; /* none */
	const char *usage;  /* extended key usage; "" for none */
	const char *key_usage;
	const char *constraints;
	int from_days, to_days; /* from now; -1 and 365 */
	EVP_PKEY *issuer_key;   /* the CA's */
	const char *issuer;     /* its common name */
};

/* The CA, made at the first use; borrowed. */
EVP_PKEY *ca_key(void);
/* Appends a certificate of key in PEM. */
void put_certificate_pem(struct buf *b, EVP_PKEY *key, const struct wish *w);
/* The CA's own. */
void put_ca_pem(struct buf *b);

/* A descriptor, the caller's, from which text can be read. */
int fd_with(struct slice text);
/* The same with key as PKCS#8 PEM. */
int fd_with_key(EVP_PKEY *key);

/* Good terms with a chain, which is borrowed. */
struct identity_terms good_terms(struct slice chain);
/* An identity of NODE with a new key and certificate; the caller's. */
struct identity *make_identity(struct crypto *c);

/* A compact JWS taken apart, and verified with the key of its first
 * certificate, which it is asserted to be signed with. */
struct opened {
	json_t *header, *payload;
	X509 *certificate;
};
struct opened *open_jws(struct slice jws);
void opened_free(struct opened *o);
AUTO_FREE(struct opened, opened_free)
const char *text_of(const json_t *object, const char *name);
uint64_t number_of(const json_t *object, const char *name);

#endif
