#include "front/encrypt_json.h"

#include "front/reply.h"
#include "front/vaultlink.h"
#include "jose/jwe_json.h"

#define F(name) VH_TAG_BIT(VH_F_##name)

/* The recipients of one message; their JWKs are owned here. */
struct targets {
	size_t count;
	struct target at[FORM_PARTIES];
};

static void
targets_end_auto(struct targets *t)
{
	for (size_t i = 0; i < t->count; i++)
		target_end(&t->at[i]);
}

void
encrypt_keep(struct buf *b, const struct fields *in)
{
	party_put(b, in, F(FORMAT) | F(UNPROTECTED) | F(AAD));
}

/* --- in ------------------------------------------------------------------- */

static enum vh_err
check_alg(const struct target *to, struct buf *why)
{
	if (!jwe_is_direct(to->alg))
		return VH_OK;
	return why_name(why, VH_EALG, "algorithm ", slice_text(to->alg->name),
	    " is for one recipient");
}

/* The names of a recipient's own header stand nowhere else. */
static enum vh_err
check_header(const struct fields *all, const struct fields *one,
    struct buf *why)
{
	struct slice own = one->at[VH_F_HEADER], none = { NULL, 0 };

	if (all == one)
		return VH_OK;
	TRY(header_check_unprotected(own, true, all->at[VH_F_TYP],
	    all->at[VH_F_HEADER], why));
	return header_check_unprotected(own, true, none,
	    all->at[VH_F_UNPROTECTED], why);
}

static enum vh_err
choose(struct front *f, const struct asker *asker, const struct parties *all,
    struct targets *to)
{
	for (size_t i = 0; i < all->count; i++) {
		const struct fields *one = &all->at[i];

		if (!fields_have(one, VH_F_ALG))
			return why_say(f->why, VH_EFIELD,
			    "each recipient needs an alg");
		struct target *t = &to->at[to->count++];

		*t = (struct target){ .key = NULL };
		TRY(target_choose(f, asker, one, t));
		TRY(check_alg(t, f->why));
		TRY(check_header(&all->at[0], one, f->why));
	}
	return VH_OK;
}

/* What all share: enc, and what the caller adds. */
static enum vh_err
put_protected(struct front *f, const struct fields *in, const struct enc *enc,
    struct buf *out)
{
	AUTO(buf_free) struct buf *json = buf_new(VH_HEADER_MAX);
	const struct header_wish wish = { .enc = enc,
		.zip = fields_have(in, VH_F_ZIP),
		.typ = in->at[VH_F_TYP],
		.extra = in->at[VH_F_HEADER] };

	TRY(header_put(&wish, json, f->why));
	TRY(buf_end(json));
	b64_put(out, buf_slice(json));
	return buf_end(out);
}

/* What each will have in its own header, but for what the vault adds. */
static enum vh_err
keep(struct buf *b, const struct parties *all, const struct targets *to,
    struct slice protected)
{
	frame_put(b, VH_F_PROTECTED, protected);
	frame_put(b, VH_F_KID, target_name(&to->at[0]));
	encrypt_keep(b, &all->at[0]);
	for (size_t i = 0; i < to->count; i++) {
		size_t nest = frame_nest(b, VH_F_PARTY);

		frame_put_text(b, VH_F_ALG, to->at[i].alg->name);
		frame_put(b, VH_F_KID, to->at[i].kid);
		frame_put(b, VH_F_NAME, target_name(&to->at[i]));
		party_put(b, &all->at[i],
		    F(APU) | F(APV) | (i == 0 ? 0 : F(HEADER)));
		frame_nest_close(b, nest);
	}
	return buf_end(b);
}

static void
ask_vault(struct front *f, struct pending *p, const struct parties *all,
    const struct targets *to, const struct enc *enc, struct slice protected)
{
	const struct fields *in = &all->at[0];
	size_t start;
	struct buf *b = vault_ask(f, p, VH_OP_VSEAL, &start);

	frame_put_u32(b, VH_F_ENC_ID, enc->id);
	frame_put(b, VH_F_PROTECTED, protected);
	for (size_t i = 0; i < to->count; i++) {
		size_t nest = frame_nest(b, VH_F_PARTY);

		target_put(b, &to->at[i], &all->at[i]);
		frame_nest_close(b, nest);
	}
	if (fields_have(in, VH_F_AAD))
		frame_put(b, VH_F_AAD, in->at[VH_F_AAD]);
	frame_put(b, VH_F_DATA, in->at[VH_F_DATA]);
	frame_close(b, start);
}

enum vh_err
encrypt_several(struct front *f, struct request *q, const struct parties *all,
    const struct enc *enc)
{
	AUTO(buf_free) struct buf *protected = buf_new(VH_HEADER_MAX);
	AUTO(targets_end) struct targets to = { .count = 0 };

	TRY(choose(f, &q->asker, all, &to));
	TRY(put_protected(f, &all->at[0], enc, protected));
	if (front_is_full(f, 2 * all->at[0].at[VH_F_DATA].len))
		return VH_EBUSY;
	struct pending *p = request_pend(f, q);

	if (p == NULL)
		return VH_EBUSY;
	enum vh_err err = keep(p->kept, all, &to, buf_slice(protected));

	if (err != VH_OK) {
		request_drop(f, p);
		return err;
	}
	pending_weigh(f->pendings, p);
	ask_vault(f, p, all, &to, enc, buf_slice(protected));
	return VH_OK;
}

