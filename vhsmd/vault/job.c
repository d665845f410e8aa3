#include "vault/job.h"

#include <stdlib.h>
#include <unistd.h>

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
	{ VH_OP_VSEAL, op_seal },
	{ VH_OP_VVERIFY, op_verify },
	{ VH_OP_VRAWSIGN, op_raw_sign },
	{ VH_OP_VRAWDECRYPT, op_raw_decrypt },
	{ VH_OP_VRAWDERIVE, op_raw_derive },
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
	{ VH_OP_VANNOUNCE, op_announce },
	{ VH_OP_VACTIVATE, op_activate },
};

/* What the audit trail is told of.  A new operation that uses a private or
 * symmetric key, or that an operator asks for, is a row here.
 *   by      who asks, where front does not say
 *   named   only when it names a key of the vault; or, of several, those
 *           of each PARTY
 *   act     an operator's act, not the use of a key
 *   parts   whose SHA-256 is written, one behind the other */
#define PARTS 4
static const struct audited {
	enum vh_op op;
	const char *name, *by;
	bool named, act;
	enum vh_tag parts[PARTS];
} audited[] = {
	{ VH_OP_VSIGN, "sign", "front", false, false, { VH_F_DATA } },
	{ VH_OP_VDECRYPT, "decrypt", "front", false, false,
	    { VH_F_ENCRYPTED_KEY, VH_F_IV, VH_F_CIPHERTEXT, VH_F_TAG } },
	{ VH_OP_VENCRYPT, "encrypt", "front", true, false, { 0 } },
	{ VH_OP_VSEAL, "encrypt", "front", true, false, { 0 } },
	{ VH_OP_VVERIFY, "verify", "front", false, false,
	    { VH_F_DATA, VH_F_SIGNATURE } },
	{ VH_OP_VRAWSIGN, "raw-sign", "front", false, false, { VH_F_DATA } },
	{ VH_OP_VRAWDECRYPT, "raw-decrypt", "front", false, false,
	    { VH_F_DATA, VH_F_LABEL } },
	{ VH_OP_VRAWDERIVE, "raw-derive", "front", false, false,
	    { VH_F_PUB_X, VH_F_PUB_Y } },
	{ VH_OP_VRECORD, "record", "peer", false, false, { 0 } },
	{ VH_OP_VHELLO, "hello", "peer", false, false, { 0 } },
	{ VH_OP_VREVOKE, "revoke", "front", false, true, { 0 } },
};

struct job *
job_new(struct outlet *from, struct slice message, const struct frame *q,
    enum lane lane, struct mono_ns now)
{
	struct job *job = malloc(sizeof *job + message.len);

	if (job == NULL)
		return NULL;
	*job = (struct job){ .from = outlet_ref(from),
		.fd = -1,
		.received = now,
		.deadline = mono_after_ms(now, q->deadline_ms),
		.has_deadline = q->deadline_ms != 0,
		.lane = lane,
		.len = message.len };
	memcpy(job->bytes, message.p, message.len);
	return job;
}

struct job *
job_errand(errand *run, void *context, enum lane lane)
{
	struct job *job = calloc(1, sizeof *job);

	if (job == NULL)
		return NULL;
	job->errand = run;
	job->context = context;
	job->fd = -1;
	job->lane = lane;
	return job;
}

