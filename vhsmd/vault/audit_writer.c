/* The thread of the audit trail.  While uses come it looks every few
 * milliseconds, so that nobody has to wake it; when they have stopped for a
 * while it sleeps until the next one does.
 *
 * What a file does not take stays in memory and is tried again, from the byte
 * where it stopped: no line is ever left torn, but by a death.
 *
 * Lines stay in memory until the disk has them, too.  When it says that it
 * could not keep what was written, nobody can tell what is there, and asking
 * again proves nothing: the kernel gives the error once and forgets the pages.
 * So that file is left alone, and until its lines have been written to the next
 * file, and that one is on the disk, no more keys are used. */
#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "vault/audit_inner.h"
#include "vault/crypto.h"
#include "vault/registers.h"
#include "vault/thread.h"

#define DOZE_MS   10
#define SLEEP_MS  1000
#define DOZES     100 /* without a use, then it sleeps */
#define SYNC_MS   1000
#define RETRY_MS  200
#define ASK_MS    5000 /* again, when no next file has come */
#define STAY_MS   1000 /* with a file at least */
#define WRITE_AT  (256u << 10)
#define SYNC_AT   (4u << 20) /* bytes that are not known to be on the disk */
#define JWS_MAX   24576u
#define AUDIT_TYP "vhsm-audit"

struct writer {
	struct audit *a;
	struct trail *t;
	struct crypto *crypto;
	EVP_MD *md;
	EVP_MD_CTX *hash;
	struct buf *taken; /* uses, from the queue */
	int fd;
	uint64_t size, lost;
	/* t->out begins where the disk surely had all. */
	size_t sent;               /* bytes of it that were written */
	struct audit_chain synced; /* before it */
	bool again;     /* it begins with a line that says it comes again */
	bool distrusts; /* the file has failed: nothing more is written to it */
	bool doubts;    /* it comes after one that has: to be tried at once */
	bool gives_up;
	int said; /* errno that was logged last; 0: none since it went well */
	unsigned idle;
	struct mono_ns sync_at, ask_at, checked;
};

static struct trail_now
now(void)
{
	return (struct trail_now){ clock_mono(), clock_wall() };
}

/* Faster than libsodium's, and a line is hashed for every use.  The context has
 * its digest already: to name it again costs a look for engines. */
static bool
sha256(void *writer, struct slice a, struct slice b,
    uint8_t out[static AUDIT_HASH])
{
	struct writer *w = writer;
	unsigned len = 0;

	return EVP_DigestInit_ex2(w->hash, NULL, NULL) == 1 &&
	       EVP_DigestUpdate(w->hash, a.p, a.len) == 1 &&
	       EVP_DigestUpdate(w->hash, b.p, b.len) == 1 &&
	       EVP_DigestFinal_ex(w->hash, out, &len) == 1;
}

/* Under the lock: until ms have passed or somebody wakes it. */
static void
wait_ms(struct audit *a, uint64_t ms)
{
	struct timespec end;

	(void)clock_gettime(CLOCK_MONOTONIC, &end); /* cannot fail */
	end.tv_sec += (time_t)(ms / 1000);
	end.tv_nsec += (long)(ms % 1000) * 1000000;
	if (end.tv_nsec >= 1000000000) {
		end.tv_sec++;
		end.tv_nsec -= 1000000000;
	}
	(void)pthread_cond_timedwait(&a->wake, &a->lock, &end);
}

/* A line that could not be made is counted as lost. */
static void
count(struct writer *w, enum vh_err err)
{
	if (err == VH_OK)
		return;
	LOG(ERROR, "audit-line-lost", KV_ERR(err));
	w->lost++;
}

/* --- the file --------------------------------------------------------------
 */

static void
say_blocked(struct writer *w, int err)
{
	if (err != w->said)
		LOG(ERROR, "audit-blocked", KV_ERRNO(err),
		    KV("keys", w->a->goes_on ? "used" : "not used"));
	w->said = err;
	w->a->blocked = true;
}

static void
say_free(struct writer *w)
{
	if (w->said != 0)
		LOG(NOTICE, "audit-goes-on", KV("seq", w->t->chain.seq));
	w->said = 0;
	w->a->blocked = false;
}

/* What is not known to be on the disk stays; it was not written in vain. */
static void
sync_file(struct writer *w)
{
	struct buf *out = w->t->out;

	if (w->sent == 0 || w->distrusts)
		return;
	w->sync_at = mono_after_ms(clock_mono(), SYNC_MS);
	/* A file that cannot be synchronised, as a device, is none that fails.
	 */
	if (fdatasync(w->fd) != 0 && errno != EINVAL) {
		say_blocked(w, errno);
		LOG(ERROR, "audit-not-on-disk", KV("from", w->synced.seq + 1),
		    KV("to", w->t->chain.seq));
		w->distrusts = true;
		w->ask_at = clock_mono();
		return;
	}
	w->again = w->again && w->sent < out->len;
	if (w->sent < out->len) /* at the end, when it gives up */
		return;
	buf_clear(out);
	w->sent = 0;
	w->synced = w->t->chain;
}

