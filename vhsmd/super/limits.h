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

/* Connections of callers and of HTTP that a process has at once. */
struct limits_conns {
	uint32_t callers, http;
};

/* Descriptors that so many connections take, with those a process needs
 * besides. */
uint64_t limits_files_of(struct limits_conns wanted);
/* As many of them as there are descriptors for, at least one of each that is
 * wanted: libmicrohttpd without any would wait for one in a busy loop. */
struct limits_conns limits_fit(struct limits_conns wanted, uint64_t files);

#endif
