#include "keyspec/schema.h"

#include <assert.h>
#include <stdlib.h>

#include "keyspec/config.h"
#include "wire/alg.h"

/* --- numbers: uint32_t, but for durations --------------------------------- */

static enum vh_err
parse_number(const struct row *row, const char *text, void *field)
{
	uint64_t v;

	if (!type_of(row->type)->number_of(text, row->lo, row->hi, &v))
		return VH_ECONFIG;
	*(uint32_t *)field = (uint32_t)v;
	return VH_OK;
}

static bool
is_set_number(const struct row *, const void *field)
{
	return *(const uint32_t *)field != 0;
}

static void
put_number(struct buf *b, const struct row *row, const void *field, size_t)
{
	type_of(row->type)->number_put(b, *(const uint32_t *)field);
}

static const struct handler number_handler = {
	.parse = parse_number,
	.is_set = is_set_number,
	.put = put_number,
};

static bool
is_set_always(const struct row *, const void *)
{
	return true;
}

static enum vh_err
parse_duration(const struct row *row, const char *text, void *field)
{
	return duration_of_text(text, row->lo, row->hi, field) ? VH_OK
							       : VH_ECONFIG;
}

static void
put_duration(struct buf *b, const struct row *, const void *field, size_t)
{
	duration_put(b, *(const uint64_t *)field);
}

static const struct handler duration_handler = {
	.parse = parse_duration,
	.is_set = is_set_always,
	.put = put_duration,
};

static enum vh_err
parse_workers(const struct row *row, const char *text, void *field)
{
	if (strcmp(text, "auto") != 0)
		return parse_number(row, text, field);
	*(uint32_t *)field = 0;
	return VH_OK;
}

static void
put_workers(struct buf *b, const struct row *row, const void *field, size_t at)
{
	if (*(const uint32_t *)field == 0)
		buf_put_text(b, "auto");
	else
		put_number(b, row, field, at);
}

static const struct handler workers_handler = {
	.parse = parse_workers,
	.is_set = is_set_always,
	.put = put_workers,
};

static enum vh_err
parse_mode(const struct row *, const char *text, void *field)
{
	return mode_of_text(text, field) ? VH_OK : VH_ECONFIG;
}

static void
put_mode(struct buf *b, const struct row *, const void *field, size_t)
{
	buf_format(b, "\"%04o\"", *(const uint32_t *)field);
}

static const struct handler mode_handler = {
	.parse = parse_mode,
	.is_set = is_set_number,
	.put = put_mode,
};

/* --- flags and choices ---------------------------------------------------- */

static enum vh_err
parse_flag(const struct row *, const char *text, void *field)
{
	bool yes = strcmp(text, "true") == 0;

	if (!yes && strcmp(text, "false") != 0)
		return VH_ECONFIG;
	*(bool *)field = yes;
	return VH_OK;
}

static void
put_flag(struct buf *b, const struct row *, const void *field, size_t)
{
	buf_put_text(b, *(const bool *)field ? "true" : "false");
}

static const struct handler flag_handler = {
	.parse = parse_flag,
	.is_set = is_set_always,
	.put = put_flag,
};

/* All enums of choices are as wide as this. */
static_assert(sizeof(enum vh_alg) == sizeof(unsigned));
static_assert(sizeof(enum config_log_format) == sizeof(unsigned));

static enum vh_err
parse_choice(const struct row *row, const char *text, void *field)
{
	for (unsigned id = 1; id < CHOICES_MAX; id++) {
		const char *name = type_of(row->type)->name_of(id);

		if (name == NULL || strcmp(name, text) != 0)
			continue;
		*(unsigned *)field = id;
		return VH_OK;
	}
	return VH_ECONFIG;
}

static bool
is_set_choice(const struct row *, const void *field)
{
	return *(const unsigned *)field != 0;
}

static void
put_choice(struct buf *b, const struct row *row, const void *field, size_t)
{
	buf_put_text(b, type_of(row->type)->name_of(*(const unsigned *)field));
}

static const struct handler choice_handler = {
	.parse = parse_choice,
	.is_set = is_set_choice,
	.put = put_choice,
};

static const char *
kty_of(unsigned id)
{
	return kty_name((enum vh_kty)id);
}

static const char *
crv_of(unsigned id)
{
	const struct crv *crv = crv_by_id(id);

	return crv == NULL ? NULL : crv->name;
}

static const char *
use_of(unsigned id)
{
	return use_name((enum vh_use)id);
}

static const char *
alg_of(unsigned id)
{
	const struct alg *alg = alg_by_id(id);

	return alg == NULL ? NULL : alg->name;
}

static const char *
format_of(unsigned id)
{
	static const char *const names[] = {
		[LOG_FORMAT_LOGFMT] = "logfmt",
		[LOG_FORMAT_JSON] = "json",
	};

	return id < ARRAY_LEN(names) ? names[id] : NULL;
}

static const char *
level_of(unsigned id)
{
	static const char *const names[] = {
		[LOG_FROM_ERROR] = "error",
		[LOG_FROM_NOTICE] = "notice",
		[LOG_FROM_DEBUG] = "debug",
	};

	return id < ARRAY_LEN(names) ? names[id] : NULL;
}

