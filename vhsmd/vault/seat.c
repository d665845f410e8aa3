#include "vault/seat.h"

#include <pthread.h>
#include <stdlib.h>

struct seat {
	pthread_mutex_t lock; /* guards id */
	struct identity *id;  /* one reference */
};

struct seat *
seat_new(struct identity *first)
{
	struct seat *s = calloc(1, sizeof *s);

	if (s == NULL) {
		identity_free(first);
		return NULL;
	}
	(void)pthread_mutex_init(&s->lock, NULL); /* cannot fail on Linux */
	s->id = first;
	return s;
}

void
seat_free(struct seat *s)
{
	if (s == NULL)
		return;
	identity_free(s->id);
	(void)pthread_mutex_destroy(&s->lock); /* nobody holds it */
	free(s);
}

struct identity *
seat_hold(struct seat *s)
{
	pthread_mutex_lock(&s->lock);
	struct identity *id = identity_ref(s->id);

	pthread_mutex_unlock(&s->lock);
	return id;
}

void
seat_put(struct seat *s, struct identity *next)
{
	pthread_mutex_lock(&s->lock);
	struct identity *before = s->id;

	s->id = next;
	pthread_mutex_unlock(&s->lock);
	identity_free(before);
}
