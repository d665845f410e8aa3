/* What forward*.c share. */
#ifndef FRONT_FORWARD_CORE_H
#define FRONT_FORWARD_CORE_H

#include "front/forward_choose.h"
#include "front/tries.h"

struct forward {
	struct pending *p;
	struct mono_ns since, next_at;
	char
	    kid[VH_KID_SIZE + 1]; /* asked for last: other holders come first */
	bool named;               /* no other key will do */
	enum vh_err said;         /* the most telling so far, or VH_OK */
	struct node *asked[FORWARD_TRIES];
	/* The keys by whose policy they refused, or "". */
	char refused[FORWARD_TRIES][VH_KID_SIZE + 1];
	struct try *tries[FORWARD_TRIES]; /* NULL: has ended */
	size_t count, live;
	struct forward *prev, *next;
};

/* soonest is no later than the first next_at. */
struct forwards {
	struct tries *tries;
	struct forward *all;
	struct mono_ns soonest;
};

/* Drops the answer that one is under way for. */
void forward_end_try(struct front *f, struct try *y);
/* As if nobody had been asked. */
void forward_forget(struct front *f, struct forward *w);
/* When to go on, unless an answer comes before. */
void forward_wake_at(struct front *f, struct forward *w, struct mono_ns at);

/* What the request wants: borrowed from what p kept and from its connection,
 * which must be there. */
enum vh_err forward_want(const struct front *f, const struct pending *p,
    struct want *out);
/* Asks one node.  There must be a peer.  VH_EBUSY. */
enum vh_err forward_ask(struct front *f, struct forward *w,
    const struct want *want, const struct target *to);
/* Chooses one that was not asked, and asks it.  What forward_choose says. */
enum vh_err forward_ask_next(struct front *f, struct forward *w);

/* Of errors, how little one tells a caller about why nobody could help. */
size_t forward_rank(enum vh_err err);
/* Peer came or went just now: it may not have found the others yet, or come
 * back. */
bool forward_is_early(const struct front *f);

#endif
