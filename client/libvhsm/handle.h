/* What is behind struct vhsm, for the modules that make calls. */
#ifndef LIBVHSM_HANDLE_H
#define LIBVHSM_HANDLE_H

#include <stdatomic.h>

#include "client/libvhsm/answer.h"
#include "client/libvhsm/pool.h"

#define HANDLE_TIMEOUT_MS 5000
#define HANDLE_WHY        256 /* room for a line that handle_why writes */

struct vhsm {
	struct where where; /* never changes */
	_Atomic uint32_t timeout_ms;
	_Atomic(struct pool *) pool; /* of this process, once asked for */
};

/* The pool of this process, made anew after a fork.  NULL when out of
 * memory. */
struct pool *handle_pool(struct vhsm *h);

/* When a call that begins now has to end. */
struct until handle_until(struct vhsm *h);

/* Why connecting gave err, with errno as conn_dial left it. */
void handle_why(const struct vhsm *h, enum vh_err err,
    char why[static HANDLE_WHY]);

/* Gives err, and unless out is NULL an answer that says so. */
enum vhsm_error handle_fail(enum vh_err err, const char *why,
    struct vhsm_answer **out);
/* The same for what request_check found. */
enum vhsm_error handle_refuse(enum vh_err err, const char *culprit,
    struct vhsm_answer **out);

#endif