static size_t
unsent(const struct writer *w)
{
	return w->t->out->len - w->sent;
}

/* Writes what the file takes; false: not all, or not for good. */
static bool
write_some(struct writer *w)
{
	while (unsent(w) > 0) {
		ssize_t n = write(w->fd, w->t->out->p + w->sent, unsent(w));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			say_blocked(w, n < 0 ? errno : ENOSPC);
			return false;
		}
		w->sent += (size_t)n;
		w->size += (uint64_t)n;
	}
	if (w->doubts || w->sent >= SYNC_AT)
		sync_file(w);
	w->doubts = w->doubts && w->distrusts;
	if (w->distrusts)
		return false;
	say_free(w);
	return true;
}

static void
ask_for_next(struct writer *w)
{
	struct mono_ns time = clock_mono();

	if ((w->size < w->a->max_size && !w->distrusts) ||
	    !mono_passed(w->ask_at, time))
		return;
	w->ask_at = mono_after_ms(time, ASK_MS);
	w->a->full(w->a->arg, w->size);
}

/* The next file gets what the one before may not have. */
static void
begin_again(struct writer *w, int fd)
{
	const char *name = strerrorname_np(w->said);

	(void)close(w->fd); /* has failed already */
	w->fd = fd;
	w->size = 0;
	w->sent = 0;
	w->distrusts = false;
	w->doubts = true;
	if (w->again)
		return; /* nor did the last one keep it */
	enum vh_err err =
	    trail_again(w->t, &w->synced, name == NULL ? "?" : name, now());

	count(w, err);
	w->again = err == VH_OK;
}

/* Waits for a moment, or for another file if this one has failed. */
static void
wait_for_room(struct writer *w)
{
	struct audit *a = w->a;
	int next_fd = -1;

	if (w->distrusts)
		ask_for_next(w);
	pthread_mutex_lock(&a->lock);
	if (!a->stop && (!w->distrusts || a->next_fd < 0))
		wait_ms(a, RETRY_MS);
	if (w->distrusts) {
		next_fd = a->next_fd;
		a->next_fd = -1;
	}
	w->gives_up = a->stop;
	pthread_mutex_unlock(&a->lock);
	if (next_fd >= 0)
		begin_again(w, next_fd);
}

/* Until all is written, or the node has no more time to wait for that. */
static void
write_all(struct writer *w)
{
	while (!w->gives_up && (w->distrusts || !write_some(w)))
		wait_for_room(w);
}

/* --- checkpoints -----------------------------------------------------------
 */

static enum vh_err
check(struct writer *w, const struct identity *id)
{
	AUTO(buf_free) struct buf *claim = buf_new(1024);
	AUTO(buf_free) struct buf *jws = buf_new(JWS_MAX);

	trail_put_claim(w->t, now(), claim);
	TRY(buf_end(claim));
	TRY(identity_sign(id, w->crypto, AUDIT_TYP, buf_slice(claim), jws));
	return trail_check(w->t, slice_text(id->key->kid), buf_slice(jws),
	    now());
}

static void
check_if_due(struct writer *w, bool at_once, struct trail_now time)
{
	struct seat *seat = w->a->seat;

	if (seat == NULL || !trail_wants_check(w->t, at_once, time))
		return;
	AUTO(identity_free) struct identity *id = seat_hold(seat);
	enum vh_err err = check(w, id);

	traces_clear();
	if (err != VH_OK) {
		LOG(ERROR, "audit-not-signed", KV_ERR(err));
		w->t->check_seq = w->t->chain.seq; /* not again at once */
		return;
	}
	w->checked = clock_mono();
}

/* --- beginning, going on, ending -------------------------------------------
 */

static void
put_start(struct writer *w)
{
	const struct audit_open *o = &w->a->open;
	AUTO(buf_free) struct buf *more = buf_new(8192);

	if (o->torn->len > 0)
		count(w,
		    trail_repair(w->t, buf_slice(o->torn), o->over, now()));
	buf_format(more, ",\"version\":\"%s\",\"detail\":\"%s\"", VHSM_VERSION,
	    w->t->summary ? "summary" : "each");
	if (o->why->len > 0) {
		buf_put_text(more, ",\"not_continued\":\"");
		audit_put_escaped(more, buf_slice(o->why));
		buf_put_text(more, "\"");
	}
	count(w, trail_say(w->t, "start", o->anchor, buf_slice(more), now()));
}

/* The old file ends with a checkpoint, the new one begins where it ended. */
static void
change_file(struct writer *w, int fd)
{
	if (w->distrusts) {
		begin_again(w, fd);
		return;
	}
	count(w, trail_say(w->t, "rotate", false, slice_of(NULL, 0), now()));
	check_if_due(w, true, now());
	/* Should it fail now, the next one is here. */
	while (!w->gives_up && !write_some(w) && !w->distrusts)
		wait_for_room(w);
	sync_file(w);
	if (w->distrusts) {
		begin_again(w, fd);
		return;
	}
	(void)close(w->fd); /* synchronised */
	w->fd = fd;
	w->size = 0;
	w->ask_at = mono_after_ms(clock_mono(), STAY_MS);
	count(w, trail_say(w->t, "open", true, slice_of(NULL, 0), now()));
}

