#include "vault/stats.h"

static void
put_histogram(struct buf *b, enum vh_tag tag, const struct histogram *h)
{
	frame_put_head(b, tag, HISTOGRAM_BYTES);
	histogram_put(b, h);
}

void
stats_put_algs(struct buf *b, const struct stats *s)
{
	const struct alg *alg;

	for (size_t i = 0; (alg = alg_at(i)) != NULL; i++) {
		if (s->alg[alg->id].ok + s->alg[alg->id].failed == 0)
			continue;
		size_t nest = frame_nest(b, VH_F_STATS);

		frame_put_text(b, VH_F_NAME, alg->name);
		frame_put_u64(b, VH_F_OKS, s->alg[alg->id].ok);
		frame_put_u64(b, VH_F_FAILS, s->alg[alg->id].failed);
		put_histogram(b, VH_F_WAIT, &s->alg[alg->id].wait);
		put_histogram(b, VH_F_EXEC, &s->alg[alg->id].exec);
		frame_nest_close(b, nest);
	}
}

void
stats_put_lane(struct buf *b, const struct stats *s, enum lane lane,
    size_t depth)
{
	size_t nest = frame_nest(b, VH_F_STATS);

	frame_put_text(b, VH_F_NAME, lane_name(lane));
	frame_put_u64(b, VH_F_BUSY, s->lane[lane].busy);
	frame_put_u64(b, VH_F_EXPIRED, s->lane[lane].expired);
	frame_put_u32(b, VH_F_DEPTH, (uint32_t)depth);
	frame_nest_close(b, nest);
}
