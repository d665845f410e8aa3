#include "front/metrics_text.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

struct fixture {
	struct settings *settings;
	struct shared *shared;
	struct vault_stats *stats;
	struct http_counts counts;
	struct metrics_cache metrics;
	struct buf *b;
};

static void
fill_histogram(struct histogram *h)
{
	histogram_observe_ns(h, 5000);
	histogram_observe_ns(h, 1500000);
	histogram_observe_ns(h, 1500000);
	histogram_observe_ns(h, UINT64_C(90000000000));
}

static void
set_up(struct fixture *f)
{
	*f = (struct fixture){ .settings = settings_new(),
		.shared = shared_new(),
		.stats = calloc(1, sizeof *f->stats),
		.b = buf_new(1u << 20) };
	cr_assert(f->settings && f->shared && f->stats && f->b);
	cr_assert_eq(settings_set_text(&f->settings->version, "1.2.3"), VH_OK);
	cr_assert_eq(settings_set_text(&f->settings->node, "a\"\\"), VH_OK);
	f->shared->serving = true;
	f->shared->requests[shared_op_row(1)][OUTCOME_BUSY] = 7;
	fill_histogram(&f->shared->duration[0]);
	f->counts.answers[HTTP_JWKS][HTTP_304] = 3;
	f->stats->arena = 1000;
	f->stats->unused = 400;
	f->stats->keys = 6;
	memcpy(f->stats->protection, "mlock", 6);
	f->stats->lane_count = 1;
	memcpy(f->stats->lanes[0].name, "fast", 5);
	f->stats->lanes[0].busy = 11;
	f->stats->alg_count = 2;
	memcpy(f->stats->algs[0].name, "ES256", 6);
	memcpy(f->stats->algs[1].name, "RS256", 6);
	fill_histogram(&f->stats->algs[0].wait);
	f->stats->algs[1].fails = 5;
}

/* The text, NUL-terminated, valid until tear_down. */
static const char *
print(struct fixture *f)
{
	const struct http_site site = { f->settings, f->shared, &f->counts,
		&f->metrics, NULL };

	f->stats->taken = clock_mono();
	shared_stats_set(f->shared, f->stats);
	metrics_text_put(f->b, &site, clock_mono());
	buf_put_u8(f->b, 0);
	cr_assert_eq(buf_end(f->b), VH_OK);
	return (const char *)f->b->p;
}

static void
tear_down(struct fixture *f)
{
	buf_free(f->b);
	free(f->stats);
	shared_free(f->shared);
	settings_free(f->settings);
}

static bool
has_line(const char *text, const char *line)
{
	size_t len = strlen(line);

	for (; text != NULL; text = strchr(text, '\n')) {
		text += *text == '\n';
		if (strncmp(text, line, len) == 0 && text[len] == '\n')
			return true;
	}
	return false;
}

Test(metrics_text, what_was_counted_is_printed)
{
	static const char *const lines[] = {
		"vhsmd_build_info{version=\"1.2.3\",node=\"a\\\"\\\\\"} 1",
		"vhsmd_ready 1",
		"vhsmd_draining 0",
		"vhsmd_keys 6",
		"vhsmd_vault_answers 1",
		"vhsmd_requests_total{op=\"SIGN\",outcome=\"busy\"} 7",
		"vhsmd_operations_total{alg=\"RS256\",outcome=\"failed\"} 5",
		"vhsmd_busy_total{lane=\"fast\"} 11",
		"vhsmd_queue_depth{lane=\"fast\"} 0",
		"vhsmd_expired_total{lane=\"fast\"} 0",
		"vhsmd_arena_bytes{state=\"used\"} 600",
		"vhsmd_arena_bytes{state=\"free\"} 400",
		"vhsmd_arena_info{protection=\"mlock\"} 1",
		"vhsmd_http_requests_total{route=\"jwks\",code=\"304\"} 3",
		"vhsmd_wait_seconds_bucket{alg=\"ES256\",le=\"0.00001\"} 1",
		"vhsmd_wait_seconds_bucket{alg=\"ES256\",le=\"0.001\"} 1",
		"vhsmd_wait_seconds_bucket{alg=\"ES256\",le=\"0.002\"} 3",
		"vhsmd_wait_seconds_bucket{alg=\"ES256\",le=\"10\"} 3",
		"vhsmd_wait_seconds_bucket{alg=\"ES256\",le=\"+Inf\"} 4",
		"vhsmd_wait_seconds_sum{alg=\"ES256\"} 90.003005",
		"vhsmd_wait_seconds_count{alg=\"ES256\"} 4",
		"vhsmd_exec_seconds_sum{alg=\"ES256\"} 0",
	};
	struct fixture f;

	set_up(&f);
	const char *text = print(&f);

	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		cr_expect(has_line(text, lines[i]), "%s", lines[i]);
	tear_down(&f);
}

