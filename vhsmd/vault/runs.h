/* Which pages of a range are in use.  Taking and giving cost the same however
 * many pages there are and whatever was taken before, but for runs of 64 pages
 * and more, which look among those about as long.  One thread at a time. */
#ifndef VAULT_RUNS_H
#define VAULT_RUNS_H

#include "wire/base.h"

#define RUNS_NONE SIZE_MAX

struct runs;

/* For pages (below 2^32), all unused.  NULL when out of memory. */
struct runs *runs_new(size_t pages);
void runs_free(struct runs *r);
AUTO_FREE(struct runs, runs_free)

/* The first of so many pages (at least one) in a row, now in use; RUNS_NONE
 * when there are not so many in a row. */
size_t runs_take(struct runs *r, size_t pages);
/* Gives back what runs_take gave, whole. */
void runs_give(struct runs *r, size_t first, size_t pages);
size_t runs_unused(const struct runs *r);
/* Whether runs_take would find so many. */
bool runs_have(const struct runs *r, size_t pages);

#endif
