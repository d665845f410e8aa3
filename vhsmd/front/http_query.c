#include "front/http_query.h"

#include <strings.h>

#define VALUE_MAX 32 /* longer than every name of alg.def */

static bool
take_use(struct jwks_filter *f, struct slice value)
{
	f->use = use_by_name(value);
	return f->use != 0;
}

static bool
take_kty(struct jwks_filter *f, struct slice value)
{
	f->kty = kty_by_name(value);
	return f->kty != 0;
}

static bool
take_alg(struct jwks_filter *f, struct slice value)
{
	f->alg = alg_by_name(value);
	return f->alg != NULL;
}

static const struct {
	const char *name;
	bool (*take)(struct jwks_filter *f, struct slice value);
	const char *expected;
} parameters[] = {
	{ "use", take_use, "sig or enc, once" },
	{ "kty", take_kty, "EC, RSA or OKP, once" },
	{ "alg", take_alg, "the name of a JOSE algorithm, once" },
};

static int
hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* No name of ours holds a space: one is a "+" that was not escaped, as in
 * alg=ECDH-ES+A128KW.  Empty when it is malformed or too long. */
static struct slice
unescape(struct slice in, uint8_t out[static VALUE_MAX])
{
	size_t len = 0;

	for (size_t i = 0; i < in.len; i++) {
		uint8_t c = in.p[i];

		if (len == VALUE_MAX)
			return slice_of(out, 0);
		if (c == '%') {
			if (in.len - i < 3 || hex_digit(in.p[i + 1]) < 0 ||
			    hex_digit(in.p[i + 2]) < 0)
				return slice_of(out, 0);
			c = (uint8_t)(hex_digit(in.p[i + 1]) << 4 |
				      hex_digit(in.p[i + 2]));
			i += 2;
		} else if (c == ' ') {
			c = '+';
		}
		out[len++] = c;
	}
	return slice_of(out, len);
}

void
http_query_add(struct http_query *q, struct slice name,
    const struct slice *value)
{
	uint8_t text[VALUE_MAX];

	for (size_t i = 0; i < ARRAY_LEN(parameters); i++) {
		if (!slice_is(name, parameters[i].name))
			continue;
		bool again = (q->seen & 1u << i) != 0;

		q->seen |= 1u << i;
		if (!again && value != NULL &&
		    parameters[i].take(&q->filter, unescape(*value, text)))
			return;
		if (q->wrong == NULL) {
			q->wrong = parameters[i].name;
			q->expected = parameters[i].expected;
		}
	}
}

/* --- Accept-Encoding --- */

static struct slice
trim(struct slice s)
{
	while (s.len > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = slice_of(s.p + 1, s.len - 1);
	while (s.len > 0 && (s.p[s.len - 1] == ' ' || s.p[s.len - 1] == '\t'))
		s.len--;
	return s;
}

static bool
is_word(struct slice s, const char *word)
{
	return s.len == strlen(word) &&
	       strncasecmp((const char *)s.p, word, s.len) == 0;
}

/* "0.5" as 500 (RFC 9110, 12.4.2); -1 when malformed. */
static int
weight_of(struct slice s)
{
	int value, unit = 100;

	if (s.len < 1 || s.len > 5 || (s.p[0] != '0' && s.p[0] != '1') ||
	    (s.len > 1 && s.p[1] != '.'))
		return -1;
	value = (s.p[0] - '0') * 1000;
	for (size_t i = 2; i < s.len; i++, unit /= 10) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return -1;
		value += (s.p[i] - '0') * unit;
	}
	return value <= 1000 ? value : -1;
}

/* "gzip;q=0.5": the coding, and its weight, -1 when malformed. */
static int
cut_weight(struct slice item, struct slice *coding)
{
	const uint8_t *mark = memchr(item.p, ';', item.len);

	*coding = trim(item);
	if (mark == NULL)
		return 1000;
	*coding = trim(slice_of(item.p, (size_t)(mark - item.p)));
	struct slice rest =
	    trim(slice_of(mark + 1, item.len - (size_t)(mark + 1 - item.p)));

	if (rest.len < 2 || (rest.p[0] | 0x20) != 'q' || rest.p[1] != '=')
		return -1;
	return weight_of(slice_of(rest.p + 2, rest.len - 2));
}

void
http_codings_add(struct http_codings *c, struct slice line)
{
	struct slice item, coding;

	while (slice_next_item(&line, &item)) {
		int weight = item.len == 0 ? 0 : cut_weight(item, &coding);

		if (item.len == 0 || trim(item).len == 0)
			continue;
		if (weight < 0)
			return;
		if (is_word(coding, "gzip") || is_word(coding, "x-gzip"))
			c->gzip = weight;
		if (is_word(coding, "identity"))
			c->identity = weight;
		if (is_word(coding, "*"))
			c->any = weight;
	}
}

bool
http_codings_gzip(const struct http_codings *c)
{
	int gzip = c->gzip >= 0 ? c->gzip : c->any;

	return gzip > 0 && gzip >= c->identity;
}
