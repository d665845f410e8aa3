/* What one key can be used for, and which are published. */
#include "front/directory_inner.h"

#include "jose/json.h"
#include "jose/jws.h"

const char *
dkey_kid(const struct dkey *key)
{
	return key->published == NULL ? key->kid : key->published;
}

bool
dkey_is(const struct dkey *key, struct slice kid)
{
	return slice_is(kid, key->kid) ||
	       (key->published != NULL && slice_is(kid, key->published));
}

const struct dkey_alg *
dkey_alg(const struct dkey *key, const struct alg *alg)
{
	for (size_t i = 0; i < key->alg_count; i++)
		if (key->algs[i].alg == alg)
			return &key->algs[i];
	return NULL;
}

const struct dkey_alg *
dkey_preset(const struct dkey *key)
{
	/* A pin leaves one; the rows of alg.def begin with RS256, and every
	 * curve fits one signature algorithm. */
	return key->use == VH_USE_SIG || key->pin != NULL ? &key->algs[0]
							  : NULL;
}

bool
dkey_serves(const struct dkey *key, enum purpose purpose)
{
	static const struct {
		enum vh_use use;    /* 0: any */
		bool before, after; /* also PUBLISHED, also RETIRED */
	} rules[] = {
		[FOR_SIGN] = { VH_USE_SIG, false, false },
		[FOR_VERIFY] = { VH_USE_SIG, true, true },
		[FOR_ENCRYPT] = { VH_USE_ENC, false, false },
		[FOR_DECRYPT] = { VH_USE_ENC, true, true },
		[FOR_LIST] = { 0, true, true },
		[FOR_RAW_SIGN] = { VH_USE_SIG, false, false },
		[FOR_RAW_DECRYPT] = { VH_USE_ENC, true, true },
	};

	if (rules[purpose].use != 0 && rules[purpose].use != key->use)
		return false;
	if (key->state == VH_KEY_PUBLISHED)
		return rules[purpose].before;
	if (key->state != VH_KEY_RETIRED)
		return key->state == VH_KEY_ACTIVE;
	/* An encryption key that is about to go: nobody shall take it up. */
	if (purpose == FOR_LIST && key->use == VH_USE_ENC)
		return false;
	return rules[purpose].after;
}

bool
dkey_lets(const struct dkey *key, enum purpose purpose)
{
	static const uint32_t needs[] = { [FOR_SIGN] = VH_KEY_SIGN,
		[FOR_VERIFY] = VH_KEY_VERIFY,
		[FOR_ENCRYPT] = VH_KEY_ENCRYPT,
		[FOR_DECRYPT] = VH_KEY_DECRYPT,
		[FOR_LIST] = 0,
		[FOR_RAW_SIGN] = VH_KEY_RAW | VH_KEY_SIGN,
		[FOR_RAW_DECRYPT] = VH_KEY_RAW | VH_KEY_DECRYPT };

	return ops_have(key->ops, needs[purpose]);
}

void
directory_put_jwks(struct buf *b, const struct directory *d)
{
	const char *comma = "";
	const struct dkey *key;

	buf_put_text(b, "{\"keys\":[");
	for (size_t i = 0; (key = directory_at(d, i)) != NULL; i++) {
		if (!dkey_serves(key, FOR_LIST) || key->pub.kty == VH_KTY_OCT)
			continue;
		buf_put_text(b, comma);
		buf_put(b, key->jwk);
		comma = ",";
	}
	buf_put_text(b, "]}");
}

static enum vh_err
put_head(struct dkey *key, struct dkey_alg *to)
{
	const struct header_wish wish = { .alg = to->alg,
		.kid = slice_text(dkey_kid(key)) };
	size_t at = key->bytes->len;

	TRY(jws_put_protected(&wish, key->bytes, NULL));
	to->head = slice_of(key->bytes->p + at, key->bytes->len - at);
	return VH_OK;
}

enum vh_err
dkey_list_algs(struct dkey *key)
{
	const struct alg *alg;

	for (size_t i = 0; (alg = alg_at(i)) != NULL; i++) {
		if ((key->pin != alg &&
			(key->pin != NULL || alg_needs_pin(alg))) ||
		    !pub_fits(&key->pub, alg, key->use))
			continue;
		if (key->alg_count == DKEY_ALGS)
			return VH_EINTERNAL;
		key->algs[key->alg_count].alg = alg;
		if (key->use == VH_USE_SIG)
			TRY(put_head(key, &key->algs[key->alg_count]));
		key->alg_count++;
	}
	return key->alg_count == 0 ? VH_EKEY : VH_OK;
}

void
dkey_put_secret(struct buf *b, const struct dkey *key)
{
	buf_format(b, "{\"kty\":\"oct\",\"kid\":\"%s\",\"use\":\"%s\"",
	    dkey_kid(key), use_name(key->use));
	if (key->pin != NULL)
		buf_format(b, ",\"alg\":\"%s\"", key->pin->name);
	if (key->name != NULL) {
		buf_put_text(b, ",\"name\":");
		json_put_text(b, slice_text(key->name));
	}
	buf_put_text(b, "}");
}
