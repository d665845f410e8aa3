#include "front/rules.h"

#include <stdlib.h>

#include "jose/json.h"
#include "wire/ops.h"

#define TIME_MAX (INT64_C(1) << 53) /* seconds; what JSON numbers hold */

struct rules {
	char *typs, *claims; /* "" for none */
	struct slice iss;    /* in claims; empty: any */
	int64_t lifetime;    /* seconds; 0: any */
};

static bool
begins(struct slice text, const char *with)
{
	size_t len = strlen(with);

	return text.len >= len && memcmp(text.p, with, len) == 0;
}

static struct slice
behind(struct slice text, size_t n)
{
	return slice_of(text.p + n, text.len - n);
}

/* "MS" up to a semicolon or the end; *rest is what follows. */
static bool
parse_lifetime(struct slice *rest, int64_t *seconds)
{
	uint64_t ms = 0;
	size_t i = 0;

	for (; i < rest->len && rest->p[i] != ';'; i++) {
		if (rest->p[i] < '0' || rest->p[i] > '9' || i > 15)
			return false;
		ms = ms * 10 + (uint64_t)(rest->p[i] - '0');
	}
	*seconds = (int64_t)(ms / 1000);
	*rest = behind(*rest, i < rest->len ? i + 1 : i);
	return *seconds > 0;
}

static enum vh_err
parse_claims(struct rules *r)
{
	struct slice rest = slice_text(r->claims);

	if (begins(rest, "max_lifetime=")) {
		rest = behind(rest, strlen("max_lifetime="));
		if (!parse_lifetime(&rest, &r->lifetime))
			return VH_EFIELD;
	}
	if (begins(rest, "iss=")) {
		r->iss = behind(rest, strlen("iss="));
		return r->iss.len > 0 ? VH_OK : VH_EFIELD;
	}
	return rest.len == 0 ? VH_OK : VH_EFIELD;
}

static char *
copy(struct slice text)
{
	return text.len == 0 ? strdup("")
			     : strndup((const char *)text.p, text.len);
}

AUTO_FREE(struct rules, rules_free)

enum vh_err
rules_new(struct slice typs, struct slice claims, struct rules **out)
{
	*out = NULL;
	if (typs.len == 0 && claims.len == 0)
		return VH_OK;
	AUTO(rules_free) struct rules *r = calloc(1, sizeof *r);

	if (r == NULL)
		return VH_ENOMEM;
	r->typs = copy(typs);
	r->claims = copy(claims);
	if (r->typs == NULL || r->claims == NULL)
		return VH_ENOMEM;
	TRY(parse_claims(r));
	*out = TAKE(r);
	return VH_OK;
}

void
rules_free(struct rules *r)
{
	if (r == NULL)
		return;
	free(r->typs);
	free(r->claims);
	free(r);
}

/* --- typ ------------------------------------------------------------------ */

static enum vh_err
check_typ(const struct rules *r, struct draft *d, struct buf *why)
{
	struct slice rest = slice_text(r->typs), item, typ;

	TRY(draft_typ(d, &typ, why));
	while (slice_next_item(&rest, &item))
		if (typ.len > 0 && slice_eq(item, typ))
			return VH_OK;
	buf_put_text(why, "the key signs tokens of typ ");
	why_quote(why, slice_text(r->typs));
	if (typ.len == 0)
		return why_say(why, VH_EPOLICY, ", found none");
	return why_name(why, VH_EPOLICY, ", found ", typ, "");
}

/* --- claims --------------------------------------------------------------- */

/* A member that is a time; false when it is there and none. */
static bool
get_time(const json_t *claims, const char *name, int64_t *out, bool *there)
{
	const json_t *value = json_object_get(claims, name);

	*there = value != NULL;
	if (value == NULL)
		return true;
	*out = json_integer_value(value);
	return json_is_integer(value) && *out >= 0 && *out <= TIME_MAX;
}

static enum vh_err
check_lifetime(const struct rules *r, const json_t *claims, struct wall_ms now,
    struct buf *why)
{
	int64_t exp = 0, iat = 0, seconds = (int64_t)(now.ms / 1000);
	bool has_exp, has_iat;

	if (!get_time(claims, "exp", &exp, &has_exp) || !has_exp)
		return why_say(why, VH_EPOLICY,
		    "the key signs JWTs whose exp is a whole number");
	if (!get_time(claims, "iat", &iat, &has_iat))
		return why_say(why, VH_EPOLICY,
		    "the key signs JWTs whose iat is a whole number");
	if (exp - seconds <= r->lifetime &&
	    (!has_iat || exp - iat <= r->lifetime))
		return VH_OK;
	buf_format(why,
	    "the key signs JWTs that live for at most %lld s, found %lld s "
	    "from now",
	    (long long)r->lifetime, (long long)(exp - seconds));
	if (has_iat)
		buf_format(why, " and %lld s from iat", (long long)(exp - iat));
	return VH_EPOLICY;
}

static enum vh_err
check_issuer(const struct rules *r, const json_t *claims, struct buf *why)
{
	const json_t *iss = json_object_get(claims, "iss");

	if (json_is_string(iss) &&
	    slice_eq(r->iss, slice_of((const uint8_t *)json_string_value(iss),
				 json_string_length(iss))))
		return VH_OK;
	return why_name(why, VH_EPOLICY, "the key signs JWTs of iss ", r->iss,
	    iss == NULL ? ", found none" : ", found another");
}

static enum vh_err
check_claims(const struct rules *r, struct draft *d, struct buf *why)
{
	const json_t *claims = NULL;

	/* RFC 7797, 7 */
	if (d->unencoded)
		return why_say(why, VH_EPOLICY,
		    "the key signs JWTs alone, which are never b64: false");
	enum vh_err err = draft_claims(d, &claims, why);

	if (err == VH_ENOMEM)
		return err;
	if (err != VH_OK)
		return why_say(why, VH_EPOLICY,
		    ": the key signs JWTs alone, whose payload is a JSON "
		    "object");
	if (r->lifetime > 0)
		TRY(check_lifetime(r, claims, d->now, why));
	return r->iss.len > 0 ? check_issuer(r, claims, why) : VH_OK;
}

enum vh_err
rules_check(const struct rules *r, struct draft *d, struct buf *why)
{
	if (r == NULL)
		return VH_OK;
	if (r->typs[0] != '\0')
		TRY(check_typ(r, d, why));
	return r->claims[0] == '\0' ? VH_OK : check_claims(r, d, why);
}

struct slice
rules_typs(const struct rules *r)
{
	return slice_text(r == NULL ? NULL : r->typs);
}

struct slice
rules_claims(const struct rules *r)
{
	return slice_text(r == NULL ? NULL : r->claims);
}

int64_t
rules_lifetime(const struct rules *r)
{
	return r == NULL ? 0 : r->lifetime;
}

struct slice
rules_issuer(const struct rules *r)
{
	return r == NULL ? slice_of(NULL, 0) : r->iss;
}
