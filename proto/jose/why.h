/* One line for people that makes an error precise.  A NULL buffer drops it.
 * Nothing from outside gets in but through why_quote. */
#ifndef JOSE_WHY_H
#define JOSE_WHY_H

#include "wire/buf.h"

/* Appends text, quoted, shortened to 64 bytes, everything but printable ASCII
 * escaped. */
void why_quote(struct buf *why, struct slice text);

/* Appends text, and returns err. */
enum vh_err why_say(struct buf *why, enum vh_err err, const char *text);
/* Appends before, text as why_quote, after; returns err. */
enum vh_err why_name(struct buf *why, enum vh_err err, const char *before,
    struct slice text, const char *after);

#endif
