/* The shell around http_routes: libmicrohttpd, driven by one thread of ours.
 *
 * The thread polls libmicrohttpd's epoll descriptor itself instead of leaving
 * that to libmicrohttpd, so that the sweep of slow connections happens between
 * its runs, on the same thread: a descriptor can then not be closed, and its
 * number taken by another connection, between finding it too slow and ending
 * it.  The thread is nice, so that a flood of HTTP does not slow local signing.
 *
 * Everything that opens a file or needs a system call outside SANDBOX_NET
 * happens before http_start returns. */
#include "front/http.h"

#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "front/http_conns.h"
#include "front/http_match.h"
#include "front/http_routes.h"
#include "front/http_tls.h"

#define HTTP_MEMORY   16384u /* request line, headers and answer's headers */
#define HTTP_NICE     10
#define HTTP_SWEEP_MS 250

/* TLS 1.2 is the oldest that BCP 195 (RFC 9325) allows. */
#define TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

struct http {
	const struct settings *settings;
	struct shared *shared;
	struct http_counts counts;
	struct metrics_cache metrics;
	struct variants *variants;
	struct http_conns *conns;
	struct MHD_Daemon *mhd;
	int wake; /* eventfd: stop */
	pthread_t thread;
	bool runs;
	sem_t settled; /* the thread has made its last unusual system call */
};

/* --- one request --- */

static bool
is_header(struct slice name, const char *want)
{
	return name.len == strlen(want) &&
	       strncasecmp((const char *)name.p, want, name.len) == 0;
}

struct tag_search {
	struct slice tag;
	bool found;
};

static enum MHD_Result
search_line(void *arg, enum MHD_ValueKind kind, const char *key,
    size_t key_size, const char *value, size_t value_size)
{
	struct tag_search *s = arg;

	(void)kind;
	if (is_header(slice_of(key, key_size), MHD_HTTP_HEADER_IF_NONE_MATCH) &&
	    http_match(slice_of(value, value_size), s->tag))
		s->found = true;
	return s->found ? MHD_NO : MHD_YES;
}

static bool
names_tag(void *arg, struct slice tag)
{
	struct tag_search s = { .tag = tag };

	(void)MHD_get_connection_values_n(arg, MHD_HEADER_KIND, search_line,
	    &s);
	return s.found;
}

static enum MHD_Result
search_body(void *arg, enum MHD_ValueKind kind, const char *key,
    size_t key_size, const char *value, size_t value_size)
{
	struct slice name = slice_of(key, key_size);
	bool *found = arg;

	(void)kind;
	*found = is_header(name, MHD_HTTP_HEADER_TRANSFER_ENCODING) ||
		 (is_header(name, MHD_HTTP_HEADER_CONTENT_LENGTH) &&
		     !slice_is(slice_of(value, value_size), "0"));
	return *found ? MHD_NO : MHD_YES;
}

/* By any of several lengths: a proxy in front of us may believe the last, while
 * libmicrohttpd takes the first (RFC 9112, 6.3). */
static bool
has_body(struct MHD_Connection *c)
{
	bool found = false;

	(void)MHD_get_connection_values_n(c, MHD_HEADER_KIND, search_body,
	    &found);
	return found;
}

static enum MHD_Result
add_parameter(void *arg, enum MHD_ValueKind kind, const char *key,
    size_t key_size, const char *value, size_t value_size)
{
	struct slice text = slice_of(value, value_size);

	(void)kind;
	http_query_add(arg, slice_of(key, key_size),
	    value == NULL ? NULL : &text);
	return MHD_YES;
}

static enum MHD_Result
add_codings(void *arg, enum MHD_ValueKind kind, const char *key,
    size_t key_size, const char *value, size_t value_size)
{
	(void)kind;
	if (is_header(slice_of(key, key_size), MHD_HTTP_HEADER_ACCEPT_ENCODING))
		http_codings_add(arg, slice_of(value, value_size));
	return MHD_YES;
}

