/* The signers or recipients of a request: the request's own fields are the
 * first's, each PARTY field has those of one more.  Pure. */
#ifndef FRONT_PARTY_H
#define FRONT_PARTY_H

#include "jose/forms.h"
#include "wire/frame.h"

struct parties {
	size_t count;
	struct fields at[FORM_PARTIES]; /* borrowed from the request */
};

/* may: the fields one may have.  VH_ETOOBIG past FORM_PARTIES; VH_EFIELD for
 * other fields in a PARTY, and what fields_parse says. */
enum vh_err parties_parse(const struct fields *in, vh_tags may,
    struct parties *out, struct buf *why);

/* The form that is asked for, if it goes with so many parties: compact and
 * flattened have one.  VH_EFIELD. */
enum vh_err parties_form(const struct fields *in, size_t count, enum form *out,
    struct buf *why);

/* Appends the fields of one party that are in tags. */
void party_put(struct buf *b, const struct fields *party, vh_tags tags);

#endif
