#include "front/parts.h"

#include <stdlib.h>
#include <uthash.h>

#define ALG_IDS 64 /* ids of alg.def lie below */

#define VH_ALG(sym, id, name, kind, kty, crv, digest, size)                    \
	_Static_assert((id) < ALG_IDS, name);
#define VH_ENC(sym, id, name, cek, iv, tag, lib, mac)
#include "wire/alg.def"

struct named {
	const char *name; /* of its first key */
	struct part part;
	UT_hash_handle hh;
};

struct parts {
	struct dkey **by_name, **by_alg; /* what the parts point into */
	struct named *named, *names;     /* the groups; their hash table */
	struct part fitting[ALG_IDS];
};

void
parts_free(struct parts *p)
{
	if (p == NULL)
		return;
	HASH_CLEAR(hh, p->names);
	free(p->named);
	free(p->by_name);
	free(p->by_alg);
	free(p);
}

static int
compare(const void *a, const void *b)
{
	const struct dkey *const *x = a, *const *y = b;
	int names = strcmp((*x)->name, (*y)->name);

	return names != 0 ? names : strcmp((*x)->kid, (*y)->kid);
}

static bool
group_names(struct parts *p, struct dkey *const *keys, size_t count)
{
	size_t n = 0, groups = 0;

	p->by_name = calloc(count + 1, sizeof(struct dkey *));
	p->named = calloc(count + 1, sizeof *p->named);
	if (p->by_name == NULL || p->named == NULL)
		return false;
	for (size_t i = 0; i < count; i++)
		if (keys[i]->name != NULL)
			p->by_name[n++] = keys[i];
	if (n > 0)
		qsort(p->by_name, n, sizeof(struct dkey *), compare);
	for (size_t i = 0; i < n; i++) {
		struct named *g = &p->named[groups];

		if (i == 0 || strcmp(g[-1].name, p->by_name[i]->name) != 0) {
			*g = (struct named){ .name = p->by_name[i]->name,
				.part = { p->by_name + i, 0 } };
			HASH_ADD_KEYPTR(hh, p->names, g->name, strlen(g->name),
			    g);
			groups++;
		}
		p->named[groups - 1].part.count++;
	}
	return true;
}

static bool
group_algs(struct parts *p, struct dkey *const *keys, size_t count)
{
	size_t total = 0;

	for (size_t i = 0; i < count; i++)
		total += keys[i]->alg_count;
	p->by_alg = calloc(total + 1, sizeof(struct dkey *));
	if (p->by_alg == NULL)
		return false;
	struct dkey **at = p->by_alg;

	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < keys[i]->alg_count; k++)
			p->fitting[keys[i]->algs[k].alg->id].count++;
	for (size_t id = 0; id < ALG_IDS; id++) {
		p->fitting[id].at = at;
		at += p->fitting[id].count;
		p->fitting[id].count = 0;
	}
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < keys[i]->alg_count; k++) {
			struct part *part =
			    &p->fitting[keys[i]->algs[k].alg->id];

			p->by_alg[(size_t)(part->at - p->by_alg) +
				  part->count++] = keys[i];
		}
	return true;
}

struct parts *
parts_new(struct dkey *const *keys, size_t count)
{
	AUTO(parts_free) struct parts *p = calloc(1, sizeof *p);

	if (p == NULL || !group_names(p, keys, count) ||
	    !group_algs(p, keys, count))
		return NULL;
	return TAKE(p);
}

struct part
parts_find(const struct parts *p, struct slice name, const struct alg *alg)
{
	struct named *found = NULL;

	if (name.len == 0)
		return p->fitting[alg->id];
	HASH_FIND(hh, p->names, name.p, name.len, found);
	return found == NULL ? (struct part){ NULL, 0 } : found->part;
}
