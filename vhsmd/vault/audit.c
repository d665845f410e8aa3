#include "vault/audit.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "vault/audit_inner.h"
#include "vault/check.h"
#include "vault/thread.h"

#define TAIL_MAX   (4 * AUDIT_LINE_MAX)
#define TORN_MAX   (1u << 20)
#define FULL_SHARE 8 /* 1 / 8 of the queue is for what was admitted */
#define WAKE_AT    (AUDIT_QUEUE_MAX / 2)

static bool
init_locks(struct audit *a)
{
	pthread_condattr_t attr;

	if (pthread_condattr_init(&attr) != 0)
		return false;
	bool good = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0 &&
		    pthread_mutex_init(&a->lock, NULL) == 0 &&
		    pthread_cond_init(&a->wake, &attr) == 0 &&
		    pthread_cond_init(&a->settled, &attr) == 0;

	(void)pthread_condattr_destroy(&attr); /* frees nothing that matters */
	return good;
}

struct audit *
audit_new(void (*full)(void *arg, uint64_t size), void *arg)
{
	struct audit *a = calloc(1, sizeof *a);

	if (a == NULL || !init_locks(a))
		return NULL; /* the process ends: nothing to free */
	a->full = full;
	a->arg = arg;
	a->next_fd = -1;
	a->open.fd = -1;
	a->queue = buf_new(AUDIT_QUEUE_MAX);
	if (a->queue == NULL || thread_start(audit_run, a) != VH_OK)
		return NULL;
	pthread_mutex_lock(&a->lock);
	while (!a->ready && !a->failed)
		pthread_cond_wait(&a->settled, &a->lock);
	bool failed = a->failed;

	pthread_mutex_unlock(&a->lock);
	return failed ? NULL : a;
}

/* --- the file it begins with ------------------------------------------------
 */

/* So many bytes of a regular file, which has them. */
static enum vh_err
read_part(int fd, uint64_t from, uint64_t want, struct buf *out)
{
	if (lseek(fd, (off_t)from, SEEK_SET) < 0)
		return VH_EIO;
	while (want > 0) {
		size_t len = buf_slice(out).len;
		uint8_t *to = buf_extend(out, want);

		if (to == NULL)
			return VH_ENOMEM;
		ssize_t n = read(fd, to, want);

		buf_trim(out, len + (n > 0 ? (size_t)n : 0));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return VH_EIO;
		want -= (uint64_t)n;
	}
	return VH_OK;
}

/* Where the chain in a file ends.  Without a line of it: as it was. */
static enum vh_err
resume(int fd, uint64_t size, struct audit_chain *chain, struct buf *torn,
    struct buf *why)
{
	AUTO(buf_free) struct buf *tail = buf_new(TAIL_MAX + 1);
	AUTO(buf_free) struct buf *head = buf_new(AUDIT_LINE_MAX);
	uint64_t last = size < TAIL_MAX ? size : TAIL_MAX;
	struct slice rest;

	TRY(read_part(fd, 0, size < AUDIT_LINE_MAX ? size : AUDIT_LINE_MAX,
	    head));
	TRY(read_part(fd, size - last, last, tail));
	if (audit_is_cut_again(buf_slice(head), buf_slice(tail)))
		return REFUSE(why, VH_EPARSE,
		    "not all lines that come again are there");
	enum vh_err err =
	    audit_resume(buf_slice(tail), size <= TAIL_MAX, chain, &rest);

	if (err != VH_OK)
		return REFUSE(why, err,
		    err == VH_EPARSE ? "no whole line in the file"
				     : "the last line is not what the vault "
				       "wrote");
	buf_put(torn, rest);
	return buf_end(torn);
}

static enum vh_err
begin(struct audit *a, const struct fields *f, struct buf *why)
{
	uint32_t flags = fields_u32(f, VH_F_FLAGS);

	if (f->at[VH_F_NODE].len == 0)
		return VH_EFIELD;
	struct trail *t = trail_new(f->at[VH_F_NODE], flags);

	a->open.torn = buf_new(TORN_MAX);
	a->open.why = buf_new(field_row(VH_F_WHY)->max);
	if (t == NULL || a->open.torn == NULL || a->open.why == NULL) {
		trail_free(t);
		return REFUSE(why, VH_ENOMEM, "no memory for the audit trail");
	}
	buf_put(a->open.why, f->at[VH_F_WHY]);
	t->chain = a->before;
	a->trail = t;
	a->goes_on = (flags & VH_AUDIT_CONTINUE) != 0;
	a->max_size = fields_u64(f, VH_F_SIZE);
	return VH_OK;
}

/* The first file, which may have lines. */
static enum vh_err
first_file(struct audit *a, const struct fields *f, int fd, struct buf *why)
{
	off_t end = lseek(fd, 0, SEEK_END); /* -1: a device */
	uint64_t size = end < 0 ? 0 : (uint64_t)end;
	AUTO(buf_free) struct buf *torn = buf_new(TORN_MAX);

	if (size > 0)
		TRY(resume(fd, size, &a->before, torn, why));
	if (fields_have(f, VH_F_OFF)) {
		(void)close(fd); /* was read only */
		buf_free(a->before_torn);
		a->before_torn = TAKE(torn);
		return VH_OK;
	}
	TRY(begin(a, f, why));
	a->open.over = size == 0 && a->before_torn != NULL;
	buf_put(a->open.torn, buf_slice(a->open.over ? a->before_torn : torn));
	a->open.size = size;
	a->open.anchor = size == 0;
	a->open.fd = fd;
	a->on = true;
	return VH_OK;
}

