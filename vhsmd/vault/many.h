/* Making many keys at once, while the node starts. */
#ifndef VAULT_MANY_H
#define VAULT_MANY_H

#include "vault/load.h"

/* Makes as many keys as the fields of a VGENERATE say, tests them and adds them
 * to l->store; with l->pool the workers of the heavy lane, idle until the node
 * serves, work along.  By the thread that l->crypto is of.  The errors of
 * generator_make and crypto_selftest, with one line in why; nothing was added
 * then. */
enum vh_err many_make(struct load *l, const struct fields *f, struct buf *why);

#endif
