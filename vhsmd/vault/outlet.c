#include "vault/outlet.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/log.h"

/* What is kept at most: an answer for so many jobs that wait, and so much. */
#define KEEP_ONE_OF 2
#define KEEP_MAX    32
#define KEEP_BYTES  (128u << 10)

struct outlet {
	_Atomic unsigned refs;
	_Atomic size_t waiting; /* jobs whose answers may be kept */
	enum vh_who who;
	unsigned generation;
	struct link *link;
	/* Guards link's sending side, and what follows. */
	pthread_mutex_t lock;
	bool shut;
	size_t kept; /* answers that wait for others */
};

struct outlet *
outlet_of_link(struct link *l, enum vh_who who)
{
	struct outlet *o = calloc(1, sizeof *o);

	if (o == NULL) {
		link_free(l);
		return NULL;
	}
	o->refs = 1;
	o->who = who;
	o->link = l;
	(void)pthread_mutex_init(&o->lock, NULL); /* cannot fail on Linux */
	return o;
}

struct outlet *
outlet_new(int fd, size_t max_frame, enum vh_who who, unsigned generation)
{
	struct link *l = link_new(fd, max_frame);
	struct outlet *o = l == NULL ? NULL : outlet_of_link(l, who);

	if (o != NULL)
		o->generation = generation;
	return o;
}

struct outlet *
outlet_ref(struct outlet *o)
{
	o->refs++;
	return o;
}

void
outlet_free(struct outlet *o)
{
	if (o == NULL || --o->refs > 0)
		return;
	link_free(o->link);
	(void)pthread_mutex_destroy(&o->lock); /* nobody holds it */
	free(o);
}

enum vh_who
outlet_who(const struct outlet *o)
{
	return o->who;
}

unsigned
outlet_generation(const struct outlet *o)
{
	return o->generation;
}

struct link *
outlet_link(struct outlet *o)
{
	return o->link;
}

/* Under the lock. */
static bool
flush(struct outlet *o)
{
	if (o->shut)
		return false;
	o->kept = 0;
	enum vh_err err = link_flush(o->link);

	if (err != VH_OK) {
		LOG(ERROR, "answers-lost", KV_ERR(err),
		    KV("generation", o->generation));
		o->shut = true;
		return false;
	}
	return link_is_blocked(o->link);
}

bool
outlet_send(struct outlet *o, struct slice frames)
{
	pthread_mutex_lock(&o->lock);
	if (!o->shut)
		buf_put(link_out(o->link), frames);
	/* Also when it was blocked: the intake may be long in coming. */
	bool blocked = flush(o);

	pthread_mutex_unlock(&o->lock);
	return blocked;
}

/* Under the lock.  Each job that waits now comes by here when it is done. */
static bool
may_keep(struct outlet *o)
{
	return o->kept < KEEP_MAX && o->kept < o->waiting / KEEP_ONE_OF &&
	       link_unsent(o->link) < KEEP_BYTES;
}

bool
outlet_send_soon(struct outlet *o, struct slice frames)
{
	bool blocked = false;

	pthread_mutex_lock(&o->lock);
	if (!o->shut)
		buf_put(link_out(o->link), frames);
	if (may_keep(o))
		o->kept += frames.len > 0;
	else
		blocked = flush(o);
	pthread_mutex_unlock(&o->lock);
	return blocked;
}

bool
outlet_flush(struct outlet *o)
{
	pthread_mutex_lock(&o->lock);
	bool blocked = flush(o);

	pthread_mutex_unlock(&o->lock);
	return blocked;
}

void
outlet_job_waits(struct outlet *o)
{
	o->waiting++;
}

void
outlet_job_begins(struct outlet *o)
{
	o->waiting--;
}

void
outlet_shut(struct outlet *o)
{
	pthread_mutex_lock(&o->lock);
	o->shut = true;
	pthread_mutex_unlock(&o->lock);
}

bool
outlet_is_shut(struct outlet *o)
{
	pthread_mutex_lock(&o->lock);
	bool shut = o->shut;

	pthread_mutex_unlock(&o->lock);
	return shut;
}
