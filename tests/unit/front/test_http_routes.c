#include "front/http_routes.h"

#include <criterion/criterion.h>
#include <stdlib.h>

struct fixture {
	struct settings *settings;
	struct shared *shared;
	struct http_counts counts;
	struct metrics_cache metrics;
	struct variants *variants;
	struct http_site site;
};

static void
set_up(struct fixture *f)
{
	*f = (struct fixture){ .settings = settings_new(),
		.shared = shared_new(),
		.variants = variants_new() };
	cr_assert(
	    f->variants != NULL && f->settings != NULL && f->shared != NULL);
	f->shared->max_age = 77;
	f->site = (struct http_site){ f->settings, f->shared, &f->counts,
		&f->metrics, f->variants };
}

static void
tear_down(struct fixture *f)
{
	buf_free(f->metrics.text);
	variants_free(f->variants);
	shared_free(f->shared);
	settings_free(f->settings);
}

static void
publish(struct fixture *f, const char *text)
{
	shared_published_set(f->shared, published_new(slice_text(text)));
}

/* If-None-Match names just the text that arg is. */
static bool
names(void *arg, struct slice tag)
{
	return arg != NULL && slice_is(tag, arg);
}

static struct http_answer
ask(struct fixture *f, const char *method, const char *path, char *tag)
{
	const struct http_request q = { .method = method,
		.path = path,
		.names_tag = names,
		.arg = tag };
	struct http_answer a;

	http_answer_to(&f->site, &q, clock_mono(), &a);
	return a;
}

Test(http_routes, the_set_is_served_with_its_tag_and_age)
{
	struct fixture f;

	set_up(&f);
	publish(&f, "{\"keys\":[]}");
	struct http_answer a = ask(&f, "GET", "/.well-known/jwks.json", NULL);

	cr_expect_eq(a.code, HTTP_200);
	cr_expect_str_eq(a.type, "application/jwk-set+json");
	cr_expect_str_eq(a.cache_control, "public, max-age=77");
	cr_expect(slice_is(a.body, "{\"keys\":[]}"));
	cr_expect_str_eq(a.etag, a.jwks->etag);
	published_free(a.jwks);
	tear_down(&f);
}

Test(http_routes, a_set_the_client_has_is_not_modified)
{
	struct fixture f;

	set_up(&f);
	publish(&f, "{\"keys\":[]}");
	struct http_answer a = ask(&f, "GET", "/.well-known/jwks.json", NULL);
	char tag[48];

	memcpy(tag, a.etag, sizeof tag);
	published_free(a.jwks);
	a = ask(&f, "GET", "/.well-known/jwks.json", tag);
	cr_expect_eq(a.code, HTTP_304);
	cr_expect_str_eq(a.etag, tag);
	cr_expect_str_eq(a.cache_control, "public, max-age=77");
	published_free(a.jwks);
	publish(&f, "{\"keys\":[{}]}");
	a = ask(&f, "GET", "/.well-known/jwks.json", tag);
	cr_expect_eq(a.code, HTTP_200);
	published_free(a.jwks);
	tear_down(&f);
}

Test(http_routes, an_answer_outlives_the_set_it_came_from)
{
	struct fixture f;

	set_up(&f);
	publish(&f, "{\"keys\":[]}");
	struct http_answer a = ask(&f, "GET", "/.well-known/jwks.json", NULL);

	publish(&f, "{\"keys\":[{}]}");
	cr_expect(slice_is(a.body, "{\"keys\":[]}"));
	published_free(a.jwks);
	tear_down(&f);
}

Test(http_routes, before_the_first_set_there_is_none)
{
	struct fixture f;

	set_up(&f);
	struct http_answer a = ask(&f, "GET", "/.well-known/jwks.json", NULL);

	cr_expect_eq(a.code, HTTP_503);
	cr_expect_str_eq(a.cache_control, "no-store");
	cr_expect_null(a.jwks);
	tear_down(&f);
}

