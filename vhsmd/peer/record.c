#include "peer/record_signed.h"

#include <stdlib.h>

void
record_free(struct record *r)
{
	if (r == NULL)
		return;
	json_decref(r->json);
	buf_free(r->token);
	buf_free(r->bytes);
	free(r->keys);
	free(r);
}

static enum vh_err
read_head(struct record *r, enum refusal *why)
{
	const json_t *j = r->json;

	if (!payload_number(j, "epoch", 1, &r->epoch) ||
	    !payload_number(j, "seq", 1, &r->seq) ||
	    !payload_number(j, "iat", 1, &r->iat_ms) ||
	    !payload_number(j, "keep_after", 0, &r->keep_ms) ||
	    r->keep_ms > RECORD_KEEP_MAX_MS ||
	    !payload_text(j, "address", true, r->address, RECORD_ADDRESS_MAX) ||
	    !payload_text(j, "version", false, r->version,
		RECORD_VERSION_MAX) ||
	    !json_is_array(json_object_get(j, "keys")))
		return refuse(why, REFUSAL_PAYLOAD);
	if (json_array_size(json_object_get(j, "keys")) > RECORD_KEYS_MAX)
		return refuse(why, REFUSAL_KEYS);
	return VH_OK;
}

enum vh_err
record_open(const struct trust *t, struct verifier *v, struct slice token,
    uint64_t latest_ms, struct record **out, enum refusal *why)
{
	AUTO(signed_token_free) struct signed_token *s = NULL;
	AUTO(record_free) struct record *r = calloc(1, sizeof *r);

	*out = NULL;
	if (r == NULL)
		return refuse(why, REFUSAL_MEMORY);
	TRY(signed_token_open(t, v, token, VH_RECORD_MAX, "vhsm-record", &s,
	    why));
	TRY(signed_token_payload(s, &r->json, why));
	memcpy(r->node, s->cert->node, sizeof r->node);
	TRY(read_head(r, why));
	if (r->iat_ms > latest_ms)
		return refuse(why, REFUSAL_FUTURE);
	TRY(certificate_at(s->cert, r->iat_ms, why));
	r->token = token_copy(token);
	if (r->token == NULL)
		return refuse(why, REFUSAL_MEMORY);
	*out = TAKE(r);
	return VH_OK;
}

static int
by_kid(const void *kid, const void *key)
{
	return strcmp(kid, ((const struct record_key *)key)->kid);
}

const struct record_key *
record_key(const struct record *r, const char *kid)
{
	if (r->count == 0)
		return NULL;
	return bsearch(kid, r->keys, r->count, sizeof *r->keys, by_kid);
}

uint64_t
record_key_end(const struct record *r, const struct record_key *k)
{
	if (k->use != VH_USE_SIG || k->state == VH_KEY_PUBLISHED)
		return 0;
	return (k->state == VH_KEY_ACTIVE ? r->iat_ms : k->active_until_ms) +
	       k->keep_ms;
}
