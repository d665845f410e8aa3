#include "super/seeds.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "super/fd.h"
#include "super/lookup.h"
#include "super/text.h"

#define READ_SIZE 4096
#define PAUSE_MS  1000 /* between rounds, whatever peer asks */
#define ENTRY_MAX (VH_HOST_MAX + INET6_ADDRSTRLEN + 16)

struct target {
	struct host_port at;
	enum seeds_list list;
	struct texts addresses; /* "192.0.2.1", "[2001:db8::1]"; sorted */
	struct texts found;     /* in the round under way */
	bool missing;           /* and logged */
};

struct seeds {
	struct target *at;
	size_t count;
	const struct user *user;
	struct lookup round;
	struct buf *heard;
	struct texts hosts; /* of the round, by index */
	size_t turn;        /* who comes first in it */
	struct mono_ns begun, next;
	bool again; /* there are names that no round has had */
	bool is_new;
};

static void
drop(struct target *t)
{
	texts_drop(&t->addresses);
	texts_drop(&t->found);
}

void
seeds_free(struct seeds *s)
{
	if (s == NULL)
		return;
	lookup_end(&s->round);
	for (size_t i = 0; i < s->count; i++)
		drop(&s->at[i]);
	free(s->at);
	texts_drop(&s->hosts);
	buf_free(s->heard);
	free(s);
}

/* As ADDR in ADDR:PORT; false for what is no address. */
static bool
show_address(const char *number, char out[static INET6_ADDRSTRLEN + 2])
{
	struct in6_addr a;

	if (strlen(number) >= INET6_ADDRSTRLEN)
		return false;
	bool v4 = inet_pton(AF_INET, number, &a) == 1;

	if (!v4 && inet_pton(AF_INET6, number, &a) != 1)
		return false;
	(void)snprintf(out, INET6_ADDRSTRLEN + 2, v4 ? "%s" : "[%s]", number);
	return true;
}

static enum vh_err
add_address(struct texts *list, const char *number)
{
	char shown[INET6_ADDRSTRLEN + 2];

	if (!show_address(number, shown) || list->count >= LOOKUP_ADDRESSES)
		return VH_OK; /* with a scope, or too many */
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->at[i], shown) == 0)
			return VH_OK;
	return texts_add(list, shown);
}

static enum vh_err
copy(const struct texts *from, struct texts *to)
{
	for (size_t i = 0; i < from->count; i++)
		TRY(texts_add(to, from->at[i]));
	return VH_OK;
}

static bool
is_host(const struct target *t, const char *name)
{
	return t->at.is_name && strcmp(t->at.host, name) == 0;
}

/* What is known of its host, of another port, is known of it. */
static enum vh_err
add(struct seeds *s, const struct host_port *at, enum seeds_list list)
{
	struct target *more = reallocarray(s->at, s->count + 1, sizeof *s->at);

	if (more == NULL)
		return VH_ENOMEM;
	s->at = more;
	more[s->count] = (struct target){ .at = *at, .list = list };
	struct target *t = &more[s->count++];

	if (!at->is_name)
		return add_address(&t->addresses, at->host);
	for (size_t i = 0; i + 1 < s->count; i++)
		if (is_host(&more[i], at->host))
			return copy(&more[i].addresses, &t->addresses);
	return VH_OK;
}

struct seeds *
seeds_new(const struct texts *configured, const struct user *user)
{
	AUTO(seeds_free) struct seeds *s = calloc(1, sizeof *s);
	struct seed seed;

	if (s == NULL)
		return NULL;
	s->user = user;
	s->round.fd = -1;
	for (size_t i = 0; i < configured->count; i++)
		if (seed_of_text(configured->at[i], &seed) &&
		    add(s, &seed.at, SEEDS_CONFIGURED) != VH_OK)
			return NULL;
	return TAKE(s);
}

static void
end_round(struct seeds *s)
{
	lookup_end(&s->round);
	buf_free(TAKE(s->heard));
	texts_drop(&s->hosts);
	for (size_t i = 0; i < s->count; i++)
		texts_drop(&s->at[i].found);
}

