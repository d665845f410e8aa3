#include "base/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
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
log_event(enum log_level level, const char *event, const struct kv *kvs,
    size_t count)
{
	struct line l = { .len = 0 };
	bool json = config.format == LOG_JSON;

	if (level > config.most)
		return;
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
	for (size_t i = 1; i < count; i++)
		add_kv(&l, &kvs[i]);
	if (json)
		l.text[l.len++] = '}';
	l.text[l.len++] = '\n';
	/* A log nobody can take is no reason to stop working. */
	if (write(STDERR_FILENO, l.text, l.len) < 0)
		return;
}

const char *
strerrorname_or(int err)
{
	const char *name = strerrorname_np(err);

	return name == NULL ? "unknown" : name;
}