enum vh_err
audit_file(struct audit *a, const struct fields *f, int fd, uint64_t *seq,
    struct buf *why)
{
	if (fd < 0)
		return VH_EFIELD;
	pthread_mutex_lock(&a->lock);
	enum vh_err err = VH_OK;

	if (!a->on)
		err = first_file(a, f, fd, why);
	else if (a->next_fd >= 0)
		err = VH_EBUSY;
	else
		a->next_fd = fd;
	*seq =
	    a->on && a->view.chain.seq > 0 ? a->view.chain.seq : a->before.seq;
	pthread_cond_signal(&a->wake);
	pthread_mutex_unlock(&a->lock);
	if (err != VH_OK)
		(void)close(fd); /* nothing was written to it */
	return err;
}

void
audit_sign_by(struct audit *a, struct seat *seat)
{
	a->seat = seat;
}

/* --- uses -------------------------------------------------------------------
 */

static enum vh_err
refuse_use(struct audit *a)
{
	atomic_fetch_add_explicit(&a->refused, 1, memory_order_relaxed);
	return VH_EAUDIT;
}

enum vh_err
audit_admit(struct audit *a)
{
	if (a == NULL || !a->on || a->goes_on)
		return VH_OK;
	if (a->blocked)
		return refuse_use(a);
	return a->full_up ? refuse_use(a) : VH_OK;
}

/* Puts a use into the queue; false when it has no room, and then (counts) it is
 * one of those that are lost. */
static bool
queue_use(struct audit *a, const struct use *u, bool counts)
{
	pthread_mutex_lock(&a->lock);
	size_t before = a->queue->len;
	enum vh_err err = use_put(a->queue, u);

	if (err != VH_OK) {
		a->queue->err = VH_OK;
		buf_trim(a->queue, before);
		a->lost += counts;
	}
	if (a->queue->len > AUDIT_QUEUE_MAX - AUDIT_QUEUE_MAX / FULL_SHARE)
		a->full_up = true;
	/* While it dozes it looks soon enough by itself. */
	if (a->sleeps || (before < WAKE_AT && a->queue->len >= WAKE_AT))
		pthread_cond_signal(&a->wake);
	pthread_mutex_unlock(&a->lock);
	return err == VH_OK;
}

enum vh_err
audit_note(struct audit *a, const struct use *u)
{
	if (a == NULL || !a->on || queue_use(a, u, a->goes_on) || a->goes_on)
		return VH_OK;
	return refuse_use(a);
}

void
audit_note_done(struct audit *a, const struct use *u)
{
	if (a == NULL || !a->on || queue_use(a, u, true))
		return;
	LOG(ERROR, "audit-act-lost", KV("op", u->op), KV("who", u->who));
}

/* The thread has not come to an end; nobody else will say so.  Under the lock.
 */
static void
say_cut_short(const struct audit *a)
{
	struct slice rest = buf_slice(a->queue);
	struct use u;
	uint64_t uses = 0;

	while (use_next(&rest, &u))
		uses++;
	LOG(ERROR, "audit-cut-short", KV("queued", uses),
	    KV("seq", a->view.chain.seq));
}

void
audit_stop(struct audit *a, uint64_t ms)
{
	struct timespec end;
	int waited = 0;

	if (a == NULL || !a->on)
		return;
	(void)clock_gettime(CLOCK_MONOTONIC, &end); /* cannot fail */
	end.tv_sec += (time_t)(ms / 1000);
	end.tv_nsec += (long)(ms % 1000) * 1000000;
	if (end.tv_nsec >= 1000000000) {
		end.tv_sec++;
		end.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&a->lock);
	a->stop = true;
	pthread_cond_signal(&a->wake);
	while (!a->stopped && waited == 0)
		waited = pthread_cond_timedwait(&a->settled, &a->lock, &end);
	if (!a->stopped)
		say_cut_short(a);
	pthread_mutex_unlock(&a->lock);
}

void
audit_report(struct audit *a, struct buf *b)
{
	if (a == NULL || !a->on)
		return;
	pthread_mutex_lock(&a->lock);
	struct audit_view v = a->view;

	pthread_mutex_unlock(&a->lock);
	size_t nest = frame_nest(b, VH_F_AUDIT);

	frame_put_u64(b, VH_F_OKS, v.lines);
	frame_put_u64(b, VH_F_FAILS, v.lost);
	frame_put_u64(b, VH_F_BUSY, a->refused);
	frame_put_u64(b, VH_F_SIZE, v.size);
	frame_put_u64(b, VH_F_SEQ, v.chain.seq);
	frame_put(b, VH_F_DIGEST, slice_of(v.chain.hash, AUDIT_HASH));
	frame_put_u32(b, VH_F_FLAGS,
	    (a->blocked ? VH_AUDIT_BLOCKED : 0) |
		(v.signs ? VH_AUDIT_SIGNS : 0) |
		(a->goes_on ? VH_AUDIT_CONTINUE : 0) |
		(a->trail->summary ? VH_AUDIT_SUMMARY : 0));
	if (v.checked.ns > 0)
		frame_put_u64(b, VH_F_SEEN_MS,
		    (clock_mono().ns - v.checked.ns) / 1000000);
	frame_nest_close(b, nest);
}
