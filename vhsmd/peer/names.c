#include "peer/names.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>

/* NAME=ADDR:PORT, as a list says. */
struct pair {
	char name[NAMES_ADDRESS_MAX + 1]; /* "" for none */
	char address[NAMES_ADDRESS_MAX + 1];
};

struct wanted {
	char address[NAMES_ADDRESS_MAX + 1]; /* HOST:PORT */
	struct mono_ns used;
	size_t turn; /* of several addresses of one name */
};

struct names {
	struct pair seeds[NAMES_MAX], known[NAMES_MAX];
	size_t seed_count, known_count, wanted_count;
	size_t seeds_over, known_over, told_over;
	struct wanted wanted[NAMES_MAX];
	bool changed;
};

static bool
is_port(const char *text, bool any_port)
{
	unsigned long port = 0;
	size_t len = strlen(text);

	if (len == 0 || len > 5)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		port = port * 10 + (unsigned long)(text[i] - '0');
	}
	return port <= UINT16_MAX && (port > 0 || any_port);
}

bool
address_is_numeric(const char *text, bool any_port)
{
	char host[INET6_ADDRSTRLEN + 2];
	uint8_t bytes[16];
	const char *colon = strrchr(text, ':');

	if (colon == NULL || !is_port(colon + 1, any_port))
		return false;
	size_t len = (size_t)(colon - text);

	if (len >= sizeof host)
		return false;
	memcpy(host, text, len);
	host[len] = '\0';
	if (len < 2 || host[0] != '[')
		return inet_pton(AF_INET, host, bytes) == 1;
	if (host[len - 1] != ']')
		return false;
	host[len - 1] = '\0';
	return inet_pton(AF_INET6, host + 1, bytes) == 1;
}

/* Letters, digits, . _ - of a host name, and : port. */
static bool
is_host_port(const char *text)
{
	const char *colon = strrchr(text, ':');

	if (colon == NULL || colon == text || !is_port(colon + 1, false))
		return false;
	for (const char *c = text; c < colon; c++)
		if (!isalnum((unsigned char)*c) && strchr("._-", *c) == NULL)
			return false;
	return true;
}

struct names *
names_new(void)
{
	return calloc(1, sizeof(struct names));
}

void
names_free(struct names *n)
{
	free(n);
}

/* --- lists ------------------------------------------------------------------
 */

static bool
copy(char to[static NAMES_ADDRESS_MAX + 1], struct slice text)
{
	if (text.len > NAMES_ADDRESS_MAX ||
	    (text.len > 0 && memchr(text.p, 0, text.len) != NULL))
		return false;
	if (text.len > 0)
		memcpy(to, text.p, text.len);
	to[text.len] = '\0';
	return true;
}

static enum vh_err
parse_pair(struct slice item, struct pair *out)
{
	const uint8_t *equals =
	    item.len == 0 ? NULL : memchr(item.p, '=', item.len);
	struct slice name = { item.p, 0 };

	if (equals != NULL) {
		name.len = (size_t)(equals - item.p);
		item = slice_of(equals + 1, item.len - name.len - 1);
	}
	if (!copy(out->name, name) || !copy(out->address, item) ||
	    !address_is_numeric(out->address, false))
		return VH_EFIELD;
	return VH_OK;
}

/* Into pairs, which has room for NAMES_MAX; more are counted. */
static enum vh_err
parse_list(struct slice list, struct pair *pairs, size_t *count, size_t *over)
{
	struct pair left_out;
	struct slice item;
	size_t n = 0;

	while (list.len > 0 && slice_next_item(&list, &item)) {
		TRY(parse_pair(item, n < NAMES_MAX ? &pairs[n] : &left_out));
		n++;
	}
	*count = n < NAMES_MAX ? n : NAMES_MAX;
	*over = n - *count;
	return VH_OK;
}

static inline void
pairs_free(struct pair *pairs)
{
	free(pairs);
}
AUTO_FREE(struct pair, pairs_free)

/* Only a whole list leaves. */
static enum vh_err
replace(struct slice list, struct pair *to, size_t *count, size_t *over)
{
	AUTO(pairs_free) struct pair *pairs = calloc(NAMES_MAX, sizeof *pairs);
	size_t n;

	if (pairs == NULL)
		return VH_ENOMEM;
	TRY(parse_list(list, pairs, &n, over));
	memcpy(to, pairs, n * sizeof *pairs);
	*count = n;
	return VH_OK;
}

