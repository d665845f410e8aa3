/* A node: what the supervisor holds while it runs. */
#ifndef SUPER_SUPER_H
#define SUPER_SUPER_H

#include "super/listen.h"
#include "super/load.h"
#include "super/spawn.h"

#define SUPER_ADDRESS_MAX 64 /* of ADDR:PORT as bound */

struct super {
	struct plan *plan;
	struct keyfiles *files;
	struct programs programs;
	bool separate;            /* root: the children are other users */
	struct user users[PROCS]; /* only then */
	struct listener callers, operators, http;
	char http_address[SUPER_ADDRESS_MAX]; /* "" without HTTP */
	int cert_fd, key_fd;                  /* TLS of HTTP; -1: none */
	struct child child[PROCS];
	uint32_t generation; /* of front */
	struct loaded loaded;
	char log[16]; /* FORMAT,LEVEL */
};

/* Everything up to a front that serves: binds, opens key files, starts the
 * vault and fills it, starts front.  Nothing has been deleted yet.  Takes over
 * plan, also on failure.  On failure, logged, *out is NULL and all is undone;
 * one child or the other may have lived. */
enum vh_err super_start(struct plan *plan, struct super **out);

/* A front, again: a new process, joined to the vault, with all it needs.
 * Blocks until it serves or some seconds have passed; on failure, logged, there
 * is none. */
enum vh_err super_start_front(struct super *s);

/* Ends what still runs, closes and removes the sockets. */
void super_free(struct super *s);
AUTO_FREE(struct super, super_free)

#endif
