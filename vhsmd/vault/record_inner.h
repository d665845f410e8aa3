/* What record*.c share. */
#ifndef VAULT_RECORD_INNER_H
#define VAULT_RECORD_INNER_H

#include <pthread.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "vault/record.h"

#define RECORD_KEYS_MAX 4096 /* what receivers take of one node */
#define RECORD_SMALL_MAX                                                       \
	1024 /* bytes of a hello, a tombstone, a proof's text */

/* That this node holds a key. */
struct proof {
	char kid[VH_KID_SIZE + 1];
	const struct alg *alg;
	uint64_t epoch;   /* that text was made for; 0: none yet */
	struct buf *text; /* base64url of the signature */
	bool wanted;      /* the key is still there */
	UT_hash_handle hh;
};

struct record {
	struct seat *seat;
	const struct store *store;
	/* Guards all that follows. */
	pthread_mutex_t lock;
	struct identity *id; /* who makes a record now; else NULL */
	uint64_t epoch, seq; /* of the last record; seq 0: none in this epoch */
	struct proof *proofs; /* of signing keys, by kid */
};

/* --- record_key.c ----------------------------------------------------------
 */

/* Appends ,"name":"text"; nothing for NULL.  The text is plain. */
void record_put_member(struct buf *b, const char *name, const char *text);
/* Appends the object of a key, with its proof, or NULL. */
void record_put_key(struct buf *b, const struct key *key, const struct proof *p,
    uint64_t iat);
/* VH_EFIELD for a text of the key's that is not plain; why gets one line. */
enum vh_err record_check_words(const struct key *key, struct buf *why);

#endif