void
job_free(struct job *job)
{
	if (job == NULL)
		return;
	if (job->fd >= 0)
		(void)close(job->fd); /* was read, or is not wanted */
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

/* Walks to the next PARTY of some fields. */
static bool
next_party(struct slice *rest, struct fields *party)
{
	struct slice body;
	unsigned tag;

	while (fields_next(rest, &tag, &body))
		if (tag == VH_F_PARTY && fields_parse(body, party) == VH_OK)
			return true;
	return false;
}

static bool
names_key(const struct fields *f)
{
	struct slice rest = f->body;
	struct fields party;

	if (fields_have(f, VH_F_KID))
		return true;
	while (next_party(&rest, &party))
		if (fields_have(&party, VH_F_KID))
			return true;
	return false;
}

static const struct audited *
audited_row(const struct frame *q)
{
	for (size_t i = 0; i < ARRAY_LEN(audited); i++)
		if (audited[i].op == q->op)
			return audited[i].named && !names_key(&q->f)
				   ? NULL
				   : &audited[i];
	return NULL;
}

/* u: what the uses of all its keys have in common. */
static enum vh_err
note_all(struct audit *audit, struct use *u, const struct fields *f)
{
	struct slice rest = f->body;
	struct fields party;

	u->kid = f->at[VH_F_KID];
	u->alg = alg_by_id(fields_u32(f, VH_F_ALG_ID));
	if (!fields_have(f, VH_F_PARTY))
		return audit_note(audit, u);
	while (next_party(&rest, &party)) {
		u->kid = party.at[VH_F_KID];
		u->alg = alg_by_id(fields_u32(&party, VH_F_ALG_ID));
		if (u->kid.len > 0)
			TRY(audit_note(audit, u));
	}
	return VH_OK;
}

/* Tells the audit trail what came of it. */
static enum vh_err
note(const struct audited *row, const struct frame *q, struct crypto *crypto,
    const struct desk *desk, enum vh_err err)
{
	struct slice parts[PARTS];
	size_t count = 0;
	struct use u = { .time = clock_wall(),
		.op = slice_text(row->name),
		.who = fields_have(&q->f, VH_F_WHO) ? q->f.at[VH_F_WHO]
						    : slice_text(row->by),
		.act = row->act,
		.err = err };

	while (count < PARTS && row->parts[count] != 0) {
		parts[count] = q->f.at[row->parts[count]];
		count++;
	}
	u.has_digest = count > 0;
	if (u.has_digest &&
	    !(q->op == VH_OP_VSIGN && crypto_signed_digest(crypto, u.digest)))
		TRY(crypto_digest(crypto, parts, count, u.digest));
	return note_all(desk->audit, &u, &q->f);
}

/* Nothing leaves that the audit trail has not been told of. */
static enum vh_err
operate_audited(const struct frame *q, struct crypto *crypto,
    const struct desk *desk, struct buf *out)
{
	const struct audited *row = desk->audit == NULL ? NULL : audited_row(q);

	if (row == NULL)
		return operate(q, crypto, desk, out);
	TRY(audit_admit(desk->audit));
	enum vh_err err = operate(q, crypto, desk, out);

	if (err == VH_OK)
		err = buf_end(out);
	TRY(note(row, q, crypto, desk, err));
	return err;
}

enum vh_err
job_do(const struct frame *q, struct crypto *crypto, const struct desk *desk,
    struct buf *out)
{
	size_t start = frame_answer(out, q->op, q->id, VH_OK);
	enum vh_err err = operate_audited(q, crypto, desk, out);

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

/* How long a job of some algorithm waited and took. */
struct spent {
	uint64_t wait_ns, exec_ns;
};

static void
count_alg(struct stats *stats, const struct fields *f, enum vh_err err,
    struct spent spent)
{
	uint32_t alg = fields_u32(f, VH_F_ALG_ID);

	if (alg_by_id(alg) == NULL)
		return;
	histogram_observe_ns(&stats->alg[alg].wait, spent.wait_ns);
	histogram_observe_ns(&stats->alg[alg].exec, spent.exec_ns);
	if (err == VH_OK)
		stats->alg[alg].ok++;
	else
		stats->alg[alg].failed++;
}

/* Each recipient counts, and what all took together is shared out. */
static void
count_all(struct stats *stats, const struct fields *f, enum vh_err err,
    struct spent spent)
{
	struct slice rest = f->body;
	struct fields party;
	size_t count = 0;

	if (!fields_have(f, VH_F_PARTY)) {
		count_alg(stats, f, err, spent);
		return;
	}
	while (next_party(&rest, &party))
		count++;
	rest = f->body;
	while (next_party(&rest, &party))
		count_alg(stats, &party, err,
		    (struct spent){ spent.wait_ns, spent.exec_ns / count });
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

	const struct spent spent = { start.ns - job->received.ns,
		end.ns - start.ns };

	count_all(stats, &q.f, err, spent);
}
