/* One key of a record, as JSON. */
#include <inttypes.h>

#include "vault/check.h"
#include "vault/record_inner.h"

/* Text never needs more than is_plain and put_json_text see to. */
void
record_put_member(struct buf *b, const char *name, const char *text)
{
	if (text == NULL)
		return;
	buf_format(b, ",\"%s\":", name);
	put_json_text(b, slice_text(text));
}

static const char *
state_word(enum vh_key_state state)
{
	static const char *const words[] = { [VH_KEY_PUBLISHED] = "published",
		[VH_KEY_ACTIVE] = "active",
		[VH_KEY_RETIRED] = "retired" };

	return words[state];
}

/* A clock that was set back must not make the record say that a key signs in
 * the future. */
static void
put_state(struct buf *b, const struct key *key, uint64_t iat)
{
	enum vh_key_state state = key->announced ? VH_KEY_ACTIVE : key->state;
	uint64_t until = key->until_ms, keep = key->keep_ms;

	record_put_member(b, "state", state_word(state));
	if (keep > 0)
		buf_format(b, ",\"keep_after\":%" PRIu64, keep);
	if (state == VH_KEY_RETIRED)
		buf_format(b, ",\"active_until\":%" PRIu64,
		    until < iat ? until : iat);
}

/* What callers may do with the key, where that is not just what its use has: in
 * the words of RFC 7517, 4.3, though of the whole key, whose private half other
 * nodes' callers use as well. */
static void
put_ops(struct buf *b, const struct key *key)
{
	uint32_t ops = key->ops, bit;
	const char *word, *comma = "";

	if (ops == 0)
		return;
	if ((ops & VH_KEY_OPS) == 0)
		ops |= key->use == VH_USE_SIG ? VH_KEY_SIGN | VH_KEY_VERIFY
					      : VH_KEY_ENCRYPT | VH_KEY_DECRYPT;
	buf_put_text(b, ",\"key_ops\":[");
	for (size_t i = 0; (word = key_op_at(i, &bit)) != NULL; i++) {
		if ((ops & bit) == 0)
			continue;
		buf_format(b, "%s\"%s\"", comma, word);
		comma = ",";
	}
	buf_put_text(b, "]");
}

void
record_put_key(struct buf *b, const struct key *key, const struct proof *p,
    uint64_t iat)
{
	buf_format(b, "{\"jwk\":{\"kid\":\"%s\",\"use\":\"%s\"", key->kid,
	    use_name(key->use));
	record_put_member(b, "alg", key->pin == NULL ? NULL : key->pin->name);
	buf_put_text(b, ",");
	pub_put_members(b, &key->pub);
	buf_put_text(b, "}");
	put_state(b, key, iat);
	record_put_member(b, "name", key->name);
	record_put_member(b, "allow", key->allow);
	record_put_member(b, "kid", key->published);
	put_ops(b, key);
	record_put_member(b, "typ", key->typs);
	record_put_member(b, "claims", key->claims);
	if (p != NULL) {
		record_put_member(b, "proof_alg", p->alg->name);
		buf_put_text(b, ",\"proof\":\"");
		buf_put(b, buf_slice(p->text));
		buf_put_text(b, "\"");
	}
	buf_put_text(b, "}");
}

enum vh_err
record_check_words(const struct key *key, struct buf *why)
{
	if (is_plain(slice_text(key->name)) &&
	    is_plain(slice_text(key->allow)) &&
	    is_plain(slice_text(key->published)) &&
	    is_plain(slice_text(key->typs)) &&
	    is_plain(slice_text(key->claims)))
		return VH_OK;
	return REFUSE(why, VH_EFIELD,
	    "name, allow, kid, typ or claims of key %s malformed, expected "
	    "printable ASCII",
	    key->kid);
}
