/* The other nodes of the cluster, as far as front remembers them: how busy each
 * is, what is under way there and from there, whether it failed just now. */
#ifndef FRONT_NODES_H
#define FRONT_NODES_H

#include "base/clock.h"
#include "wire/base.h"

#define NODE_NAME_SIZE 64
#define NODES_MAX      4096
#define NODE_AVOID_MS  5000 /* after a failure it is asked last */

struct node {
	char name[NODE_NAME_SIZE + 1];
	uint32_t load;  /* requests in flight there, as the cluster says */
	size_t asked;   /* tries of ours under way there */
	size_t relayed; /* requests of its callers under way here */
	struct mono_ns heard; /* its last answer; 0: none yet */
	struct mono_ns avoid_until;
	bool leaving; /* it drains or is about to stop */
};

struct nodes;

/* NULL when out of memory.  All references must be back before nodes_free. */
struct nodes *nodes_new(void);
void nodes_free(struct nodes *t);
AUTO_FREE(struct nodes, nodes_free)

/* A reference to the node of that name, given back with node_end; NULL for a
 * name that is none, past NODES_MAX, and without memory. */
struct node *node_use(struct nodes *t, struct slice name);
struct node *node_again(struct node *n);        /* one more */
void node_end(struct nodes *t, struct node *n); /* accepts NULL */

/* NULL when nobody holds a reference to one of that name; borrowed. */
struct node *node_find(const struct nodes *t, struct slice name);
size_t nodes_count(const struct nodes *t);

/* It did not answer, or the connection to it broke. */
void node_failed(struct node *n, struct mono_ns now);
/* It answered, whatever it said. */
void node_answered(struct node *n, struct mono_ns now);
bool node_is_avoided(const struct node *n, struct mono_ns now);
/* Work in flight there, as far as it is known. */
uint64_t node_load(const struct node *n);

#endif
