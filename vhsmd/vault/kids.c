/* One set's names go into a table, those of the other are looked up in it. */
#include "vault/kids.h"

#include <stdlib.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "vault/check.h"

/* A name and whom it publishes.  Two of them say enough: one of them is not who
 * asks. */
struct name {
	const struct key *key, *second; /* NULL: no second */
	UT_hash_handle hh;
};

struct names {
	struct name *all;
};

static void
names_free(struct names *n)
{
	struct name *name, *next;

	if (n == NULL)
		return;
	HASH_ITER(hh, n->all, name, next)
	{
		HASH_DEL(n->all, name);
		free(name);
	}
	free(n);
}
AUTO_FREE(struct names, names_free)

static struct name *
find(const struct names *n, const char *published)
{
	struct name *name = NULL;

	HASH_FIND(hh, n->all, published, strlen(published), name);
	return name;
}

static enum vh_err
add(struct names *n, const struct key *key)
{
	struct name *name = find(n, key->published);

	if (name != NULL) {
		name->second = key;
		return VH_OK;
	}
	name = calloc(1, sizeof *name);
	if (name == NULL)
		return VH_ENOMEM;
	name->key = key;
	HASH_ADD_KEYPTR(hh, n->all, key->published, strlen(key->published),
	    name);
	if (name->hh.tbl == NULL) { /* so uthash says that it found no memory */
		free(name);
		return VH_ENOMEM;
	}
	return VH_OK;
}

static enum vh_err
names_new(const struct store *among, struct names **out)
{
	AUTO(names_free) struct names *n = calloc(1, sizeof *n);
	const struct key *key;
	size_t i = 0;

	if (n == NULL)
		return VH_ENOMEM;
	while ((key = store_next(among, &i)) != NULL)
		if (key->published != NULL)
			TRY(add(n, key));
	*out = TAKE(n);
	return VH_OK;
}

static bool
is_another(const struct key *key, const struct key *other)
{
	return other != NULL && strcmp(key->kid, other->kid) != 0;
}

/* Another key that is called as this one is; NULL: none. */
static const struct key *
find_other(const struct names *n, const struct store *among,
    const struct key *key)
{
	const struct key *other = store_get(among, slice_text(key->published));
	const struct name *name = find(n, key->published);

	if (is_another(key, other))
		return other;
	if (name == NULL)
		return NULL;
	if (is_another(key, name->key))
		return name->key;
	return is_another(key, name->second) ? name->second : NULL;
}

enum vh_err
kids_check(const struct store *of, const struct store *among,
    struct kids_clash *clash, struct buf *why)
{
	struct names *made = NULL;
	const struct key *key, *other;
	size_t i = 0;

	TRY(names_new(among, &made));
	AUTO(names_free) struct names *n = made;

	while ((key = store_next(of, &i)) != NULL) {
		if (key->published == NULL)
			continue;
		other = find_other(n, among, key);
		if (other == NULL)
			continue;
		*clash = (struct kids_clash){ key, other };
		return REFUSE(why, VH_EDUPLICATE,
		    "kid \"%s\" of key %s is the one of key %s too, "
		    "expected a kid of its own",
		    key->published, key->kid, other->kid);
	}
	return VH_OK;
}
