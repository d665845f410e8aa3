/* Where addresses lead.  This process can ask no name server; the supervisor
 * does, and says what the seeds, and the names this table wants, are. */
#ifndef PEER_NAMES_H
#define PEER_NAMES_H

#include "base/clock.h"
#include "wire/buf.h"

#define NAMES_MAX         512    /* wanted, and seeds */
#define NAMES_ADDRESS_MAX 128    /* HOST:PORT or ADDR:PORT */
#define NAMES_KEEP_MS     600000 /* wanted until so long after its last use */

struct names;

struct names *names_new(void);
void names_free(struct names *n);
AUTO_FREE(struct names, names_free)

/* Replaces the seeds: a comma list of NAME=ADDR:PORT and ADDR:PORT, of which
 * the first NAMES_MAX count.  VH_EFIELD for anything else: the old ones stay.
 */
enum vh_err names_set_seeds(struct names *n, struct slice list);
/* Seed i as "ADDR:PORT"; NULL past the last. */
const char *names_seed(const struct names *n, size_t i);
/* The name that the seed at "ADDR:PORT" goes by: its NAME, or ADDR. */
void names_seed_name(const struct names *n, const char *address,
    char name[static NAMES_ADDRESS_MAX + 1]);

/* Replaces what wanted names are: a comma list of NAME=ADDR:PORT, as above. */
enum vh_err names_set_known(struct names *n, struct slice list);
/* Whether the number of entries that were too many, of both lists, has changed
 * since this was asked last; and that number. */
bool names_left_out(struct names *n, size_t *count);
/* "HOST:PORT" as "ADDR:PORT".  VH_EBUSY: not known, and wanted from now on;
 * VH_EFIELD for what is no address. */
enum vh_err names_resolve(struct names *n, struct mono_ns now,
    const char *address, char numeric[static NAMES_ADDRESS_MAX + 1]);
/* Whether the wanted names have changed since names_put_wanted. */
bool names_have_changed(struct names *n, struct mono_ns now);
/* Appends them: a comma list of HOST:PORT. */
void names_put_wanted(struct names *n, struct buf *b);

/* Whether text is "ADDR:PORT", IPv4 or [IPv6], port from 1 on, or any_port. */
bool address_is_numeric(const char *text, bool any_port);

#endif