/* What the request line and the headers say about the form of the answer. */
static void
read_wishes(struct MHD_Connection *c, struct http_request *q)
{
	struct http_codings codings = HTTP_CODINGS;

	(void)MHD_get_connection_values_n(c, MHD_GET_ARGUMENT_KIND,
	    add_parameter, &q->query);
	(void)MHD_get_connection_values_n(c, MHD_HEADER_KIND, add_codings,
	    &codings);
	q->gzip = http_codings_gzip(&codings);
}

static void
release(void *published)
{
	published_free(published);
}

/* The body of a JWK Set is sent from where it is, and its reference given back
 * when the last byte is gone; all else is copied. */
static struct MHD_Response *
response_of(struct http_answer *a)
{
	void *body = (void *)(uintptr_t)a->body.p;

	if (a->jwks == NULL)
		return MHD_create_response_from_buffer(a->body.len, body,
		    MHD_RESPMEM_MUST_COPY);
	struct MHD_Response *r =
	    MHD_create_response_from_buffer_with_free_callback_cls(a->body.len,
		body, release, a->jwks);

	if (r == NULL)
		published_free(a->jwks);
	return r;
}

static bool
add_headers(struct MHD_Response *r, const struct http_answer *a, bool closing)
{
	const struct {
		const char *name, *value;
	} headers[] = {
		{ MHD_HTTP_HEADER_CONTENT_TYPE,
		    a->code == HTTP_304 ? NULL : a->type },
		{ MHD_HTTP_HEADER_CACHE_CONTROL, a->cache_control },
		{ MHD_HTTP_HEADER_ETAG, a->etag },
		{ MHD_HTTP_HEADER_ALLOW, a->allow },
		{ MHD_HTTP_HEADER_CONTENT_ENCODING,
		    a->code == HTTP_304 ? NULL : a->encoding },
		{ MHD_HTTP_HEADER_VARY,
		    a->is_shared ? MHD_HTTP_HEADER_ACCEPT_ENCODING : NULL },
		{ "Access-Control-Allow-Origin", a->is_shared ? "*" : NULL },
		{ "Access-Control-Expose-Headers",
		    a->is_shared ? MHD_HTTP_HEADER_ETAG : NULL },
		{ "Access-Control-Allow-Methods",
		    a->is_preflight ? "GET, HEAD" : NULL },
		{ "Access-Control-Allow-Headers",
		    a->is_preflight ? "*" : NULL },
		{ "Access-Control-Max-Age", a->is_preflight ? "86400" : NULL },
		{ "X-Content-Type-Options", "nosniff" },
		{ MHD_HTTP_HEADER_CONNECTION, closing ? "close" : NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(headers); i++)
		if (headers[i].value != NULL &&
		    MHD_add_response_header(r, headers[i].name,
			headers[i].value) != MHD_YES)
			return false;
	return true;
}

/* With half of the places taken, no connection is kept alive. */
static bool
is_crowded(const struct http *h)
{
	return http_conns_count(h->conns) > h->settings->http_connections / 2;
}

/* Called when the headers are there, and again when the body, if any, has been
 * read.  An answer queued at the first call ends the connection afterwards:
 * just right for a request with a body, which is then never read. */
static enum MHD_Result
on_request(void *arg, struct MHD_Connection *c, const char *url,
    const char *method, const char *version, const char *upload,
    size_t *upload_size, void **request)
{
	struct http *h = arg;
	const struct http_site site = { h->settings, h->shared, &h->counts,
		&h->metrics, h->variants };
	struct http_request q = { .method = method,
		.path = url,
		.has_body = has_body(c),
		.names_tag = names_tag,
		.arg = c };
	struct http_answer a;

	(void)version;
	(void)upload;
	(void)upload_size;
	if (*request == NULL && !q.has_body) {
		*request = c; /* also asks for on_completed */
		return MHD_YES;
	}
	read_wishes(c, &q);
	http_answer_to(&site, &q, clock_mono(), &a);
	struct MHD_Response *r = response_of(&a);

	if (r == NULL)
		return MHD_NO;
	enum MHD_Result queued = MHD_NO;

	if (add_headers(r, &a, q.has_body || is_crowded(h)))
		queued = MHD_queue_response(c, http_code_number(a.code), r);
	MHD_destroy_response(r);
	return queued;
}

static void
on_completed(void *arg, struct MHD_Connection *c, void **request,
    enum MHD_RequestTerminationCode how)
{
	struct http *h = arg;
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	(void)request;
	if (how == MHD_REQUEST_TERMINATED_COMPLETED_OK && info != NULL &&
	    info->socket_context != NULL)
		http_conns_finish(h->conns, info->socket_context, clock_mono());
}

/* --- connections --- */

static void
on_connection(void *arg, struct MHD_Connection *c, void **context,
    enum MHD_ConnectionNotificationCode what)
{
	struct http *h = arg;

	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		int fd = MHD_get_connection_info(c,
		    MHD_CONNECTION_INFO_CONNECTION_FD)
			     ->connect_fd;

		*context = http_conns_add(h->conns, fd, clock_mono());
		/* Nobody would end it later. */
		if (*context == NULL)
			(void)shutdown(fd, SHUT_RDWR);
	} else if (*context != NULL) {
		http_conns_remove(h->conns, *context);
		*context = NULL;
	}
	atomic_store_explicit(&h->counts.connections,
	    http_conns_count(h->conns), memory_order_relaxed);
}