Test(http_routes, readiness_says_why_not)
{
	struct fixture f;

	set_up(&f);
	struct http_answer a = ask(&f, "GET", "/readyz", NULL);

	cr_expect_eq(a.code, HTTP_503);
	cr_expect(slice_is(a.body, "not ready: starting\n"));
	f.shared->serving = true;
	a = ask(&f, "GET", "/readyz", NULL);
	cr_expect_eq(a.code, HTTP_200);
	cr_expect(slice_is(a.body, "ready\n"));
	f.shared->name_taken = true;
	a = ask(&f, "GET", "/readyz", NULL);
	cr_expect_eq(a.code, HTTP_503);
	cr_expect(
	    slice_is(a.body, "not ready: another node has this node's name\n"));
	f.shared->draining = true;
	a = ask(&f, "GET", "/readyz", NULL);
	cr_expect_eq(a.code, HTTP_503);
	cr_expect(slice_is(a.body, "not ready: draining\n"));
	a = ask(&f, "GET", "/healthz", NULL);
	cr_expect_eq(a.code, HTTP_200);
	cr_expect(slice_is(a.body, "ok\n"));
	tear_down(&f);
}

Test(http_routes, other_paths_are_not_found_whatever_the_method)
{
	static const char *const paths[] = { "", "/", "*", "/healthz/",
		"//healthz", "/Healthz", "/healthz%00", "/%68ealthz",
		"/.well-known/jwks.json.", "/.well-known/", "http://a",
		"http:///healthz/", "ftp://a/healthz" };
	static const char *const methods[] = { "GET", "HEAD", "POST", "X" };
	struct fixture f;

	set_up(&f);
	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		for (size_t k = 0; k < ARRAY_LEN(methods); k++)
			cr_expect_eq(ask(&f, methods[k], paths[i], NULL).code,
			    HTTP_404, "%s %s", methods[k], paths[i]);
	tear_down(&f);
}

Test(http_routes, the_absolute_form_names_the_same_path)
{
	struct fixture f;

	set_up(&f);
	cr_expect_eq(ask(&f, "GET", "http://a.example:1/healthz", NULL).code,
	    HTTP_200);
	cr_expect_eq(ask(&f, "GET", "https://a.example/healthz", NULL).code,
	    HTTP_200);
	tear_down(&f);
}

Test(http_routes, other_methods_are_told_which_are_served)
{
	static const char *const methods[] = { "POST", "PUT", "DELETE", "TRACE",
		"CONNECT", "get", "" };
	static const char *const paths[] = { "/.well-known/jwks.json",
		"/healthz", "/readyz", "/metrics" };
	struct fixture f;

	set_up(&f);
	for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
		for (size_t k = 0; k < ARRAY_LEN(paths); k++) {
			struct http_answer a =
			    ask(&f, methods[i], paths[k], NULL);

			cr_expect_eq(a.code, HTTP_405, "%s", methods[i]);
			cr_expect_str_eq(a.allow,
			    k == 0 ? "GET, HEAD, OPTIONS" : "GET, HEAD");
			cr_expect_null(a.jwks);
		}
	}
	tear_down(&f);
}

Test(http_routes, a_request_with_a_body_is_refused)
{
	const struct http_request q = { .method = "GET",
		.path = "/healthz",
		.has_body = true,
		.names_tag = names };
	struct http_answer a;
	struct fixture f;

	set_up(&f);
	http_answer_to(&f.site, &q, clock_mono(), &a);
	cr_expect_eq(a.code, HTTP_413);
	tear_down(&f);
}

Test(http_routes, every_answer_is_counted_by_route_and_code)
{
	struct fixture f;

	set_up(&f);
	(void)ask(&f, "GET", "/healthz", NULL);
	(void)ask(&f, "HEAD", "/healthz", NULL);
	(void)ask(&f, "POST", "/healthz", NULL);
	(void)ask(&f, "GET", "/nowhere", NULL);
	cr_expect_eq(f.counts.answers[HTTP_HEALTH][HTTP_200], 2);
	cr_expect_eq(f.counts.answers[HTTP_HEALTH][HTTP_405], 1);
	cr_expect_eq(f.counts.answers[HTTP_OTHER][HTTP_404], 1);
	cr_expect_eq(http_code_number(HTTP_405), 405);
	tear_down(&f);
}

