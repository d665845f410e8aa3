/* A handle as the options of the command line ask for it. */
#ifndef CLI_SESSION_H
#define CLI_SESSION_H

#include "client/cli/args.h"

/* NULL after one line on standard error: then EXIT_USAGE is right. */
struct vhsm *session_open(const struct args *a);
/* The same, by default on the operators' socket. */
struct vhsm *session_open_operator(const struct args *a);

static inline void
session_close(struct vhsm *h)
{
	vhsm_close(h);
}
AUTO_FREE(struct vhsm, session_close)

static inline void
answer_free(struct vhsm_answer *a)
{
	vhsm_answer_free(a);
}
AUTO_FREE(struct vhsm_answer, answer_free)

#endif
