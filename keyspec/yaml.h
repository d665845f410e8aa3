/* YAML text as a bounded tree that knows where everything stood.  A subset:
 * one document; no anchors, aliases or tags; no duplicate keys; keys are
 * scalars; no control characters in any text. */
#ifndef KEYSPEC_YAML_H
#define KEYSPEC_YAML_H

#include "wire/buf.h"

#define NODE_TEXT_MAX    (1u << 20) /* bytes of a whole file */
#define NODE_DEPTH_MAX   16
#define NODE_ENTRIES_MAX 4096 /* children of one node */
#define NODE_COUNT_MAX   65536

/* Where something stands in its file; both count from 1. */
struct place {
	uint32_t line, column;
};

/* NOTHING is a plain scalar without text, or null, or ~. */
enum node_kind { NODE_NOTHING, NODE_SCALAR, NODE_SEQUENCE, NODE_MAPPING };

struct node {
	enum node_kind kind;
	struct place at;
	char *key; /* in a mapping, else NULL */
	struct place key_at;
	char *text;         /* of a scalar, UTF-8 without control characters */
	struct node *first; /* of a sequence or mapping, in order */
	struct node *next;  /* in the sequence or mapping this one is part of */
	struct node *last;  /* of a sequence or mapping */
	size_t count;       /* children */
};

/* Who is reading: names the file, and takes the one line that says what is
 * wrong.  why needs room for the file's name and 2048 bytes. */
struct reading {
	const char *file;
	struct buf *why;
};

/* Reads one document; an empty file is an empty mapping.  VH_ECONFIG with a
 * line in r->why, or VH_ENOMEM; *out is then untouched. */
enum vh_err node_parse(const struct reading *r, struct slice text,
    struct node **out);
void node_free(struct node *n);
AUTO_FREE(struct node, node_free)

/* The value of a key of a mapping, borrowed; NULL when absent. */
const struct node *node_get(const struct node *mapping, const char *key);

/* Writes "FILE:LINE:COL: " and the message to r->why; gives VH_ECONFIG.  The
 * message says what was found and what was expected. */
__attribute__((format(printf, 3, 4))) enum vh_err refuse(const struct reading
							     *r,
    struct place at, const char *format, ...);

/* A found value for a message: quoted, short and printable whatever it is. */
struct shown {
	char text[64];
};
struct shown shown(const struct node *n);
struct shown shown_text(const char *text);

#endif