Test(http_routes, metrics_are_made_at_most_once_a_second)
{
	const struct http_request q = { .method = "GET",
		.path = "/metrics",
		.names_tag = names };
	struct vault_stats *stats = calloc(1, sizeof *stats);
	struct mono_ns now = clock_mono();
	struct http_answer a;
	struct fixture f;

	set_up(&f);
	cr_assert_not_null(stats);
	stats->taken = now;
	shared_stats_set(f.shared, stats);
	http_answer_to(&f.site, &q, now, &a);
	cr_expect_eq(a.code, HTTP_200);
	const uint8_t *first = a.body.p;

	http_answer_to(&f.site, &q, mono_after_ms(now, 999), &a);
	cr_expect_eq(a.body.p, first);
	cr_expect_eq(f.metrics.made.ns, now.ns);
	stats->taken = clock_mono();
	shared_stats_set(f.shared, stats);
	http_answer_to(&f.site, &q, mono_after_ms(now, 1000), &a);
	cr_expect_eq(f.metrics.made.ns, mono_after_ms(now, 1000).ns);
	free(stats);
	tear_down(&f);
}

static struct http_answer
ask_for(struct fixture *f, const char *parameter, const char *value, bool gzip)
{
	struct http_request q = { .method = "GET",
		.path = "/.well-known/jwks.json",
		.names_tag = names,
		.gzip = gzip };
	struct slice text = slice_text(value);
	struct http_answer a;

	http_query_add(&q.query, slice_text(parameter), &text);
	http_answer_to(&f->site, &q, clock_mono(), &a);
	return a;
}

Test(http_routes, a_filter_has_a_body_and_a_tag_of_its_own)
{
	struct fixture f;

	set_up(&f);
	publish(&f, "{\"keys\":[{\"kty\":\"RSA\",\"use\":\"sig\"}]}");
	struct http_answer all = ask(&f, "GET", "/.well-known/jwks.json", NULL);
	struct http_answer enc = ask_for(&f, "use", "enc", true);

	cr_expect_eq(enc.code, HTTP_200);
	cr_expect(slice_is(enc.body, "{\"keys\":[]}"));
	cr_expect_null(enc.encoding);
	cr_expect_str_neq(enc.etag, all.etag);
	published_free(all.jwks);
	published_free(enc.jwks);
	tear_down(&f);
}

Test(http_routes, a_bad_parameter_is_refused_in_json_by_name)
{
	struct fixture f;

	set_up(&f);
	publish(&f, "{\"keys\":[]}");
	struct http_answer a = ask_for(&f, "kty", "DSA", false);

	cr_expect_eq(a.code, HTTP_400);
	cr_expect_str_eq(a.type, "application/json");
	cr_expect_str_eq(a.text,
	    "{\"error\":\"bad_parameter\",\"parameter\":\"kty\","
	    "\"expected\":\"EC, RSA or OKP, once\"}\n");
	cr_expect_null(a.jwks);
	tear_down(&f);
}

Test(http_routes, just_the_set_is_for_any_web_page)
{
	struct fixture f;

	set_up(&f);
	struct http_answer a =
	    ask(&f, "OPTIONS", "/.well-known/jwks.json", NULL);

	cr_expect_eq(a.code, HTTP_204);
	cr_expect(a.is_preflight && a.is_shared);
	cr_expect_eq(a.body.len, 0);
	a = ask(&f, "POST", "/.well-known/jwks.json", NULL);
	cr_expect_eq(a.code, HTTP_405);
	cr_expect_str_eq(a.allow, "GET, HEAD, OPTIONS");
	a = ask(&f, "OPTIONS", "/metrics", NULL);
	cr_expect_eq(a.code, HTTP_405);
	cr_expect_not(a.is_shared || a.is_preflight);
	cr_expect_not(ask(&f, "GET", "/healthz", NULL).is_shared);
	tear_down(&f);
}
