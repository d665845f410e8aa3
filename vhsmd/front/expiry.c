#include "front/expiry.h"

#include <stdlib.h>
#include <uthash.h>

#include "base/log.h"

#define EACH_MS  3600000
#define KIDS_MAX 4096        /* then all are forgotten */
#define LOOK_MAX (64u << 10) /* bytes of a payload that may be a JWT's */
#define NAME     "\"exp\""

/* When a key was last spoken of. */
struct expiry {
	char kid[VH_KID_SIZE + 1];
	struct mono_ns again;
	UT_hash_handle hh;
};

/* Behind the string that begins at p with a quote. */
static const uint8_t *
skip_string(const uint8_t *p, const uint8_t *end)
{
	for (p++; p < end && *p != '"'; p++)
		p += *p == '\\' ? 1 : 0;
	return p < end ? p + 1 : end;
}

static const uint8_t *
skip_space(const uint8_t *p, const uint8_t *end)
{
	while (p < end && (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n'))
		p++;
	return p;
}

static bool
number_at(const uint8_t *p, const uint8_t *end, uint64_t *out)
{
	uint64_t v = 0;

	p = skip_space(p, end);
	if (p == end || *p != ':')
		return false;
	p = skip_space(p + 1, end);
	if (p == end || *p < '0' || *p > '9')
		return false;
	for (; p < end && *p >= '0' && *p <= '9' && v < UINT64_MAX / 16; p++)
		v = 10 * v + (uint64_t)(*p - '0');
	*out = v;
	return true;
}

static bool
is_name(const uint8_t *p, const uint8_t *end)
{
	size_t len = strlen(NAME);

	return (size_t)(end - p) >= len && slice_is(slice_of(p, len), NAME);
}

bool
expiry_of(struct slice text, uint64_t *seconds)
{
	const uint8_t *p = text.p, *end = text.p + text.len;
	int depth = 0;

	if (text.len == 0 || text.len > LOOK_MAX ||
	    memmem(p, text.len, NAME, strlen(NAME)) == NULL)
		return false;
	p = skip_space(p, end);
	if (p == end || *p != '{')
		return false;
	while (p < end) {
		if (depth == 1 && is_name(p, end) &&
		    number_at(p + strlen(NAME), end, seconds))
			return true;
		depth += (*p == '{' || *p == '[') - (*p == '}' || *p == ']');
		p = *p == '"' ? skip_string(p, end) : p + 1;
	}
	return false;
}

void
expiry_free(struct expiry *all)
{
	struct expiry *e, *next;

	HASH_ITER(hh, all, e, next)
	{
		HASH_DEL(all, e);
		free(e);
	}
}

/* Whether it is time to speak of the key. */
static bool
may_say(struct front *f, const struct dkey *key)
{
	struct expiry *e;

	HASH_FIND_STR(f->expiries, key->kid, e);
	if (e == NULL) {
		if (HASH_COUNT(f->expiries) >= KIDS_MAX) {
			expiry_free(f->expiries);
			f->expiries = NULL;
		}
		e = calloc(1, sizeof *e);
		if (e == NULL)
			return false;
		memcpy(e->kid, key->kid, sizeof e->kid);
		HASH_ADD_STR(f->expiries, kid, e);
	}
	if (!mono_passed(e->again, f->now))
		return false;
	e->again = mono_after_ms(f->now, EACH_MS);
	return true;
}

void
expiry_look(struct front *f, const struct dkey *key, struct slice payload)
{
	uint64_t exp, now;

	if (!expiry_of(payload, &exp))
		return;
	now = f->wall.ms / 1000;
	if (exp <= now + key->keep_ms / 1000)
		return;
	shared_count(f->shared, COUNT_OUTLIVED);
	if (may_say(f, key))
		LOG(NOTICE, "token-outlives-key",
		    KV("kid", (const char *)key->kid),
		    KV("name", slice_text(key->name)), KV("lives_s", exp - now),
		    KV("keep_after_s", key->keep_ms / 1000));
}
