#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

/* A field that does not fit a line is left out whole: what is there can be
 * parsed. */
#define LINE_MAX_BYTES 2048
#define TEXT_MAX_BYTES 512

/* Set once at start, before there are threads. */
static struct {
	const char *process;
	enum log_form format;
	enum log_level most;
} config = { "vhsmd", LOG_LOGFMT, LOG_NOTICE };

static _Atomic unsigned lost; /* lines, since one was taken */

static const char *const level_names[] = { "error", "notice", "debug" };

struct line {
	char text[LINE_MAX_BYTES];
	size_t len;
	bool full; /* something did not fit */
};

static void
add(struct line *l, const char *bytes, size_t len)
{
	size_t room = sizeof l->text - 3 - l->len; /* '}', '\n', NUL */

	if (len > room) {
		l->full = true;
		return;
	}
	memcpy(l->text + l->len, bytes, len);
	l->len += len;
}

static void
add_text(struct line *l, const char *text)
{
	add(l, text, strlen(text));
}

/* Quoted, with everything outside printable ASCII escaped: no value can end a
 * line or forge a field. */
static void
add_quoted(struct line *l, struct slice s)
{
	add_text(l, "\"");
	for (size_t i = 0; i < s.len && i < TEXT_MAX_BYTES; i++) {
		char c = (char)s.p[i], code[8];

		if (c == '"' || c == '\\') {
			add_text(l, "\\");
			add(l, &c, 1);
		} else if (c >= ' ' && c <= '~') {
			add(l, &c, 1);
		} else {
			(void)snprintf(code, sizeof code, "\\u%04x", s.p[i]);
			add_text(l, code);
		}
	}
	add_text(l, "\"");
}

static bool
is_bare(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~' || s.p[i] == '"' ||
		    s.p[i] == '=' || s.p[i] == '\\')
			return false;
	return s.len > 0 && s.len <= TEXT_MAX_BYTES;
}

static void
add_kv(struct line *l, const struct kv *kv)
{
	bool json = config.format == LOG_JSON;
	size_t before = l->len;
	char number[24] = "";

	add_text(l, json ? ",\"" : " ");
	add_text(l, kv->key);
	add_text(l, json ? "\":" : "=");
	switch (kv->type) {
	case KV_TEXT:
		if (!json && is_bare(kv->text))
			add(l, (const char *)kv->text.p, kv->text.len);
		else
			add_quoted(l, kv->text);
		break;
	case KV_INT:
		(void)snprintf(number, sizeof number, "%" PRId64, kv->i);
		break;
	case KV_UINT:
		(void)snprintf(number, sizeof number, "%" PRIu64, kv->u);
		break;
	case KV_BOOL: add_text(l, kv->b ? "true" : "false"); break;
	}
	add_text(l, number);
	if (l->full)
		l->len = before;
	l->full = false;
}

static void
add_time(struct line *l)
{
	struct wall_ms now = clock_wall();
	time_t seconds = (time_t)(now.ms / 1000);
	struct tm tm;
	char text[48];

	(void)gmtime_r(&seconds, &tm);
	size_t n = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);

	(void)snprintf(text + n, sizeof text - n, ".%03uZ",
	    (unsigned)(now.ms % 1000));
	add_text(l, text);
}

void
log_init(const char *process, enum log_form format, enum log_level most)
{
	config.process = process;
	config.format = format;
	config.most = most;
}

void
log_init_inherited(const char *process)
{
	static const char *const formats[] = { "logfmt", "json" };
	struct slice rest = slice_text(getenv("VHSM_LOG")), word;

	config.process = process;
	while (slice_next_item(&rest, &word)) {
		for (unsigned i = 0; i < ARRAY_LEN(formats); i++)
			if (slice_is(word, formats[i]))
				config.format = (enum log_form)i;
		for (unsigned i = 0; i < ARRAY_LEN(level_names); i++)
			if (slice_is(word, level_names[i]))
				config.most = (enum log_level)i;
	}
}

void
log_unblock(void)
{
	struct stat st;

	if (fstat(STDERR_FILENO, &st) != 0 ||
	    (!S_ISFIFO(st.st_mode) && !S_ISCHR(st.st_mode)))
		return;
	/* Not by a flag: that would be everybody's who shares it. */
	int fd = open("/proc/self/fd/2",
	    O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return;
	(void)dup2(fd, STDERR_FILENO); /* or it stays as it was */
	(void)close(fd);               /* a duplicate */
}

/* Journals are sockets, and a socket says so by taking it. */
static ssize_t
write_some(const char *text, size_t len)
{
	ssize_t n = send(STDERR_FILENO, text, len, MSG_DONTWAIT | MSG_NOSIGNAL);

	return n < 0 && errno == ENOTSOCK ? write(STDERR_FILENO, text, len) : n;
}

/* False: it was not taken as a whole.  Who reads is given time to catch up with
 * many lines at once, if patient. */
static bool
write_line(const struct line *l, bool patient)
{
	struct pollfd p = { .fd = STDERR_FILENO, .events = POLLOUT };
	struct mono_ns end = mono_after_ms(clock_mono(), LOG_WAIT_MS);
	int left = patient ? LOG_WAIT_MS : 0;
	size_t sent = 0;

	for (;;) {
		ssize_t n = write_some(l->text + sent, l->len - sent);

		if (n > 0)
			sent += (size_t)n; /* a terminal takes a part */
		if (sent == l->len)
			return true;
		if ((n < 0 && errno != EAGAIN && errno != EINTR) || left == 0)
			return false;
		(void)poll(&p, 1, left); /* the next write tells */
		left = (int)mono_left_ms(end, clock_mono());
	}
}

static bool
emit(enum log_level level, const char *event, const struct kv *kvs,
    size_t count, bool patient)
{
	struct line l = { .len = 0 };
	bool json = config.format == LOG_JSON;

	add_text(&l, json ? "{\"time\":\"" : "time=");
	add_time(&l);
	if (json)
		add_text(&l, "\"");
	const struct kv heads[] = {
		KV("level", level_names[level]),
		KV("process", config.process),
		KV("event", event),
	};

	for (size_t i = 0; i < ARRAY_LEN(heads); i++)
		add_kv(&l, &heads[i]);
	for (size_t i = 0; i < count; i++)
		add_kv(&l, &kvs[i]);
	if (json)
		l.text[l.len++] = '}';
	l.text[l.len++] = '\n';
	return write_line(&l, patient);
}

/* A log nobody can take is no reason to stop working. */
void
log_event(enum log_level level, const char *event, const struct kv *kvs,
    size_t count)
{
	int before = errno;

	if (level > config.most)
		return;
	unsigned missing = atomic_exchange(&lost, 0);
	const struct kv tally = KV("count", missing);

	if (missing > 0 && !emit(LOG_ERROR, "log-lines-lost", &tally, 1, false))
		lost += missing + 1;
	else if (!emit(level, event, kvs + 1, count - 1, missing == 0))
		lost++;
	errno = before;
}

const char *
strerrorname_or(int err)
{
	const char *name = strerrorname_np(err);

	return name == NULL ? "unknown" : name;
}
