#include "vault/report.h"

#include "vault/arena.h"

#define PAGE_BYTES (64u << 10) /* of one VLIST answer, about */

void
report_list(const struct store *store, const struct keeper *keeper,
    const struct frame *q, struct buf *out)
{
	size_t start = frame_answer(out, q->op, q->id, VH_OK);
	size_t i = fields_u32(&q->f, VH_F_INDEX);
	const struct key *key;

	frame_put_u32(out, VH_F_COUNT, (uint32_t)store_count(store));
	frame_put_u64(out, VH_F_SEQ, store_version(store));
	while ((key = store_next(store, &i)) != NULL) {
		size_t nest = frame_nest(out, VH_F_KEY);

		key_put(out, key);
		keeper_put_life(keeper, out, key);
		frame_nest_close(out, nest);
		if (buf_slice(out).len - start >= PAGE_BYTES)
			break;
	}
	if (key != NULL)
		frame_put_u32(out, VH_F_INDEX, (uint32_t)i);
	frame_close(out, start);
}

void
report_stats(struct pool *pool, const struct desk *desk,
    const struct keeper *keeper, const struct frame *q, struct buf *out)
{
	const struct stats *stats = desk->stats;
	struct keeper_counts life = keeper_counts(keeper);
	size_t start = frame_answer(out, q->op, q->id, VH_OK);

	frame_put_text(out, VH_F_PROTECTION, arena_protection());
	frame_put_u64(out, VH_F_ARENA, arena_size());
	frame_put_u64(out, VH_F_FREE, arena_unused());
	frame_put_u32(out, VH_F_COUNT, (uint32_t)store_count(desk->store));
	audit_report(desk->audit, out);
	frame_put_u64(out, VH_F_OKS, life.made);
	frame_put_u64(out, VH_F_FAILS, life.failed);
	frame_put_u64(out, VH_F_BUSY, life.failing);
	if (life.next_ms > 0)
		frame_put_u64(out, VH_F_NEXT_MS, life.next_ms);
	for (enum lane lane = 0; lane < LANES; lane++)
		stats_put_lane(out, stats, lane, pool_depth(pool, lane));
	stats_put_algs(out, stats);
	frame_close(out, start);
}