static const char *
detail_of(unsigned id)
{
	static const char *const names[] = {
		[AUDIT_DETAIL_EACH] = "each",
		[AUDIT_DETAIL_SUMMARY] = "summary",
	};

	return id < ARRAY_LEN(names) ? names[id] : NULL;
}

static const char *
when_blocked_of(unsigned id)
{
	static const char *const names[] = {
		[AUDIT_BLOCKED_REFUSE] = "refuse",
		[AUDIT_BLOCKED_CONTINUE] = "continue",
	};

	return id < ARRAY_LEN(names) ? names[id] : NULL;
}

/* --- texts and lists of texts --------------------------------------------- */

static enum vh_err
parse_text(const struct row *row, const char *text, void *field)
{
	char **to = field;

	if (!type_of(row->type)->text_ok(text))
		return VH_ECONFIG;
	char *copy = strdup(text);

	if (copy == NULL)
		return VH_ENOMEM;
	free(*to);
	*to = copy;
	return VH_OK;
}

static bool
is_set_text(const struct row *, const void *field)
{
	return *(char *const *)field != NULL;
}

static void
put_text(struct buf *b, const struct row *, const void *field, size_t)
{
	scalar_put(b, *(char *const *)field);
}

static void
drop_text(const struct row *, void *field)
{
	free(*(char **)field);
	*(char **)field = NULL;
}

static const struct handler text_handler = {
	.parse = parse_text,
	.is_set = is_set_text,
	.put = put_text,
	.drop = drop_text,
};

static enum vh_err
read_texts(const struct reading *r, const struct row *row, const struct node *n,
    void *field)
{
	const struct type *type = type_of(row->type);
	struct texts *list = field;

	if (n->kind != NODE_SEQUENCE || n->count < row->lo ||
	    n->count > row->hi)
		return refuse_value(r, row, n);
	for (const struct node *item = n->first; item != NULL;
	     item = item->next) {
		if (item->kind != NODE_SCALAR || !type->text_ok(item->text))
			return refuse(r, item->at, "%s: found %s, expected %s",
			    row->key, shown(item).text, type->expect);
		for (size_t i = 0; i < list->count; i++)
			if (strcmp(list->at[i], item->text) == 0)
				return refuse(r, item->at,
				    "%s: %s listed twice, expected it once",
				    row->key, shown(item).text);
		TRY(texts_add(list, item->text));
	}
	return VH_OK;
}

static bool
is_set_texts(const struct row *, const void *field)
{
	return ((const struct texts *)field)->count > 0;
}

static void
put_texts(struct buf *b, const struct row *, const void *field, size_t)
{
	const struct texts *list = field;

	buf_put_u8(b, '[');
	for (size_t i = 0; i < list->count; i++) {
		buf_put_text(b, i == 0 ? "" : ", ");
		scalar_put(b, list->at[i]);
	}
	buf_put_u8(b, ']');
}

static void
drop_texts(const struct row *, void *field)
{
	texts_drop(field);
}

static const struct handler texts_handler = {
	.read = read_texts,
	.is_set = is_set_texts,
	.put = put_texts,
	.drop = drop_texts,
};

/* --- mappings ------------------------------------------------------------- */

/* The presets are there already, from the mapping around it. */
static enum vh_err
read_map(const struct reading *r, const struct row *row, const struct node *n,
    void *field)
{
	return schema_read(r, row->map, n, field);
}

static bool
is_set_map(const struct row *row, const void *field)
{
	return schema_is_set(row->map, field);
}

static void
put_map(struct buf *b, const struct row *row, const void *field, size_t indent)
{
	schema_put(b, row->map, field, &(struct layout){ .indent = indent });
}

static void
put_inline(struct buf *b, const struct row *row, const void *field, size_t)
{
	buf_put_u8(b, '{');
	schema_put(b, row->map, field, &(struct layout){ .inline_ = true });
	buf_put_u8(b, '}');
}

static void
drop_map(const struct row *row, void *field)
{
	schema_drop(row->map, field);
}

static const struct handler map_handler = {
	.read = read_map,
	.is_set = is_set_map,
	.put = put_map,
	.drop = drop_map,
};

static const struct handler inline_handler = {
	.read = read_map,
	.is_set = is_set_map,
	.put = put_inline,
	.drop = drop_map,
};

/* --- the table ------------------------------------------------------------ */

#define NUMBERS(what, of, put)                                                 \
	{                                                                      \
		.by = &number_handler, .expect = (what), .number_of = (of),    \
		.number_put = (put)                                            \
	}
#define CHOICE(of)                                                             \
	{                                                                      \
		.by = &choice_handler, .name_of = (of)                         \
	}
#define TEXT(ok, what)                                                         \
	{                                                                      \
		.by = &text_handler, .text_ok = (ok), .expect = (what)         \
	}
#define TEXTS(ok, what)                                                        \
	{                                                                      \
		.by = &texts_handler, .text_ok = (ok), .expect = (what)        \
	}