Test(metrics_text, an_audit_trail_is_printed_where_there_is_one)
{
	static const char *const lines[] = {
		"vhsmd_audit_lines_total 21",
		"vhsmd_audit_lost_total 22",
		"vhsmd_audit_refused_total 23",
		"vhsmd_audit_blocked 1",
		"vhsmd_audit_file_bytes 24",
		"vhsmd_audit_checkpoint_age_seconds 3",
	};
	struct fixture f;

	set_up(&f);
	cr_expect_null(strstr(print(&f), "vhsmd_audit_"));
	buf_clear(f.b);
	f.stats->audit = (struct vault_audit){ .there = true,
		.blocked = true,
		.lines = 21,
		.lost = 22,
		.refused = 23,
		.size = 24,
		.checked_ms = 3900,
		.checked = true };
	const char *text = print(&f);

	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		cr_expect(has_line(text, lines[i]), "%s", lines[i]);
	buf_clear(f.b);
	f.stats->audit.checked = false;
	cr_expect_null(strstr(print(&f), "checkpoint_age"));
	tear_down(&f);
}

Test(metrics_text, a_cluster_is_counted_by_label)
{
	static const char *const lines[] = {
		"vhsmd_forwards_total{outcome=\"ok\"} 3",
		"vhsmd_forwards_total{outcome=\"lost\"} 0",
		"vhsmd_relayed_total{outcome=\"expired\"} 2",
		"vhsmd_cluster_members{state=\"suspect\"} 1",
		"vhsmd_remote_keys 12",
		"vhsmd_cluster_events_total{event=\"joins\",reason=\"\"} 4",
		"vhsmd_cluster_events_total{event=\"no\",reason=\"old\"} 5",
		"vhsmd_cluster_pipes{kind=\"out\"} 6",
	};
	static const struct peer_events events = { 3,
		{ { "joins", 4 }, { "pipes:out", 6 }, { "no:old", 5 } } };
	struct fixture f;

	set_up(&f);
	f.shared->counts[COUNT_FORWARDS_OK] = 3;
	f.shared->counts[COUNT_RELAYED_OK + OUTCOME_EXPIRED] = 2;
	f.shared->counts[COUNT_MEMBERS_SUSPECT] = 1;
	f.shared->counts[COUNT_REMOTE_KEYS] = 12;
	shared_events_set(f.shared, &events);
	const char *text = print(&f);

	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		cr_expect(has_line(text, lines[i]), "%s", lines[i]);
	tear_down(&f);
}

/* What a strict reader of the format keeps of what it has read. */
struct reader {
	char family[128]; /* of the last TYPE line */
	bool is_histogram;
	char seen[128][128]; /* families so far */
	size_t seen_count;
	char series[256];   /* labels before le, of the open histogram */
	uint64_t last, inf; /* buckets */
	double bound;
};

