/* A node: what the supervisor holds while it runs. */
#ifndef SUPER_SUPER_H
#define SUPER_SUPER_H

#include "super/files.h"
#include "super/limits.h"
#include "super/listen.h"
#include "super/load.h"
#include "super/seeds.h"
#include "super/spawn.h"
#include "super/state.h"

#define SUPER_ADDRESS_MAX 64 /* of ADDR:PORT as bound */

struct super {
	const struct options *options; /* borrowed; for reading anew */
	struct plan *plan;
	struct keyfiles *keyfiles;
	struct programs programs;
	bool separate;            /* root: the children are other users */
	struct user users[PROCS]; /* only then, of processes the node has */
	struct listener callers, operators, http;
	struct listener cluster; /* its port, which peer listens at */
	struct files files;
	/* "" without HTTP, without a cluster. */
	char http_address[SUPER_ADDRESS_MAX];
	char cluster_address[SUPER_ADDRESS_MAX];
	char advertise[VH_HOST_MAX + 16];
	struct state *state; /* NULL without a cluster, as is seeds */
	struct seeds *seeds;
	struct child child[PROCS];
	struct limits_conns conns; /* that the descriptors allow */
	uint32_t generation;       /* of links between children */
	uint64_t last_id;          /* of our requests */
	struct loaded loaded;
	char log[16];      /* FORMAT,LEVEL */
	bool draining;     /* so front says; the next one is told */
	bool reload_asked; /* by front, in reload_id, which waits */
	uint64_t reload_id;
	char reload_who[VH_WHO_MAX + 1];
};

/* Everything up to a node that serves: binds, opens key files, starts the vault
 * and fills it, starts front and peer.  Nothing has been deleted yet.  Takes
 * over plan, also on failure.  On failure, logged, *out is NULL and all is
 * undone; some of the children may have lived. */
enum vh_err super_start(const struct options *o, struct plan *plan,
    struct super **out);

/* Opens the files of files.def anew, and has peer use them; reads the key spec
 * anew.  On failure, logged, nothing has changed and why has a line; else
 * report has one, JSON. */
enum vh_err super_reload(struct super *s, struct buf *report, struct buf *why);

/* Tells front, which asked for it, what came of a reload. */
void super_answer_reload(struct super *s, enum vh_err err, struct buf *report,
    struct buf *why);

/* Whom root's child becomes; NULL when not root. */
const struct user *super_user(const struct super *s, enum proc proc);

/* Ends what still runs, closes and removes the sockets. */
void super_free(struct super *s);
AUTO_FREE(struct super, super_free)

#endif
