/* ENCRYPT: a JWE for keys of the node or its cluster, or for public JWKs in the
 * request.  The headers are made here, all that needs randomness or a symmetric
 * key in the vault: VENCRYPT for one recipient, whose header is protected,
 * VSEAL for several, of whom each has a header of its own.  What the reply
 * needs of the request is kept as fields. */
#include "front/encrypt_json.h"
#include "front/ops.h"
#include "front/vaultlink.h"
#include "front/zip.h"
#include "jose/jwe.h"

static enum vh_err
read_enc(struct slice name, const struct enc **out, struct buf *why)
{
	*out = enc_by_name(name);
	if (*out != NULL)
		return VH_OK;
	buf_put_text(why, "enc not known: ");
	why_quote(why, name);
	return VH_EALG;
}

static enum vh_err
check_form(const struct fields *in, enum form form, struct buf *why)
{
	if (form == FORM_COMPACT &&
	    (fields_have(in, VH_F_UNPROTECTED) || fields_have(in, VH_F_AAD)))
		return why_say(why, VH_EFIELD,
		    "unprotected headers and aad need format flattened or "
		    "general");
	return header_check_unprotected(in->at[VH_F_UNPROTECTED], true,
	    in->at[VH_F_TYP], in->at[VH_F_HEADER], why);
}

/* Packs the plaintext if the caller wants that: RFC 7516, 4.1.3. */
static enum vh_err
pack(struct fields *in, struct buf *packed, struct buf *why)
{
	struct slice zip = in->at[VH_F_ZIP], data = in->at[VH_F_DATA];

	if (!fields_have(in, VH_F_ZIP))
		return VH_OK;
	if (!slice_is(zip, "DEF"))
		return why_name(why, VH_EALG, "zip not known: ", zip, "");
	enum vh_err err = zip_pack(data, packed);

	if (err == VH_ETOOBIG)
		buf_format(why, "more than %u bytes to be compressed", ZIP_MAX);
	in->at[VH_F_DATA] = buf_slice(packed);
	return err;
}

/* --- one recipient -------------------------------------------------------- */

static enum vh_err
put_header(struct front *f, const struct fields *in, const struct target *to,
    const struct enc *enc, struct buf *out)
{
	const struct header_wish wish = { .alg = to->alg,
		.enc = enc,
		.zip = fields_have(in, VH_F_ZIP),
		.kid = to->kid,
		.typ = in->at[VH_F_TYP],
		.extra = in->at[VH_F_HEADER],
		.apu = in->at[VH_F_APU],
		.apv = in->at[VH_F_APV] };

	TRY(header_put(&wish, out, f->why));
	return buf_end(out);
}

static void
ask_vault(struct front *f, struct pending *p, const struct fields *in,
    const struct target *to, const struct enc *enc, struct slice header)
{
	size_t start;
	struct buf *b = vault_ask(f, p, VH_OP_VENCRYPT, &start);

	frame_put_u32(b, VH_F_ENC_ID, enc->id);
	frame_put(b, VH_F_HEADER, header);
	frame_put(b, VH_F_DATA, in->at[VH_F_DATA]);
	if (fields_have(in, VH_F_AAD))
		frame_put(b, VH_F_AAD, in->at[VH_F_AAD]);
	target_put(b, to, in);
	frame_close(b, start);
}

static enum vh_err
begin_one(struct front *f, struct request *q, const struct fields *in,
    const struct enc *enc, const struct target *to)
{
	AUTO(buf_free) struct buf *header = buf_new(VH_HEADER_MAX);

	TRY(put_header(f, in, to, enc, header));
	if (front_is_full(f, 2 * in->at[VH_F_DATA].len))
		return VH_EBUSY;
	struct pending *p = request_pend(f, q);

	if (p == NULL)
		return VH_EBUSY;
	frame_put(p->kept, VH_F_KID, target_name(to));
	encrypt_keep(p->kept, in);
	pending_weigh(f->pendings, p);
	ask_vault(f, p, in, to, enc, buf_slice(header));
	return VH_OK;
}

static enum vh_err
choose_one(struct front *f, struct request *q, const struct fields *in,
    const struct enc *enc)
{
	struct target to = { .key = NULL };
	enum vh_err err = target_choose(f, &q->asker, in, &to);

	if (err == VH_OK)
		err = begin_one(f, q, in, enc, &to);
	target_end(&to);
	return err;
}

enum vh_err
encrypt_begin(struct front *f, struct request *q)
{
	AUTO(buf_free) struct buf *packed = buf_new(2 * ZIP_MAX);
	struct parties all;
	const struct enc *enc;
	enum form form;

	TRY(parties_parse(&q->frame.f, ENCRYPT_PARTY, &all, f->why));
	struct fields *in = &all.at[0];

	TRY(parties_form(in, all.count, &form, f->why));
	TRY(read_enc(in->at[VH_F_ENC], &enc, f->why));
	TRY(check_form(in, form, f->why));
	TRY(pack(in, packed, f->why));
	return all.count == 1 ? choose_one(f, q, in, enc)
			      : encrypt_several(f, q, &all, enc);
}

/* --- the reply ------------------------------------------------------------ */

static void
put_compact(struct buf *b, const struct slice *at)
{
	struct slice head = at[VH_F_PROTECTED], key = at[VH_F_ENCRYPTED_KEY],
		     iv = at[VH_F_IV], text = at[VH_F_CIPHERTEXT],
		     tag = at[VH_F_TAG];

	frame_put_head(b, VH_F_TOKEN,
	    jwe_size(head.len, key.len, iv.len, text.len, tag.len));
	jwe_put(b, head, key, iv, text, tag);
}

enum vh_err
encrypt_answer(struct front *f, struct pending *p, const struct frame *vault,
    bool *again)
{
	const struct slice *at = vault->f.at;
	struct fields kept;
	struct reply r;
	enum form form;

	(void)again;
	TRY(vault->err);
	if (at[VH_F_IV].len == 0 || at[VH_F_TAG].len == 0)
		return VH_EINTERNAL;
	TRY(fields_parse(buf_slice(p->kept), &kept));
	TRY(form_by_name(kept.at[VH_F_FORMAT], &form, NULL));
	if (form != FORM_COMPACT)
		return encrypt_reply_json(f, p, &kept, form, &vault->f);
	if (at[VH_F_PROTECTED].len == 0)
		return VH_EINTERNAL;
	struct buf *b = reply_open(f, &r, &p->to);

	put_compact(b, at);
	frame_put(b, VH_F_KID, kept.at[VH_F_KID]);
	reply_close(f, &r);
	return VH_OK;
}
