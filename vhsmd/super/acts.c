#include "super/acts.h"

#include <stdio.h>

#include "base/log.h"
#include "super/notify.h"
#include "super/talk.h"

#define NOTE_MS    5000 /* the vault answers at once, or hangs */
#define REPORT_MAX 16384

static enum vh_err
note(struct super *s, const char *act, const char *who, enum vh_act_stage stage,
    enum vh_err outcome)
{
	AUTO(buf_free) struct buf *b = buf_new(2 * VH_WHO_MAX);
	struct frame answer;

	if (s->plan->audit == NULL)
		return VH_OK;
	size_t at = talk_open(s, b, VH_OP_VNOTE, NOTE_MS);

	frame_put_text(b, VH_F_ACT, act);
	frame_put_text(b, VH_F_WHO, who);
	frame_put_u32(b, VH_F_STAGE, stage);
	frame_put_u32(b, VH_F_OUTCOME, outcome);
	frame_close(b, at);
	TRY(buf_end(b));
	return talk_call(s, PROC_VAULT, buf_slice(b), -1, NOTE_MS, &answer);
}

static enum vh_err
reload_noted(struct super *s, const char *who, struct buf *report,
    struct buf *why)
{
	enum vh_err err = note(s, "reload", who, VH_ACT_ASKED, VH_OK);

	if (err != VH_OK) {
		buf_put_text(why, err_text(err));
		LOG(ERROR, "reload-refused", KV_ERR(err),
		    KV("why", buf_slice(why)));
		return err;
	}
	err = super_reload(s, report, why);
	enum vh_err lost = note(s, "reload", who, VH_ACT_DONE, err);

	if (lost != VH_OK) /* no vault: the node ends */
		LOG(ERROR, "act-not-noted", KV("act", "reload"), KV("who", who),
		    KV_ERR(lost));
	return err;
}

static void
reload(struct super *s, const char *who, bool asked)
{
	AUTO(buf_free) struct buf *report = buf_new(REPORT_MAX);
	AUTO(buf_free) struct buf *why = buf_new(field_row(VH_F_WHY)->max);
	char text[128];

	(void)snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%llu",
	    (unsigned long long)(clock_mono().ns / 1000));
	notify(text);
	enum vh_err err = reload_noted(s, who, report, why);

	notify_ready(s->cluster_address,
	    err == VH_OK ? NULL : "nothing reloaded, see the log");
	if (asked)
		super_answer_reload(s, err, report, why);
}

void
acts_reload_asked(struct super *s)
{
	reload(s, s->reload_who, true);
	s->reload_asked = false;
}

/* As front names a caller: by the uid. */
void
acts_reload_by_signal(struct super *s, uint32_t uid)
{
	char who[64];

	(void)snprintf(who, sizeof who, "uid:%u,signal:HUP", (unsigned)uid);
	reload(s, who, false);
}
