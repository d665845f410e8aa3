/* The audit trail: every use of a private or symmetric key, and every
 * operator's act, as lines of a file that the supervisor has opened.
 *
 * Whoever uses a key asks audit_admit before, does the work, and calls
 * audit_note before the result leaves.  That puts the use into a bounded queue;
 * a thread of its own makes lines of what is there, writes them, has them on
 * disk once a second, signs checkpoints with the record key, and asks for the
 * next file when one is full. */
#ifndef VAULT_AUDIT_H
#define VAULT_AUDIT_H

#include "vault/seat.h"
#include "vault/trail.h"

#define AUDIT_QUEUE_MAX                                                        \
	(8u << 20) /* bytes of uses that wait for the thread                   \
		    */

struct audit;

/* Starts the thread, before the sandbox closes; full(arg, size) is called by it
 * when a file has its size.  NULL when something cannot be had. */
struct audit *audit_new(void (*full)(void *arg, uint64_t size), void *arg);

/* VAUDIT: takes over fd.  The first file begins the trail; one that has lines
 * is gone on with, if its end is what the hashes say, else VH_EVERIFY or
 * VH_EPARSE with a line in why, and nothing has changed.  OFF: only the end is
 * taken over, for the next file to begin with.  Later: the next file. VH_EFIELD
 * without a descriptor or, at first, without NODE.  *seq: of the last line. */
enum vh_err audit_file(struct audit *a, const struct fields *f, int fd,
    uint64_t *seq, struct buf *why);
/* With whose key checkpoints are signed; borrowed for good. */
void audit_sign_by(struct audit *a, struct seat *seat);

/* For any thread; a NULL audit, and one without a file, let all pass.
 *
 * VH_EAUDIT when keys may not be used, because lines cannot be written. */
enum vh_err audit_admit(struct audit *a);
/* The use is in the queue, or, where the configuration says continue, counted
 * as lost; else VH_EAUDIT: then its result must not leave. */
enum vh_err audit_note(struct audit *a, const struct use *u);
/* The same for what can no longer be taken back: without room it is lost, and a
 * later line counts it. */
void audit_note_done(struct audit *a, const struct use *u);

/* Writes all there is, the last line and a checkpoint; waits, but not beyond
 * ms, and says so when that is too short. */
void audit_stop(struct audit *a, uint64_t ms);

/* Appends the field AUDIT, unless there is no file. */
void audit_report(struct audit *a, struct buf *b);

#endif
