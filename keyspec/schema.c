#include "keyspec/schema.h"

#include <stdio.h>

#include "keyspec/config.h"
#include "keyspec/keyspec.h"
#include "wire/ops.h"

#define DAY              UINT64_C(86400000)
#define BOUNDED(t, a, b) .type = VALUE_##t, .lo = (a), .hi = (b)
#define NUMBER(a, b)     BOUNDED(NUMBER, a, b)
#define SIZE(a, b)       BOUNDED(SIZE, a, b)
#define DURATION(a, b)   BOUNDED(DURATION, a, b)
#define SPAN(a, b)       BOUNDED(SPAN, a, b)
#define WORKERS(a, b)    BOUNDED(WORKERS, a, b)
#define ALLOW(a, b)      BOUNDED(ALLOW, a, b)
#define OPS(a, b)        BOUNDED(OPS, a, b)
#define TYPS(a, b)       BOUNDED(TYPS, a, b)
#define ACCOUNTS(a, b)   BOUNDED(ACCOUNTS, a, b)
#define SEEDS(a, b)      BOUNDED(SEEDS, a, b)
#define NODES(a, b)      BOUNDED(NODES, a, b)
#define MAP(name)        .type = VALUE_MAP, .map = SCOPE_##name
#define INLINE(name)     .type = VALUE_INLINE, .map = SCOPE_##name
#define MODE             .type = VALUE_MODE
#define FLAG             .type = VALUE_FLAG
#define KTY              .type = VALUE_KTY
#define CRV              .type = VALUE_CRV
#define USE              .type = VALUE_USE
#define ALG              .type = VALUE_ALG
#define FORMAT           .type = VALUE_FORMAT
#define LEVEL            .type = VALUE_LEVEL
#define DETAIL           .type = VALUE_DETAIL
#define WHEN_BLOCKED     .type = VALUE_WHEN_BLOCKED
#define LABEL            .type = VALUE_LABEL
#define KID              .type = VALUE_KID
#define ISSUER           .type = VALUE_ISSUER
#define NODE             .type = VALUE_NODE
#define PATH             .type = VALUE_PATH
#define VARIABLE         .type = VALUE_VARIABLE
#define CREDENTIAL       .type = VALUE_CREDENTIAL
#define SOCKET           .type = VALUE_SOCKET
#define ADDRESS          .type = VALUE_ADDRESS
#define CLUSTER_URL      .type = VALUE_CLUSTER_URL
#define ADVERTISE        .type = VALUE_ADVERTISE
#define ACCOUNT          .type = VALUE_ACCOUNT
#define PLAIN_ACCOUNT    .type = VALUE_PLAIN_ACCOUNT
#define KEYS             .type = VALUE_KEYS
#define PRINCIPALS       .type = VALUE_PRINCIPALS

