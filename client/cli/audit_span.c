#include "client/cli/audit_span.h"

/* As the times of one zone compare. */
static bool
is_later(struct slice time, const char than[static AUDIT_MINUTE])
{
	return time.len >= AUDIT_MINUTE &&
	       strncmp((const char *)time.p, than, AUDIT_MINUTE) > 0;
}

static void
note_minute(struct audit_span *s, struct slice time)
{
	if (time.len >= AUDIT_MINUTE)
		memcpy(s->minute, time.p, AUDIT_MINUTE);
}

const char *
audit_span_add(struct audit_span *s, struct slice line)
{
	struct slice time = audit_member(line, "time");
	bool is_use = !slice_is(audit_member(line, "who"), "vault");

	s->lines++;
	if (is_use && is_later(time, s->minute)) {
		s->minutes++;
		note_minute(s, time);
	}
	if (s->lines > AUDIT_SPAN_LINES)
		return "more than 70000 lines without a checkpoint: some were "
		       "taken out, or the node did not sign";
	if (s->minutes > AUDIT_SPAN_MINUTES)
		return "uses in more than 10 minutes without a checkpoint: "
		       "some were taken out, or the node did not sign";
	return NULL;
}

void
audit_span_end(struct audit_span *s, struct slice line)
{
	s->lines = 0;
	s->minutes = 0;
	note_minute(s, audit_member(line, "time"));
}
