#include "front/shared.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "wire/ops.h"

#define FRESH_NS UINT64_C(1000000000)
#define WAIT_NS  500000000
#define ETAG_ROOM                                                              \
	sodium_base64_ENCODED_LEN(crypto_hash_sha256_BYTES,                    \
	    sodium_base64_VARIANT_URLSAFE_NO_PADDING)

/* What the lock guards. */
struct shared_locked {
	pthread_mutex_t lock;
	pthread_cond_t came;
	struct published *published;
	struct vault_stats stats;
	struct peer_events events;
	uint64_t stats_count; /* how often statistics came */
	bool wanted;          /* the eventfd was written and not yet noted */
	int wake;
};

static const struct count_row count_rows[] = {
#define VH_COUNT(name, gauge, metric, label, value, help)                      \
	{ metric, label, value, help, gauge },
#include "front/counts.def"
};

static const char *const outcome_names[OUTCOMES] = { "ok", "refused", "busy",
	"expired" };

/* Operations callers may ask for; the row after them is for all others. */
static const uint16_t op_rows[SHARED_OPS - 1] = { VH_OP_SIGN, VH_OP_DECRYPT,
	VH_OP_VERIFY, VH_OP_ENCRYPT, VH_OP_KEYS, VH_OP_STATUS, VH_OP_CLUSTER,
	VH_OP_DRAIN, VH_OP_REVOKE, VH_OP_ROTATE, VH_OP_RETIRE, VH_OP_DESTROY,
	VH_OP_RELOAD, VH_OP_RAWSIGN, VH_OP_RAWDECRYPT, VH_OP_RAWDERIVE };

const char *
outcome_name(enum outcome outcome)
{
	return outcome_names[outcome];
}

enum outcome
outcome_of(enum vh_err err)
{
	if (err == VH_OK)
		return OUTCOME_OK;
	if (err == VH_EBUSY)
		return OUTCOME_BUSY;
	return err == VH_EDEADLINE ? OUTCOME_EXPIRED : OUTCOME_REFUSED;
}

const char *
shared_op_label(size_t row)
{
	return row < ARRAY_LEN(op_rows) ? op_name(op_rows[row]) : "other";
}

size_t
shared_op_row(unsigned op)
{
	for (size_t i = 0; i < ARRAY_LEN(op_rows); i++)
		if (op_rows[i] == op)
			return i;
	return ARRAY_LEN(op_rows);
}

const struct count_row *
count_row(enum count which)
{
	return &count_rows[which];
}

static bool
locked_open(struct shared_locked *l)
{
	pthread_condattr_t attr;

	l->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (l->wake < 0 || pthread_mutex_init(&l->lock, NULL) != 0)
		return false;
	if (pthread_condattr_init(&attr) != 0)
		return false;
	bool good = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0 &&
		    pthread_cond_init(&l->came, &attr) == 0;

	(void)pthread_condattr_destroy(&attr); /* frees nothing that matters */
	return good;
}

struct shared *
shared_new(void)
{
	AUTO(shared_free) struct shared *s = calloc(1, sizeof *s);

	if (s == NULL)
		return NULL;
	s->started = clock_mono();
	s->locked = calloc(1, sizeof *s->locked);
	if (s->locked == NULL || !locked_open(s->locked))
		return NULL;
	return TAKE(s);
}

void
shared_free(struct shared *s)
{
	if (s == NULL)
		return;
	if (s->locked != NULL) {
		if (s->locked->wake >= 0)
			(void)close(s->locked->wake); /* an eventfd holds
							 nothing to lose */
		published_free(s->locked->published);
		(void)pthread_cond_destroy(&s->locked->came);
		(void)pthread_mutex_destroy(&s->locked->lock);
		free(s->locked);
	}
	free(s);
}

bool
shared_is_ready(const struct shared *s)
{
	return s->serving && !s->draining && !s->joining && !s->name_taken;
}

