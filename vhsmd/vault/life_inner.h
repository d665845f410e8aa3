/* What life*.c share. */
#ifndef VAULT_LIFE_INNER_H
#define VAULT_LIFE_INNER_H

#define HASH_NONFATAL_OOM 1
#include <uthash.h>
#include <utlist.h>

#include "vault/life.h"

#define LIFE_NEVER UINT64_MAX

struct line {
	uint32_t id, entry;
	struct life_terms terms;
	bool makes, left, making;
	bool wanted, hurried;      /* an operator wants another key */
	struct one *keys;          /* in the order they came */
	struct one *active, *next; /* of them; NULL: none */
	unsigned failures;
	uint64_t pause_ms;
	struct mono_ns retry; /* not before */
	UT_hash_handle hh;
};

/* A key. */
struct one {
	char kid[VH_KID_SIZE + 1];
	struct line *line;
	enum vh_key_state state;
	bool timed, told, closed, leaves;
	struct mono_ns at;  /* PUBLISHED: active then, or to be told again;
			     * ACTIVE: since; RETIRED: closes, then ends */
	struct mono_ns due; /* PUBLISHED: when it is to be active */
	uint64_t until_ms;  /* wall: last use */
	struct one *prev, *after; /* of its line's */
	UT_hash_handle hh;
};

struct life {
	bool announces, making;
	uint32_t last_line;
	struct line *lines, *line_cursor;
	struct one *keys, *cursor;
};

/* NULL when there is none. */
struct line *life_find_line(const struct life *l, uint32_t id);
struct one *life_find(const struct life *l, const char *kid);
/* When the line's active key is as old as it gets; LIFE_NEVER. */
struct mono_ns life_rotates_at(const struct line *line);

#endif
