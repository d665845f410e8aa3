#include "front/sign_json.h"

#include "front/group.h"
#include "front/party.h"
#include "front/reply.h"
#include "jose/jws_json.h"

#define F(name) VH_TAG_BIT(VH_F_##name)
/* What each signer may say for itself, and what of it a SIGN has. */
#define ASKS                                                                   \
	(F(KID) | F(NAME) | F(ALG) | F(KTY) | F(CRV) | F(USE) | F(HEADER) |    \
	    F(TYP))
#define SAYS (ASKS | F(UNPROTECTED))

bool
sign_json_wants(const struct fields *in)
{
	return (fields_have(in, VH_F_FORMAT) &&
		   !slice_is(in->at[VH_F_FORMAT], "compact")) ||
	       fields_have(in, VH_F_PARTY) || fields_have(in, VH_F_UNPROTECTED);
}

static enum vh_err
check_payload(const struct fields *in, struct buf *why)
{
	if (fields_u32(in, VH_F_UNENCODED) == 0 ||
	    fields_u32(in, VH_F_DETACHED) != 0 ||
	    jws_is_jsonable(in->at[VH_F_DATA]))
		return VH_OK;
	return why_say(why, VH_EFIELD,
	    "payload that is not encoded has to be detached, unless it is "
	    "UTF-8");
}

static enum vh_err
check(const struct front *f, const struct request *q, const struct parties *all,
    enum form form)
{
	if (form == FORM_COMPACT)
		return why_say(f->why, VH_EFIELD,
		    "an unprotected header needs format flattened or general");
	/* The parts of other nodes' requests come one by one. */
	if (q->to.conn == NULL)
		return VH_EFORBIDDEN;
	if (all->count > f->settings->per_principal) {
		buf_put_text(f->why, "more signers than requests a caller may "
				     "have in flight");
		return VH_ETOOBIG;
	}
	for (size_t i = 0; i < all->count; i++) {
		const struct slice *at = all->at[i].at;

		TRY(header_check_unprotected(at[VH_F_UNPROTECTED], false,
		    at[VH_F_TYP], at[VH_F_HEADER], f->why));
	}
	return check_payload(&q->frame.f, f->why);
}

/* --- in ------------------------------------------------------------------- */

static enum vh_err
ask_one(struct front *f, struct pending *p, const struct request *q,
    const struct fields *signer)
{
	const struct fields *in = &q->frame.f;
	AUTO(buf_free) struct buf *b = buf_new(in->body.len + VH_HEADER_MAX);
	size_t start = frame_request(b, VH_OP_SIGN, q->to.id, 0);

	party_put(b, signer, ASKS);
	frame_put(b, VH_F_DATA, in->at[VH_F_DATA]);
	frame_put_u32(b, VH_F_DETACHED, 1);
	if (fields_u32(in, VH_F_UNENCODED) != 0)
		frame_put_u32(b, VH_F_UNENCODED, 1);
	frame_close(b, start);
	TRY(buf_end(b));
	return group_add(f, p, q, buf_slice(b));
}

static enum vh_err done(struct front *f, struct pending *p);

static enum vh_err
begin(struct front *f, struct request *q, const struct parties *all)
{
	struct pending *p;

	TRY(group_begin(f, q, all->count, done, &p));
	for (size_t i = 0; i < all->count; i++) {
		enum vh_err err = ask_one(f, p, q, &all->at[i]);

		if (err == VH_OK)
			continue;
		if (all->count > 1)
			buf_format(f->why, "%ssigner %zu of %zu",
			    buf_slice(f->why).len > 0 ? "; " : "", i + 1,
			    all->count);
		request_drop(f, p);
		return err;
	}
	return VH_OK;
}

enum vh_err
sign_json_begin(struct front *f, struct request *q)
{
	const struct fields *in = &q->frame.f;
	struct parties all;
	enum form form;

	TRY(parties_parse(in, SAYS, &all, f->why));
	TRY(parties_form(in, all.count, &form, f->why));
	TRY(check(f, q, &all, form));
	return begin(f, q, &all);
}

/* --- out ------------------------------------------------------------------ */

/* HEADER..SIGNATURE, as a signer made it. */
static enum vh_err
made_of(struct slice token, struct slice unprotected, struct jws_made *out)
{
	struct slice part[3];

	TRY(compact_split(token, part, ARRAY_LEN(part), NULL));
	*out = (struct jws_made){ .protected = part[0],
		.unprotected = unprotected,
		.signature = part[2] };
	return VH_OK;
}

/* What the caller is told of one key. */
static void
put_key(struct buf *b, const struct fields *answer)
{
	party_put(b, answer, F(KID) | F(ALG) | F(JWK));
}

static void
put_keys(struct buf *b, const struct frame *answers, size_t count)
{
	put_key(b, &answers[0].f);
	for (size_t i = 0; i < count; i++) {
		size_t nest = frame_nest(b, VH_F_PARTY);

		put_key(b, &answers[i].f);
		frame_nest_close(b, nest);
	}
}

static enum vh_err
reply(struct front *f, struct pending *p, const struct fields *in,
    const struct jws_made *made, const struct frame *answers, size_t count)
{
	bool detached = fields_u32(in, VH_F_DETACHED) != 0;
	struct slice data = in->at[VH_F_DATA];
	struct reply r;
	enum form form;

	TRY(parties_form(in, count, &form, NULL));
	struct buf *b = reply_open(f, &r, &p->to);
	size_t nest = frame_nest(b, VH_F_TOKEN);

	jws_put_json(b, form, detached ? NULL : &data,
	    fields_u32(in, VH_F_UNENCODED) != 0, made, count);
	frame_nest_close(b, nest);
	put_keys(b, answers, count);
	reply_close(f, &r);
	return VH_OK;
}

static enum vh_err
done(struct front *f, struct pending *p)
{
	struct frame answers[FORM_PARTIES];
	struct jws_made made[FORM_PARTIES];
	struct parties all;
	struct fields in;

	TRY(fields_parse(buf_slice(p->kept), &in));
	TRY(parties_parse(&in, SAYS, &all, NULL));
	for (size_t i = 0; i < all.count; i++) {
		TRY(group_answer(p, i, &answers[i]));
		TRY(made_of(answers[i].f.at[VH_F_TOKEN],
		    all.at[i].at[VH_F_UNPROTECTED], &made[i]));
	}
	return reply(f, p, &in, made, answers, all.count);
}
