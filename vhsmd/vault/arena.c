/* Small blocks come from size classes: a page is cut into blocks of one class
 * and stays of that class.  Larger blocks are runs of pages (runs.c).  What the
 * pages hold is noted outside of them.  Each thread keeps a few free blocks
 * a class, so that the lock is rarely taken.  Free blocks are zero but for the
 * pointer to the next one. */
#include "vault/arena.h"

#include <jansson.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <sanitizer/asan_interface.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "vault/pages.h"
#include "vault/runs.h"

static const uint16_t class_size[] = { 16, 32, 48, 64, 80, 96, 128, 160, 192,
	256, 320, 384, 512, 640, 768, 1024, 1344, 2048 };
#define CLASSES     ARRAY_LEN(class_size)
#define CLASS_MAX   2048u
#define CLASS_STEP  16u   /* all sizes are multiples */
#define CACHE_BYTES 4096u /* a thread keeps per class */

/* What a page holds. */
enum { PAGE_UNUSED, PAGE_RUN, PAGE_RUN_REST, PAGE_CLASS /* + class */ };

struct block {
	struct block *next;
};

/* Under ASan all of a free block is poisoned, and of a used one what lies
 * behind the bytes asked for; the arena alone may touch the link. */
#define ARENA_OWN __attribute__((no_sanitize("address")))

ARENA_OWN static struct block *
next_of(const struct block *b)
{
	return b->next;
}

ARENA_OWN static void
set_next(struct block *b, struct block *next)
{
	b->next = next;
}

struct page {
	uint8_t holds;
	uint32_t run; /* PAGE_RUN: pages of the run */
};

/* The one arena of the process.  lock guards all that follows it. */
static struct {
	uint8_t *base;
	size_t pages;
	const char *protection;
	pthread_mutex_t lock;
	struct page *page;
	struct block *free[CLASSES];
	struct runs *runs;
	uint8_t
	    class_of[CLASS_MAX / CLASS_STEP + 1]; /* by steps, never changes */
} arena = { .protection = "none", .lock = PTHREAD_MUTEX_INITIALIZER };

static __thread struct {
	struct block *free[CLASSES];
	uint16_t bytes[CLASSES]; /* of the blocks in free */
	bool refused;
} cache;

static void
fill_classes(void)
{
	uint8_t i = 0;

	for (size_t size = 0; size <= CLASS_MAX; size += CLASS_STEP) {
		i += class_size[i] < size;
		arena.class_of[size / CLASS_STEP] = i;
	}
}

enum vh_err
arena_open(size_t bytes)
{
	void *base = NULL;

	arena.pages = (bytes + PAGE_SIZE - 1) / PAGE_SIZE;
	arena.page = calloc(arena.pages, sizeof *arena.page);
	arena.runs = runs_new(arena.pages);
	if (arena.page == NULL || arena.runs == NULL)
		return VH_ENOMEM;
	TRY(pages_map(arena.pages * PAGE_SIZE, &base, &arena.protection));
	ASAN_POISON_MEMORY_REGION(base, arena.pages * PAGE_SIZE);
	fill_classes();
	arena.base = base;
	return VH_OK;
}

const char *
arena_protection(void)
{
	return arena.protection;
}

size_t
arena_size(void)
{
	return arena.pages * PAGE_SIZE;
}

size_t
arena_unused(void)
{
	pthread_mutex_lock(&arena.lock);
	size_t bytes = runs_unused(arena.runs) * PAGE_SIZE;

	for (size_t i = 0; i < CLASSES; i++)
		for (struct block *b = arena.free[i]; b != NULL; b = next_of(b))
			bytes += class_size[i];
	pthread_mutex_unlock(&arena.lock);
	return bytes;
}

static size_t
page_of(const void *p)
{
	size_t i = (size_t)((const uint8_t *)p - arena.base) / PAGE_SIZE;

	if (i >= arena.pages || arena.page[i].holds == PAGE_UNUSED ||
	    arena.page[i].holds == PAGE_RUN_REST)
		abort(); /* not a block of ours: memory is corrupt */
	return i;
}

/* NULL when no run is long enough.  Under the lock. */
static uint8_t *
take_run(size_t pages)
{
	size_t first = runs_take(arena.runs, pages);

	if (first == RUNS_NONE)
		return NULL;
	for (size_t i = first + 1; i < first + pages; i++)
		arena.page[i].holds = PAGE_RUN_REST;
	arena.page[first] = (struct page){ PAGE_RUN, (uint32_t)pages };
	return arena.base + first * PAGE_SIZE;
}

static size_t
pages_for(size_t size)
{
	return size / PAGE_SIZE + (size % PAGE_SIZE != 0);
}

bool
arena_has_room(size_t size)
{
	if (arena.runs == NULL)
		return true;
	pthread_mutex_lock(&arena.lock);
	bool has = runs_have(arena.runs, pages_for(size));

	pthread_mutex_unlock(&arena.lock);
	return has;
}

static void
give_run(size_t first)
{
	size_t pages = arena.page[first].run;

	for (size_t i = first; i < first + pages; i++)
		arena.page[i] = (struct page){ PAGE_UNUSED, 0 };
	runs_give(arena.runs, first, pages);
}

static void *
run_alloc(size_t size)
{
	pthread_mutex_lock(&arena.lock);
	uint8_t *p = take_run(pages_for(size));

	pthread_mutex_unlock(&arena.lock);
	if (p != NULL)
		ASAN_UNPOISON_MEMORY_REGION(p, size);
	return p;
}

