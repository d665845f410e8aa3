/* The names in a folder. */
#ifndef SUPER_NAMES_H
#define SUPER_NAMES_H

#include "wire/base.h"

struct names;

/* Those that match pattern, fnmatch(3), in the order of strcmp; hidden ones
 * only when the pattern begins with a dot.  folder stays open.  VH_EIO,
 * VH_ENOMEM, VH_ETOOBIG past max names. */
enum vh_err names_read(int folder, const char *pattern, size_t max,
    struct names **out);
void names_free(struct names *n);
AUTO_FREE(struct names, names_free)

size_t names_count(const struct names *n);
const char *names_at(const struct names *n, size_t i);

#endif
