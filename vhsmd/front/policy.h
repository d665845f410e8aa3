/* Who asks, and what a key's `allow` says of that.  Pure.
 *
 * A caller's principals are "uid:N" and every name of the settings whose
 * members include its uid or one of its groups.  A caller of another node has
 * those that its node says.
 *
 * `allow` has plain items and NODE/PRINCIPAL.  A name of the settings means the
 * same on every node, so that a plain one lets its bearers in wherever they
 * are; a uid does not, so that a plain "uid:N" is about this node's callers
 * alone. */
#ifndef FRONT_POLICY_H
#define FRONT_POLICY_H

#include "wire/buf.h"
#include "wire/ops.h"

#define POLICY_MEMBERS VH_MEMBERS_MAX /* of all principals together */
#define POLICY_LIMITS  256            /* names that have limits */
#define CALLER_GROUPS  32 /* supplementary groups that are looked at */

/* As the kernel says at accept(2). */
struct caller {
	uint32_t uid, gid;
	int32_t pid;
	size_t group_count;
	uint32_t groups[CALLER_GROUPS];
};

struct policy;

struct asker {
	const struct policy *policy;
	const struct caller *caller; /* NULL: one of another node */
	struct slice node;           /* that it asks from; may be empty */
	struct slice principals;     /* without caller: comma list */
};

/* What a name may ask for; 0: as much as it likes. */
struct policy_limit {
	struct slice name;
	uint32_t rate, in_flight;
};

/* From the setting "NAME=uid:N+gid:N+rate:N+in_flight:N;NAME=...", which is
 * copied.   VH_EPARSE for anything else, VH_ETOOBIG past POLICY_MEMBERS or
 * POLICY_LIMITS; *out is NULL on failure. */
enum vh_err policy_parse(const char *principals, struct policy **out);
void policy_free(struct policy *p);
AUTO_FREE(struct policy, policy_free)

/* The i-th name that has limits; NULL past the last.  Borrowed from p. */
const struct policy_limit *policy_limit(const struct policy *p, size_t i);
/* Whether the caller is one of the name's members. */
bool policy_has_name(const struct policy *p, const struct caller *caller,
    struct slice name);

/* Whether allow, a comma list of principals, lets the asker in.  Empty: it lets
 * everyone in.  An item that is no principal lets nobody in.  uids: whether
 * plain "uid:N" is about this node. */
bool policy_allows(const struct asker *asker, struct slice allow, bool uids);

/* Appends the principals of a caller as a comma list, as many as max bytes
 * take. */
void policy_put_principals(struct buf *b, const struct policy *p,
    const struct caller *caller, size_t max);

#define POLICY_WHO_MAX 255

/* Who asks, for the audit trail: the same list, of another node's caller with
 * NODE/ before each; whole principals, as many as there is room for. */
void policy_who(const struct asker *asker, char out[static POLICY_WHO_MAX + 1]);

#endif
