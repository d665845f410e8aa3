#include "vault/outlet.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/log.h"

struct outlet {
	_Atomic unsigned refs;
	enum vh_who who;
	unsigned generation;
	struct link *link;
	/* Guards link's sending side and shut. */
	pthread_mutex_t lock;
	bool shut;
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

bool
outlet_flush(struct outlet *o)
{
	pthread_mutex_lock(&o->lock);
	bool blocked = flush(o);

	pthread_mutex_unlock(&o->lock);
	return blocked;
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
