#include "front/http_routes.h"

#include <stdio.h>

#include "front/metrics_text.h"

#define METRICS_MAX      (1u << 20) /* far above what all rows come to */
#define METRICS_FRESH_MS 1000
#define ALLOW_SHARED     "GET, HEAD, OPTIONS"

static void
answer_plain(struct http_answer *out, enum http_code code, const char *text)
{
	out->code = code;
	out->body = slice_text(text);
}

/* A parameter that is known and has a value that is not. */
static void
answer_wrong(const struct http_request *q, struct http_answer *out)
{
	(void)snprintf(out->text, sizeof out->text,
	    "{\"error\":\"bad_parameter\",\"parameter\":\"%s\","
	    "\"expected\":\"%s\"}\n",
	    q->query.wrong, q->query.expected);
	answer_plain(out, HTTP_400, out->text);
	out->type = "application/json";
}

static void
answer_jwks(const struct http_site *site, const struct http_request *q,
    struct mono_ns now, struct http_answer *out)
{
	AUTO(published_free)
	struct published *all = shared_published_get(site->shared);
	struct published *set;
	bool gzipped;

	(void)now;
	if (q->query.wrong != NULL) {
		answer_wrong(q, out);
		return;
	}
	if (all == NULL) {
		answer_plain(out, HTTP_503, NULL);
		return;
	}
	if (variants_get(site->variants, all, &q->query.filter, q->gzip, &set,
		&gzipped) != VH_OK) {
		answer_plain(out, HTTP_500, NULL);
		return;
	}
	out->jwks = set;
	out->encoding = gzipped ? "gzip" : NULL;
	out->type = "application/jwk-set+json";
	out->etag = set->etag;
	out->body = slice_of(set->text, set->len);
	out->code =
	    q->names_tag(q->arg, slice_text(set->etag)) ? HTTP_304 : HTTP_200;
	(void)snprintf(out->cache_control, sizeof out->cache_control,
	    "public, max-age=%u", (unsigned)site->shared->max_age);
}

static void
answer_health(const struct http_site *site, const struct http_request *q,
    struct mono_ns now, struct http_answer *out)
{
	(void)site;
	(void)q;
	(void)now;
	answer_plain(out, HTTP_200, "ok\n");
}

static void
answer_ready(const struct http_site *site, const struct http_request *q,
    struct mono_ns now, struct http_answer *out)
{
	(void)q;
	(void)now;
	if (shared_is_ready(site->shared))
		answer_plain(out, HTTP_200, "ready\n");
	else if (site->shared->draining)
		answer_plain(out, HTTP_503, "not ready: draining\n");
	else if (site->shared->name_taken)
		answer_plain(out, HTTP_503,
		    "not ready: another node has this node's name\n");
	else
		answer_plain(out, HTTP_503, "not ready: starting\n");
}

/* A flood of scrapes costs one text, and one wait for the vault, a second. */
static enum vh_err
refresh_metrics(const struct http_site *site, struct mono_ns now)
{
	struct metrics_cache *cache = site->metrics;
	AUTO(buf_free) struct buf *text = NULL;

	if (cache->text != NULL &&
	    !mono_passed(mono_after_ms(cache->made, METRICS_FRESH_MS), now))
		return VH_OK;
	text = buf_new(METRICS_MAX);
	metrics_text_put(text, site, now);
	TRY(buf_end(text));
	buf_free(cache->text);
	cache->text = TAKE(text);
	cache->made = now;
	return VH_OK;
}

static void
answer_metrics(const struct http_site *site, const struct http_request *q,
    struct mono_ns now, struct http_answer *out)
{
	(void)q;
	if (refresh_metrics(site, now) != VH_OK) {
		answer_plain(out, HTTP_500, NULL);
		return;
	}
	out->code = HTTP_200;
	out->type = "text/plain; version=0.0.4; charset=utf-8";
	out->body = buf_slice(site->metrics->text);
}

static void
answer_other(const struct http_site *site, const struct http_request *q,
    struct mono_ns now, struct http_answer *out)
{
	(void)site;
	(void)q;
	(void)now;
	answer_plain(out, HTTP_404, NULL);
}

static const struct route {
	const char *path, *label;
	void (*answer)(const struct http_site *site,
	    const struct http_request *q, struct mono_ns now,
	    struct http_answer *out);
} routes[] = {
#define VH_ROUTE(name, path, label, answer)                                    \
	[HTTP_##name] = { path, label, answer },
#include "front/http_routes.def"
};

static const struct {
	unsigned number;
	const char *text;
} codes[] = {
#define VH_HTTP_CODE(number, text) [HTTP_##number] = { number, text },
#include "front/http_routes.def"
};

const char *
http_route_label(enum http_route route)
{
	return routes[route].label;
}

unsigned
http_code_number(enum http_code code)
{
	return codes[code].number;
}

/* RFC 9112, 3.2.2: a server must take the absolute form as well. */
static const char *
path_of(const char *target)
{
	static const char *const schemes[] = { "http://", "https://" };

	for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
		size_t len = strlen(schemes[i]);

		if (strncmp(target, schemes[i], len) != 0)
			continue;
		const char *path = strchr(target + len, '/');

		return path == NULL ? "/" : path;
	}
	return target;
}

static enum http_route
route_of(const char *target)
{
	const char *path = path_of(target);

	for (size_t i = 0; i < HTTP_OTHER; i++)
		if (strcmp(path, routes[i].path) == 0)
			return i;
	return HTTP_OTHER;
}

static bool
is_method_served(const char *method)
{
	return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
}

void
http_answer_to(const struct http_site *site, const struct http_request *q,
    struct mono_ns now, struct http_answer *out)
{
	*out = (struct http_answer){
		.route = route_of(q->path),
		.type = "text/plain; charset=utf-8",
		.cache_control = "no-store",
	};
	out->is_shared = out->route == HTTP_JWKS;
	if (out->is_shared && strcmp(q->method, "OPTIONS") == 0) {
		answer_plain(out, HTTP_204, NULL);
		out->allow = ALLOW_SHARED;
		out->is_preflight = true;
	} else if (out->route != HTTP_OTHER && !is_method_served(q->method)) {
		answer_plain(out, HTTP_405, NULL);
		out->allow = out->is_shared ? ALLOW_SHARED : "GET, HEAD";
	} else if (out->route != HTTP_OTHER && q->has_body) {
		answer_plain(out, HTTP_413, NULL);
	} else {
		routes[out->route].answer(site, q, now, out);
	}
	if (out->body.len == 0)
		out->body = slice_text(codes[out->code].text);
	atomic_fetch_add_explicit(&site->counts->answers[out->route][out->code],
	    1, memory_order_relaxed);
}
