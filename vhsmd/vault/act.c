#include "vault/act.h"

static struct use
use_of(const struct fields *f, enum vh_err err)
{
	return (struct use){ .time = clock_wall(),
		.op = f->at[VH_F_ACT],
		.who = f->at[VH_F_WHO],
		.kid = f->at[fields_have(f, VH_F_KID) ? VH_F_KID : VH_F_NAME],
		.act = true,
		.err = err };
}

enum vh_err
act_note(struct audit *audit, const struct fields *f)
{
	uint32_t stage = fields_u32(f, VH_F_STAGE);
	const struct use u =
	    use_of(f, (enum vh_err)fields_u32(f, VH_F_OUTCOME));

	if (stage == VH_ACT_DONE) {
		audit_note_done(audit, &u);
		return VH_OK;
	}
	TRY(audit_admit(audit));
	return stage == VH_ACT_ASKED ? VH_OK : audit_note(audit, &u);
}

void
act_run(struct audit *audit, struct keeper *keeper, const struct frame *q,
    struct buf *answer)
{
	enum vh_err err = audit_admit(audit);

	if (err != VH_OK) {
		frame_put_error(answer, q->op, q->id, err, NULL);
		return;
	}
	const struct use u = use_of(&q->f, keeper_act(keeper, q, answer));

	audit_note_done(audit, &u);
}
