/* How far an audit trail may go without a checkpoint. */
#ifndef CLI_AUDIT_SPAN_H
#define CLI_AUDIT_SPAN_H

#include "wire/audit.h"

/* The vault signs every 10000 lines, and then what had waited for the disk: a
 * full queue of 8 MiB, of more than 150 bytes a use. */
#define AUDIT_SPAN_LINES 70000u
/* It signs in every minute in which there was a line, but not while the disk
 * takes none.  Minutes with a use are counted: a clock may be set, and a node
 * may rest, or die and be started anew. */
#define AUDIT_SPAN_MINUTES 10u

#define AUDIT_MINUTE 16 /* characters: 2026-11-30T22:23 */

/* Lines since the last checkpoint; zeros at the start. */
struct audit_span {
	uint64_t lines;
	unsigned minutes;          /* different ones, each after the last */
	char minute[AUDIT_MINUTE]; /* the last, or that of the checkpoint */
};

/* One more line, a sound one that is no checkpoint.  What is wrong with that;
 * NULL: nothing. */
const char *audit_span_add(struct audit_span *s, struct slice line);
/* A checkpoint. */
void audit_span_end(struct audit_span *s, struct slice line);

#endif
