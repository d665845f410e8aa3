#include "front/refusals.h"

#include "base/log.h"
#include "wire/ops.h"

#define SECOND_NS UINT64_C(1000000000)

bool
refusals_may_log(struct refusals *r, struct mono_ns now, struct shared *shared)
{
	if (now.ns - r->since.ns >= SECOND_NS) {
		r->since = now;
		r->logged = 0;
	}
	if (r->logged >= REFUSALS_PER_SECOND) {
		r->dropped++;
		shared_count(shared, COUNT_LOGS_DROPPED);
		return false;
	}
	r->logged++;
	if (r->dropped > 0)
		LOG(NOTICE, "refusals-not-logged", KV("count", r->dropped));
	r->dropped = 0;
	return true;
}

void
refusals_log_request(struct refusals *r, struct mono_ns now,
    struct shared *shared, const struct caller *caller, unsigned op,
    enum vh_err err, struct slice why, const char *rid)
{
	if (!refusals_may_log(r, now, shared))
		return;
	if (why.len == 0)
		why = slice_text(err_text(err));
	if (rid[0] == '\0')
		LOG(NOTICE, "refused", KV("op", op_name(op)), KV_ERR(err),
		    KV("why", why), KV("uid", caller->uid),
		    KV("pid", caller->pid));
	else
		LOG(NOTICE, "refused", KV("op", op_name(op)), KV_ERR(err),
		    KV("why", why), KV("uid", caller->uid),
		    KV("pid", caller->pid), KV("rid", rid));
}

void
refusals_log_conn(struct refusals *r, struct mono_ns now, struct shared *shared,
    const struct caller *caller, const char *reason)
{
	if (refusals_may_log(r, now, shared))
		LOG(NOTICE, "connection-closed", KV("reason", reason),
		    KV("uid", caller->uid), KV("pid", caller->pid));
}
