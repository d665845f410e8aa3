#include "front/stats.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static void
put_row(struct buf *b, const char *name, bool is_alg)
{
	struct histogram h = { 0 };
	size_t at = frame_nest(b, VH_F_STATS);

	frame_put_text(b, VH_F_NAME, name);
	if (is_alg) {
		histogram_observe_ns(&h, 15000);
		frame_put_u64(b, VH_F_OKS, 5);
		frame_put_u64(b, VH_F_FAILS, 2);
		frame_put_head(b, VH_F_WAIT, HISTOGRAM_BYTES);
		histogram_put(b, &h);
		frame_put_head(b, VH_F_EXEC, HISTOGRAM_BYTES);
		histogram_put(b, &h);
	} else {
		frame_put_u64(b, VH_F_BUSY, 3);
		frame_put_u64(b, VH_F_EXPIRED, 4);
		frame_put_u32(b, VH_F_DEPTH, 6);
	}
	frame_nest_close(b, at);
}

static struct buf *
sample(void)
{
	struct buf *b = buf_new(1u << 20);

	put_row(b, "ES256", true);
	put_row(b, "fast", false);
	frame_put_text(b, VH_F_PROTECTION, "memfd_secret");
	frame_put_u64(b, VH_F_ARENA, 1000);
	frame_put_u64(b, VH_F_FREE, 400);
	frame_put_u32(b, VH_F_COUNT, 6);
	return b;
}

/* The caller's. */
static struct vault_stats *
parse(struct slice body, enum vh_err want)
{
	struct vault_stats *s = calloc(1, sizeof *s);
	struct fields f;

	cr_assert_eq(fields_parse(body, &f), VH_OK);
	cr_assert_eq(stats_parse(&f, s), want);
	return s;
}

Test(stats, rows_are_told_apart_by_name)
{
	AUTO(buf_free) struct buf *b = sample();
	struct vault_stats *s = parse(buf_slice(b), VH_OK);

	cr_assert_eq(s->alg_count, 1);
	cr_assert_eq(s->lane_count, 1);
	cr_expect_str_eq(s->algs[0].name, "ES256");
	cr_expect_eq(s->algs[0].oks, 5);
	cr_expect_eq(s->algs[0].fails, 2);
	cr_expect_eq(histogram_quantile_us(&s->algs[0].wait, 0.5), 20);
	cr_expect_str_eq(s->lanes[0].name, "fast");
	cr_expect_eq(s->lanes[0].busy, 3);
	cr_expect_eq(s->lanes[0].expired, 4);
	cr_expect_eq(s->lanes[0].depth, 6);
	cr_expect_str_eq(s->protection, "memfd_secret");
	cr_expect_eq(s->arena, 1000);
	cr_expect_eq(s->unused, 400);
	cr_expect_eq(s->keys, 6);
	free(s);
}

Test(stats, too_many_rows_are_left_out)
{
	AUTO(buf_free) struct buf *b = buf_new(1u << 20);

	for (size_t i = 0; i < VAULT_ALGS + 5; i++)
		put_row(b, "RS256", true);
	for (size_t i = 0; i < VAULT_LANES + 5; i++)
		put_row(b, "a name that is far longer than a lane's may be",
		    false);
	struct vault_stats *s = parse(buf_slice(b), VH_OK);

	cr_expect_eq(s->alg_count, VAULT_ALGS);
	cr_expect_eq(s->lane_count, VAULT_LANES);
	cr_expect_eq(strlen(s->lanes[0].name), sizeof s->lanes[0].name - 1);
	free(s);
}

Test(stats, a_histogram_of_another_size_is_refused)
{
	AUTO(buf_free) struct buf *b = buf_new(1000);
	size_t at = frame_nest(b, VH_F_STATS);

	frame_put_text(b, VH_F_NAME, "ES256");
	frame_put_text(b, VH_F_WAIT, "short");
	frame_nest_close(b, at);
	free(parse(buf_slice(b), VH_EPARSE));
}

