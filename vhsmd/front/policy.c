#include "front/policy.h"

#include <stdlib.h>

struct member {
	struct slice name; /* in text */
	bool is_group;
	uint32_t id;
};

struct policy {
	char *text;
	struct member *members;
	size_t count, limit_count;
	struct policy_limit limits[POLICY_LIMITS];
};

/* Cuts text up to the next mark off *rest; false when nothing is left. */
static bool
cut(struct slice *rest, char mark, struct slice *part)
{
	if (rest->len == 0)
		return false;
	const uint8_t *at = memchr(rest->p, mark, rest->len);
	size_t len = at == NULL ? rest->len : (size_t)(at - rest->p);
	size_t used = at == NULL ? len : len + 1;

	*part = slice_of(rest->p, len);
	*rest = slice_of(rest->p + used, rest->len - used);
	return true;
}

/* A decimal number as a whole, without sign or leading zero. */
static bool
parse_id(struct slice digits, uint32_t *id)
{
	uint64_t v = 0;

	if (digits.len == 0 || digits.len > 10 ||
	    (digits.p[0] == '0' && digits.len > 1))
		return false;
	for (size_t i = 0; i < digits.len; i++) {
		if (digits.p[i] < '0' || digits.p[i] > '9')
			return false;
		v = v * 10 + (uint64_t)(digits.p[i] - '0');
	}
	*id = (uint32_t)v;
	return v < UINT32_MAX; /* (uid_t)-1 is nobody */
}

/* "uid:N" or "gid:N". */
static bool
parse_member(struct slice text, struct member *out)
{
	if (text.len < 4 ||
	    (memcmp(text.p, "uid:", 4) != 0 && memcmp(text.p, "gid:", 4) != 0))
		return false;
	out->is_group = text.p[0] == 'g';
	return parse_id(slice_of(text.p + 4, text.len - 4), &out->id);
}

/* "PREFIX" and a number that is not 0; true when it begins with PREFIX, with 0
 * for any other number. */
static bool
parse_limit(struct slice text, const char *prefix, uint32_t *out)
{
	size_t len = strlen(prefix);

	if (text.len < len || memcmp(text.p, prefix, len) != 0)
		return false;
	if (!parse_id(slice_of(text.p + len, text.len - len), out))
		*out = 0;
	return true;
}

/* One item after a name; *limit is the name's. */
static enum vh_err
add_item(struct policy *p, struct slice item, struct policy_limit *limit)
{
	if (parse_limit(item, "rate:", &limit->rate))
		return limit->rate == 0 ? VH_EPARSE : VH_OK;
	if (parse_limit(item, "in_flight:", &limit->in_flight))
		return limit->in_flight == 0 ? VH_EPARSE : VH_OK;
	if (p->count == POLICY_MEMBERS)
		return VH_ETOOBIG;
	p->members[p->count].name = limit->name;
	if (!parse_member(item, &p->members[p->count]))
		return VH_EPARSE;
	p->count++;
	return VH_OK;
}

static enum vh_err
add_principal(struct policy *p, struct slice principal)
{
	struct policy_limit limit = { 0 };
	size_t whole = principal.len, before = p->count;
	struct slice item;

	if (!cut(&principal, '=', &limit.name) || limit.name.len == 0 ||
	    limit.name.len == whole)
		return VH_EPARSE;
	while (cut(&principal, '+', &item))
		TRY(add_item(p, item, &limit));
	/* Nobody on this node, but its name means something here. */
	if (p->count == before && p->count < POLICY_MEMBERS)
		p->members[p->count++] =
		    (struct member){ .name = limit.name, .id = UINT32_MAX };
	if (limit.rate == 0 && limit.in_flight == 0)
		return VH_OK;
	if (p->limit_count == POLICY_LIMITS)
		return VH_ETOOBIG;
	p->limits[p->limit_count++] = limit;
	return VH_OK;
}

enum vh_err
policy_parse(const char *principals, struct policy **out)
{
	AUTO(policy_free) struct policy *p = calloc(1, sizeof *p);
	struct slice rest, principal;

	*out = NULL;
	if (p == NULL)
		return VH_ENOMEM;
	p->text = strdup(principals);
	p->members = calloc(POLICY_MEMBERS, sizeof *p->members);
	if (p->text == NULL || p->members == NULL)
		return VH_ENOMEM;
	rest = slice_text(p->text);
	while (cut(&rest, ';', &principal))
		TRY(add_principal(p, principal));
	*out = TAKE(p);
	return VH_OK;
}

