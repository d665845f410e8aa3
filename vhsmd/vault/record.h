/* What this node says as a node, signed by its record key: its record, which
 * lists the keys that this vault really holds; hellos; revocations.  The
 *formats are in proto/PROTOCOL.md.
 *
 * A record has an epoch (this life of the node) and a seq (each record one
 * more); higher wins everywhere.  Each signing key proves once an epoch that
 * the node holds it, by a signature of
 *
 *	vhsm-proof|NODE|EPOCH|KID
 *
 * which VSIGN makes for nobody. */
#ifndef VAULT_RECORD_H
#define VAULT_RECORD_H

#include "vault/seat.h"

/* Milliseconds that one VRECORD spends on proofs. */
#define RECORD_PROOFS_MS 2000
/* Epochs beyond this would not be exact in every JSON reader. */
#define RECORD_EPOCH_MAX ((UINT64_C(1) << 53) - 1)
#define RECORD_NONCE_MIN 16

struct record;

/* Makes every signing key of store PUBLISHED, and its proof; store is complete
 * from here on.  Borrows seat and store for good: a later identity is of the
 * same node.  VH_EDUPLICATE when the record key is in store too, VH_ETOOBIG
 * when the record would have more than VH_RECORD_MAX bytes, VH_EFIELD for a
 * name or principal that is not plain, VH_ENOMEM, VH_EINTERNAL; why gets one
 * line.  Only on a worker, while no other works. */
enum vh_err record_new(struct seat *seat, const struct store *store,
    struct wall_ms now, struct crypto *c, struct record **out, struct buf *why);
void record_free(struct record *r);
AUTO_FREE(struct record, record_free)

/* Whether the key of another identity may sign: it is none of the store's.
 * VH_EDUPLICATE; why gets one line.  By the thread that changes the store. */
enum vh_err record_admit_identity(const struct record *r,
    const struct identity *id, struct buf *why);

/* Whether a record has room for one key more, and the key fits into it; by the
 * thread that adds it to the store.  VH_ENOROOM, VH_EFIELD, VH_EDUPLICATE; why
 * gets one line. */
enum vh_err record_admit(const struct record *r, const struct key *key,
    struct buf *why);

/* The operations of the cluster; each appends its answer's fields, as those of
 * crypto.h do.  Any worker.
 *
 * VRECORD: a new record, signed; EPOCH is the highest epoch of this node that
 * anybody has seen: the record's is higher, or the vault's own.  ANNOUNCED are
 * the keys that it shows active and that do not sign yet.  VH_EBUSY while
 * another VRECORD is under way, and when RECORD_PROOFS_MS were not enough: what
 * was proved stays, ask again.  VH_EFIELD for an epoch out of range. */
enum vh_err op_record(struct record *r, struct crypto *c, const struct frame *q,
    struct buf *answer);
/* VHELLO: proves to AUDIENCE, by its NONCE, who speaks.  VH_EFIELD for a short
 * nonce or an audience that is not plain. */
enum vh_err op_hello(struct record *r, struct crypto *c, const struct frame *q,
    struct buf *answer);
/* VREVOKE: says that the key KID, anybody's, is revoked.  VH_EFIELD when it is
 * not plain. */
enum vh_err op_revoke(struct record *r, struct crypto *c, const struct frame *q,
    struct buf *answer);

/* A key becomes ACTIVE in two steps, so that no signature of it exists before
 * the cluster can know of the key as active.
 *
 * VANNOUNCE: key KID, or every key that is PUBLISHED and waits for no time, is
 * shown active by the next record, and does not sign yet; answers COUNT, the
 * keys announced. VH_ENOKEY. VACTIVATE: the record (EPOCH, SEQ) is where the
 * caller wants it to be: what it or an earlier one shows active, signs; answers
 * COUNT, the active keys.  A key that no such record has shown stays as it is.
 *
 * Nothing is signed: for the intake, so that the next request finds it done.
 * Both VH_EBUSY while a VRECORD is under way. */
enum vh_err op_announce(struct record *r, struct crypto *c,
    const struct frame *q, struct buf *answer);
enum vh_err op_activate(struct record *r, struct crypto *c,
    const struct frame *q, struct buf *answer);

#endif
