/* Filling the vault: what the supervisor asks while the node starts. */
#ifndef VAULT_LOAD_H
#define VAULT_LOAD_H

#include "vault/crypto.h"

struct load {
	struct store *store;
	struct crypto *crypto;
	size_t workers; /* contexts each key needs */
};

/* Each answers one request of the supervisor into out: the fields of its
 * answer, or an error with a WHY.  On a worker's stack only.
 *
 * VLOAD: imports the key file fd (closed here); answers a KEY for each. */
void load_file(struct load *l, const struct frame *q, int fd, struct buf *out);
/* VGENERATE: makes COUNT keys; answers a KEY for each. */
void load_generate(struct load *l, const struct frame *q, struct buf *out);
/* VCOMMIT: every key passes its self-test; answers COUNT.  Whether all did. */
bool load_commit(struct load *l, const struct frame *q, struct buf *out);

#endif
