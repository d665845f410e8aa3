/* What the verbs read: a file, or standard input. */
#ifndef CLI_INPUT_H
#define CLI_INPUT_H

#include "client/cli/args.h"
#include "wire/buf.h"

/* All of a file, of standard input for NULL or "-", followed by a NUL that
 * does not count.  NULL after one line on standard error when it cannot be
 * read or has more than max bytes.  The caller frees it. */
struct buf *input_read(const struct args *a, const char *file, size_t max);

/* The same, without white space at either end: tokens and JSON in files end
 * with a newline. */
struct buf *input_read_text(const struct args *a, const char *file, size_t max);

#endif
