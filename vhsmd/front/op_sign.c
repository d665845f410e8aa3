/* SIGN: a compact JWS (RFC 7515, 7.1).  The signing input is made once, kept
 * until the signature comes, and is then the first part of the token, but for
 * the payload of a detached one. */
#include "front/expiry.h"
#include "front/ops.h"
#include "front/select.h"
#include "front/sign_json.h"
#include "front/vaultlink.h"
#include "jose/jws.h"

#define JWK_ROOM 4096 /* for what stands around a token, usually */

/* The header every token of this key and algorithm has, or one of the
 * caller's own making. */
static enum vh_err
put_head(struct front *f, const struct fields *in, const struct choice *c,
    struct buf *to)
{
	const struct header_wish wish = { .alg = c->alg,
		.kid = slice_text(dkey_kid(c->key)),
		.unencoded = fields_u32(in, VH_F_UNENCODED) != 0,
		.typ = in->at[VH_F_TYP],
		.extra = in->at[VH_F_HEADER] };

	if (wish.unencoded || fields_have(in, VH_F_HEADER) ||
	    fields_have(in, VH_F_TYP))
		return jws_put_protected(&wish, to, f->why);
	buf_put(to, dkey_alg(c->key, c->alg)->head);
	return VH_OK;
}

/* RFC 7515, 5.1: BASE64URL(header) '.' BASE64URL(payload); RFC 7797, 3: or the
 * payload as it is. */
static enum vh_err
put_input(struct front *f, const struct fields *in, const struct choice *c,
    struct buf *to)
{
	TRY(put_head(f, in, c, to));
	buf_put_u8(to, '.');
	if (fields_u32(in, VH_F_UNENCODED) != 0)
		buf_put(to, in->at[VH_F_DATA]);
	else
		b64_put(to, in->at[VH_F_DATA]);
	return buf_end(to);
}

/* What was, or is to be, signed. */
static struct slice
input_of(const struct pending *p)
{
	return slice_of(p->kept->p, p->body_at);
}

/* What of it stands in the token: of a detached one, RFC 7515, appendix F, the
 * header and its dot. */
static struct slice
shown_of(const struct pending *p)
{
	struct slice input = input_of(p);

	if (!p->detached)
		return input;
	const uint8_t *dot = memchr(input.p, '.', input.len);

	return slice_of(input.p, (size_t)(dot - input.p) + 1);
}

static void
ask_vault(struct front *f, struct pending *p)
{
	size_t start;
	struct buf *b = vault_ask(f, p, VH_OP_VSIGN, &start);

	frame_put_text(b, VH_F_KID, p->key->kid);
	frame_put_u32(b, VH_F_ALG_ID, p->alg->id);
	frame_put(b, VH_F_DATA, input_of(p));
	frame_close(b, start);
}

/* What cannot stand in a compact token may still be detached. */
static enum vh_err
check_payload(const struct fields *in, struct buf *why)
{
	if (fields_u32(in, VH_F_UNENCODED) == 0 ||
	    fields_u32(in, VH_F_DETACHED) != 0 ||
	    jws_is_compactable(in->at[VH_F_DATA]))
		return VH_OK;
	return why_say(why, VH_EFIELD,
	    "payload that is not encoded has to be detached, unless it is "
	    "printable ASCII without a dot");
}

/* Why own keys do not sign though they are there. */
static enum vh_err
say_taken(struct front *f, enum vh_err err)
{
	if (f->members.name_taken && (err == VH_EINACTIVE || err == VH_ENOKEY))
		buf_put_text(f->why, "; another node has this node's name");
	return err;
}

enum vh_err
sign_begin(struct front *f, struct request *q)
{
	const struct fields *in = &q->frame.f;
	struct selector s;
	struct choice c;

	if (sign_json_wants(in))
		return sign_json_begin(f, q);
	AUTO(draft_end) struct draft draft = draft_of(in, f->wall);
	const struct search own = { .d = f->directory,
		.s = &s,
		.asker = &q->asker,
		.purpose = FOR_SIGN,
		.draft = &draft };

	TRY(check_payload(in, f->why));
	TRY(selector_parse(in, &s, f->why));
	enum vh_err found = select_key(&own, front_random(f), &c, f->why);

	if (found != VH_OK)
		return say_taken(f,
		    forward_take(f, q, &s, slice_of(NULL, 0), &draft, found));
	if (front_is_full(f, 2 * in->at[VH_F_DATA].len))
		return VH_EBUSY;
	struct pending *p = request_pend(f, q);

	if (p == NULL)
		return VH_EBUSY;
	p->key = c.key;
	p->alg = c.alg;
	p->detached = fields_u32(in, VH_F_DETACHED) != 0;
	enum vh_err err = put_input(f, in, &c, p->kept);

	if (err == VH_OK)
		err = rules_check(c.key->rules, &draft, f->why);
	if (err != VH_OK) {
		request_drop(f, p);
		return err;
	}
	expiry_look(f, c.key, in->at[VH_F_DATA]);
	p->body_at = p->kept->len;
	if (forward_may(f, q))
		forward_keep(p, q);
	pending_weigh(f->pendings, p);
	ask_vault(f, p);
	return VH_OK;
}

enum vh_err
sign_answer(struct front *f, struct pending *p, const struct frame *vault,
    bool *again)
{
	struct slice signature = vault->f.at[VH_F_SIGNATURE];
	struct reply r;

	if (forward_overflows(vault->err)) {
		TRY(forward_overflow(f, p, vault->err));
		*again = true;
		return VH_OK;
	}
	TRY(vault->err);
	if (signature.len == 0)
		return VH_EINTERNAL;
	struct slice shown = shown_of(p);
	struct buf *b = reply_open(f, &r, &p->to);

	/* At once: a long token is copied again each time its buffer grows. */
	(void)buf_reserve(b, shown.len + signature.len * 2 + JWK_ROOM);
	frame_put_head(b, VH_F_TOKEN,
	    shown.len + jws_signature_size(signature.len));
	buf_put(b, shown);
	jws_put_signature(b, signature);
	frame_put_text(b, VH_F_KID, dkey_kid(p->key));
	frame_put_text(b, VH_F_ALG, p->alg->name);
	frame_put(b, VH_F_JWK, p->key->jwk);
	reply_close(f, &r);
	return VH_OK;
}