Test(stats, the_report_names_lanes_and_algorithms)
{
	AUTO(buf_free) struct buf *b = sample();
	struct vault_stats *s = parse(buf_slice(b), VH_OK);
	json_t *lanes = stats_lanes_json(s), *algs = stats_algs_json(s);
	const json_t *lane = json_array_get(lanes, 0);
	const json_t *alg = json_object_get(algs, "ES256");

	cr_expect_str_eq(json_string_value(json_object_get(lane, "name")),
	    "fast");
	cr_expect_eq(json_integer_value(json_object_get(lane, "depth")), 6);
	cr_expect_eq(json_integer_value(json_object_get(alg, "ok")), 5);
	cr_expect_eq(json_integer_value(json_object_get(alg, "exec_p99_us")),
	    20);
	json_decref(lanes);
	json_decref(algs);
	free(s);
}

/* --- the audit trail -------------------------------------------------------
 */

static void
put_audit(struct buf *b, uint32_t flags, bool checked, size_t hash)
{
	static const uint8_t chain[64];
	size_t at = frame_nest(b, VH_F_AUDIT);

	frame_put_u64(b, VH_F_OKS, 11);
	frame_put_u64(b, VH_F_FAILS, 12);
	frame_put_u64(b, VH_F_BUSY, 13);
	frame_put_u64(b, VH_F_SIZE, 14);
	frame_put_u64(b, VH_F_SEQ, 15);
	frame_put(b, VH_F_DIGEST, slice_of(chain, hash));
	frame_put_u32(b, VH_F_FLAGS, flags);
	if (checked)
		frame_put_u64(b, VH_F_SEEN_MS, 1600);
	frame_nest_close(b, at);
}

static int64_t
number_in(const json_t *json, const char *name)
{
	return json_integer_value(json_object_get(json, name));
}

Test(stats, the_audit_trail_is_reported_as_the_vault_tells_it)
{
	AUTO(buf_free) struct buf *b = sample();

	put_audit(b, VH_AUDIT_BLOCKED | VH_AUDIT_SIGNS | VH_AUDIT_CONTINUE,
	    true, 32);
	struct vault_stats *s = parse(buf_slice(b), VH_OK);
	json_t *json = stats_audit_json(s);

	cr_expect_eq(number_in(json, "lines"), 11);
	cr_expect_eq(number_in(json, "lost"), 12);
	cr_expect_eq(number_in(json, "refused"), 13);
	cr_expect_eq(number_in(json, "file_bytes"), 14);
	cr_expect_eq(number_in(json, "seq"), 15);
	cr_expect_eq(number_in(json, "checkpoint_ms_ago"), 1600);
	cr_expect(json_is_true(json_object_get(json, "blocked")));
	cr_expect(json_is_true(json_object_get(json, "signed")));
	cr_expect_str_eq(json_string_value(json_object_get(json, "detail")),
	    "each");
	cr_expect_str_eq(json_string_value(
			     json_object_get(json, "when_blocked")),
	    "continue");
	cr_expect_eq(strlen(json_string_value(json_object_get(json, "chain"))),
	    43);
	json_decref(json);
	free(s);
}

Test(stats, an_audit_trail_without_a_checkpoint_says_null)
{
	AUTO(buf_free) struct buf *b = sample();

	put_audit(b, VH_AUDIT_SUMMARY, false, 32);
	struct vault_stats *s = parse(buf_slice(b), VH_OK);
	json_t *json = stats_audit_json(s);

	cr_expect(json_is_null(json_object_get(json, "checkpoint_ms_ago")));
	cr_expect(json_is_false(json_object_get(json, "blocked")));
	cr_expect_str_eq(json_string_value(json_object_get(json, "detail")),
	    "summary");
	json_decref(json);
	free(s);
}

Test(stats, no_audit_trail_is_null)
{
	AUTO(buf_free) struct buf *b = sample();
	struct vault_stats *s = parse(buf_slice(b), VH_OK);
	json_t *json = stats_audit_json(s);

	cr_expect(json_is_null(json));
	json_decref(json);
	free(s);
}

Test(stats, an_audit_trail_with_too_short_a_hash_is_refused)
{
	for (size_t size = 0; size <= 31; size += 31) {
		AUTO(buf_free) struct buf *b = sample();

		put_audit(b, 0, false, size);
		free(parse(buf_slice(b), VH_EPARSE));
	}
}
