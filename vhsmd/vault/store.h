/* The keys of this vault, by kid.  One thread at a time changes the set: a
 * worker while the node starts, the intake after.  Any number of threads read
 * meanwhile, without a lock: what one of them may still look at is freed only
 * when it has left.
 *
 *	store_enter(s, me);
 *	key = store_get(s, kid);	key stays until
 *	store_leave(s, me);		here */
#ifndef VAULT_STORE_H
#define VAULT_STORE_H

#include "vault/key.h"

struct store;

struct store *store_new(void);
void store_free(struct store *s);
AUTO_FREE(struct store, store_free)

/* Takes over key, also on failure.  The same kid with the same terms again is
 * VH_OK and the second copy is dropped; with other terms VH_EDUPLICATE. */
enum vh_err store_add(struct store *s, struct key *key);

/* Borrowed: for readers until store_leave, for the thread that changes the set
 * until it removes or replaces the key.  NULL when absent. */
struct key *store_get(const struct store *s, struct slice kid);
size_t store_count(const struct store *s);
/* A walk in order of addition: *i starts at 0; NULL at the end. */
struct key *store_next(const struct store *s, size_t *i);
/* The i-th that was ever added; NULL past the end, and where it has left. */
struct key *store_at(const struct store *s, size_t i);
/* Grows with every change of the set, and with store_touch. */
uint64_t store_version(const struct store *s);
void store_touch(struct store *s);

/* How many threads are going to read; once, before there are any.  VH_ENOMEM.
 */
enum vh_err store_readers(struct store *s, size_t count);
/* reader: below that count, of the calling thread alone. */
void store_enter(const struct store *s, size_t reader);
void store_leave(const struct store *s, size_t reader);

/* key leaves the set; store_reclaim frees it.  VH_ENOMEM: nothing has changed.
 */
enum vh_err store_remove(struct store *s, struct key *key);
/* The same, and key is the caller's: only where there are no readers. */
void store_take(struct store *s, struct key *key);
/* key, of the same kid, takes the place of old, as above; takes over key, also
 * on failure. */
enum vh_err store_replace(struct store *s, struct key *old, struct key *key);
/* Frees what has left the set and nobody can see any more; whether something
 * still waits for that. */
bool store_reclaim(struct store *s);

#endif
