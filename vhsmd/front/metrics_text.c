#include "front/metrics_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
free_stats(struct vault_stats *stats)
{
	free(stats);
}
AUTO_FREE(struct vault_stats, free_stats)

static uint64_t
load(const _Atomic uint64_t *value)
{
	return atomic_load_explicit(value, memory_order_relaxed);
}

/* Once for every family, before its samples. */
static void
put_family(struct buf *b, const char *name, const char *type, const char *help)
{
	buf_format(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* A label value: backslash, quote and line feed are escaped. */
static void
put_label(struct buf *b, const char *value)
{
	for (; *value != '\0'; value++) {
		if (*value == '\n') {
			buf_put_text(b, "\\n");
			continue;
		}
		if (*value == '\\' || *value == '"')
			buf_put_u8(b, '\\');
		buf_put_u8(b, (uint8_t)*value);
	}
}

static void
put_sample(struct buf *b, const char *name, uint64_t value)
{
	buf_format(b, "%s %" PRIu64 "\n", name, value);
}

static void
put_sample1(struct buf *b, const char *name, const char *key, const char *label,
    uint64_t value)
{
	buf_format(b, "%s{%s=\"", name, key);
	put_label(b, label);
	buf_format(b, "\"} %" PRIu64 "\n", value);
}

static void
put_sample2(struct buf *b, const char *name, const char *key, const char *label,
    const char *key2, const char *label2, uint64_t value)
{
	buf_format(b, "%s{%s=\"", name, key);
	put_label(b, label);
	buf_format(b, "\",%s=\"", key2);
	put_label(b, label2);
	buf_format(b, "\"} %" PRIu64 "\n", value);
}

static void
put_gauge(struct buf *b, const char *name, const char *help, uint64_t value)
{
	put_family(b, name, "gauge", help);
	put_sample(b, name, value);
}

/* Microseconds as seconds, without trailing zeros. */
static void
put_seconds(struct buf *b, uint64_t us)
{
	uint64_t part = us % 1000000;
	int digits = 6;

	buf_format(b, "%" PRIu64, us / 1000000);
	if (part == 0)
		return;
	for (; part % 10 == 0; part /= 10)
		digits--;
	buf_format(b, ".%0*" PRIu64, digits, part);
}

/* Buckets are added up here, so that +Inf and _count agree even when an
 * observation is half recorded. */
static void
put_histogram(struct buf *b, const char *name, const char *key,
    const char *label, const struct histogram *h)
{
	uint64_t seen = 0;

	for (size_t i = 0; i <= HISTOGRAM_BOUNDS; i++) {
		seen += load(&h->bucket[i]);
		buf_format(b, "%s_bucket{%s=\"", name, key);
		put_label(b, label);
		buf_put_text(b, "\",le=\"");
		if (i < HISTOGRAM_BOUNDS)
			put_seconds(b, histogram_bound_us(i));
		else
			buf_put_text(b, "+Inf");
		buf_format(b, "\"} %" PRIu64 "\n", seen);
	}
	buf_format(b, "%s_sum{%s=\"", name, key);
	put_label(b, label);
	buf_put_text(b, "\"} ");
	put_seconds(b, load(&h->sum_us));
	buf_format(b, "\n%s_count{%s=\"", name, key);
	put_label(b, label);
	buf_format(b, "\"} %" PRIu64 "\n", seen);
}

static void
put_node(struct buf *b, const struct http_site *site, struct mono_ns now)
{
	struct mono_ns started = site->shared->started;

	put_family(b, "vhsmd_build_info", "gauge",
	    "Version of the daemon and name of the node.");
	put_sample2(b, "vhsmd_build_info", "version", site->settings->version,
	    "node", site->settings->node, 1);
	put_gauge(b, "vhsmd_ready", "1 while the node takes requests.",
	    shared_is_ready(site->shared));
	put_gauge(b, "vhsmd_draining", "1 while the node drains.",
	    site->shared->draining);
	put_gauge(b, "vhsmd_uptime_seconds", "Seconds since front started.",
	    mono_passed(started, now) ? (now.ns - started.ns) / 1000000000u
				      : 0);
}

static void
put_requests(struct buf *b, const struct shared *shared)
{
	put_family(b, "vhsmd_requests_total", "counter",
	    "Requests on the local sockets, by operation and how they ended.");
	for (size_t op = 0; op < SHARED_OPS; op++)
		for (enum outcome how = 0; how < OUTCOMES; how++)
			put_sample2(b, "vhsmd_requests_total", "op",
			    shared_op_label(op), "outcome", outcome_name(how),
			    load(&shared->requests[op][how]));
	put_family(b, "vhsmd_request_seconds", "histogram",
	    "Time from reading a request to its answer, of those that ended "
	    "well.");
	for (size_t op = 0; op < SHARED_OPS; op++)
		put_histogram(b, "vhsmd_request_seconds", "op",
		    shared_op_label(op), &shared->duration[op]);
}

static void
put_counts(struct buf *b, const struct shared *shared)
{
	for (enum count i = 0; i < COUNTS; i++) {
		const struct count_row *row = count_row(i);
		uint64_t n = load(&shared->counts[i]);

		if (row->help != NULL)
			put_family(b, row->metric,
			    row->gauge ? "gauge" : "counter", row->help);
		if (row->label == NULL)
			put_sample(b, row->metric, n);
		else
			put_sample1(b, row->metric, row->label, row->value, n);
	}
}

/* Of connections to other nodes, "pipes:which": how many there are. */
#define PIPES "pipes:"

static bool
is_pipes(const struct peer_event *e)
{
	return strncmp(e->name, PIPES, strlen(PIPES)) == 0;
}

/* "what" or "what:why": the latter becomes two labels. */
static void
put_event(struct buf *b, const struct peer_event *e)
{
	const char *why = strchr(e->name, ':');
	char what[sizeof e->name];

	(void)snprintf(what, sizeof what, "%.*s",
	    why == NULL ? (int)sizeof what - 1 : (int)(why - e->name), e->name);
	put_sample2(b, "vhsmd_cluster_events_total", "event", what, "reason",
	    why == NULL ? "" : why + 1, e->value);
}

static void
put_events(struct buf *b, struct shared *shared)
{
	struct peer_events events;

	shared_events_get(shared, &events);
	if (events.count == 0)
		return;
	put_family(b, "vhsmd_cluster_events_total", "counter",
	    "What vhsmd-peer has counted since it started.");
	for (size_t i = 0; i < events.count; i++)
		if (!is_pipes(&events.rows[i]))
			put_event(b, &events.rows[i]);
	put_family(b, "vhsmd_cluster_pipes", "gauge",
	    "Connections with other nodes: that came in, that were made, and "
	    "of the former those of nobody who has proved who he is.");
	for (size_t i = 0; i < events.count; i++)
		if (is_pipes(&events.rows[i]))
			put_sample1(b, "vhsmd_cluster_pipes", "kind",
			    events.rows[i].name + strlen(PIPES),
			    events.rows[i].value);
}

/* Nothing where no key rotates. */
static void
put_next_rotation(struct buf *b, const struct vault_stats *v)
{
	uint64_t now = clock_wall().ms, next = v->next_rotation_ms;

	if (next == 0)
		return;
	put_gauge(b, "vhsmd_next_rotation_seconds",
	    "Seconds until a key is rotated; absent when none is going to be.",
	    next > now ? (next - now) / 1000 : 0);
}

static void
put_life(struct buf *b, const struct vault_stats *v)
{
	put_family(b, "vhsmd_rotations_total", "counter",
	    "Successors of keys, by whether they could be made.");
	put_sample1(b, "vhsmd_rotations_total", "outcome", "ok", v->rotations);
	put_sample1(b, "vhsmd_rotations_total", "outcome", "failed",
	    v->rotations_failed);
	put_gauge(b, "vhsmd_rotations_failing",
	    "Keys that stay active because no successor could be made.",
	    v->failing);
	put_next_rotation(b, v);
}

static void
put_vault(struct buf *b, const struct vault_stats *v)
{
	put_gauge(b, "vhsmd_keys", "Private keys in the vault.", v->keys);
	put_life(b, v);
	put_family(b, "vhsmd_arena_bytes", "gauge",
	    "Memory for private keys, by state.");
	put_sample1(b, "vhsmd_arena_bytes", "state", "used",
	    v->arena > v->unused ? v->arena - v->unused : 0);
	put_sample1(b, "vhsmd_arena_bytes", "state", "free", v->unused);
	put_family(b, "vhsmd_arena_info", "gauge",
	    "How the memory for private keys is protected.");
	put_sample1(b, "vhsmd_arena_info", "protection", v->protection, 1);
}

static void
put_counter(struct buf *b, const char *name, const char *help, uint64_t value)
{
	put_family(b, name, "counter", help);
	put_sample(b, name, value);
}

static void
put_audit(struct buf *b, const struct vault_audit *a)
{
	if (!a->there)
		return;
	put_counter(b, "vhsmd_audit_lines_total", "Lines of the audit trail.",
	    a->lines);
	put_counter(b, "vhsmd_audit_lost_total",
	    "Uses of keys that the audit trail has no line of.", a->lost);
	put_counter(b, "vhsmd_audit_refused_total",
	    "Operations refused because they could not be audited.",
	    a->refused);
	put_gauge(b, "vhsmd_audit_blocked",
	    "1 while the audit trail cannot be written.", a->blocked);
	put_gauge(b, "vhsmd_audit_file_bytes",
	    "Size of the audit trail's file.", a->size);
	if (a->checked)
		put_gauge(b, "vhsmd_audit_checkpoint_age_seconds",
		    "Seconds since the last signed checkpoint.",
		    a->checked_ms / 1000);
}

static void
put_algs(struct buf *b, const struct vault_stats *v)
{
	put_family(b, "vhsmd_operations_total", "counter",
	    "Operations that the vault ran, by algorithm and how they ended.");
	for (size_t i = 0; i < v->alg_count; i++) {
		put_sample2(b, "vhsmd_operations_total", "alg", v->algs[i].name,
		    "outcome", "ok", v->algs[i].oks);
		put_sample2(b, "vhsmd_operations_total", "alg", v->algs[i].name,
		    "outcome", "failed", v->algs[i].fails);
	}
	put_family(b, "vhsmd_wait_seconds", "histogram",
	    "Time an operation waited for a worker.");
	for (size_t i = 0; i < v->alg_count; i++)
		put_histogram(b, "vhsmd_wait_seconds", "alg", v->algs[i].name,
		    &v->algs[i].wait);
	put_family(b, "vhsmd_exec_seconds", "histogram",
	    "Time a worker spent on an operation.");
	for (size_t i = 0; i < v->alg_count; i++)
		put_histogram(b, "vhsmd_exec_seconds", "alg", v->algs[i].name,
		    &v->algs[i].exec);
}

static void
put_lanes(struct buf *b, const struct vault_stats *v)
{
	put_family(b, "vhsmd_queue_depth", "gauge",
	    "Operations that wait now.");
	for (size_t i = 0; i < v->lane_count; i++)
		put_sample1(b, "vhsmd_queue_depth", "lane", v->lanes[i].name,
		    v->lanes[i].depth);
	put_family(b, "vhsmd_busy_total", "counter",
	    "Operations refused because their lane was full.");
	for (size_t i = 0; i < v->lane_count; i++)
		put_sample1(b, "vhsmd_busy_total", "lane", v->lanes[i].name,
		    v->lanes[i].busy);
	put_family(b, "vhsmd_expired_total", "counter",
	    "Operations not started because their deadline had passed.");
	for (size_t i = 0; i < v->lane_count; i++)
		put_sample1(b, "vhsmd_expired_total", "lane", v->lanes[i].name,
		    v->lanes[i].expired);
}

static void
put_http(struct buf *b, const struct http_counts *counts)
{
	put_family(b, "vhsmd_http_requests_total", "counter",
	    "HTTP requests, by route and status code.");
	for (enum http_route route = 0; route < HTTP_ROUTES; route++) {
		for (enum http_code code = 0; code < HTTP_CODES; code++) {
			uint64_t n = load(&counts->answers[route][code]);
			char number[12];

			if (n == 0)
				continue;
			(void)snprintf(number, sizeof number, "%u",
			    http_code_number(code));
			put_sample2(b, "vhsmd_http_requests_total", "route",
			    http_route_label(route), "code", number, n);
		}
	}
	put_gauge(b, "vhsmd_http_connections", "HTTP connections open now.",
	    load(&counts->connections));
	put_family(b, "vhsmd_http_cut_total", "counter",
	    "HTTP connections ended because they finished no request in time.");
	put_sample(b, "vhsmd_http_cut_total", load(&counts->cut));
}

void
metrics_text_put(struct buf *b, const struct http_site *site,
    struct mono_ns now)
{
	AUTO(free_stats) struct vault_stats *v = calloc(1, sizeof *v);
	bool answers = v != NULL && shared_stats_get(site->shared, v) == VH_OK;

	put_node(b, site, now);
	put_requests(b, site->shared);
	put_counts(b, site->shared);
	put_events(b, site->shared);
	put_http(b, site->counts);
	put_gauge(b, "vhsmd_vault_answers",
	    "1 when the vault's own figures below are fresh.", answers);
	if (v == NULL)
		return;
	put_vault(b, v);
	put_algs(b, v);
	put_lanes(b, v);
	put_audit(b, &v->audit);
}
