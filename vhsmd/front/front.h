/* The callers' process: what its loop works on.  One thread touches it; what
 * HTTP's threads see is struct shared alone. */
#ifndef FRONT_FRONT_H
#define FRONT_FRONT_H

#include "base/crowd.h"
#include "base/link.h"
#include "base/settings.h"
#include "base/spin.h"
#include "base/verify.h"
#include "front/conns.h"
#include "front/forward.h"
#include "front/limits.h"
#include "front/members.h"
#include "front/pending.h"
#include "front/policy.h"
#include "front/refusals.h"
#include "front/shared.h"

/* Memory in what callers sent and what they have not taken yet: past it the
 * connection that holds most is cut off. */
#define FRONT_CONNS_MAX (256u << 20)
/* Memory kept for requests in flight: past it new ones are busy. */
#define FRONT_KEPT_MAX (256u << 20)
/* Bytes that wait for the vault to read them: past it requests are busy. */
#define FRONT_VAULT_OUT_MAX (64u << 20)
/* Bytes that wait for peer to read them: past it nothing is forwarded, and what
 * other nodes pass on is busy. */
#define FRONT_PEER_OUT_MAX (64u << 20)
/* Costly work (verification) of one round of the loop, at first. */
#define FRONT_COSTLY_NS 2000000u

/* The cluster directory being read, a page at a time (remote.c). */
struct pull {
	struct directory *d; /* what has come of it; NULL: none is being read */
	uint64_t seq;        /* of it, once a page has come */
	uint32_t index;      /* where the next page starts */
	bool stale;          /* there is a newer one */
	struct mono_ns not_before;
	size_t skipped; /* keys that are not understood */
};

/* The node's own keys being listed anew, a page at a time (own.c). */
struct listing {
	struct directory *d; /* NULL: not now */
	uint32_t index;
	uint64_t seq;
	bool stale;
	struct mono_ns not_before;
};

/* The link to peer and what hangs on it. */
struct peer {
	struct source source; /* first */
	struct link *link;    /* NULL: no peer */
	struct mono_ns since; /* the link came, or was lost */
	bool writes;          /* EPOLLOUT is on */
	bool broken; /* to be closed: seen at the end of a read or round */
	struct pull pull;
	bool status_asked;
	struct mono_ns status_at; /* when to ask for status again */
	struct pending *relayed;  /* requests of other nodes' callers */
	size_t relayed_count;
};

struct expiry;

struct front {
	/* Set once. */
	struct settings *settings;
	struct shared *shared;
	struct policy *policy;
	struct directory *directory; /* the node's own keys */
	struct nodes *nodes;
	struct verifier *verifier;
	struct pendings *pendings;
	struct quotas *quotas;
	struct limits *limits; /* of the policy */
	struct link *super, *vault;
	struct source super_source, vault_source, stats_source;
	int epoll;
	/* Changes all the time. */
	struct directory
	    *cluster; /* the whole cluster's, own ones too; or NULL */
	struct listing listing;
	struct expiry *expiries; /* keys spoken of (expiry.c) */
	struct peer peer;
	struct forwards *forwards;
	struct members members;
	struct conns conns;
	struct refusals refusals;
	struct spin spin;   /* while the vault does its one request */
	struct crowd crowd; /* with many requests at the vault */
	struct mono_ns now; /* stamped once a round */
	struct wall_ms wall;
	uint64_t random; /* state of front_random */
	struct buf *why; /* line for the error of the request at hand */
	struct vault_stats *stats; /* as they come */
	size_t work;               /* SIGN, DECRYPT, ENCRYPT in flight */
	size_t quick;              /* asked of the vault, and soon done */
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

/* Reads the policy, and the limits in it, from the settings.  VH_EPARSE,
 * VH_ETOOBIG, VH_ENOMEM. */
enum vh_err front_read_policy(struct front *f);

/* For spreading load, not for secrets. */
uint64_t front_random(struct front *f);
/* Whether there is no memory for a request that takes so many bytes. */
bool front_is_full(const struct front *f, size_t bytes);
/* Whether the node is one of a cluster, by its settings. */
bool front_has_cluster(const struct front *f);
/* All keys that are published: the cluster's, else the node's own. */
const struct directory *front_listed(const struct front *f);

#endif
