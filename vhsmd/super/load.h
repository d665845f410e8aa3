/* Filling the vault.  What goes wrong is logged here, in one line that names
 * the entry of the spec. */
#ifndef SUPER_LOAD_H
#define SUPER_LOAD_H

#include "base/link.h"
#include "super/keyfiles.h"
#include "super/plan.h"

/* Phase one: opens and checks every key the spec loads, and the one that a node
 * of a cluster signs its records with; empties variables.  VH_ECONFIG,
 * VH_ENOMEM. */
enum vh_err load_open(const struct plan *plan, struct keyfiles **out);

/* Bytes the vault needs for all that. */
uint64_t load_arena(const struct plan *plan, const struct keyfiles *files,
    size_t workers);

/* What the vault says once it has everything. */
struct loaded {
	unsigned keys;
	char protection[33];
};

/* Starts the vault, has it make and import every key, and test them all.
 * advertise: by what others reach this node, if it is in a cluster.  The errors
 * of the vault, VH_ELOST when it died. */
enum vh_err load_vault(struct link *vault, const struct plan *plan,
    struct keyfiles *files, const char *advertise, uint64_t arena,
    struct loaded *out);

/* The record certificate and its key, opened anew. */
struct record_files {
	struct buf *chain;
	struct keyfiles *key; /* one */
};

void record_files_free(struct record_files *f);
/* Errors as load_open; why has the line.  Nothing is open then. */
enum vh_err record_files_open(const struct plan *plan, struct record_files *out,
    struct buf *why);
struct super;
/* Has the vault of a node that serves look at them, or (take) sign by them from
 * now on; more than once, if need be. */
enum vh_err load_identity_again(struct super *s, const struct record_files *f,
    bool take, struct buf *why);

/* A reload.  places: of each entry of plan's spec, where it stood in the one
 * before, whose keys it keeps; SIZE_MAX: it is new.
 *
 * Opens and checks every key that new entries load; as load_open, but why has
 * the line. */
enum vh_err load_open_new(const struct plan *plan, const size_t *places,
    struct keyfiles **out, struct buf *why);
/* Has the vault of a node that serves take it all, or nothing. */
enum vh_err load_again(struct super *s, const struct plan *plan,
    const size_t *places, struct keyfiles *files, unsigned *keys,
    struct buf *why);

#endif