void
policy_free(struct policy *p)
{
	if (p == NULL)
		return;
	free(p->text);
	free(p->members);
	free(p);
}

const struct policy_limit *
policy_limit(const struct policy *p, size_t i)
{
	return i < p->limit_count ? &p->limits[i] : NULL;
}

static bool
is_in_group(const struct caller *caller, uint32_t gid)
{
	if (caller->gid == gid)
		return true;
	for (size_t i = 0; i < caller->group_count; i++)
		if (caller->groups[i] == gid)
			return true;
	return false;
}

static bool
is_member(const struct member *m, const struct caller *caller)
{
	return m->is_group ? is_in_group(caller, m->id) : m->id == caller->uid;
}

bool
policy_has_name(const struct policy *p, const struct caller *caller,
    struct slice name)
{
	for (size_t i = 0; i < p->count; i++)
		if (is_member(&p->members[i], caller) &&
		    slice_eq(p->members[i].name, name))
			return true;
	return false;
}

static bool
is_uid(struct slice item, uint32_t *uid)
{
	struct member own;

	if (!parse_member(item, &own) || own.is_group)
		return false;
	*uid = own.id;
	return true;
}

/* Whether the settings know the name, on this node. */
static bool
is_configured(const struct policy *p, struct slice name)
{
	for (size_t i = 0; i < p->count; i++)
		if (slice_eq(p->members[i].name, name))
			return true;
	return false;
}

static bool
is_listed(struct slice list, struct slice name)
{
	struct slice item;

	while (slice_next_item(&list, &item))
		if (slice_eq(item, name))
			return true;
	return false;
}

/* Whether the asker is that, by what its own node calls it. */
static bool
is_principal(const struct asker *a, struct slice name)
{
	uint32_t uid;

	if (name.len == 0)
		return false;
	if (a->caller == NULL)
		return is_listed(a->principals, name);
	if (is_uid(name, &uid))
		return uid == a->caller->uid;
	return policy_has_name(a->policy, a->caller, name);
}

static bool
is_plain_principal(const struct asker *a, struct slice name, bool uids)
{
	struct member any;

	if (parse_member(name, &any))
		return uids && a->caller != NULL && is_principal(a, name);
	if (a->caller == NULL && !is_configured(a->policy, name))
		return false;
	return is_principal(a, name);
}

bool
policy_allows(const struct asker *asker, struct slice allow, bool uids)
{
	struct slice rest = allow, name, node;

	if (allow.len == 0)
		return true;
	while (slice_next_item(&rest, &name)) {
		bool plain =
		    name.len == 0 || memchr(name.p, '/', name.len) == NULL;

		if (plain && is_plain_principal(asker, name, uids))
			return true;
		if (!plain && cut(&name, '/', &node) && node.len > 0 &&
		    slice_eq(node, asker->node) && is_principal(asker, name))
			return true;
	}
	return false;
}

void
policy_put_principals(struct buf *b, const struct policy *p,
    const struct caller *caller, size_t max)
{
	size_t start = buf_slice(b).len;

	buf_format(b, "uid:%u", caller->uid);
	for (size_t i = 0; i < p->count; i++) {
		struct slice so_far = buf_slice(b), name = p->members[i].name;

		so_far = slice_of(so_far.p + start, so_far.len - start);
		if (!is_member(&p->members[i], caller) ||
		    so_far.len + 1 + name.len > max || is_listed(so_far, name))
			continue;
		buf_put_u8(b, ',');
		buf_put(b, name);
	}
}

static void
put_remote(struct buf *b, const struct asker *a)
{
	struct slice rest = a->principals, name;

	while (slice_next_item(&rest, &name)) {
		size_t comma = b->len > 0;

		if (b->len + comma + a->node.len + 1 + name.len >
		    POLICY_WHO_MAX)
			return;
		buf_put_text(b, comma ? "," : "");
		buf_put(b, a->node);
		buf_put_u8(b, '/');
		buf_put(b, name);
	}
}

void
policy_who(const struct asker *a, char out[static POLICY_WHO_MAX + 1])
{
	AUTO(buf_free) struct buf *b = buf_new(POLICY_WHO_MAX);

	if (a->caller == NULL)
		put_remote(b, a);
	else
		policy_put_principals(b, a->policy, a->caller, POLICY_WHO_MAX);
	size_t len = buf_end(b) == VH_OK ? b->len : 0;

	if (len > 0)
		memcpy(out, b->p, len);
	out[len] = '\0';
}
