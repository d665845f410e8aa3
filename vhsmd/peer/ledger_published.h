/* Keys that are published by another kid than their thumbprint: which of
 * several that claim one kid has it.  For ledger_directory.c; ledger.h has the
 * rules. */
#ifndef PEER_LEDGER_PUBLISHED_H
#define PEER_LEDGER_PUBLISHED_H

#include "peer/ledger.h"

/* Takes the keys that may not be called what they claim out of keys, which is
 * sorted by kid and stays so; refused (room for *count) gets what was wrong
 * with each, by kid.  Returns how many; VH_ENOMEM: nothing has changed. */
enum vh_err published_settle(struct ledger_key *keys, size_t *count,
    struct ledger_clash *refused, size_t *refused_count);

#endif
