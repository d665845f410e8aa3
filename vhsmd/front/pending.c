#include "front/pending.h"

#include <stdlib.h>
#include <utlist.h>

#define KEEP_EMPTY 4096 /* a slot's buffer up to this is used again */

/* soonest is no later than the deadline of any that waits: it may be early,
 * because the one it came from has ended; a look then finds the true one. */
struct pendings {
	struct pending *slots, *live, *free_list;
	size_t count, fresh; /* slots; those that were ever used */
	size_t used, kept_max, weight;
	struct mono_ns soonest;
};

struct pendings *
pendings_new(size_t count, size_t kept_max)
{
	AUTO(pendings_free) struct pendings *t = calloc(1, sizeof *t);

	if (t == NULL || count > PENDING_MAX)
		return NULL;
	t->slots = calloc(count, sizeof *t->slots);
	if (t->slots == NULL)
		return NULL;
	t->count = count;
	t->kept_max = kept_max;
	return TAKE(t);
}

void
pendings_free(struct pendings *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; i < t->fresh; i++)
		buf_free(t->slots[i].kept);
	free(t->slots);
	free(t);
}

/* A buffer that is large, or has failed, is not worth keeping. */
static void
clear_kept(struct pending *p)
{
	if (p->kept == NULL)
		return;
	buf_clear(p->kept);
	if (p->kept->cap > KEEP_EMPTY) {
		buf_free(p->kept);
		p->kept = NULL;
	}
}

/* A free slot, in no list; NULL when all are taken. */
static struct pending *
slot_take(struct pendings *t)
{
	struct pending *p = t->free_list;

	if (p != NULL) {
		LL_DELETE(t->free_list, p);
		return p;
	}
	if (t->fresh == t->count)
		return NULL;
	p = &t->slots[t->fresh++];
	/* Generation 0 never names a slot: an id of 0 finds none. */
	p->generation = 1;
	return p;
}

struct pending *
pending_begin(struct pendings *t, const struct origin *to, struct mono_ns now,
    struct mono_ns deadline)
{
	struct pending *p = slot_take(t);

	if (p == NULL)
		return NULL;
	if (p->kept == NULL)
		p->kept = buf_new(t->kept_max);
	if (p->kept == NULL) {
		LL_PREPEND(t->free_list, p);
		return NULL;
	}
	p->to = *to;
	p->who[0] = '\0';
	p->quota = NULL;
	p->limits = (struct limit_set){ 0 };
	p->started = now;
	p->deadline = deadline;
	p->own = NULL;
	p->key = NULL;
	p->alg = NULL;
	p->try_count = p->tried = 0;
	p->valid = 0;
	p->asked = 0;
	p->quick = false;
	p->body_at = 0;
	p->has_body = false;
	p->forward = NULL;
	p->group = NULL;
	p->detached = p->whole_token = p->undrain = p->zip = false;
	p->live = true;
	if (t->used == 0 || deadline.ns < t->soonest.ns)
		t->soonest = deadline;
	DL_APPEND(t->live, p);
	t->used++;
	return p;
}

void
pending_end(struct pendings *t, struct pending *p)
{
	DL_DELETE(t->live, p);
	LL_PREPEND(t->free_list, p);
	t->used--;
	t->weight -= p->weight;
	p->weight = 0;
	p->live = false;
	directory_free(TAKE(p->own));
	/* The top bit is for ids of another kind (forward.c). */
	p->generation = p->generation == INT32_MAX ? 1 : p->generation + 1;
	clear_kept(p);
}

uint64_t
pending_id(const struct pendings *t, const struct pending *p)
{
	return (uint64_t)p->generation << 32 | (uint64_t)(p - t->slots);
}

struct pending *
pending_find(const struct pendings *t, uint64_t id)
{
	size_t i = (uint32_t)id;

	if (i >= t->fresh || !t->slots[i].live ||
	    t->slots[i].generation != (uint32_t)(id >> 32))
		return NULL;
	return &t->slots[i];
}

size_t
pendings_count(const struct pendings *t)
{
	return t->used;
}

size_t
pendings_left(const struct pendings *t)
{
	return t->count - t->used;
}

struct pending *
pendings_first(const struct pendings *t)
{
	return t->live;
}

struct pending *
pendings_last(const struct pendings *t)
{
	return t->live == NULL ? NULL : t->live->prev;
}

size_t
pendings_weight(const struct pendings *t)
{
	return t->weight;
}

void
pending_weigh(struct pendings *t, struct pending *p)
{
	t->weight += p->kept->cap - p->weight;
	p->weight = p->kept->cap;
}

struct pending *
pendings_expired(struct pendings *t, struct mono_ns now)
{
	struct mono_ns soonest = { UINT64_MAX };
	struct pending *p;

	if (t->used == 0 || !mono_passed(t->soonest, now))
		return NULL;
	DL_FOREACH(t->live, p)
	{
		if (mono_passed(p->deadline, now))
			return p;
		if (p->deadline.ns < soonest.ns)
			soonest = p->deadline;
	}
	t->soonest = soonest;
	return NULL;
}

int
pendings_wait_ms(const struct pendings *t, struct mono_ns now)
{
	if (t->used == 0)
		return -1;
	uint32_t left = mono_left_ms(t->soonest, now);

	return left > INT32_MAX ? INT32_MAX : (int)left;
}

void
pendings_orphan(struct pending *first)
{
	struct pending *p, *next;

	DL_FOREACH_SAFE2(first, p, next, conn_next)
	{
		p->to.conn = NULL;
		p->to.relay = NULL;
	}
}