static bool
same_place(const struct host_port *a, const struct host_port *b)
{
	return strcmp(a->host, b->host) == 0 && a->port == b->port &&
	       a->is_name == b->is_name;
}

static bool
is_wanted(const struct host_port *at, const struct host_port *names,
    size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (same_place(at, &names[i]))
			return true;
	return false;
}

static bool
is_asked(const struct seeds *s, const struct host_port *at)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->at[i].list == SEEDS_ASKED &&
		    same_place(at, &s->at[i].at))
			return true;
	return false;
}

/* Those of names, at most SEEDS_NAMES_MAX; the rest is left out. */
static size_t
parse_names(struct slice names, struct host_port out[static SEEDS_NAMES_MAX])
{
	struct slice item;
	size_t count = 0;

	while (count < SEEDS_NAMES_MAX && slice_next_item(&names, &item)) {
		char text[VH_HOST_MAX + 16];

		if (item.len == 0 || item.len >= sizeof text ||
		    memchr(item.p, '\0', item.len) != NULL)
			continue;
		memcpy(text, item.p, item.len);
		text[item.len] = '\0';
		if (host_port_of_text(text, &out[count]))
			count++;
	}
	return count;
}

enum vh_err
seeds_ask(struct seeds *s, struct slice names)
{
	struct host_port wanted[SEEDS_NAMES_MAX];
	size_t count = parse_names(names, wanted), kept = 0;

	for (size_t i = 0; i < s->count; i++) {
		struct target t = s->at[i];

		if (t.list == SEEDS_CONFIGURED ||
		    is_wanted(&t.at, wanted, count))
			s->at[kept++] = t;
		else
			drop(&t);
	}
	s->count = kept;
	for (size_t i = 0; i < count; i++)
		if (!is_asked(s, &wanted[i]))
			TRY(add(s, &wanted[i], SEEDS_ASKED));
	s->is_new = s->again = true;
	return VH_OK;
}

static bool
in_round(const struct seeds *s, const char *host)
{
	for (size_t i = 0; i < s->hosts.count; i++)
		if (strcmp(s->hosts.at[i], host) == 0)
			return true;
	return false;
}

/* One host once, however many ports.  Another one first each time: if there is
 * no time for all, all have their turn. */
static enum vh_err
choose_hosts(struct seeds *s)
{
	s->turn++;
	for (size_t i = 0; i < s->count; i++) {
		const struct host_port *at =
		    &s->at[(s->turn + i) % s->count].at;

		if (at->is_name && !in_round(s, at->host))
			TRY(texts_add(&s->hosts, at->host));
	}
	return VH_OK;
}

static void
begin_round(struct seeds *s, struct mono_ns now)
{
	end_round(s);
	s->begun = now;
	s->next = mono_after_ms(now, SEEDS_EVERY_MS);
	s->again = false;
	s->heard = buf_new(LOOKUP_ANSWER_MAX);
	if (s->heard == NULL || choose_hosts(s) != VH_OK ||
	    lookup_begin((const char *const *)s->hosts.at, s->hosts.count,
		s->user, &s->round) != VH_OK)
		end_round(s); /* another time */
}

static bool
has_names(const struct seeds *s)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->at[i].at.is_name)
			return true;
	return false;
}

bool
seeds_tick(struct seeds *s, struct mono_ns now, struct mono_ns *until)
{
	if (!has_names(s))
		return false;
	if (s->again && s->round.fd < 0)
		s->next = mono_after_ms(s->begun, PAUSE_MS);
	if (mono_passed(s->next, now))
		begin_round(s, now);
	*until = s->next;
	return true;
}

int
seeds_fd(const struct seeds *s)
{
	return s->round.fd;
}

/* "INDEX ADDRESS": for every target of that host. */
static void
take_line(struct seeds *s, char *line)
{
	char *space = strchr(line, ' ');
	uint64_t index;

	if (space == NULL)
		return;
	*space = '\0';
	if (!number_of_text(line, 0, SIZE_MAX, &index) ||
	    index >= s->hosts.count)
		return;
	const char *host = s->hosts.at[index];

	for (size_t i = 0; i < s->count; i++)
		if (is_host(&s->at[i], host) &&
		    add_address(&s->at[i].found, space + 1) != VH_OK)
			return; /* what is found without it will do */
}

