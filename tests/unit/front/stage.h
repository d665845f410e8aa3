/* A front alone with one caller. */
#ifndef TEST_FRONT_STAGE_H
#define TEST_FRONT_STAGE_H

#include "world.h"

struct stage {
	struct world *w;
	struct client *c;
	struct frame q; /* the vault's, where a test keeps one */
};

/* A node with the keys of own, which is taken over; change as of world_new. */
struct stage stage_new(struct directory *own,
    void (*change)(struct settings *s));
/* Whatever became of the requests, nothing of them is left. */
void stage_end(struct stage *s);

/* For stage_new: a principal may have three requests in flight. */
void stage_few_each(struct settings *s);

#endif
