#include "front/admit.h"

static bool
is_limited(const struct conn *c, uint16_t op)
{
	return c != NULL && c->who == VH_WHO_CALLER && request_uses_keys(op);
}

enum vh_err
admit_rate(struct front *f, const struct request *q)
{
	const struct conn *c = origin_conn(&q->to);

	if (!is_limited(c, q->frame.op) || (q->to.is_part && q->to.part == 0) ||
	    limits_pass(f->limits, &c->limits, f->now, f->why))
		return VH_OK;
	shared_count(f->shared, COUNT_OVER_RATE);
	return VH_EBUSY;
}

bool
admit_take(struct front *f, struct pending *p, const struct conn *c)
{
	if (!is_limited(c, p->to.op))
		return true;
	if (!limits_take(f->limits, &c->limits, f->why)) {
		shared_count(f->shared, COUNT_OVER_IN_FLIGHT);
		return false;
	}
	p->limits = c->limits;
	return true;
}

void
admit_give(struct front *f, struct pending *p)
{
	limits_give(f->limits, &p->limits);
}
