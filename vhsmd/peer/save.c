#include "peer/save.h"

#include "base/log.h"

#define PART_MAX   (8u << 20)
#define NEWS_MS    3000  /* between saves of what is new */
#define RENEWED_MS 60000 /* of what only has a later time */
#define STATE_MAX  LEDGER_BYTES_MAX

static void send_part(struct peer *p);

static void
end(struct saving *s)
{
	buf_free(TAKE(s->text));
	s->parts = 0;
	s->asked = false;
}

static void
saved(struct peer *p, const struct pending *w, enum vh_err err,
    const struct frame *a)
{
	struct saving *s = &p->saving;

	(void)w;
	s->asked = false;
	if (err != VH_OK) {
		LOG(ERROR, "state-not-saved", KV_ERR(err));
		s->again = true;
		end(s);
	} else if (++s->part >= s->parts) {
		if (fields_u32(&a->f, VH_F_ON_DISK) == 1)
			announce_saved(p->announce, s->own_epoch, s->own_seq);
		end(s);
	} else {
		send_part(p);
	}
}

static void
send_part(struct peer *p)
{
	struct saving *s = &p->saving;
	struct slice text = buf_slice(s->text);
	struct buf *b;
	size_t start, from = s->part * PART_MAX;

	text.p += from;
	text.len -= from;
	if (text.len > PART_MAX)
		text.len = PART_MAX;
	if (link_ask(p, OF_SUPER, VH_OP_PSAVE, PEER_WAIT_MS, saved, &b,
		&start) == NULL) {
		s->again = true;
		end(s);
		return;
	}
	frame_put(b, VH_F_DATA, text);
	frame_put_u32(b, VH_F_INDEX, (uint32_t)s->part);
	frame_put_u32(b, VH_F_COUNT, (uint32_t)s->parts);
	frame_close(b, start);
	s->asked = true;
}

static void
begin(struct peer *p)
{
	struct saving *s = &p->saving;
	const struct record *own = ledger_current(p->ledger, p->settings->node);
	size_t left_out = 0;

	s->own_epoch = own == NULL ? 0 : own->epoch;
	s->own_seq = own == NULL ? 0 : own->seq;
	s->text = buf_new(STATE_MAX);
	s->again = false;
	s->at = p->now.mono;
	s->version = ledger_version(p->ledger);
	s->tombstones = ledger_stats(p->ledger).tombstones;
	enum vh_err err =
	    statefile_put(p->ledger, STATE_MAX, s->text, &left_out);

	if (left_out > 0)
		LOG(ERROR, "state-cut", KV("left_out", left_out));
	if (err != VH_OK || buf_slice(s->text).len == 0) {
		LOG(ERROR, "state-not-saved", KV_ERR(err));
		end(s);
		return;
	}
	s->part = 0;
	s->parts = (buf_slice(s->text).len + PART_MAX - 1) / PART_MAX;
	send_part(p);
}

static bool
is_news(const struct peer *p)
{
	return p->saving.version != ledger_version(p->ledger) ||
	       p->saving.tombstones != ledger_stats(p->ledger).tombstones;
}

void
save_tick(struct peer *p, bool at_once)
{
	struct saving *s = &p->saving;

	if (s->parts > 0 || (!at_once && !s->again && !is_news(p)))
		return;
	uint64_t pause = is_news(p) ? NEWS_MS : RENEWED_MS;

	if (at_once || mono_passed(mono_after_ms(s->at, pause), p->now.mono))
		begin(p);
}

bool
save_is_busy(const struct peer *p)
{
	return p->saving.parts > 0;
}
