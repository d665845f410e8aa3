/* The principals of the configuration, with names of users and groups turned
 * into numbers, as front takes them. */
#ifndef SUPER_PRINCIPALS_H
#define SUPER_PRINCIPALS_H

#include "keyspec/config.h"

/* Most bytes of the text: more than any configuration makes. */
#define PRINCIPALS_TEXT_MAX (512u << 10)

/* "NAME=uid:N+gid:N+rate:N+in_flight:N;NAME=uid:N", NUL-terminated, appended to
 * out.  VH_ECONFIG with a line in r->why for a name the machine does not know;
 * VH_ETOOBIG, VH_ENOMEM. */
enum vh_err principals_put(const struct reading *r,
    const struct config_principals *principals, struct buf *out);

#endif
