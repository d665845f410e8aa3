/* The log: one line an event on standard error, an event name and typed
 * fields, as logfmt or JSON.
 *
 *   LOG(NOTICE, "listening", KV("socket", url), KV("mode", mode));
 *
 * KV has no row for pointers to bytes or to secrets: logging key material does
 * not compile.  A line is written as a whole; safe from any thread.
 *
 * Nobody waits for long for who reads it: a line that a pipe, a terminal or a
 * socket does not take within LOG_WAIT_MS is lost, and those after it are not
 * waited with; log-lines-lost says how many were before the next one that is
 * taken. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "wire/base.h"

#define LOG_WAIT_MS 100

enum log_level { LOG_ERROR, LOG_NOTICE, LOG_DEBUG };
enum log_form { LOG_LOGFMT, LOG_JSON };

/* Until called: logfmt, notice and above, process "vhsmd".  process is kept. */
void log_init(const char *process, enum log_form format, enum log_level most);

/* The same for a child of the supervisor, which says how in the variable
 * VHSM_LOG: "FORMAT,LEVEL".  What it does not name stays as it is. */
void log_init_inherited(const char *process);

/* Once, by the process whose children inherit standard error: makes of a pipe
 * or a terminal one that does not block, and leaves those alone that have it,
 * too.  Where that is not allowed, it blocks as before. */
void log_unblock(void);

struct kv {
	const char *key;
	enum { KV_TEXT, KV_INT, KV_UINT, KV_BOOL } type;
	union {
		struct slice text;
		int64_t i;
		uint64_t u;
		bool b;
	};
};

static inline struct kv
kv_slice(const char *key, struct slice v)
{
	return (struct kv){ key, KV_TEXT, { .text = v } };
}
static inline struct kv
kv_text(const char *key, const char *v)
{
	return kv_slice(key, slice_text(v));
}
static inline struct kv
kv_int(const char *key, int64_t v)
{
	return (struct kv){ key, KV_INT, { .i = v } };
}
static inline struct kv
kv_uint(const char *key, uint64_t v)
{
	return (struct kv){ key, KV_UINT, { .u = v } };
}
static inline struct kv
kv_bool(const char *key, bool v)
{
	return (struct kv){ key, KV_BOOL, { .b = v } };
}

#define KV(key, v)                                                             \
	_Generic((v), char *: kv_text, const char *: kv_text,                  \
	    struct slice: kv_slice, bool: kv_bool, int: kv_int, long: kv_int,  \
	    long long: kv_int, unsigned: kv_uint, unsigned long: kv_uint,      \
	    unsigned long long: kv_uint)(key, v)
#define KV_ERR(err)   kv_text("error", err_name(err))
#define KV_ERRNO(err) kv_text("errno", strerrorname_or(err))

/* "ENOENT", "unknown". */
const char *strerrorname_or(int err);

#define LOG(level, event, ...)                                                 \
	log_event(LOG_##level, event,                                          \
	    (const struct kv[]){ { 0 }, __VA_ARGS__ },                         \
	    sizeof((const struct kv[]){ { 0 }, __VA_ARGS__ }) /                \
		sizeof(struct kv))

/* What LOG calls: kvs[0] is a filler. */
void log_event(enum log_level level, const char *event, const struct kv *kvs,
    size_t count);

#endif
