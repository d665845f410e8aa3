/* The keys of this vault, by kid.  Filled by one worker while the node starts,
 * read-only and lock-free after. */
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

/* Borrowed for the life of the store; NULL when absent. */
struct key *store_get(const struct store *s, struct slice kid);
size_t store_count(const struct store *s);
/* In order of addition; NULL past the end. */
struct key *store_at(const struct store *s, size_t i);

#endif
