/* Unused pages in a row are one run; its length stands at its first page and at
 * its last, and 0 at both ends of a run in use: so whoever gives pages back
 * finds the unused runs before and behind them.  Unused runs are in lists: one
 * for each length below BINS_EXACT, then one for each power of two.  A word of
 * bits tells which lists have any. */
#include "vault/runs.h"

#include <stdlib.h>

#define BINS_EXACT 64
#define BINS       (BINS_EXACT + 32)
#define NONE       UINT32_MAX

struct page {
	uint32_t length;     /* of the unused run that begins or ends here */
	uint32_t prev, next; /* of its list; at its first page */
};

struct runs {
	size_t unused;
	uint32_t count;
	uint32_t head[BINS];
	uint64_t has[(BINS + 63) / 64]; /* which lists are not empty */
	struct page page[];
};

/* The list for runs of that length. */
static unsigned
bin_of(uint32_t length)
{
	if (length < BINS_EXACT)
		return length;
	return BINS_EXACT + 31 - (unsigned)__builtin_clz(length);
}

/* Makes first, of no list, the begin of an unused run. */
static void
link_run(struct runs *r, uint32_t first, uint32_t length)
{
	unsigned bin = bin_of(length);
	uint32_t next = r->head[bin];

	r->page[first + length - 1].length = length;
	r->page[first] = (struct page){ length, NONE, next };
	if (next != NONE)
		r->page[next].prev = first;
	r->head[bin] = first;
	r->has[bin / 64] |= UINT64_C(1) << bin % 64;
}

static void
unlink_run(struct runs *r, uint32_t first)
{
	const struct page *p = &r->page[first];
	unsigned bin = bin_of(p->length);

	if (p->next != NONE)
		r->page[p->next].prev = p->prev;
	if (p->prev != NONE)
		r->page[p->prev].next = p->next;
	else
		r->head[bin] = p->next;
	if (r->head[bin] == NONE)
		r->has[bin / 64] &= ~(UINT64_C(1) << bin % 64);
}

struct runs *
runs_new(size_t pages)
{
	if (pages == 0 || pages >= NONE)
		return NULL;
	struct runs *r = calloc(1, sizeof *r + pages * sizeof r->page[0]);

	if (r == NULL)
		return NULL;
	for (unsigned i = 0; i < BINS; i++)
		r->head[i] = NONE;
	r->unused = pages;
	r->count = (uint32_t)pages;
	link_run(r, 0, (uint32_t)pages);
	return r;
}

void
runs_free(struct runs *r)
{
	free(r);
}

size_t
runs_unused(const struct runs *r)
{
	return r->unused;
}

/* The first list from bin on that has any; BINS: none. */
static unsigned
next_bin(const struct runs *r, unsigned bin)
{
	for (; bin < BINS; bin = (bin / 64 + 1) * 64) {
		uint64_t has = r->has[bin / 64] >> bin % 64;

		if (has != 0)
			return bin + (unsigned)__builtin_ctzll(has);
	}
	return BINS;
}

/* An unused run of at least that length, or NONE. */
static uint32_t
find(const struct runs *r, uint32_t length)
{
	unsigned bin = bin_of(length);

	/* Of this list some may be shorter. */
	for (uint32_t i = r->head[bin]; i != NONE; i = r->page[i].next)
		if (r->page[i].length >= length)
			return i;
	bin = next_bin(r, bin + 1);
	return bin == BINS ? NONE : r->head[bin];
}

bool
runs_have(const struct runs *r, size_t pages)
{
	return pages <= r->unused && find(r, (uint32_t)pages) != NONE;
}

size_t
runs_take(struct runs *r, size_t pages)
{
	if (pages > r->unused)
		return RUNS_NONE;
	uint32_t first = find(r, (uint32_t)pages);

	if (first == NONE)
		return RUNS_NONE;
	uint32_t length = r->page[first].length;

	unlink_run(r, first);
	if (length > pages)
		link_run(r, first + (uint32_t)pages, length - (uint32_t)pages);
	r->page[first].length = 0;
	r->page[first + pages - 1].length = 0;
	r->unused -= pages;
	return first;
}

void
runs_give(struct runs *r, size_t first, size_t pages)
{
	uint32_t from = (uint32_t)first, length = (uint32_t)pages;
	uint32_t before = from == 0 ? 0 : r->page[from - 1].length;
	uint32_t behind =
	    from + length == r->count ? 0 : r->page[from + length].length;

	if (behind > 0)
		unlink_run(r, from + length);
	if (before > 0)
		unlink_run(r, from - before);
	link_run(r, from - before, before + length + behind);
	r->unused += pages;
}
