/* The real audit.c and its thread, with files of the test, and a disk under
 * them that fails or keeps the thread waiting when the test says so. */
#ifndef TEST_AUDIT_RIG_H
#define TEST_AUDIT_RIG_H

#include <stdatomic.h>

#include "vault/audit_inner.h"

/* What the next calls of fdatasync come to. */
extern struct disk {
	_Atomic unsigned calls;
	_Atomic unsigned fails; /* so many fail */
	_Atomic bool holds;     /* none returns as long as this is so */
	_Atomic bool held;      /* the thread is in one that does not return */
} disk;

/* How often the thread asked for the next file. */
extern _Atomic unsigned trail_asked;

/* Until it is so; fails when that takes half a minute. */
#define WAIT_UNTIL(so)                                                         \
	for (unsigned turns_ = 0; !(so); turns_++)                             \
	cr_assert(trail_pause(turns_), "in vain: %s", #so)
/* Sleeps for a millisecond; false after too many. */
bool trail_pause(unsigned turns);

/* For .init: an arena and a trail without a file. */
void trail_begin(void);
/* The trail of this test. */
struct audit *trail_audit(void);
/* Another one, as in the next life of the node. */
void trail_renew(void);

/* An empty file, the caller's; audit_file gets another descriptor of it. */
int trail_file(void);
/* VAUDIT with what the first file needs. */
enum vh_err trail_open(int file, unsigned flags, uint64_t max_size,
    struct buf *why);
/* The same with the fields that the next files have: none. */
enum vh_err trail_next(int file);

/* A use; key is its kid, as a number. */
enum vh_err trail_note(unsigned key);
/* The same as trail_open, and the thread is held with nothing but the start
 * written: what is noted from then on stays in the queue. */
enum vh_err trail_open_held(int file, unsigned flags);
void trail_release(void);

/* What the file has; the caller's. */
struct buf *trail_text(int file);
/* The next line of it, without its end; false: no more. */
bool trail_line(struct slice *rest, struct slice *line);
/* How many lines are of that op. */
unsigned trail_count(int file, const char *op);
/* Reads all lines, which are sound, and go on where r is. */
void trail_read(struct audit_reader *r, int file);
/* What audit_report says; false when nothing. */
bool trail_report(struct buf *keep, struct fields *out);

#endif
