/* The command line: options.def. */
#ifndef SUPER_OPTIONS_H
#define SUPER_OPTIONS_H

#include "wire/buf.h"

/* Borrowed from argv; NULL when not given, "" for one without a value. */
struct options {
#define VH_OPTION(name, value, ok, help) const char *name;
#include "super/options.def"
};

/* --name value, --name=value.  VH_ECONFIG with a line in why for anything that
 * is no option, one given twice, and a value that is not acceptable; *out is
 * then untouched. */
enum vh_err options_parse(int argc, char **argv, struct options *out,
    struct buf *why);
/* The lines of --help. */
void options_put_help(struct buf *b);

#endif