static const struct row rows[] = {
#define VH_ROW(in, name, kind, value, need)                                    \
	{ .key = #name,                                                        \
		.scope = SCOPE_##in,                                           \
		kind,                                                          \
		.at = offsetof(struct in, name),                               \
		.preset = (value),                                             \
		.needed = (need) },
#define VH_LATER(in, name)                                                     \
	{ .key = #name, .scope = SCOPE_##in, .type = VALUE_LATER },
#include "keyspec/schema.def"
};

static const struct {
	const char *title;
	scope_check *check;
} scopes[] = {
#define VH_SCOPE(scope, title, check) [SCOPE_##scope] = { title, check },
#include "keyspec/schema.def"
};

/* The next row of a scope, from NULL on; NULL after the last. */
static const struct row *
next_row(enum scope scope, const struct row *row)
{
	for (row = row == NULL ? rows : row + 1; row < rows + ARRAY_LEN(rows);
	     row++)
		if (row->scope == scope)
			return row;
	return NULL;
}

#define FOR_ROWS(row, scope)                                                   \
	for (const struct row *row = next_row(scope, NULL); row != NULL;       \
	     row = next_row(scope, row))

static void *
field_of(void *of, const struct row *row)
{
	return (uint8_t *)of + row->at;
}

static const void *
field_in(const void *of, const struct row *row)
{
	return (const uint8_t *)of + row->at;
}

void
put_item(struct buf *b, size_t index, size_t count, const char *item)
{
	if (index > 0)
		buf_put_text(b, index + 1 == count ? " or " : ", ");
	buf_put_text(b, item);
}

static void
put_choices(struct buf *b, const struct type *type)
{
	size_t count = 0, index = 0;

	for (unsigned id = 1; id < CHOICES_MAX; id++)
		if (type->name_of(id) != NULL)
			count++;
	for (unsigned id = 1; id < CHOICES_MAX; id++)
		if (type->name_of(id) != NULL)
			put_item(b, index++, count, type->name_of(id));
}

static void
put_bounds(struct buf *b, const struct row *row)
{
	const struct type *type = type_of(row->type);

	if (row->lo == row->hi) {
		type->number_put(b, row->lo);
		return;
	}
	buf_format(b, "%s from ", type->expect);
	type->number_put(b, row->lo);
	buf_put_text(b, " to ");
	type->number_put(b, row->hi);
}

static void
put_expected(struct buf *b, const struct row *row)
{
	const struct type *type = type_of(row->type);

	if (type->name_of != NULL)
		put_choices(b, type);
	else if (type->number_put != NULL)
		put_bounds(b, row);
	else if (row->hi != 0 && row->lo == 0)
		buf_format(b, "a list of at most %u entries, each %s",
		    (unsigned)row->hi, type->expect);
	else if (row->hi != 0)
		buf_format(b, "a list of %u to %u entries, each %s",
		    (unsigned)row->lo, (unsigned)row->hi, type->expect);
	else
		buf_put_text(b, type->expect);
}

enum vh_err
refuse_value(const struct reading *r, const struct row *row,
    const struct node *n)
{
	AUTO(buf_free) struct buf *expected = buf_new(1024);

	put_expected(expected, row);
	struct slice text = buf_slice(expected);

	return refuse(r, n->at, "%s: found %s, expected %.*s", row->key,
	    shown(n).text, (int)text.len, (const char *)text.p);
}

static enum vh_err
refuse_unknown(const struct reading *r, enum scope scope, const struct node *n)
{
	AUTO(buf_free) struct buf *keys = buf_new(1024);
	size_t count = 0, index = 0;

	FOR_ROWS(row, scope)
	if (row->type != VALUE_LATER)
		count++;
	FOR_ROWS(row, scope)
	if (row->type != VALUE_LATER)
		put_item(keys, index++, count, row->key);
	struct slice text = buf_slice(keys);

	return refuse(r, n->key_at, "unknown key %s in %s, expected %.*s",
	    shown_text(n->key).text, scopes[scope].title, (int)text.len,
	    (const char *)text.p);
}

static enum vh_err
refuse_missing(const struct reading *r, const struct row *row,
    const struct node *n)
{
	AUTO(buf_free) struct buf *expected = buf_new(1024);

	put_expected(expected, row);
	struct slice text = buf_slice(expected);

	return refuse(r, n->at, "no %s in %s, expected %.*s", row->key,
	    scopes[row->scope].title, (int)text.len, (const char *)text.p);
}

static enum vh_err
read_value(const struct reading *r, const struct row *row, const struct node *n,
    void *field)
{
	const struct handler *by = type_of(row->type)->by;

	if (by->parse == NULL)
		return by->read(r, row, n, field);
	if (n->kind != NODE_SCALAR)
		return refuse_value(r, row, n);
	enum vh_err err = by->parse(row, n->text, field);

	return err == VH_ECONFIG ? refuse_value(r, row, n) : err;
}

static enum vh_err
read_entry(const struct reading *r, enum scope scope, const struct node *n,
    void *to)
{
	FOR_ROWS(row, scope)
	{
		if (strcmp(row->key, n->key) != 0)
			continue;
		if (row->type == VALUE_LATER)
			return refuse(r, n->key_at,
			    "%s: not supported by this version, expected %s "
			    "without it",
			    row->key, scopes[scope].title);
		return read_value(r, row, n, field_of(to, row));
	}
	return refuse_unknown(r, scope, n);
}

/* Presets, those of mappings inside included. */
static enum vh_err
preset(enum scope scope, void *to)
{
	FOR_ROWS(row, scope)
	{
		void *field = field_of(to, row);

		if (row->type == VALUE_MAP || row->type == VALUE_INLINE)
			TRY(preset(row->map, field));
		if (row->preset != NULL)
			TRY(type_of(row->type)->by->parse(row, row->preset,
			    field));
	}
	return VH_OK;
}

static enum vh_err
read_mapping(const struct reading *r, enum scope scope,
    const struct node *mapping, void *to)
{
	for (const struct node *n = mapping->first; n != NULL; n = n->next)
		TRY(read_entry(r, scope, n, to));
	FOR_ROWS(row, scope)
	if (row->needed && node_get(mapping, row->key) == NULL)
		return refuse_missing(r, row, mapping);
	if (scopes[scope].check == NULL)
		return VH_OK;
	return scopes[scope].check(r, mapping, to);
}

enum vh_err
schema_read(const struct reading *r, enum scope scope,
    const struct node *mapping, void *to)
{
	if (mapping->kind != NODE_MAPPING)
		return refuse(r, mapping->at,
		    "%s: found %s, expected a mapping", scopes[scope].title,
		    shown(mapping).text);
	TRY(preset(scope, to));
	return read_mapping(r, scope, mapping, to);
}

bool
schema_is_set(enum scope scope, const void *from)
{
	FOR_ROWS(row, scope)
	if (row->type != VALUE_LATER &&
	    type_of(row->type)->by->is_set(row, field_in(from, row)))
		return true;
	return false;
}

void
put_spaces(struct buf *b, size_t n)
{
	buf_format(b, "%*s", (int)n, "");
}

/* What stands before the index-th key of a mapping. */
static void
put_lead(struct buf *b, const struct layout *layout, size_t index)
{
	if (layout->inline_) {
		buf_put_text(b, index == 0 ? "" : ", ");
		return;
	}
	put_spaces(b, layout->indent);
	if (layout->dash)
		buf_put_text(b, index == 0 ? "- " : "  ");
}

void
schema_put(struct buf *b, enum scope scope, const void *from,
    const struct layout *layout)
{
	size_t index = 0;

	FOR_ROWS(row, scope)
	{
		const struct type *type = type_of(row->type);
		const void *field = field_in(from, row);

		if (row->type == VALUE_LATER || !type->by->is_set(row, field) ||
		    (layout->without != NULL &&
			strcmp(layout->without, row->key) == 0))
			continue;
		put_lead(b, layout, index++);
		buf_format(b, "%s:%s", row->key, type->block ? "\n" : " ");
		type->by->put(b, row, field, layout->indent + 2);
		if (!type->block && !layout->inline_)
			buf_put_u8(b, '\n');
	}
}

void
schema_drop(enum scope scope, void *of)
{
	FOR_ROWS(row, scope)
	if (row->type != VALUE_LATER && type_of(row->type)->by->drop != NULL)
		type_of(row->type)->by->drop(row, field_of(of, row));
}

/* Whether the values print the same. */
static bool
same_value(const struct row *row, const void *one, const void *other)
{
	const struct handler *by = type_of(row->type)->by;
	AUTO(buf_free) struct buf *a = buf_new(NODE_TEXT_MAX);
	AUTO(buf_free) struct buf *b = buf_new(NODE_TEXT_MAX);

	if (by->is_set(row, one))
		by->put(a, row, one, 0);
	if (by->is_set(row, other))
		by->put(b, row, other, 0);
	return buf_end(a) == VH_OK && buf_end(b) == VH_OK &&
	       slice_eq(buf_slice(a), buf_slice(b));
}

void
schema_put_changes(struct buf *b, enum scope scope, const void *one,
    const void *other, const char *prefix)
{
	char name[128];

	FOR_ROWS(row, scope)
	{
		const void *x = field_in(one, row), *y = field_in(other, row);

		if (row->type == VALUE_LATER || same_value(row, x, y))
			continue;
		(void)snprintf(name, sizeof name, "%s%s%s", prefix,
		    *prefix == '\0' ? "" : ".", row->key);
		if (row->type == VALUE_MAP || row->type == VALUE_INLINE)
			schema_put_changes(b, row->map, x, y, name);
		else
			buf_format(b, "%s%s", buf_slice(b).len == 0 ? "" : ",",
			    name);
	}
}
