/* From the record that first shows keys active to their first signature: a pure
 * core, of times and what is told.
 *
 * A key that signed while nobody else could know of it as active would leave
 * tokens behind that nobody verifies if this node died right then.  So the
 * vault shows it active in a record first (VANNOUNCE, VRECORD), this says when
 * that record is safe, and only then the key signs (VACTIVATE).
 *
 * A record is safe once it is on the disk and every living node has it.  One
 * living node that has it is enough after ANNOUNCE_SLOW_MS, and the disk alone
 * after ANNOUNCE_LAST_MS: those who said nothing all that time are on their way
 * to be dead.  After that time a node that has it is as good as a disk that
 * takes nothing; with neither, nothing signs.
 *
 * A node's first record, which shows its keys as published, is to be taken by
 * all, too, before publish_before begins: announce_show. */
#ifndef PEER_ANNOUNCE_H
#define PEER_ANNOUNCE_H

#include "base/clock.h"
#include "wire/frame.h"

#define ANNOUNCE_SLOW_MS 2000
#define ANNOUNCE_LAST_MS 5000
#define ANNOUNCE_EACH_MS 500 /* to those who do not have it */

struct announce;

struct announce *announce_new(void); /* NULL when out of memory */
void announce_free(struct announce *a);
AUTO_FREE(struct announce, announce_free)

/* The record (epoch, seq) is the newest; f is the answer that brought it, whose
 * ANNOUNCED are the keys that do not sign yet.  None: nothing is waited for.
 * VH_ENOMEM, VH_EFIELD for a kid that is none: all is as before. */
enum vh_err announce_shown(struct announce *a, struct mono_ns now,
    uint64_t epoch, uint64_t seq, const struct fields *f);
/* A node, or the disk, has the record (epoch, seq). */
void announce_taken(struct announce *a, const char *node, uint64_t epoch,
    uint64_t seq);
void announce_saved(struct announce *a, uint64_t epoch, uint64_t seq);

/* From now on, or no longer: who takes a record counts also when it announces
 * nothing. */
void announce_show(struct announce *a, bool on);

/* Which record is waited for; false when none is. */
bool announce_waits(const struct announce *a, uint64_t *epoch, uint64_t *seq);
/* Whether this key of ours is shown active and does not sign yet. */
bool announce_holds(const struct announce *a, const char *kid);
bool announce_has_taken(const struct announce *a, const char *node);
bool announce_is_saved(const struct announce *a);
/* Whether it is time to push the record to those who do not have it; true once
 * each ANNOUNCE_EACH_MS. */
bool announce_push_is_due(struct announce *a, struct mono_ns now);

enum announce_state {
	ANNOUNCE_WAITS,
	ANNOUNCE_SAFE,    /* as it should be */
	ANNOUNCE_SLOW,    /* some living node did not take it in time */
	ANNOUNCE_ALONE,   /* none did: it is on the disk alone */
	ANNOUNCE_UNSAVED, /* it is not on the disk, but other nodes have it */
};

/* Whether it is safe, with these other nodes alive, each of which
 * announce_has_taken was asked for: acked of others did. */
enum announce_state announce_look(const struct announce *a, struct mono_ns now,
    size_t others, size_t acked);
const char *announce_state_name(enum announce_state state);

#endif
