#include "vault/job.h"

#include <stdlib.h>

#include "vault/registers.h"

typedef enum vh_err (*operation)(struct crypto *, const struct store *,
    const struct frame *, struct buf *);

static const struct {
	enum vh_op op;
	operation run;
} operations[] = {
	{ VH_OP_VSIGN, op_sign },
	{ VH_OP_VDECRYPT, op_decrypt },
	{ VH_OP_VENCRYPT, op_encrypt },
};

/* What the node says as a node. */
typedef enum vh_err (*statement)(struct record *, struct crypto *,
    const struct frame *, struct buf *);

static const struct {
	enum vh_op op;
	statement run;
} statements[] = {
	{ VH_OP_VRECORD, op_record },
	{ VH_OP_VHELLO, op_hello },
	{ VH_OP_VREVOKE, op_revoke },
	{ VH_OP_VACTIVATE, op_activate },
};

struct job *
job_new(struct outlet *from, struct slice message, const struct frame *q,
    enum lane lane, struct mono_ns now)
{
	struct job *job = malloc(sizeof *job + message.len);

	if (job == NULL)
		return NULL;
	*job = (struct job){ .from = outlet_ref(from),
		.received = now,
		.deadline = mono_after_ms(now, q->deadline_ms),
		.has_deadline = q->deadline_ms != 0,
		.lane = lane,
		.len = message.len };
	memcpy(job->bytes, message.p, message.len);
	return job;
}

void
job_free(struct job *job)
{
	if (job == NULL)
		return;
	outlet_free(job->from);
	free(job);
}

static enum vh_err
operate(const struct frame *q, struct crypto *crypto, const struct desk *desk,
    struct buf *out)
{
	for (size_t i = 0; i < ARRAY_LEN(operations); i++)
		if (operations[i].op == q->op)
			return operations[i].run(crypto, desk->store, q, out);
	for (size_t i = 0; i < ARRAY_LEN(statements); i++)
		if (statements[i].op == q->op && desk->record != NULL)
			return statements[i].run(desk->record, crypto, q, out);
	return VH_EOP;
}

enum vh_err
job_do(const struct frame *q, struct crypto *crypto, const struct desk *desk,
    struct buf *out)
{
	size_t start = frame_answer(out, q->op, q->id, VH_OK);
	enum vh_err err = operate(q, crypto, desk, out);

	if (err == VH_OK)
		err = buf_end(out);
	if (err == VH_OK) {
		frame_close(out, start);
		return VH_OK;
	}
	out->err = VH_OK; /* what failed is cut off */
	buf_trim(out, start);
	frame_put_error(out, q->op, q->id, err, NULL);
	return err;
}

void
job_run(const struct job *job, struct crypto *crypto, const struct desk *desk,
    struct buf *out)
{
	struct stats *stats = desk->stats;
	struct frame q;
	struct mono_ns start = clock_mono();
	enum vh_err err = frame_parse(slice_of(job->bytes, job->len), &q);

	if (err != VH_OK) /* the intake parsed it before */
		return;
	if (job->has_deadline && mono_passed(job->deadline, start)) {
		stats->lane[job->lane].expired++;
		frame_put_error(out, q.op, q.id, VH_EDEADLINE, NULL);
		return;
	}
	err = job_do(&q, crypto, desk, out);
	registers_clear();
	struct mono_ns end = clock_mono();
	uint32_t alg = fields_u32(&q.f, VH_F_ALG_ID);

	if (alg_by_id(alg) == NULL)
		return;
	histogram_observe_ns(&stats->alg[alg].wait,
	    start.ns - job->received.ns);
	histogram_observe_ns(&stats->alg[alg].exec, end.ns - start.ns);
	if (err == VH_OK)
		stats->alg[alg].ok++;
	else
		stats->alg[alg].failed++;
}