/* Escapes stay as they are sent: a path is compared byte for byte, and %00
 * ends none. */
static size_t
keep_escapes(void *arg, struct MHD_Connection *c, char *text)
{
	(void)arg;
	(void)c;
	return strlen(text);
}

/* --- the thread --- */

static int
next_wait(const struct http *h)
{
	MHD_UNSIGNED_LONG_LONG ms;

	if (MHD_get_timeout(h->mhd, &ms) == MHD_YES && ms < HTTP_SWEEP_MS)
		return (int)ms;
	return http_conns_count(h->conns) > 0 ? HTTP_SWEEP_MS : -1;
}

/* At its limit libmicrohttpd looks away from the listening socket, and back
 * only when it runs with fewer connections: so once more when some have gone.
 */
static void
run(struct http *h)
{
	size_t before;

	do {
		before = http_conns_count(h->conns);
		(void)MHD_run(h->mhd); /* NO: not started with our flags */
	} while (http_conns_count(h->conns) < before);
}

static void *
serve(void *arg)
{
	struct http *h = arg;
	struct pollfd fds[2] = { { .fd = h->wake, .events = POLLIN },
		{ .fd = MHD_get_daemon_info(h->mhd, MHD_DAEMON_INFO_EPOLL_FD)
			    ->epoll_fd,
		    .events = POLLIN } };
	uint64_t limit_ms = 2000 * (uint64_t)h->settings->http_timeout;

	/* Of the calling thread alone, on Linux. */
	if (setpriority(PRIO_PROCESS, 0, HTTP_NICE) != 0)
		LOG(NOTICE, "http_not_nice", KV_ERRNO(errno));
	(void)sem_post(&h->settled); /* fails at SEM_VALUE_MAX only */
	while (poll(fds, 2, next_wait(h)) >= 0 || errno == EINTR) {
		if (fds[0].revents != 0)
			break;
		run(h);
		size_t cut = http_conns_sweep(h->conns, limit_ms, clock_mono());

		atomic_fetch_add_explicit(&h->counts.cut, cut,
		    memory_order_relaxed);
	}
	if (fds[0].revents == 0)
		LOG(ERROR, "http_failed", KV_ERRNO(errno));
	return NULL;
}

/* --- start and stop --- */

