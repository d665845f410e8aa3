/* Hellos and tombstones: the short things a node signs. */
#include "peer/record_signed.h"

#include <stdlib.h>

#define NONCE_MAX 64 /* bytes */

static enum vh_err
check_nonce(const json_t *json, struct slice want, enum refusal *why)
{
	AUTO(buf_free) struct buf *nonce = buf_new(NONCE_MAX + 3);
	struct slice text;

	if (!json_get_text(json, "nonce", b64_size(NONCE_MAX), &text) ||
	    text.len == 0 || b64_decode(text, nonce) != VH_OK)
		return refuse(why, REFUSAL_PAYLOAD);
	if (want.len == 0 || !slice_eq(buf_slice(nonce), want))
		return refuse(why, REFUSAL_NONCE);
	return VH_OK;
}

static enum vh_err
check_hello(const json_t *json, const struct hello_want *want, bool *skewed,
    enum refusal *why)
{
	uint64_t iat, now = want->now.ms;
	struct slice aud;

	if (!json_get_text(json, "aud", NODE_NAME_MAX, &aud) || aud.len == 0 ||
	    !payload_number(json, "iat", 0, &iat))
		return refuse(why, REFUSAL_PAYLOAD);
	if (!slice_eq(aud, want->audience))
		return refuse(why, REFUSAL_AUDIENCE);
	TRY(check_nonce(json, want->nonce, why));
	*skewed = (iat > now ? iat - now : now - iat) > RECORD_AHEAD_MAX_MS;
	return VH_OK;
}

enum vh_err
hello_read(struct trust *t, struct verifier *v, struct slice token,
    const struct hello_want *want, struct hello *out, enum refusal *why)
{
	AUTO(signed_token_free) struct signed_token *s = NULL;
	AUTO(json_decref) json_t *json = NULL;
	struct hello hello = { 0 };

	TRY(signed_token_open(t, v, token, SIGNED_SHORT_MAX, "vhsm-hello", &s,
	    why));
	TRY(signed_token_payload(s, &json, why));
	TRY(check_hello(json, want, &hello.skewed, why));
	TRY(certificate_at(s->cert, want->now.ms, why));
	memcpy(hello.node, s->cert->node, sizeof hello.node);
	if (trust_remember(t, hello.node, s->der, s->der_count) != VH_OK)
		return refuse(why, REFUSAL_MEMORY);
	*out = hello;
	return VH_OK;
}

void
tombstone_free(struct tombstone *s)
{
	if (s == NULL)
		return;
	buf_free(s->token);
	free(s);
}

/* See record.h: an older tombstone stands when its certificate has been
 * revoked. */
static enum vh_err
judge_at(struct certificate *cert, uint64_t iat, enum refusal *why)
{
	if (cert->revoked_ms != TRUST_NOT_REVOKED && iat < cert->revoked_ms)
		cert->revoked_ms = TRUST_NOT_REVOKED;
	return certificate_at(cert, iat, why);
}

enum vh_err
tombstone_read(const struct trust *t, struct verifier *v, struct slice token,
    uint64_t latest_ms, struct tombstone **out, enum refusal *why)
{
	AUTO(signed_token_free) struct signed_token *s = NULL;
	AUTO(json_decref) json_t *json = NULL;
	AUTO(tombstone_free) struct tombstone *made = calloc(1, sizeof *made);

	*out = NULL;
	if (made == NULL)
		return refuse(why, REFUSAL_MEMORY);
	TRY(signed_token_open(t, v, token, SIGNED_SHORT_MAX, "vhsm-tombstone",
	    &s, why));
	TRY(signed_token_payload(s, &json, why));
	if (!payload_text(json, "kid", true, made->kid, JOSE_KID_MAX) ||
	    !payload_number(json, "iat", 1, &made->iat_ms))
		return refuse(why, REFUSAL_PAYLOAD);
	if (made->iat_ms > latest_ms)
		return refuse(why, REFUSAL_FUTURE);
	TRY(judge_at(s->cert, made->iat_ms, why));
	memcpy(made->node, s->cert->node, sizeof made->node);
	made->token = token_copy(token);
	if (made->token == NULL)
		return refuse(why, REFUSAL_MEMORY);
	*out = TAKE(made);
	return VH_OK;
}