static void
read_type(struct reader *r, const char *line)
{
	char type[16];

	cr_assert_eq(sscanf(line, "# TYPE %127s %15s", r->family, type), 2);
	for (size_t i = 0; i < r->seen_count; i++)
		cr_expect_str_neq(r->seen[i], r->family);
	cr_assert_lt(r->seen_count, ARRAY_LEN(r->seen));
	memcpy(r->seen[r->seen_count++], r->family, sizeof r->family);
	r->is_histogram = strcmp(type, "histogram") == 0;
	size_t len = strlen(r->family);
	bool is_total = len > 6 && strcmp(r->family + len - 6, "_total") == 0;

	cr_expect_eq(is_total, strcmp(type, "counter") == 0, "%s", r->family);
	r->series[0] = '\0';
}

/* "name_bucket{alg="A",le="B"} N": cumulative, rising bounds, +Inf last. */
static void
read_bucket(struct reader *r, const char *line, uint64_t value)
{
	const char *le = strstr(line, ",le=\"");

	cr_assert_not_null(le);
	size_t len = (size_t)(le - line);

	if (strncmp(r->series, line, len) != 0 || r->series[len] != '\0') {
		cr_assert_lt(len, sizeof r->series);
		memcpy(r->series, line, len);
		r->series[len] = '\0';
		r->last = 0;
		r->bound = -1;
	}
	double bound = strtod(le + 5, NULL); /* reads +Inf, too */

	cr_expect_gt(bound, r->bound, "%s", line);
	cr_expect_geq(value, r->last, "%s", line);
	r->bound = bound;
	r->last = value;
	r->inf = value;
}

static void
read_sample(struct reader *r, const char *line)
{
	size_t len = strlen(r->family);
	const char *value = strrchr(line, ' ');

	cr_assert_not_null(value);
	cr_expect(isdigit((unsigned char)value[1]), "%s", line);
	cr_expect_eq(strncmp(line, r->family, len), 0, "%s", line);
	if (!r->is_histogram) {
		cr_expect(line[len] == '{' || line[len] == ' ', "%s", line);
		return;
	}
	if (strncmp(line + len, "_bucket{", 8) == 0)
		read_bucket(r, line, strtoull(value, NULL, 10));
	else if (strncmp(line + len, "_count{", 7) == 0)
		cr_expect_eq(strtoull(value, NULL, 10), r->inf, "%s", line);
	else
		cr_expect_eq(strncmp(line + len, "_sum{", 5), 0, "%s", line);
}

Test(metrics_text, it_is_what_a_strict_reader_takes)
{
	struct reader *r = calloc(1, sizeof *r);
	bool was_help = false;
	struct fixture f;

	set_up(&f);
	char *text = strdup(print(&f)), *rest = text, *line;

	cr_assert(r != NULL && text != NULL);
	cr_expect_eq(text[strlen(text) - 1], '\n');
	while ((line = strsep(&rest, "\n")) != NULL && *line != '\0') {
		bool is_type = strncmp(line, "# TYPE ", 7) == 0;

		cr_expect_eq(is_type, was_help, "%s", line);
		was_help = strncmp(line, "# HELP ", 7) == 0;
		if (is_type)
			read_type(r, line);
		else if (!was_help)
			read_sample(r, line);
	}
	cr_expect_null(rest);
	cr_expect_gt(r->seen_count, 20);
	free(text);
	free(r);
	tear_down(&f);
}

Test(metrics_text, a_silent_vault_is_said)
{
	const char *text;
	struct fixture f;

	set_up(&f);
	const struct http_site site = { f.settings, f.shared, &f.counts,
		&f.metrics, NULL };

	metrics_text_put(f.b, &site, clock_mono());
	buf_put_u8(f.b, 0);
	text = (const char *)f.b->p;
	cr_expect(has_line(text, "vhsmd_vault_answers 0"));
	cr_expect(has_line(text, "vhsmd_ready 1"));
	tear_down(&f);
}

Test(metrics_text, a_text_that_does_not_fit_is_an_error)
{
	struct fixture f;

	set_up(&f);
	AUTO(buf_free) struct buf *small = buf_new(100);
	const struct http_site site = { f.settings, f.shared, &f.counts,
		&f.metrics, NULL };

	metrics_text_put(small, &site, clock_mono());
	cr_expect_eq(buf_end(small), VH_ETOOBIG);
	tear_down(&f);
}
