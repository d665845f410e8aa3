/* Who this node is in its cluster: a name, and a key that a certificate of the
 * cluster's CA vouches for.  The key signs what this node says as a node, in
 * words of the vault's own; it is in no store, so nobody can name it. */
#ifndef VAULT_IDENTITY_H
#define VAULT_IDENTITY_H

#include "base/clock.h"
#include "vault/certificate.h"
#include "vault/crypto.h"

#define IDENTITY_NAME_MAX 64 /* letter or digit, then also . _ - */
#define IDENTITY_ADDRESS_MAX                                                   \
	128                     /* host:port: letters, digits, . _ - : [ ] %   \
				 */
#define IDENTITY_VERSION_MAX 32 /* printable ASCII */
#define IDENTITY_X5C_MAX     (2u * CERTIFICATE_CHAIN_MAX)

/* Immutable, but for the count of those who use it. */
struct identity {
	_Atomic size_t users;
	char *node, *address, *version;
	uint64_t keep_ms;
	struct store *keys;    /* of the record key alone */
	const struct key *key; /* in keys */
	struct buf *x5c;       /* certificate_chain's JSON array */
};

/* What the supervisor says of this node; borrowed. */
struct identity_terms {
	struct slice node, address, version; /* version may be empty */
	struct slice chain;                  /* PEM, own certificate first */
	uint64_t keep_ms;
};

/* Reads the record key from fd, which stays the caller's, and checks it and all
 * terms: one P-256 key, sound, that of the certificate, which is for node and
 * for records, at time now.  Errors as import_fd and certificate_chain,
 * VH_EFIELD; why gets one line.  Only on a worker. */
enum vh_err identity_new(int fd, const struct identity_terms *terms,
    struct wall_ms now, struct crypto *c, struct identity **out,
    struct buf *why);
/* Any thread: a reference more, and one less; with the last one it is gone, its
 * key wiped. */
struct identity *identity_ref(struct identity *id);
void identity_free(struct identity *id);
AUTO_FREE(struct identity, identity_free)

/* Appends to jws the compact JWS of payload by the record key: ES256, with typ
 * (a plain word) and the certificate chain in its header.  Any worker, any
 * number at once.  VH_EINTERNAL, VH_ENOMEM, VH_ETOOBIG. */
enum vh_err identity_sign(const struct identity *id, struct crypto *c,
    const char *typ, struct slice payload, struct buf *jws);

/* Whether text is printable ASCII: what this node puts into its JSON. */
bool is_plain(struct slice text);
/* Appends plain text as a JSON string, quotes included. */
void put_json_text(struct buf *b, struct slice text);

#endif
