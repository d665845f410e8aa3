/* The control of the sanitizers: a vault that uses freed memory of its arena
 * after every job.  Linked into a test build of the vault only. */
#include "vault/arena.h"
#include "vault/registers.h"

void
registers_clear(void)
{
	uint8_t *p = arena_alloc(100);

	arena_free(p);
	if (p != NULL)
		*(volatile uint8_t *)(p + 50) = 1;
}

void
traces_clear(void)
{
	registers_clear();
}

void
traces_clear_short(void)
{
	registers_clear();
}
