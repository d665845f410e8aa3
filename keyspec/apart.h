/* That the audit trail gets files of its own. */
#ifndef KEYSPEC_APART_H
#define KEYSPEC_APART_H

#include "keyspec/config.h"

/* What a node uses beside what stands in its configuration as a path; NULL:
 * nothing, or not yet known. */
struct apart {
	const char *state;               /* folder */
	const char *callers, *operators; /* paths */
	const char *spec;
};

/* VH_ECONFIG, at the file of audit, when the trail would write, move or remove
 * a file that the node uses otherwise.  Folders count as one also under two
 * names if they exist. */
enum vh_err apart_check(const struct reading *r, const struct config *c,
    const struct apart *used);

#endif
