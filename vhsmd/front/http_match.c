#include "front/http_match.h"

static struct slice
without(struct slice s, size_t n)
{
	return slice_of(s.p + n, s.len - n);
}

static bool
is_space(uint8_t c)
{
	return c == ' ' || c == '\t';
}

static struct slice
skip_space(struct slice s)
{
	while (s.len > 0 && is_space(s.p[0]))
		s = without(s, 1);
	return s;
}

/* etagc of RFC 9110, 8.8.3: commas are among them, quotes are not. */
static bool
is_tag_char(uint8_t c)
{
	return c == 0x21 || (c >= 0x23 && c != 0x7f);
}

/* Cuts one entity-tag off s, quotes included and W/ dropped; false when s does
 * not start with one. */
static bool
next_tag(struct slice *s, struct slice *tag)
{
	struct slice rest = *s;
	size_t n = 1;

	if (rest.len >= 2 && rest.p[0] == 'W' && rest.p[1] == '/')
		rest = without(rest, 2);
	if (rest.len < 2 || rest.p[0] != '"')
		return false;
	while (n < rest.len && is_tag_char(rest.p[n]))
		n++;
	if (n == rest.len || rest.p[n] != '"')
		return false;
	*tag = slice_of(rest.p, n + 1);
	*s = without(rest, n + 1);
	return true;
}

static bool
is_any(struct slice list)
{
	return list.len > 0 && list.p[0] == '*' &&
	       skip_space(without(list, 1)).len == 0;
}

bool
http_match(struct slice list, struct slice tag)
{
	struct slice one;

	list = skip_space(list);
	if (is_any(list))
		return true;
	while (list.len > 0) {
		if (list.p[0] == ',') { /* RFC 9110, 5.6.1.2: empty elements */
			list = skip_space(without(list, 1));
			continue;
		}
		if (!next_tag(&list, &one))
			return false;
		if (slice_eq(one, tag))
			return true;
		list = skip_space(list);
		if (list.len > 0 && list.p[0] != ',')
			return false;
	}
	return false;
}
