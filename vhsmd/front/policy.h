/* Who a caller is, and what a key's `allow` says of that.  Pure.
 *
 * A caller's principals are "uid:N" and every name of the settings whose
 * members include its uid or one of its groups. */
#ifndef FRONT_POLICY_H
#define FRONT_POLICY_H

#include "wire/base.h"

#define POLICY_MEMBERS 4096 /* members of all principals together */
#define CALLER_GROUPS  32   /* supplementary groups that are looked at */

/* As the kernel says at accept(2). */
struct caller {
	uint32_t uid, gid;
	int32_t pid;
	size_t group_count;
	uint32_t groups[CALLER_GROUPS];
};

struct policy;

/* From the setting "NAME=uid:N+gid:N;NAME=...", which is copied.  VH_EPARSE for
 * anything else, VH_ETOOBIG past POLICY_MEMBERS; *out is NULL on failure. */
enum vh_err policy_parse(const char *principals, struct policy **out);
void policy_free(struct policy *p);
AUTO_FREE(struct policy, policy_free)

/* Whether allow, a comma list of principals, lets the caller in.  Empty: it
 * lets everyone in.  An item that is no principal lets nobody in. */
bool policy_allows(const struct policy *p, const struct caller *caller,
    struct slice allow);

#endif
