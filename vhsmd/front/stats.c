#include "front/stats.h"

#include "wire/alg.h"
#include "wire/audit.h"

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

static enum vh_err
parse_audit(struct slice body, struct vault_audit *out)
{
	struct fields f;

	*out = (struct vault_audit){ .there = body.len > 0 };
	if (!out->there)
		return VH_OK;
	TRY(fields_parse(body, &f));
	uint32_t flags = fields_u32(&f, VH_F_FLAGS);

	out->blocked = (flags & VH_AUDIT_BLOCKED) != 0;
	out->goes_on = (flags & VH_AUDIT_CONTINUE) != 0;
	out->summary = (flags & VH_AUDIT_SUMMARY) != 0;
	out->signs = (flags & VH_AUDIT_SIGNS) != 0;
	out->lines = fields_u64(&f, VH_F_OKS);
	out->lost = fields_u64(&f, VH_F_FAILS);
	out->refused = fields_u64(&f, VH_F_BUSY);
	out->size = fields_u64(&f, VH_F_SIZE);
	out->seq = fields_u64(&f, VH_F_SEQ);
	out->checked = fields_have(&f, VH_F_SEEN_MS);
	out->checked_ms = fields_u64(&f, VH_F_SEEN_MS);
	if (f.at[VH_F_DIGEST].len != AUDIT_HASH)
		return VH_EPARSE;
	audit_hash_text(f.at[VH_F_DIGEST].p, out->chain);
	return VH_OK;
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
	TRY(parse_audit(f->at[VH_F_AUDIT], &out->audit));
	out->rotations = fields_u64(f, VH_F_OKS);
	out->rotations_failed = fields_u64(f, VH_F_FAILS);
	out->failing = fields_u64(f, VH_F_BUSY);
	out->next_rotation_ms = fields_u64(f, VH_F_NEXT_MS);
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

json_t *
stats_audit_json(const struct vault_stats *stats)
{
	const struct vault_audit *a = &stats->audit;

	if (!a->there)
		return json_null();
	return json_pack("{s:s, s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:s, s:b, "
			 "s:o}",
	    "detail", a->summary ? "summary" : "each", "when_blocked",
	    a->goes_on ? "continue" : "refuse", "blocked", a->blocked, "lines",
	    number(a->lines), "lost", number(a->lost), "refused",
	    number(a->refused), "file_bytes", number(a->size), "seq",
	    number(a->seq), "chain", a->chain, "signed", a->signs,
	    "checkpoint_ms_ago",
	    a->checked ? number(a->checked_ms) : json_null());
}