static void
run_free(size_t first)
{
	uint8_t *p = arena.base + first * PAGE_SIZE;
	size_t size = (size_t)arena.page[first].run * PAGE_SIZE;

	ASAN_UNPOISON_MEMORY_REGION(p, size);
	sodium_memzero(p, size);
	ASAN_POISON_MEMORY_REGION(p, size);
	pthread_mutex_lock(&arena.lock);
	give_run(first);
	pthread_mutex_unlock(&arena.lock);
}

static size_t
class_of(size_t size)
{
	return arena.class_of[(size + CLASS_STEP - 1) / CLASS_STEP];
}

/* Cuts a new page into blocks of class i.  Under the lock. */
static void
cut_page(size_t i)
{
	uint8_t *p = take_run(1);

	if (p == NULL)
		return;
	arena.page[(size_t)(p - arena.base) / PAGE_SIZE].holds =
	    (uint8_t)(PAGE_CLASS + i);
	for (size_t at = 0; at + class_size[i] <= PAGE_SIZE;
	     at += class_size[i]) {
		struct block *b = (struct block *)(p + at);

		set_next(b, arena.free[i]);
		arena.free[i] = b;
	}
}

/* Fills half of this thread's cache of class i. */
static void
refill(size_t i)
{
	pthread_mutex_lock(&arena.lock);
	while (cache.bytes[i] < CACHE_BYTES / 2) {
		if (arena.free[i] == NULL)
			cut_page(i);
		struct block *b = arena.free[i];

		if (b == NULL)
			break;
		arena.free[i] = next_of(b);
		set_next(b, cache.free[i]);
		cache.free[i] = b;
		cache.bytes[i] += class_size[i];
	}
	pthread_mutex_unlock(&arena.lock);
}

/* Gives half of this thread's cache of class i back to all. */
static void
spill(size_t i)
{
	pthread_mutex_lock(&arena.lock);
	while (cache.bytes[i] > CACHE_BYTES / 2) {
		struct block *b = cache.free[i];

		cache.free[i] = next_of(b);
		set_next(b, arena.free[i]);
		arena.free[i] = b;
		cache.bytes[i] -= class_size[i];
	}
	pthread_mutex_unlock(&arena.lock);
}

static void *
block_alloc(size_t size)
{
	size_t i = class_of(size);

	if (cache.free[i] == NULL)
		refill(i);
	struct block *b = cache.free[i];

	if (b == NULL)
		return NULL;
	cache.free[i] = next_of(b);
	cache.bytes[i] -= class_size[i];
	set_next(b, NULL);
	ASAN_UNPOISON_MEMORY_REGION(b, size);
	return b;
}

void *
arena_alloc(size_t size)
{
	void *p;

	if (size > CLASS_MAX)
		p = size > arena_size() ? NULL : run_alloc(size);
	else
		p = block_alloc(size);
	cache.refused |= p == NULL;
	return p;
}

bool
arena_refused(void)
{
	bool refused = cache.refused;

	cache.refused = false;
	return refused;
}

/* As sodium_memzero, which is three calls away: a signature frees some forty
 * blocks.  The compiler has to take it that someone looks at the zeros. */
static void
wipe_block(void *p, size_t size)
{
	memset(p, 0, size);
	__asm__ volatile("" : : "r"(p) : "memory");
}

void
arena_free(void *p)
{
	if (p == NULL)
		return;
	size_t at = page_of(p);

	if (arena.page[at].holds == PAGE_RUN) {
		run_free(at);
		return;
	}
	size_t i = arena.page[at].holds - PAGE_CLASS;
	struct block *b = p;

	ASAN_UNPOISON_MEMORY_REGION(p, class_size[i]);
	wipe_block(p, class_size[i]);
	ASAN_POISON_MEMORY_REGION(p, class_size[i]);
	set_next(b, cache.free[i]);
	cache.free[i] = b;
	cache.bytes[i] += class_size[i];
	if (cache.bytes[i] > CACHE_BYTES)
		spill(i);
}

/* Bytes the block at p has room for. */
static size_t
room_of(const void *p)
{
	const struct page *page = &arena.page[page_of(p)];

	return page->holds == PAGE_RUN ? (size_t)page->run * PAGE_SIZE
				       : class_size[page->holds - PAGE_CLASS];
}

void *
arena_realloc(void *p, size_t size)
{
	if (p == NULL)
		return arena_alloc(size);
	size_t room = room_of(p);

	if (size <= room) {
		ASAN_POISON_MEMORY_REGION(p, room);
		ASAN_UNPOISON_MEMORY_REGION(p, size);
		return p;
	}
	void *bigger = arena_alloc(size);

	if (bigger == NULL)
		return NULL;
	ASAN_UNPOISON_MEMORY_REGION(p, room);
	memcpy(bigger, p, room);
	arena_free(p);
	return bigger;
}

void *
arena_stack(size_t size)
{
	size_t pages = (size + PAGE_SIZE - 1) / PAGE_SIZE;
	uint8_t *p = run_alloc((pages + 2) * PAGE_SIZE);

	if (p == NULL)
		return NULL;
	if (mprotect(p, PAGE_SIZE, PROT_NONE) != 0 ||
	    mprotect(p + (pages + 1) * PAGE_SIZE, PAGE_SIZE, PROT_NONE) != 0)
		return NULL;
	return p + PAGE_SIZE;
}

static void *
crypto_malloc(size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return arena_alloc(size);
}

static void *
crypto_realloc(void *p, size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return arena_realloc(p, size);
}

static void
crypto_free_block(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	arena_free(p);
}

enum vh_err
arena_adopt_libraries(void)
{
	json_set_alloc_funcs(arena_alloc, arena_free);
	return CRYPTO_set_mem_functions(crypto_malloc, crypto_realloc,
		   crypto_free_block) == 1
		   ? VH_OK
		   : VH_EINTERNAL;
}
