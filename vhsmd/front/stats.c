#include "front/stats.h"

#include "wire/alg.h"

static enum vh_err
parse_histogram(const struct fields *f, enum vh_tag tag, struct histogram *out)
{
	if (!fields_have(f, tag))
		return VH_OK;
	return histogram_parse(f->at[tag], out);
}

static void
copy_name(char *to, size_t room, struct slice name)
{
	size_t len = name.len < room ? name.len : room - 1;

	if (len > 0)
		memcpy(to, name.p, len);
	to[len] = '\0';
}

static enum vh_err
parse_row(struct slice body, struct vault_row *row, bool *is_alg)
{
	struct fields f;

	memset(row, 0, sizeof *row);
	TRY(fields_parse(body, &f));
	struct slice name =
	    fields_have(&f, VH_F_ALG) ? f.at[VH_F_ALG] : f.at[VH_F_NAME];

	copy_name(row->name, sizeof row->name, name);
	*is_alg = alg_by_name(name) != NULL;
	row->oks = fields_u64(&f, VH_F_OKS);
	row->fails = fields_u64(&f, VH_F_FAILS);
	row->busy = fields_u64(&f, VH_F_BUSY);
	row->expired = fields_u64(&f, VH_F_EXPIRED);
	row->depth = fields_u32(&f, VH_F_DEPTH);
	TRY(parse_histogram(&f, VH_F_WAIT, &row->wait));
	return parse_histogram(&f, VH_F_EXEC, &row->exec);
}

enum vh_err
stats_parse(const struct fields *f, struct vault_stats *out)
{
	struct slice rest = f->body, value;
	struct vault_row row;
	unsigned tag;
	bool is_alg;

	copy_name(out->protection, sizeof out->protection,
	    f->at[VH_F_PROTECTION]);
	out->arena = fields_u64(f, VH_F_ARENA);
	out->unused = fields_u64(f, VH_F_FREE);
	out->keys = fields_u32(f, VH_F_COUNT);
	out->lane_count = out->alg_count = 0;
	while (fields_next(&rest, &tag, &value)) {
		if (tag != VH_F_STATS)
			continue;
		TRY(parse_row(value, &row, &is_alg));
		if (is_alg && out->alg_count < VAULT_ALGS)
			out->algs[out->alg_count++] = row;
		if (!is_alg && out->lane_count < VAULT_LANES)
			out->lanes[out->lane_count++] = row;
	}
	return VH_OK;
}

static json_t *
number(uint64_t v)
{
	return json_integer((json_int_t)v);
}

json_t *
stats_lanes_json(const struct vault_stats *stats)
{
	json_t *lanes = json_array();

	for (size_t i = 0; i < stats->lane_count; i++) {
		const struct vault_row *row = &stats->lanes[i];

		/* Appending steals the reference, and fails for NULL. */
		(void)json_array_append_new(lanes,
		    json_pack("{s:s, s:o, s:o, s:o}", "name", row->name,
			"depth", number(row->depth), "busy", number(row->busy),
			"expired", number(row->expired)));
	}
	return lanes;
}

json_t *
stats_algs_json(const struct vault_stats *stats)
{
	json_t *algs = json_object();

	for (size_t i = 0; i < stats->alg_count; i++) {
		const struct vault_row *row = &stats->algs[i];
		const struct histogram *w = &row->wait, *x = &row->exec;

		(void)json_object_set_new(algs, row->name, /* as above */
		    json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "ok",
			number(row->oks), "failed", number(row->fails),
			"wait_p50_us", number(histogram_quantile_us(w, 0.5)),
			"wait_p99_us", number(histogram_quantile_us(w, 0.99)),
			"exec_p50_us", number(histogram_quantile_us(x, 0.5)),
			"exec_p99_us", number(histogram_quantile_us(x, 0.99))));
	}
	return algs;
}