struct published *
published_new(struct slice text)
{
	uint8_t hash[crypto_hash_sha256_BYTES];
	struct published *p = calloc(1, sizeof *p + text.len + 1);

	if (p == NULL)
		return NULL;
	p->refs = 1;
	p->len = text.len;
	if (text.len > 0)
		memcpy(p->text, text.p, text.len);
	(void)crypto_hash_sha256(hash, text.p, text.len); /* returns 0 */
	p->etag[0] = '"';
	(void)sodium_bin2base64(p->etag + 1, ETAG_ROOM, hash, sizeof hash,
	    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	p->etag[strlen(p->etag)] = '"';
	return p;
}

void
published_free(struct published *p)
{
	if (p != NULL && atomic_fetch_sub(&p->refs, 1) == 1)
		free(p);
}

static void
lock(const struct shared *s)
{
	(void)pthread_mutex_lock(&s->locked->lock); /* never recursive: 0 */
}

static void
unlock(const struct shared *s)
{
	(void)pthread_mutex_unlock(&s->locked->lock); /* ours: 0 */
}

void
shared_published_set(struct shared *s, struct published *p)
{
	lock(s);
	struct published *before = s->locked->published;

	s->locked->published = p;
	unlock(s);
	published_free(before);
}

struct published *
shared_published_get(struct shared *s)
{
	lock(s);
	struct published *p = s->locked->published;

	if (p != NULL)
		atomic_fetch_add(&p->refs, 1);
	unlock(s);
	return p;
}

static bool
is_fresh(const struct shared_locked *l)
{
	return l->stats_count > 0 &&
	       clock_mono().ns - l->stats.taken.ns < FRESH_NS;
}

static void
ask_loop(struct shared_locked *l)
{
	const uint64_t one = 1;

	if (l->wanted)
		return;
	l->wanted = true;
	/* Fails only when the counter is full: then it is readable anyway. */
	if (write(l->wake, &one, sizeof one) < 0)
		return;
}

enum vh_err
shared_stats_get(struct shared *s, struct vault_stats *out)
{
	struct shared_locked *l = s->locked;
	struct timespec end;
	int waited = 0;

	(void)clock_gettime(CLOCK_MONOTONIC, &end); /* cannot fail */
	end.tv_nsec += WAIT_NS;
	end.tv_sec += end.tv_nsec / 1000000000;
	end.tv_nsec %= 1000000000;
	lock(s);
	uint64_t before = l->stats_count;
	bool fresh = is_fresh(l);

	if (!fresh)
		ask_loop(l);
	while (!fresh && l->stats_count == before && waited == 0)
		waited = pthread_cond_timedwait(&l->came, &l->lock, &end);
	fresh = fresh || l->stats_count != before;
	*out = l->stats;
	unlock(s);
	return fresh ? VH_OK : VH_EDEADLINE;
}

int
shared_stats_fd(const struct shared *s)
{
	return s->locked->wake;
}

void
shared_stats_noted(struct shared *s)
{
	uint64_t count;

	lock(s);
	s->locked->wanted = false;
	/* Empty already: nothing to note. */
	if (read(s->locked->wake, &count, sizeof count) < 0)
		count = 0;
	unlock(s);
}

void
shared_stats_set(struct shared *s, const struct vault_stats *stats)
{
	lock(s);
	s->locked->stats = *stats;
	s->locked->stats_count++;
	(void)pthread_cond_broadcast(&s->locked->came); /* returns 0 */
	unlock(s);
}

bool
shared_stats_peek(struct shared *s, struct vault_stats *out)
{
	lock(s);
	bool have = s->locked->stats_count > 0;

	*out = s->locked->stats;
	unlock(s);
	return have;
}

void
shared_events_set(struct shared *s, const struct peer_events *events)
{
	lock(s);
	s->locked->events = *events;
	unlock(s);
}

void
shared_events_get(struct shared *s, struct peer_events *out)
{
	lock(s);
	*out = s->locked->events;
	unlock(s);
}
