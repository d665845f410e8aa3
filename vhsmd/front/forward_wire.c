#include "front/forward_wire.h"

#include "front/ops.h"
#include "front/reply.h"
#include "jose/jwe_json.h"
#include "jose/jws.h"
#include "wire/raw.h"

#define WHY_LEN_MAX 300 /* characters of another node's line */

/* What of a caller's request goes on as it is. */
static const enum vh_tag passed[] = { VH_F_DATA, VH_F_HEADER, VH_F_TYP,
	VH_F_TOKEN, VH_F_DETACHED, VH_F_UNENCODED, VH_F_PREHASHED, VH_F_LABEL,
	VH_F_JWK };

static void
put_request(struct buf *b, const struct forward_ask *ask)
{
	size_t start = frame_request(b, ask->op, ask->inner_id, ask->ms);

	frame_put_text(b, VH_F_KID, ask->kid);
	if (ask->alg != NULL)
		frame_put_text(b, VH_F_ALG, ask->alg);
	for (size_t i = 0; i < ARRAY_LEN(passed); i++)
		if (fields_have(ask->fields, passed[i]))
			frame_put(b, passed[i], ask->fields->at[passed[i]]);
	frame_close(b, start);
}

void
forward_put(struct buf *b, const struct forward_ask *ask)
{
	size_t start = frame_request(b, VH_OP_PFORWARD, ask->id, ask->ms);

	frame_put_text(b, VH_F_NODE, ask->node);
	frame_put_text(b, VH_F_RID, ask->rid);
	size_t nest = frame_nest(b, VH_F_PRINCIPALS);

	policy_put_principals(b, ask->policy, ask->caller,
	    field_row(VH_F_PRINCIPALS)->max);
	frame_nest_close(b, nest);
	nest = frame_nest(b, VH_F_REQUEST);
	put_request(b, ask);
	frame_nest_close(b, nest);
	frame_close(b, start);
}

void
forward_put_why(struct buf *why, const char *node, struct slice line)
{
	size_t len = line.len < WHY_LEN_MAX ? line.len : WHY_LEN_MAX;

	buf_format(why, "node %s%s", node, len > 0 ? ": " : "");
	for (size_t i = 0; i < len; i++)
		if (line.p[i] >= ' ' && line.p[i] < 0x7f)
			buf_put_u8(why, line.p[i]);
}

static enum vh_err
reply_signed(struct front *f, const struct pending *p, const struct want *want,
    const struct dkey *key, const struct fields *answer)
{
	AUTO(jws_free) struct jws *jws = NULL;
	const struct fields *in = &want->fields;
	struct slice token = answer->at[VH_F_TOKEN], data = in->at[VH_F_DATA];
	struct reply r;
	enum vh_err err = fields_u32(in, VH_F_DETACHED) != 0
			      ? jws_parse_detached(token, data, &jws, NULL)
			      : jws_parse(token, &jws, NULL);

	if (err != VH_OK || !slice_is(jws->kid, dkey_kid(key)) ||
	    jws->unencoded != (fields_u32(in, VH_F_UNENCODED) != 0) ||
	    dkey_alg(key, jws->alg) == NULL ||
	    !selector_takes(&want->s, jws->alg) ||
	    !slice_eq(jws->payload, data))
		return VH_EPARSE;
	struct buf *b = reply_open(f, &r, &p->to);

	frame_put(b, VH_F_TOKEN, token);
	frame_put_text(b, VH_F_KID, dkey_kid(key));
	frame_put_text(b, VH_F_ALG, jws->alg->name);
	frame_put(b, VH_F_JWK, key->jwk);
	reply_close(f, &r);
	return VH_OK;
}

/* The recipient that names the key; the first, if none does. */
static const struct jwe *
recipient_of(const struct jwe_set *set, const struct dkey *key)
{
	for (size_t i = 0; i < set->count; i++)
		if (dkey_is(key, set->at[i]->kid))
			return set->at[i];
	return set->at[0];
}

/* The header is the caller's own token's, whatever the other node says. */
static enum vh_err
reply_decrypted(struct front *f, const struct pending *p,
    const struct want *want, const struct dkey *key,
    const struct fields *answer)
{
	AUTO(jwe_set_free) struct jwe_set *set = NULL;
	struct slice data = answer->at[VH_F_DATA];
	struct reply r;

	if (!fields_have(answer, VH_F_DATA) ||
	    data.len > f->settings->payload ||
	    jwe_set_parse(want->fields.at[VH_F_TOKEN], &set, NULL) != VH_OK)
		return VH_EPARSE;
	struct buf *b = reply_open(f, &r, &p->to);

	frame_put(b, VH_F_DATA, data);
	frame_put_text(b, VH_F_KID, dkey_kid(key));
	jwe_put_shown(b, recipient_of(set, key));
	reply_close(f, &r);
	return VH_OK;
}

/* Whether a signature is right anybody can see; what else comes of it nobody
 * but the holder knows. */
static enum vh_err
reply_raw(struct front *f, const struct pending *p, const struct want *want,
    const struct dkey *key, const struct fields *answer)
{
	const struct alg *alg = alg_by_name(answer->at[VH_F_ALG]);

	if (alg == NULL || dkey_alg(key, alg) == NULL ||
	    !selector_takes(&want->s, alg))
		return VH_EPARSE;
	return raw_reply(f, &p->to, key, alg, answer);
}

enum vh_err
forward_reply(struct front *f, const struct pending *p, const struct want *want,
    const struct dkey *key, const struct fields *answer)
{
	if (raw_is(p->to.op))
		return reply_raw(f, p, want, key, answer);
	return p->to.op == VH_OP_SIGN
		   ? reply_signed(f, p, want, key, answer)
		   : reply_decrypted(f, p, want, key, answer);
}
