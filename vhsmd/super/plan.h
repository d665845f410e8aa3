/* What a node is going to be: the configuration, what the command line says
 * over it, and what follows from who runs it and where. */
#ifndef SUPER_PLAN_H
#define SUPER_PLAN_H

#include "keyspec/config.h"
#include "keyspec/keyspec.h"
#include "super/options.h"

#define WORKERS_MIN 2 /* of the vault */

struct plan {
	struct config *config; /* options laid over it */
	struct keyspec *spec;
	char *spec_file; /* its key files lie beside it; NULL: the default */
	char *node;
	char *callers, *operators; /* URLs; operators may be NULL */
	long group;                /* of the callers' socket; -1: ours */
	/* Paths; NULL: none. */
	char *state;
	char *audit; /* of its trail */
	char *http_cert, *http_key;
	char *ca, *crl, *tls_cert, *tls_key, *record_cert, *record_key;
	bool clustered; /* all of the line above but crl are there, and state */
	struct buf *chain; /* what is in record_cert */
	char *principals;  /* as settings.def has them */
	size_t workers;
	bool workers_auto; /* fewer would do as well */
};

/* Reads what the options name.  VH_ECONFIG with one line in why, VH_ENOMEM;
 * *out is then untouched. */
enum vh_err plan_make(const struct options *o, struct plan **out,
    struct buf *why);
void plan_free(struct plan *plan);
AUTO_FREE(struct plan, plan_free)

/* Those processes of procs.def that the node has, bits by enum proc. */
unsigned plan_procs(const struct plan *plan);

/* What is in the record certificate's file now; the caller frees *out.
 * VH_ECONFIG with a line in why. */
enum vh_err plan_read_chain(const struct plan *plan, struct buf **out,
    struct buf *why);

/* The whole of a configuration file or key spec; the caller frees *out.
 * VH_ECONFIG with a line in why. */
enum vh_err plan_read(const char *path, struct buf **out, struct buf *why);

#endif
