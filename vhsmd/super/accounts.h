/* Users and groups of the machine, by name or number. */
#ifndef SUPER_ACCOUNTS_H
#define SUPER_ACCOUNTS_H

#include "wire/buf.h"

struct user {
	unsigned uid, gid;
};

/* VH_ECONFIG when there is no such name; a number stands for itself. */
enum vh_err account_uid(const char *text, unsigned *uid);
enum vh_err account_gid(const char *text, unsigned *gid);

/* Who a child becomes: the user of that name or number with its own group.  A
 * name nobody has (the machine was not set up by a package) becomes the number
 * fixed, logged, unless somebody has that number.  VH_ECONFIG, logged. */
enum vh_err account_user(const char *text, unsigned fixed, struct user *out);

/* Whether the first count of others have one of the same uid. */
bool account_is_among(const struct user *user, const struct user *others,
    size_t count);

#endif
