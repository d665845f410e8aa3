/* Resource limits, raised here and inherited by the children. */
#ifndef SUPER_LIMITS_H
#define SUPER_LIMITS_H

#include "wire/base.h"

/* Whether the vault will be able to lock so many bytes, after raising the limit
 * as far as this process may; spawn lets it keep the capability it takes. */
bool limits_allow_locked(uint64_t bytes);
/* The limit that stands in the way, for a message. */
uint64_t limits_locked(void);
/* Room for so many descriptors, or as many as this process may have; the number
 * there is room for. */
uint64_t limits_raise_files(uint64_t count);

#endif