static void
finish(struct writer *w)
{
	count(w, trail_sum(w->t, true, now()));
	count(w, trail_say(w->t, "stop", false, slice_of(NULL, 0), now()));
	check_if_due(w, true, now());
	if (write_some(w))
		sync_file(w);
	else
		LOG(ERROR, "audit-lines-lost",
		    KV("bytes", w->distrusts ? w->t->out->len : unsent(w)));
}

/* --- the loop --------------------------------------------------------------
 */

static void
put_uses(struct writer *w)
{
	struct slice rest = buf_slice(w->taken);
	struct trail_now taken = now();
	struct use u;

	while (use_next(&rest, &u)) {
		count(w, trail_use(w->t, &u, taken));
		check_if_due(w, false, taken);
		if (unsent(w) >= WRITE_AT) {
			write_all(w); /* may take its time */
			taken = now();
		}
	}
	buf_clear(w->taken);
}

/* Under the lock: what the thread knows becomes what others see. */
static void
show(struct writer *w)
{
	struct audit_view *v = &w->a->view;

	v->lines = w->t->lines;
	v->lost = w->lost;
	v->size = w->size;
	v->chain = w->t->chain;
	v->signs = w->a->seat != NULL;
	v->checked = w->checked;
}

/* Takes the queue; waits when there is nothing to do.  *lost: uses that found
 * no place in it. */
static void
take(struct writer *w, uint64_t *lost, int *next_fd, bool *stop)
{
	struct audit *a = w->a;

	pthread_mutex_lock(&a->lock);
	show(w);
	if (a->queue->len == 0 && a->next_fd < 0 && !a->stop) {
		a->sleeps = w->idle > DOZES;
		w->idle += w->idle <= DOZES;
		wait_ms(a, a->sleeps ? SLEEP_MS : DOZE_MS);
		a->sleeps = false;
	} else if (a->queue->len < WRITE_AT && !a->stop) {
		wait_ms(a, DOZE_MS); /* more of them at once cost less */
	}
	struct buf *full = a->queue;

	a->queue = w->taken;
	a->full_up = false;
	w->taken = full;
	*lost = a->lost;
	a->lost = 0;
	*next_fd = a->next_fd;
	a->next_fd = -1;
	*stop = a->stop;
	pthread_mutex_unlock(&a->lock);
	if (w->taken->len > 0)
		w->idle = 0;
}

static bool
turn(struct writer *w)
{
	uint64_t lost;
	int next_fd;
	bool stop;

	take(w, &lost, &next_fd, &stop);
	if (w->distrusts && next_fd >= 0) {
		begin_again(w, next_fd);
		next_fd = -1;
	}
	put_uses(w);
	if (lost > 0)
		count(w, trail_lost(w->t, lost, now()));
	w->lost += lost;
	count(w, trail_sum(w->t, false, now()));
	check_if_due(w, false, now());
	write_all(w);
	if (next_fd >= 0)
		change_file(w, next_fd);
	ask_for_next(w);
	if (mono_passed(w->sync_at, clock_mono()))
		sync_file(w);
	if (stop)
		finish(w);
	return stop;
}

static bool
prepare(struct writer *w)
{
	if (!thread_use_libcrypto())
		return false;
	w->crypto = crypto_new(0);
	w->md = EVP_MD_fetch(NULL, "SHA256", NULL);
	w->hash = EVP_MD_CTX_new();
	w->taken = buf_new(AUDIT_QUEUE_MAX);
	return w->crypto != NULL && w->md != NULL && w->taken != NULL &&
	       w->hash != NULL && EVP_DigestInit_ex2(w->hash, w->md, NULL) == 1;
}

/* Says that the thread is there, and waits for a file. */
static void
wait_for_file(struct writer *w, bool good)
{
	struct audit *a = w->a;

	pthread_mutex_lock(&a->lock);
	a->ready = good;
	a->failed = !good;
	pthread_cond_broadcast(&a->settled);
	while (!a->on)
		pthread_cond_wait(&a->wake, &a->lock);
	pthread_mutex_unlock(&a->lock);
	w->t = a->trail;
	w->t->chain.sha256 = sha256;
	w->t->chain.context = w;
	w->fd = a->open.fd;
	w->size = a->open.size;
	w->synced = w->t->chain;
}

void *
audit_run(void *audit)
{
	struct writer w = { .a = audit };

	bool good = prepare(&w);

	traces_clear();
	wait_for_file(&w, good);
	put_start(&w);
	while (!turn(&w))
		;
	pthread_mutex_lock(&w.a->lock);
	show(&w);
	w.a->stopped = true;
	pthread_cond_broadcast(&w.a->settled);
	/* It sleeps until the process ends: its stack is never given back. */
	for (;;)
		pthread_cond_wait(&w.a->wake, &w.a->lock);
	return NULL;
}