static struct MHD_Daemon *
start_mhd(struct http *h, int fd, const struct http_tls *tls)
{
	struct MHD_OptionItem https[] = {
		{ MHD_OPTION_HTTPS_PRIORITIES, 0,
		    (void *)(uintptr_t)TLS_PRIORITIES },
		{ MHD_OPTION_HTTPS_MEM_CERT, 0,
		    tls == NULL ? NULL : (void *)(uintptr_t)tls->cert },
		{ MHD_OPTION_HTTPS_MEM_KEY, 0,
		    tls == NULL ? NULL : (void *)(uintptr_t)tls->key },
		{ MHD_OPTION_END, 0, NULL },
	};
	struct MHD_OptionItem *more =
	    tls == NULL ? https + ARRAY_LEN(https) - 1 : https;

	return MHD_start_daemon(MHD_USE_EPOLL | (tls == NULL ? 0 : MHD_USE_TLS),
	    0, NULL, NULL, on_request, h, MHD_OPTION_LISTEN_SOCKET, fd,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_MEMORY,
	    MHD_OPTION_CONNECTION_LIMIT,
	    (unsigned)h->settings->http_connections,
	    MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)h->settings->http_timeout,
	    MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_STRICT_FOR_CLIENT,
	    1, MHD_OPTION_NOTIFY_CONNECTION, on_connection, h,
	    MHD_OPTION_NOTIFY_COMPLETED, on_completed, h,
	    MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL, MHD_OPTION_ARRAY,
	    more, MHD_OPTION_END);
}

/* The thread takes no signal: those are for the loop, and SIGPIPE for none. */
static bool
start_thread(struct http *h)
{
	sigset_t all, before;

	if (sem_init(&h->settled, 0, 0) != 0)
		return false;
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before); /* valid arguments */
	h->runs = pthread_create(&h->thread, NULL, serve, h) == 0;
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	while (h->runs && sem_wait(&h->settled) != 0)
		continue;               /* EINTR */
	(void)sem_destroy(&h->settled); /* nobody waits on it */
	return h->runs;
}

enum vh_err
http_start_tls(int fd, const struct settings *settings, struct shared *shared,
    const struct http_tls *tls, struct http **out)
{
	AUTO(http_stop) struct http *h = calloc(1, sizeof *h);
	int flags = fcntl(fd, F_GETFL);

	if (h != NULL)
		h->wake = -1;
	if (h == NULL || (h->conns = http_conns_new()) == NULL ||
	    (h->variants = variants_new()) == NULL) {
		(void)close(fd);
		return VH_ENOMEM;
	}
	h->settings = settings;
	shared->max_age = settings->max_age;
	h->shared = shared;
	h->wake = eventfd(0, EFD_CLOEXEC);
	tzset(); /* gmtime_r opens /etc/localtime on its first use */
	if (h->wake < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) {
		LOG(ERROR, "http_failed", KV_ERRNO(errno));
		(void)close(fd);
		return VH_EIO;
	}
	h->mhd = start_mhd(h, fd, tls); /* closes fd when it fails */
	if (h->mhd == NULL) {
		LOG(ERROR, "http_failed", KV("tls", (bool)(tls != NULL)));
		return tls == NULL ? VH_EIO : VH_ECONFIG;
	}
	if (!start_thread(h)) {
		LOG(ERROR, "http_failed", KV_ERRNO(errno));
		return VH_EIO;
	}
	*out = TAKE(h);
	return VH_OK;
}

enum vh_err
http_start(int fd, const struct settings *settings, struct shared *shared,
    struct http **out)
{
	return http_start_tls(fd, settings, shared, NULL, out);
}

void
http_stop(struct http *h)
{
	if (h == NULL)
		return;
	if (h->runs) {
		/* The counter cannot overflow: this is its only write. */
		(void)eventfd_write(h->wake, 1);
		(void)pthread_join(h->thread, NULL); /* it is joinable */
	}
	if (h->mhd != NULL)
		MHD_stop_daemon(h->mhd);
	if (h->wake >= 0)
		(void)close(h->wake);
	http_conns_free(h->conns);
	variants_free(h->variants);
	buf_free(h->metrics.text);
	free(h);
}