/* --- out ------------------------------------------------------------------ */

/* Walks to the next PARTY of some fields. */
static bool
next_party(struct slice *rest, struct slice *body)
{
	unsigned tag;

	while (fields_next(rest, &tag, body))
		if (tag == VH_F_PARTY)
			return true;
	return false;
}

/* The members that the vault made for this recipient. */
static enum vh_err
put_made(struct buf *b, const struct fields *made)
{
	struct pub epk;

	if (fields_have(made, VH_F_KEY_TAG)) {
		buf_put_text(b, "\"iv\":\"");
		b64_put(b, made->at[VH_F_KEY_IV]);
		buf_put_text(b, "\",\"tag\":\"");
		b64_put(b, made->at[VH_F_KEY_TAG]);
		buf_put_text(b, "\"");
		return buf_end(b);
	}
	if (!fields_have(made, VH_F_KTY_ID))
		return VH_OK;
	TRY(pub_of_fields(made, &epk));
	buf_put_text(b, "\"epk\":{");
	pub_put_members(b, &epk);
	buf_put_text(b, "}");
	return buf_end(b);
}

/* Appends the recipient's header to b. */
static enum vh_err
put_header(struct buf *b, const struct fields *kept, const struct fields *made)
{
	AUTO(buf_free) struct buf *members = buf_new(VH_HEADER_MAX);
	const struct header_wish wish = { .alg =
					      alg_by_name(kept->at[VH_F_ALG]),
		.kid = kept->at[VH_F_KID],
		.apu = kept->at[VH_F_APU],
		.apv = kept->at[VH_F_APV],
		.extra = kept->at[VH_F_HEADER] };

	TRY(put_made(members, made));
	return header_put_recipient(&wish, buf_slice(members), b, NULL);
}

/* Their headers, one behind the other in b; points into it once all are. */
static enum vh_err
put_recipients(struct buf *b, const struct fields *kept,
    const struct fields *made, struct jwe_recipient *to, size_t *count)
{
	struct slice kept_rest = kept->body, made_rest = made->body, one, other;
	size_t ends[FORM_PARTIES + 1] = { 0 };
	struct fields wish, parcel;

	*count = 0;
	while (*count < FORM_PARTIES && next_party(&kept_rest, &one)) {
		if (!next_party(&made_rest, &other))
			return VH_EINTERNAL;
		TRY(fields_parse(one, &wish));
		TRY(fields_parse(other, &parcel));
		TRY(put_header(b, &wish, &parcel));
		to[*count].encrypted_key = parcel.at[VH_F_ENCRYPTED_KEY];
		ends[++*count] = b->len;
	}
	for (size_t i = 0; i < *count; i++)
		to[i].header = slice_of(b->p + ends[i], ends[i + 1] - ends[i]);
	return VH_OK;
}

static void
put_names(struct buf *b, const struct fields *kept)
{
	struct slice rest = kept->body, one;
	struct fields party;

	frame_put(b, VH_F_KID, kept->at[VH_F_KID]);
	while (next_party(&rest, &one)) {
		if (fields_parse(one, &party) != VH_OK)
			continue; /* it was parsed before */
		size_t nest = frame_nest(b, VH_F_PARTY);

		frame_put(b, VH_F_KID, party.at[VH_F_NAME]);
		frame_put(b, VH_F_ALG, party.at[VH_F_ALG]);
		frame_nest_close(b, nest);
	}
}

enum vh_err
encrypt_reply_json(struct front *f, struct pending *p,
    const struct fields *kept, enum form form, const struct fields *made)
{
	AUTO(buf_free)
	struct buf *headers = buf_new(FORM_PARTIES * 2 * VH_HEADER_MAX);
	struct jwe_recipient to[FORM_PARTIES] = {
		{ .encrypted_key = made->at[VH_F_ENCRYPTED_KEY] }
	};
	size_t count = 1;
	struct reply r;

	if (fields_have(kept, VH_F_PARTY))
		TRY(put_recipients(headers, kept, made, to, &count));
	const struct fields *head =
	    fields_have(made, VH_F_PROTECTED) ? made : kept;
	const struct jwe_made message = { .protected = head->at[VH_F_PROTECTED],
		.unprotected = kept->at[VH_F_UNPROTECTED],
		.aad = kept->at[VH_F_AAD],
		.iv = made->at[VH_F_IV],
		.ciphertext = made->at[VH_F_CIPHERTEXT],
		.tag = made->at[VH_F_TAG] };
	struct buf *b = reply_open(f, &r, &p->to);
	size_t nest = frame_nest(b, VH_F_TOKEN);

	jwe_put_json(b, form, &message, to, count);
	frame_nest_close(b, nest);
	put_names(b, kept);
	reply_close(f, &r);
	return VH_OK;
}
