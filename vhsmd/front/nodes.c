#include "front/nodes.h"

#include <stdlib.h>
#include <uthash.h>

struct entry {
	struct node node; /* first */
	size_t refs;
	UT_hash_handle hh;
};

struct nodes {
	struct entry *by_name;
};

struct nodes *
nodes_new(void)
{
	return calloc(1, sizeof(struct nodes));
}

void
nodes_free(struct nodes *t)
{
	struct entry *e, *next;

	if (t == NULL)
		return;
	HASH_ITER(hh, t->by_name, e, next)
	{
		HASH_DEL(t->by_name, e);
		free(e);
	}
	free(t);
}

static struct entry *
find(const struct nodes *t, struct slice name)
{
	struct entry *e = NULL;

	HASH_FIND(hh, t->by_name, name.p, name.len, e);
	return e;
}

/* Names go into comma lists, and before a slash in `allow`. */
static bool
is_name(struct slice name)
{
	return name.len > 0 && name.len <= NODE_NAME_SIZE &&
	       memchr(name.p, ',', name.len) == NULL &&
	       memchr(name.p, '/', name.len) == NULL &&
	       memchr(name.p, '\0', name.len) == NULL;
}

struct node *
node_use(struct nodes *t, struct slice name)
{
	if (!is_name(name))
		return NULL;
	struct entry *e = find(t, name);

	if (e == NULL && HASH_COUNT(t->by_name) < NODES_MAX) {
		e = calloc(1, sizeof *e);
		if (e == NULL)
			return NULL;
		memcpy(e->node.name, name.p, name.len);
		HASH_ADD(hh, t->by_name, node.name, name.len, e);
	}
	if (e == NULL)
		return NULL;
	e->refs++;
	return &e->node;
}

struct node *
node_again(struct node *n)
{
	((struct entry *)n)->refs++;
	return n;
}

void
node_end(struct nodes *t, struct node *n)
{
	struct entry *e = (struct entry *)n;

	if (e == NULL || --e->refs > 0)
		return;
	HASH_DEL(t->by_name, e);
	free(e);
}

struct node *
node_find(const struct nodes *t, struct slice name)
{
	struct entry *e = is_name(name) ? find(t, name) : NULL;

	return e == NULL ? NULL : &e->node;
}

size_t
nodes_count(const struct nodes *t)
{
	return HASH_COUNT(t->by_name);
}

void
node_failed(struct node *n, struct mono_ns now)
{
	n->avoid_until = mono_after_ms(now, NODE_AVOID_MS);
}

void
node_answered(struct node *n, struct mono_ns now)
{
	n->heard = now;
	n->avoid_until = (struct mono_ns){ 0 };
}

bool
node_is_avoided(const struct node *n, struct mono_ns now)
{
	return !mono_passed(n->avoid_until, now);
}

uint64_t
node_load(const struct node *n)
{
	return (uint64_t)n->load + n->asked;
}
