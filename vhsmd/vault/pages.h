/* Where the arena's pages come from.  The control build of the memory scan
 * replaces this one file by ordinary pages. */
#ifndef VAULT_PAGES_H
#define VAULT_PAGES_H

#include "wire/base.h"

#define PAGE_SIZE 4096u

/* Maps bytes (a multiple of PAGE_SIZE) of zeroed, resident pages between two
 * guard pages; never unmapped.  *protection is a static text.  VH_EIO, logged
 * with the limit to raise; nothing is mapped then. */
enum vh_err pages_map(size_t bytes, void **base, const char **protection);

#endif