#define NODE_TEXT                                                              \
	"at most 64 letters, digits and _.- that begin with a letter or digit"
#define SOCKET_TEXT "ipc:///PATH, the path absolute and at most 107 bytes long"

#define TYP_TEXT                                                               \
	"at most 255 printable ASCII characters without space, comma, quote "  \
	"or backslash"

static const struct type types[] = {
	[VALUE_NUMBER] = NUMBERS("a number", number_of_text, number_put),
	[VALUE_SIZE] =
	    NUMBERS("a size (as 4096, 64KiB, 1MiB)", size_of_text, size_put),
	[VALUE_DURATION] = { .by = &duration_handler,
	    .expect = "a duration (as 500ms, 30s, 10m, 24h, 7d)",
	    .number_put = duration_put },
	[VALUE_SPAN] = { .by = &span_handler,
	    .expect = "a duration (as 500ms, 30s, 10m, 24h, 7d)",
	    .number_put = duration_put },
	[VALUE_WORKERS] = { .by = &workers_handler,
	    .expect = "auto or a number",
	    .number_of = number_of_text,
	    .number_put = number_put },
	[VALUE_MODE] = { .by = &mode_handler,
	    .expect = "a mode from \"0600\" to \"0777\" that lets the owner "
		      "read and write" },
	[VALUE_FLAG] = { .by = &flag_handler, .expect = "true or false" },
	[VALUE_KTY] = CHOICE(kty_of),
	[VALUE_CRV] = CHOICE(crv_of),
	[VALUE_USE] = CHOICE(use_of),
	[VALUE_ALG] = CHOICE(alg_of),
	[VALUE_FORMAT] = CHOICE(format_of),
	[VALUE_LEVEL] = CHOICE(level_of),
	[VALUE_DETAIL] = CHOICE(detail_of),
	[VALUE_WHEN_BLOCKED] = CHOICE(when_blocked_of),
	[VALUE_LABEL] = TEXT(label_ok,
	    "at most 64 printable ASCII characters without space, comma, "
	    "quote or backslash"),
	[VALUE_KID] = TEXT(published_ok,
	    "at most 256 printable ASCII characters without space, double "
	    "quote or backslash"),
	[VALUE_NODE] = TEXT(node_name_ok, NODE_TEXT),
	[VALUE_PATH] = TEXT(path_ok, "the path of a file"),
	[VALUE_VARIABLE] = TEXT(variable_ok,
	    "the name of an environment variable (letters, digits and _)"),
	[VALUE_CREDENTIAL] =
	    TEXT(credential_ok, "the name of a systemd credential (without /)"),
	[VALUE_SOCKET] = TEXT(socket_ok, SOCKET_TEXT),
	[VALUE_ADDRESS] =
	    TEXT(address_ok, "ADDRESS:PORT, as 127.0.0.1:7640 or [::1]:7640"),
	[VALUE_CLUSTER_URL] = TEXT(cluster_url_ok,
	    "tls+tcp://ADDRESS:PORT, as tls+tcp://0.0.0.0:7600 or "
	    "tls+tcp://[::]:7600"),
	[VALUE_ADVERTISE] = TEXT(advertise_ok,
	    "HOST:PORT that other nodes reach, as a.example:7600 or "
	    "192.0.2.1:7600"),
	[VALUE_ACCOUNT] = TEXT(account_ok, "the name or number of a group"),
	[VALUE_PLAIN_ACCOUNT] = TEXT(plain_account_ok,
	    "the name or number of a user other than root"),
	[VALUE_ALLOW] = TEXTS(principal_ok,
	    "a principal: NAME, uid:N, NODE/NAME or NODE/uid:N"),
	[VALUE_OPS] = { .by = &ops_handler,
	    .expect = "sign, verify, encrypt or decrypt" },
	[VALUE_TYPS] = TEXTS(typ_ok, TYP_TEXT),
	[VALUE_ISSUER] =
	    TEXT(issuer_ok, "at most 512 printable ASCII characters"),
	[VALUE_ACCOUNTS] = TEXTS(account_ok, "a name or a number"),
	[VALUE_SEEDS] =
	    TEXTS(seed_ok, "HOST:PORT or dns:NAME:PORT, as b.example:7600 or "
			   "dns:vhsmd.svc:7600"),
	[VALUE_NODES] = TEXTS(node_name_ok, NODE_TEXT),
	[VALUE_MAP] = { .by = &map_handler,
	    .expect = "a mapping",
	    .block = true },
	[VALUE_INLINE] = { .by = &inline_handler, .expect = "a mapping" },
	[VALUE_KEYS] = { .by = &keys_handler,
	    .expect = "a list of entries that generate or load keys",
	    .block = true },
	[VALUE_PRINCIPALS] = { .by = &principals_handler,
	    .expect = "a mapping of names to {uids: [...], gids: [...]}",
	    .block = true },
	[VALUE_LATER] = { 0 },
};

const struct type *
type_of(enum value_type type)
{
	return &types[type];
}
