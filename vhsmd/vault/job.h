/* A request on its way through the pool. */
#ifndef VAULT_JOB_H
#define VAULT_JOB_H

#include "base/clock.h"
#include "vault/audit.h"
#include "vault/crypto.h"
#include "vault/outlet.h"
#include "vault/record.h"
#include "vault/stats.h"

struct job;

/* Work that is no operation on the frame of a front or a peer: puts its answer,
 * if any, into out. */
typedef void errand(struct job *job, struct crypto *c, struct buf *out);

struct job {
	struct job *next;
	struct outlet *from; /* one reference; NULL: nobody waits */
	errand *errand;      /* or NULL */
	void *context;       /* the errand's own */
	int fd;              /* the errand's own, or -1 */
	struct mono_ns received, deadline;
	enum lane lane;
	bool has_deadline;
	size_t len;
	uint8_t bytes[]; /* the frame */
};

/* What all jobs of this vault work with. */
struct desk {
	const struct store *store;
	struct record *record; /* NULL: no cluster */
	struct stats *stats;
	struct audit *audit; /* NULL: nothing is audited */
};

/* A copy of the frame in q, which message holds.  NULL when out of memory. */
struct job *job_new(struct outlet *from, struct slice message,
    const struct frame *q, enum lane lane, struct mono_ns now);
/* An errand that nobody waits for.  NULL when out of memory. */
struct job *job_errand(errand *run, void *context, enum lane lane);
void job_free(struct job *job);
AUTO_FREE(struct job, job_free)

/* Does what q asks and appends the answer frame to out; whose error is returned
 * too.  VH_EOP for what is nobody's work.  What uses a key is audited before
 * the answer is whole: VH_EAUDIT when it cannot be. */
enum vh_err job_do(const struct frame *q, struct crypto *crypto,
    const struct desk *desk, struct buf *out);
/* Does the work and appends the answer frame to out; counts it.  Work whose
 * deadline has passed is answered VH_EDEADLINE and not started. */
void job_run(const struct job *job, struct crypto *crypto,
    const struct desk *desk, struct buf *out);

#endif
