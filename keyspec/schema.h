/* Reads, prints and frees the structs of schema.def by their rows.  A struct
 * starts as zeros; schema_drop is right for it at any moment after. */
#ifndef KEYSPEC_SCHEMA_H
#define KEYSPEC_SCHEMA_H

#include "keyspec/yaml.h"

enum scope {
#define VH_SCOPE(scope, title, check) SCOPE_##scope,
#include "keyspec/schema.def"
};

enum value_type {
	VALUE_NUMBER,
	VALUE_SIZE,
	VALUE_DURATION,
	VALUE_SPAN, /* a duration that may be absent */
	VALUE_WORKERS,
	VALUE_MODE,
	VALUE_FLAG,
	VALUE_KTY,
	VALUE_CRV,
	VALUE_USE,
	VALUE_ALG,
	VALUE_FORMAT,
	VALUE_LEVEL,
	VALUE_DETAIL,
	VALUE_WHEN_BLOCKED,
	VALUE_LABEL,
	VALUE_KID,
	VALUE_NODE,
	VALUE_PATH,
	VALUE_VARIABLE,
	VALUE_CREDENTIAL,
	VALUE_SOCKET,
	VALUE_ADDRESS,
	VALUE_CLUSTER_URL,
	VALUE_ADVERTISE,
	VALUE_ACCOUNT,
	VALUE_PLAIN_ACCOUNT,
	VALUE_ALLOW,
	VALUE_OPS,
	VALUE_TYPS,
	VALUE_ISSUER,
	VALUE_ACCOUNTS,
	VALUE_SEEDS,
	VALUE_NODES,
	VALUE_MAP,
	VALUE_INLINE,
	VALUE_KEYS,
	VALUE_PRINCIPALS,
	VALUE_LATER,
};

struct row {
	const char *key;
	enum scope scope;
	enum value_type type;
	enum scope map;  /* of MAP and INLINE */
	size_t at;       /* offset of the field */
	uint64_t lo, hi; /* bounds of the value, or of the count of a list */
	const char *preset;
	bool needed;
};

/* Where and how a struct is printed: in lines that start at indent, the first
 * with a dash if it is an entry of a list, or all in one line. */
struct layout {
	size_t indent;
	bool dash, inline_;
	const char *without; /* a key that is left out, or NULL */
};

/* What can be done with a kind of value.  parse is for scalars: VH_ECONFIG when
 * text is not acceptable, VH_ENOMEM.  read is for all others. */
struct handler {
	enum vh_err (
	    *parse)(const struct row *row, const char *text, void *field);
	enum vh_err (*read)(const struct reading *r, const struct row *row,
	    const struct node *n, void *field);
	bool (*is_set)(const struct row *row, const void *field);
	void (*put)(struct buf *b, const struct row *row, const void *field,
	    size_t indent);
	void (*drop)(const struct row *row, void *field);
};

struct type {
	const struct handler *by;
	const char *expect; /* what a value of it is; choices list themselves */
	bool (*text_ok)(const char *text);
	const char *(*name_of)(unsigned id); /* of a choice; ids from 1 */
	bool (*number_of)(const char *text, uint64_t lo, uint64_t hi,
	    uint64_t *out);
	void (*number_put)(struct buf *b, uint64_t v);
	bool block; /* printed below its key, not beside it */
};

/* The row of a type; static. */
const struct type *type_of(enum value_type type);
/* Ids of choices are below this. */
#define CHOICES_MAX 64

/* Handlers of the lists that key spec and configuration define themselves. */
extern const struct handler keys_handler, principals_handler, span_handler,
    ops_handler;

/* Checks after the keys of a mapping were read; of is the scope's struct. */
typedef enum vh_err scope_check(const struct reading *r, const struct node *n,
    void *of);
scope_check keyspec_check_claims, keyspec_check, keyspec_check_key,
    keyspec_check_generate, keyspec_check_load, config_check,
    config_check_principal, config_check_audit;

/* Fills *to, all zeros before, from a mapping and the presets. */
enum vh_err schema_read(const struct reading *r, enum scope scope,
    const struct node *mapping, void *to);
/* Whether anything in it would be printed. */
bool schema_is_set(enum scope scope, const void *from);
void schema_put(struct buf *b, enum scope scope, const void *from,
    const struct layout *layout);
void schema_drop(enum scope scope, void *of);
/* Appends the names of what is not the same in both, a comma list, as
 * "limits.queue"; prefix: what stands before each, or "". */
void schema_put_changes(struct buf *b, enum scope scope, const void *one,
    const void *other, const char *prefix);

/* "KEY: found VALUE, expected ..." for a value the row does not accept. */
enum vh_err refuse_value(const struct reading *r, const struct row *row,
    const struct node *n);
/* "A, B or C": puts item after the index-th of count. */
void put_item(struct buf *b, size_t index, size_t count, const char *item);
void put_spaces(struct buf *b, size_t n);

#endif
