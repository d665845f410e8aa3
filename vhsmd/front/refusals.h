/* The log of what was refused: one event each, at most so many a second. */
#ifndef FRONT_REFUSALS_H
#define FRONT_REFUSALS_H

#include "base/clock.h"
#include "front/policy.h"
#include "front/shared.h"

#define REFUSALS_PER_SECOND 50

struct refusals {
	struct mono_ns since; /* of the second that is counted */
	unsigned logged;
	uint64_t dropped; /* since the last line that said so */
};

/* Whether a line may be written now.  How many were left out before it is
 * logged first. */
bool refusals_may_log(struct refusals *r, struct mono_ns now,
    struct shared *shared);

/* Logs that a request was refused: op, error, who.  why may be empty, and so
 * may rid, its id in the logs of the nodes that were asked. */
void refusals_log_request(struct refusals *r, struct mono_ns now,
    struct shared *shared, const struct caller *caller, unsigned op,
    enum vh_err err, struct slice why, const char *rid);
/* Logs that a connection was closed, and why. */
void refusals_log_conn(struct refusals *r, struct mono_ns now,
    struct shared *shared, const struct caller *caller, const char *reason);

#endif
