/* What audit.c and its thread, audit_writer.c, share. */
#ifndef VAULT_AUDIT_INNER_H
#define VAULT_AUDIT_INNER_H

#include <pthread.h>
#include <stdatomic.h>

#include "vault/audit.h"

/* What audit_report says, as of the last time the thread looked. */
struct audit_view {
	uint64_t lines, lost, size;
	struct audit_chain chain;
	bool blocked, signs;
	struct mono_ns checked; /* the last checkpoint; 0: none */
};

struct audit {
	/* Set before `on`. */
	struct trail *trail; /* the thread's, from then on */
	bool goes_on;        /* when blocked, keys are used all the same */
	uint64_t max_size;
	void (*full)(void *arg, uint64_t size);
	void *arg;
	struct seat *_Atomic seat;
	_Atomic bool on;
	_Atomic bool blocked;
	_Atomic bool full_up; /* the queue, but for what was admitted */
	_Atomic uint64_t refused;
	/* Guards all that follows. */
	pthread_mutex_t lock;
	pthread_cond_t wake, settled;
	struct buf *queue;
	uint64_t lost; /* since the thread last took the queue */
	bool sleeps, ready, failed, stop, stopped;
	int next_fd; /* -1: none */
	struct audit_view view;
	/* The end of an earlier file, and what is torn there; for the first
	 * line of the next one. */
	struct audit_chain before;
	struct buf *before_torn; /* or NULL */
	struct audit_open {
		int fd;
		uint64_t size;
		bool anchor; /* no line of this chain is in the file */
		struct buf *torn;
		bool over;       /* torn is in the file before */
		struct buf *why; /* of a file that could not be gone on with */
	} open;
};

/* The thread. */
void *audit_run(void *audit);

#endif
