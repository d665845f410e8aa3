/* What keys are published by instead of their thumbprints. */
#ifndef VAULT_KIDS_H
#define VAULT_KIDS_H

#include "vault/store.h"

/* Who is called alike. */
struct kids_clash {
	const struct key *key, *other; /* of the one set, of the other */
};

/* VH_EDUPLICATE, with *clash and a line in why, when what a key of one set is
 * published by is also the kid of, or what publishes, another key of the other
 * set; the two may be one.  VH_ENOMEM.  By a thread that may change both. */
enum vh_err kids_check(const struct store *of, const struct store *among,
    struct kids_clash *clash, struct buf *why);

#endif
