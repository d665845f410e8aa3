/* Filling the vault: what the supervisor asks while the node starts. */
#ifndef VAULT_LOAD_H
#define VAULT_LOAD_H

#include "vault/life.h"
#include "vault/record.h"

/* Keys that came with one request: what it said of them. */
struct batch {
	struct buf *body; /* its fields */
	bool makes;       /* they were generated */
};

struct batches {
	struct batch *at;
	size_t count, room;
};

struct pool;

struct load {
	struct store *store;
	struct pool *pool; /* whose workers may help; or NULL */
	struct crypto *crypto;
	size_t workers;            /* contexts each key needs */
	struct secret *passphrase; /* of the key files that come; or NULL */
	/* Of a cluster's node; NULL until VIDENTITY, VCOMMIT. */
	struct seat *seat;
	struct record *record;
	struct batches batches;    /* key->batch is a place in it */
	const struct store *known; /* keys in use, beside which more come */
	uint32_t blamed; /* entry that is refused, from 1; 0: none alone */
};

/* Each answers one request of the supervisor into out: the fields of its
 * answer, or an error with a WHY.  On a worker's stack only.
 *
 * VLOAD: imports the key file fd (closed here); answers a KEY, its KID and
 * NAME, for each.  Or takes fd as the passphrase of files to come. */
void load_file(struct load *l, const struct frame *q, int fd, struct buf *out);
/* VGENERATE: makes COUNT keys; answers a KEY for each. */
void load_generate(struct load *l, const struct frame *q, struct buf *out);
/* VIDENTITY: who this node is in its cluster; its record key is in the file fd
 * (closed here).  Once; but once the node serves it may have another record key
 * and certificate, of the same name and address: everything signed from then on
 * is by it.  With OFF they are only looked at.  After a failure all is as it
 * was.  Answers COUNT, the keys so far, without it.  Whether the identity is
 * another one now. */
bool load_identity(struct load *l, const struct frame *q, int fd,
    struct buf *out);
/* VCOMMIT: every key passes its self-test, and with an identity there is a
 * record; answers COUNT.  Whether all went well. */
bool load_commit(struct load *l, const struct frame *q, struct buf *out);

/* What the fields of VLOAD, VGENERATE or VKEEP say of keys, and of their lives.
 * VH_EALG for an algorithm id without a row. */
enum vh_err load_terms(const struct fields *f, struct key_terms *out);
struct life_terms load_life_terms(const struct fields *f);
/* One key more from the fields of a VGENERATE, tested; on failure why gets one
 * line.  Errors as many_make. */
enum vh_err load_make(struct slice body, struct crypto *c, size_t workers,
    struct key **out, struct buf *why);
/* Tests what has come since `first` (of store_at) and is not yet tested. */
enum vh_err load_test(struct load *l, size_t first, struct buf *why);
/* What a refusal of them all is about: the entry that the key came with. */
void load_blame(struct load *l, const struct key *key);
/* VH_EDUPLICATE, blamed, when two keys of the store are published alike. */
enum vh_err load_check_kids(struct load *l, struct buf *why);
/* An answer with err, why it is one and, as ENTRY, what is blamed. */
void load_put_error(struct load *l, const struct frame *q, enum vh_err err,
    struct buf *why, struct buf *out);
/* The batches are needed no more. */
void load_forget(struct load *l);

#endif
