/* What load*.c share. */
#ifndef SUPER_LOAD_INNER_H
#define SUPER_LOAD_INNER_H

#include "super/load.h"

#define IMPORT_MS 120000
#define COMMIT_MS 600000 /* thousands of self-tests */
#define FRAME_MAX 131072 /* of a request */
#define NO_ENTRY  SIZE_MAX

/* A conversation with the vault. */
struct talk {
	struct link *vault;
	struct super *super; /* of a node that serves, or NULL */
	struct buf *why;     /* NULL: the log says enough */
	const struct plan *plan;
	struct buf *request;
	uint64_t id;
	size_t at; /* where the open frame begins */
};

/* Opens a request of an op; load_vault_call sends it, and logs what the vault
 * refused, with what it was about. */
void load_vault_open(struct talk *t, enum vh_op op);
enum vh_err load_vault_call(struct talk *t, size_t entry, const char *what,
    int fd, int ms, struct frame *answer);

/* What an entry says: of its keys' use, of their lives, of their kind. */
enum vh_err load_put_terms(struct buf *b, const struct keyspec_key *key);
void load_put_times(struct buf *b, const struct keyspec *spec, size_t entry);
void load_put_kind(struct buf *b, const struct keyspec_key *key);

/* Has the vault make those of an entry's keys that are not there yet; read one
 * of its files. */
enum vh_err load_generate(struct talk *t, size_t entry, uint32_t have);
enum vh_err load_import(struct talk *t, struct keyfile *file);
/* Says who this node is in its cluster: a chain, as in record_cert, and the
 * file of its key.  look: only to have it looked at. */
enum vh_err load_tell_identity(struct talk *t, const struct buf *chain,
    const struct keyfile *file, const char *advertise, bool look);
/* Opens and checks what an entry loads. */
enum vh_err load_open_entry(const struct plan *plan, size_t i,
    struct keyfiles *files, struct buf *why);

#endif