/* --- seeds ------------------------------------------------------------------
 */

enum vh_err
names_set_seeds(struct names *n, struct slice list)
{
	return replace(list, n->seeds, &n->seed_count, &n->seeds_over);
}

const char *
names_seed(const struct names *n, size_t i)
{
	return i < n->seed_count ? n->seeds[i].address : NULL;
}

/* "ADDR:PORT" without its port and brackets. */
static void
host_of(const char *address, char host[static NAMES_ADDRESS_MAX + 1])
{
	const char *colon = strrchr(address, ':');
	size_t len =
	    colon == NULL ? strlen(address) : (size_t)(colon - address);

	if (len > 2 && address[0] == '[') {
		address++;
		len -= 2;
	}
	if (!copy(host, slice_of(address, len)))
		host[0] = '\0';
}

void
names_seed_name(const struct names *n, const char *address,
    char name[static NAMES_ADDRESS_MAX + 1])
{
	for (size_t i = 0; i < n->seed_count; i++) {
		const struct pair *s = &n->seeds[i];

		if (s->name[0] == '\0' || strcmp(s->address, address) != 0)
			continue;
		memcpy(name, s->name, sizeof s->name);
		return;
	}
	host_of(address, name);
}

/* --- other names ------------------------------------------------------------
 */

enum vh_err
names_set_known(struct names *n, struct slice list)
{
	return replace(list, n->known, &n->known_count, &n->known_over);
}

bool
names_left_out(struct names *n, size_t *count)
{
	bool news;

	*count = n->seeds_over + n->known_over;
	news = *count != n->told_over;
	n->told_over = *count;
	return news;
}

/* Entered as wanted; NULL when there is no room. */
static struct wanted *
want(struct names *n, struct mono_ns now, const char *address)
{
	struct wanted *w = n->wanted;

	while (
	    w < n->wanted + n->wanted_count && strcmp(w->address, address) != 0)
		w++;
	if (w == n->wanted + n->wanted_count) {
		if (n->wanted_count == NAMES_MAX)
			return NULL;
		n->wanted_count++;
		n->changed = true;
		w->turn = 0;
		memcpy(w->address, address, strlen(address) + 1);
	}
	w->used = now;
	return w;
}

/* Whether a known pair is of this HOST:PORT. */
static bool
is_of(const struct pair *known, const char *address)
{
	const char *colon = strrchr(address, ':');
	size_t len = (size_t)(colon - address);

	return strlen(known->name) == len &&
	       strncasecmp(known->name, address, len) == 0 &&
	       strcmp(strrchr(known->address, ':'), colon) == 0;
}

enum vh_err
names_resolve(struct names *n, struct mono_ns now, const char *address,
    char numeric[static NAMES_ADDRESS_MAX + 1])
{
	const struct pair *found[NAMES_MAX];
	size_t count = 0;

	if (strlen(address) > NAMES_ADDRESS_MAX)
		return VH_EFIELD;
	if (address_is_numeric(address, false)) {
		memcpy(numeric, address, strlen(address) + 1);
		return VH_OK;
	}
	if (!is_host_port(address))
		return VH_EFIELD;
	struct wanted *w = want(n, now, address);

	for (size_t i = 0; i < n->known_count; i++)
		if (is_of(&n->known[i], address))
			found[count++] = &n->known[i];
	if (w == NULL || count == 0)
		return VH_EBUSY;
	memcpy(numeric, found[w->turn++ % count]->address,
	    NAMES_ADDRESS_MAX + 1);
	return VH_OK;
}

bool
names_have_changed(struct names *n, struct mono_ns now)
{
	for (size_t i = 0; i < n->wanted_count;) {
		if (!mono_passed(mono_after_ms(n->wanted[i].used,
				     NAMES_KEEP_MS),
			now)) {
			i++;
			continue;
		}
		n->wanted[i] = n->wanted[--n->wanted_count];
		n->changed = true;
	}
	return n->changed;
}

void
names_put_wanted(struct names *n, struct buf *b)
{
	for (size_t i = 0; i < n->wanted_count; i++) {
		if (i > 0)
			buf_put_u8(b, ',');
		buf_put_text(b, n->wanted[i].address);
	}
	n->changed = false;
}
