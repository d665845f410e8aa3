#include "keyspec/config.h"

#include <stdlib.h>

#include "keyspec/apart.h"
#include "keyspec/schema.h"

#define AUDIT_SIZE (64u << 20)
#define AUDIT_KEEP 8

enum vh_err
config_check_audit(const struct reading *, const struct node *n, void *of)
{
	struct config_audit *a = of;
	const struct node *file = node_get(n, "file");

	if (file != NULL)
		a->at = file->at;

	if (a->detail == 0)
		a->detail = AUDIT_DETAIL_EACH;
	if (a->when_blocked == 0)
		a->when_blocked = AUDIT_BLOCKED_REFUSE;
	if (a->max_size == 0)
		a->max_size = AUDIT_SIZE;
	if (a->keep == 0)
		a->keep = AUDIT_KEEP;
	return VH_OK;
}

enum vh_err
config_check_principal(const struct reading *r, const struct node *n, void *of)
{
	const struct config_principal *p = of;

	if (p->uids.count == 0 && p->gids.count == 0)
		return refuse(r, n->at,
		    "found neither uids nor gids, expected at least one of "
		    "them for a principal");
	return VH_OK;
}

static enum vh_err
read_principal(const struct reading *r, const struct node *n,
    struct config_principal *p)
{
	if (!principal_name_ok(n->key))
		return refuse(r, n->key_at,
		    "principals: found %s, expected a name of at most %d "
		    "letters, digits and _.- that begins with a letter",
		    shown_text(n->key).text, VH_PRINCIPAL_MAX);
	p->at = n->key_at;
	p->name = strdup(n->key);
	if (p->name == NULL)
		return VH_ENOMEM;
	return schema_read(r, SCOPE_config_principal, n, p);
}

/* As many as front takes: it looks at all of them for a caller. */
static enum vh_err
check_members(const struct reading *r, const struct node *n,
    const struct config_principals *list)
{
	size_t sum = 0;

	for (size_t i = 0; i < list->count; i++)
		sum += list->at[i].uids.count + list->at[i].gids.count;
	if (sum <= CONFIG_MEMBERS_MAX)
		return VH_OK;
	return refuse(r, n->at,
	    "principals: found %zu uids and gids in all, expected at most %d",
	    sum, CONFIG_MEMBERS_MAX);
}

static enum vh_err
read_principals(const struct reading *r, const struct row *row,
    const struct node *n, void *field)
{
	struct config_principals *list = field;

	if (n->kind != NODE_MAPPING)
		return refuse_value(r, row, n);
	if (n->count > CONFIG_PRINCIPALS_MAX)
		return refuse(r, n->at,
		    "principals: found %zu, expected at most %d", n->count,
		    CONFIG_PRINCIPALS_MAX);
	list->at = calloc(n->count + 1, sizeof *list->at);
	if (list->at == NULL)
		return VH_ENOMEM;
	for (const struct node *e = n->first; e != NULL; e = e->next)
		TRY(read_principal(r, e, &list->at[list->count++]));
	return check_members(r, n, list);
}

static bool
is_set_principals(const struct row *, const void *field)
{
	return ((const struct config_principals *)field)->count > 0;
}

static void
put_principals(struct buf *b, const struct row *, const void *field,
    size_t indent)
{
	const struct config_principals *list = field;

	for (size_t i = 0; i < list->count; i++) {
		put_spaces(b, indent);
		scalar_put(b, list->at[i].name);
		buf_put_text(b, ": {");
		schema_put(b, SCOPE_config_principal, &list->at[i],
		    &(struct layout){ .inline_ = true });
		buf_put_text(b, "}\n");
	}
}

static void
drop_principals(const struct row *, void *field)
{
	struct config_principals *list = field;

	for (size_t i = 0; i < list->count; i++) {
		free(list->at[i].name);
		schema_drop(SCOPE_config_principal, &list->at[i]);
	}
	free(list->at);
	*list = (struct config_principals){ 0 };
}

const struct handler principals_handler = {
	.read = read_principals,
	.is_set = is_set_principals,
	.put = put_principals,
	.drop = drop_principals,
};

static void
free_text(char *text)
{
	free(text);
}
AUTO_FREE(char, free_text)

/* The node of a key of a key; NULL when it was not given. */
static const struct node *
given(const struct node *n, const char *outer, const char *inner)
{
	const struct node *mapping = node_get(n, outer);

	return mapping == NULL ? NULL : node_get(mapping, inner);
}

/* One user for two would let one read the other's memory by ptrace. */
static enum vh_err
check_users(const struct reading *r, const struct node *n,
    const struct config_users *users)
{
	const struct {
		const char *key, *name;
	} all[] = {
		{ "vault", users->vault },
		{ "front", users->front },
		{ "peer", users->peer },
	};

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		for (size_t k = 0; k < i; k++) {
			if (strcmp(all[i].name, all[k].name) != 0)
				continue;
			const struct node *at = given(n, "users", all[i].key);

			if (at == NULL)
				at = given(n, "users", all[k].key);
			return refuse(r, at->at,
			    "%s: found %s for both %s and %s, expected two "
			    "users",
			    at->key, shown(at).text, all[k].key, all[i].key);
		}
	return VH_OK;
}

/* As far as this file says where everything is. */
static enum vh_err
check_audit(const struct reading *r, const struct config *c)
{
	const struct config_listen *l = &c->listen;
	struct apart used = {
		.callers = l->socket == NULL ? NULL : socket_path(l->socket),
		.operators =
		    l->operator== NULL ? NULL : socket_path(l->operator),
	};
	AUTO(free_text) char *state = NULL;

	if (c->audit.file == NULL)
		return VH_OK;
	if (c->node.state != NULL)
		TRY(path_beside(r->file, c->node.state, &state));
	used.state = state;
	return apart_check(r, c, &used);
}

enum vh_err
config_check(const struct reading *r, const struct node *n, void *of)
{
	const struct config *c = of;

	if (c->listen.socket != NULL &&
	    c->listen.operator!= NULL &&
		strcmp(c->listen.socket, c->listen.operator) == 0)
		return refuse(r, given(n, "listen", "operator")->at,
		    "operator: found the same as socket, expected a socket of "
		    "its own");
	TRY(check_users(r, n, &c->users));
	return check_audit(r, c);
}

enum vh_err
config_parse(const struct reading *r, struct slice text, struct config **out)
{
	AUTO(node_free) struct node *root = NULL;
	AUTO(config_free) struct config *config = calloc(1, sizeof *config);

	if (config == NULL)
		return VH_ENOMEM;
	TRY(node_parse(r, text, &root));
	TRY(schema_read(r, SCOPE_config, root, config));
	*out = TAKE(config);
	return VH_OK;
}

void
config_free(struct config *config)
{
	if (config == NULL)
		return;
	schema_drop(SCOPE_config, config);
	free(config);
}

void
config_put(struct buf *b, const struct config *config)
{
	schema_put(b, SCOPE_config, config, &(struct layout){ 0 });
}

void
config_put_changes(struct buf *b, const struct config *one,
    const struct config *other)
{
	schema_put_changes(b, SCOPE_config, one, other, "");
}