static void
take_lines(struct seeds *s)
{
	struct slice rest = buf_slice(s->heard);
	const uint8_t *end;

	while (rest.len > 0 && (end = memchr(rest.p, '\n', rest.len)) != NULL) {
		size_t len = (size_t)(end - rest.p);
		AUTO(text_free)
		char *line = strndup((const char *)rest.p, len);

		if (line != NULL)
			take_line(s, line);
		rest = slice_of(end + 1, rest.len - len - 1);
	}
}

static int
by_text(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

static bool
same_texts(const struct texts *a, const struct texts *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->at[i], b->at[i]) != 0)
			return false;
	return true;
}

/* What the round says of one target. */
static void
settle(struct seeds *s, struct target *t)
{
	if (t->found.count == 0) {
		if (!t->missing)
			LOG(NOTICE, "name-not-resolved",
			    KV("host", (const char *)t->at.host),
			    KV("kept", t->addresses.count));
		t->missing = true;
		return;
	}
	t->missing = false;
	qsort(t->found.at, t->found.count, sizeof *t->found.at, by_text);
	if (same_texts(&t->found, &t->addresses))
		return;
	texts_drop(&t->addresses);
	t->addresses = t->found;
	t->found = (struct texts){ 0 };
	s->is_new = true;
	LOG(NOTICE, "name-resolved", KV("host", (const char *)t->at.host),
	    KV("addresses", t->addresses.count));
}

static void
finish_round(struct seeds *s)
{
	take_lines(s);
	for (size_t i = 0; i < s->count; i++)
		if (s->at[i].at.is_name && in_round(s, s->at[i].at.host))
			settle(s, &s->at[i]);
	end_round(s);
}

void
seeds_hear(struct seeds *s)
{
	while (s->round.fd >= 0) {
		size_t len = buf_slice(s->heard).len;
		uint8_t *to = buf_extend(s->heard, READ_SIZE);
		ssize_t n = to == NULL ? 0 : read(s->round.fd, to, READ_SIZE);

		if (to != NULL)
			buf_trim(s->heard, len + (n > 0 ? (size_t)n : 0));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0)
			finish_round(s);
	}
}

bool
seeds_reaped(struct seeds *s, pid_t pid)
{
	if (s->round.pid != pid)
		return false;
	s->round.pid = 0;
	seeds_hear(s);
	return true;
}

void
seeds_wait(struct seeds *s, uint32_t ms)
{
	struct mono_ns end = mono_after_ms(clock_mono(), ms);
	uint32_t left;

	while (
	    s->round.fd >= 0 && (left = mono_left_ms(end, clock_mono())) > 0) {
		struct pollfd p = { .fd = s->round.fd, .events = POLLIN };

		(void)poll(&p, 1, (int)left);
		seeds_hear(s);
	}
}

bool
seeds_are_new(const struct seeds *s)
{
	return s->is_new;
}

void
seeds_told(struct seeds *s)
{
	s->is_new = false;
}

void
seeds_put(const struct seeds *s, enum seeds_list which, size_t max,
    struct buf *out)
{
	size_t start = buf_slice(out).len;

	for (size_t i = 0; i < s->count; i++) {
		const struct target *t = &s->at[i];

		for (size_t k = 0; t->list == which && k < t->addresses.count;
		     k++) {
			char entry[ENTRY_MAX];
			int len = snprintf(entry, sizeof entry, "%s%s%s:%u",
			    t->at.is_name ? t->at.host : "",
			    t->at.is_name ? "=" : "", t->addresses.at[k],
			    t->at.port);
			size_t have = buf_slice(out).len - start;

			if (have + (size_t)len + 1 > max)
				return;
			buf_put_text(out, have == 0 ? "" : ",");
			buf_put_text(out, entry);
		}
	}
}
