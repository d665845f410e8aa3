/* The options of tokens with several parties, as a request has them. */
#ifndef CLI_FORM_H
#define CLI_FORM_H

#include "client/cli/args.h"
#include "wire/buf.h"

/* What a request borrows; all zero at first. */
struct form_texts {
	struct vhsm_party more[VHSM_PARTIES_MAX];
	struct buf *jwks[VHSM_PARTIES_MAX]; /* the first party's is the first */
	struct buf *aad;
};

void form_end(struct form_texts *t);

/* Puts header, typ, jwk, format, unprotected, more, detached, unencoded, aad
 * and zip into q, reading the files that are named.  EXIT_DONE, or what to exit
 * with after a line on standard error. */
int form_fill(const struct args *a, struct form_texts *t,
    struct vhsm_request *q);

#endif
