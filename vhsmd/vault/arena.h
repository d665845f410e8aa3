/* The secret arena: the one place for private keys and all that libcrypto
 * derives from them.  memfd_secret pages (no core, no swap, no /proc/PID/mem,
 * not even for root), or locked ones where the kernel has none; guard pages
 * around the heap and around every stack; freed memory is wiped.
 *
 * The heap takes calls from any thread; small blocks are cached per thread. */
#ifndef VAULT_ARENA_H
#define VAULT_ARENA_H

#include "wire/base.h"

/* Once, before the first use of libcrypto or jansson, by the main thread.
 * VH_EIO, logged with the limit to raise, when pages cannot be had or locked.
 */
enum vh_err arena_open(size_t bytes);
/* Makes libcrypto and jansson allocate here.  VH_EINTERNAL when libcrypto has
 * allocated before. */
enum vh_err arena_adopt_libraries(void);
/* "memfd_secret", "mlock", or "none" (the test build without an arena). */
const char *arena_protection(void);
size_t arena_size(void);
size_t arena_unused(void);
/* Whether a block of size bytes could be had now; true without an arena.  It
 * says how much is taken, nothing of what for. */
bool arena_has_room(size_t size);

/* As malloc, realloc and free, but wiping; NULL when the arena is full. */
void *arena_alloc(size_t size);
void *arena_realloc(void *p, size_t size);
void arena_free(void *p);
/* Whether this thread has had a NULL of these since it last asked: libcrypto
 * does not always say that this is why it failed. */
bool arena_refused(void);

/* A thread stack of size bytes (whole pages) with guard pages; never freed.
 * NULL when the arena is full. */
void *arena_stack(size_t size);

/* Private bytes.  Its pages, and a wipe when freed, come from the arena. */
struct secret;
/* len bytes of zeros; NULL when the arena is full. */
struct secret *secret_new(size_t len);
/* One more who frees it, and does not write to it. */
struct secret *secret_ref(struct secret *s);
void secret_free(struct secret *s);
AUTO_FREE(struct secret, secret_free)
struct slice secret_ro(const struct secret *s);
uint8_t *secret_rw(struct secret *s);
size_t secret_len(const struct secret *s);
/* Shortens to len bytes, wiping the rest. */
void secret_trim(struct secret *s, size_t len);

#endif
