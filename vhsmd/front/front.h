/* The callers' process: what its loop works on.  One thread touches it; what
 * HTTP's threads see is struct shared alone. */
#ifndef FRONT_FRONT_H
#define FRONT_FRONT_H

#include "base/link.h"
#include "base/settings.h"
#include "front/conns.h"
#include "front/pending.h"
#include "front/policy.h"
#include "front/refusals.h"
#include "front/shared.h"
#include "front/verify.h"

/* Memory in what callers sent and what they have not taken yet: past it the
 * connection that holds most is cut off. */
#define FRONT_CONNS_MAX (256u << 20)
/* Memory kept for requests in flight: past it new ones are busy. */
#define FRONT_KEPT_MAX (256u << 20)
/* Bytes that wait for the vault to read them: past it requests are busy. */
#define FRONT_VAULT_OUT_MAX (64u << 20)
/* Costly work (verification) of one round of the loop, at first. */
#define FRONT_COSTLY_NS 2000000u

struct front {
	/* Set once. */
	struct settings *settings;
	struct shared *shared;
	struct policy *policy;
	struct directory *directory;
	struct verifier *verifier;
	struct pendings *pendings;
	struct quotas *quotas;
	struct link *super, *vault;
	struct source super_source, vault_source, stats_source;
	int epoll;
	/* Changes all the time. */
	struct conns conns;
	struct refusals refusals;
	struct mono_ns now; /* stamped once a round */
	uint64_t random;    /* state of front_random */
	struct buf *why;    /* line for the error of the request at hand */
	struct vault_stats *stats; /* as they come */
	size_t work;               /* SIGN, DECRYPT, ENCRYPT in flight */
	size_t drains;             /* DRAIN requests that wait */
	uint64_t costly_ns;        /* spent on costly requests in this round */
	uint64_t costly_max;       /* that a round has for them */
	bool vault_writes;         /* EPOLLOUT is on for the vault */
	bool stats_asked;          /* HTTP's question is on its way */
	bool stopping;             /* FSTOP came */
	uint64_t stop_id;
	struct mono_ns stop_by;
	bool done;  /* leave the loop */
	int status; /* what to exit with */
};

/* Nothing but what needs no descriptors from outside: settings are taken over,
 * also on failure, and the directory is filled by the caller.  NULL when
 * something cannot be had. */
struct front *front_new(struct settings *settings, struct shared *shared);
/* Frees all but shared. */
void front_free(struct front *f);
AUTO_FREE(struct front, front_free)

/* For spreading load, not for secrets. */
uint64_t front_random(struct front *f);
/* Whether there is no memory for a request that takes so many bytes. */
bool front_is_full(const struct front *f, size_t bytes);

#endif
