/* How long keys live: what an entry says of it, and what that comes to. */
#include "keyspec/keyspec.h"
#include "keyspec/schema.h"

static enum vh_err
parse_span(const struct row *row, const char *text, void *field)
{
	struct span *span = field;

	span->set = duration_of_text(text, row->lo, row->hi, &span->ms);
	return span->set ? VH_OK : VH_ECONFIG;
}

static bool
is_set_span(const struct row *, const void *field)
{
	return ((const struct span *)field)->set;
}

static void
put_span(struct buf *b, const struct row *, const void *field, size_t)
{
	duration_put(b, ((const struct span *)field)->ms);
}

const struct handler span_handler = {
	.parse = parse_span,
	.is_set = is_set_span,
	.put = put_span,
};

static uint64_t
span_or(const struct span *span, uint64_t preset)
{
	return span->set ? span->ms : preset;
}

struct keyspec_times
keyspec_times(const struct keyspec *spec, const struct keyspec_key *key)
{
	const struct keyspec_defaults *d = &spec->defaults;

	return (struct keyspec_times){ span_or(&key->rotate.every, 0),
		span_or(&key->publish_before, d->publish_before),
		span_or(&key->keep_after, d->keep_after) };
}

uint64_t
keyspec_shortest_publish(const struct keyspec *spec)
{
	uint64_t shortest = UINT64_MAX;

	for (size_t i = 0; i < spec->keys.count; i++) {
		struct keyspec_times t = keyspec_times(spec, &spec->keys.at[i]);

		if (t.publish_before < shortest)
			shortest = t.publish_before;
	}
	return spec->keys.count == 0 ? spec->defaults.publish_before : shortest;
}

/* The active one, its successor, and those that retired within ms. */
static uint64_t
most_within(const struct keyspec_key *key, uint64_t every, uint64_t ms)
{
	uint64_t count = key->count;

	return every == 0 ? count : count * (2 + (ms + every - 1) / every);
}

uint64_t
keyspec_most_keys(const struct keyspec *spec, const struct keyspec_key *key)
{
	struct keyspec_times t = keyspec_times(spec, key);

	return most_within(key, t.every, KEYSPEC_SETTLE_MS + t.keep_after);
}

/* A signing key's secret is wiped once it signs no more. */
uint64_t
keyspec_most_secrets(const struct keyspec *spec, const struct keyspec_key *key)
{
	struct keyspec_times t = keyspec_times(spec, key);

	return most_within(key, t.every,
	    KEYSPEC_SETTLE_MS + (key->use == VH_USE_SIG ? 0 : t.keep_after));
}

struct shown_time {
	char text[32];
};

static struct shown_time
shown_time(uint64_t ms)
{
	struct shown_time shown = { "a time" };
	AUTO(buf_free) struct buf *b = buf_new(sizeof shown.text);

	duration_put(b, ms);
	buf_put_u8(b, 0);
	if (buf_end(b) == VH_OK)
		memcpy(shown.text, b->p, b->len);
	return shown;
}

/* A key that is to be published for longer than its predecessor is active would
 * never get its turn. */
enum vh_err
keyspec_check_rotation(const struct reading *r, const struct node *n,
    const struct keyspec *spec, const struct keyspec_key *key)
{
	struct keyspec_times t = keyspec_times(spec, key);
	const struct node *rotate = node_get(n, "rotate");

	if (t.every == 0)
		return VH_OK;
	if (t.every < t.publish_before + KEYSPEC_ROTATE_MS)
		return refuse(r, rotate->at,
		    "rotate: found every %s with publish_before %s, expected "
		    "at least 1s more than that",
		    shown_time(t.every).text,
		    shown_time(t.publish_before).text);
	uint64_t most = keyspec_most_keys(spec, key);

	if (most <= KEYSPEC_KEYS_MAX)
		return VH_OK;
	return refuse(r, rotate->at,
	    "rotate: found every %s with keep_after %s, which keeps %llu keys, "
	    "expected at most %d in all",
	    shown_time(t.every).text, shown_time(t.keep_after).text,
	    (unsigned long long)most, KEYSPEC_KEYS_MAX);
}
