#include "vault/identity.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "vault/check.h"
#include "vault/import.h"
#include "vault/sign.h"
#include "wire/b64.h"

#define HEADER_MAX (IDENTITY_X5C_MAX + 128)

/* --- text ------------------------------------------------------------------
 */

bool
is_plain(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.p[i] < ' ' || text.p[i] > '~')
			return false;
	return true;
}

void
put_json_text(struct buf *b, struct slice text)
{
	buf_put_u8(b, '"');
	for (size_t i = 0; i < text.len; i++) {
		if (text.p[i] == '"' || text.p[i] == '\\')
			buf_put_u8(b, '\\');
		buf_put_u8(b, text.p[i]);
	}
	buf_put_u8(b, '"');
}

static bool
is_alnum(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
	       (c >= 'a' && c <= 'z');
}

/* Only letters, digits and what others holds; 1 to max of them. */
static bool
is_made_of(struct slice text, const char *others, size_t max)
{
	for (size_t i = 0; i < text.len; i++)
		if (!is_alnum(text.p[i]) &&
		    (text.p[i] == 0 || strchr(others, text.p[i]) == NULL))
			return false;
	return text.len > 0 && text.len <= max;
}

static enum vh_err
check_terms(const struct identity_terms *t, struct buf *why)
{
	if (!is_made_of(t->node, "._-", IDENTITY_NAME_MAX) ||
	    !is_alnum(t->node.p[0]))
		return REFUSE(why, VH_EFIELD,
		    "node name malformed, expected a letter or digit, then "
		    "letters, digits and . _ - (at most %d)",
		    IDENTITY_NAME_MAX);
	if (!is_made_of(t->address, "._-:[]%", IDENTITY_ADDRESS_MAX))
		return REFUSE(why, VH_EFIELD,
		    "address malformed, expected host:port of at most %d "
		    "characters",
		    IDENTITY_ADDRESS_MAX);
	if (!is_plain(t->version) || t->version.len > IDENTITY_VERSION_MAX)
		return REFUSE(why, VH_EFIELD,
		    "version malformed, expected at most %d characters",
		    IDENTITY_VERSION_MAX);
	return VH_OK;
}

/* --- the identity ----------------------------------------------------------
 */

struct identity *
identity_ref(struct identity *id)
{
	atomic_fetch_add_explicit(&id->users, 1, memory_order_relaxed);
	return id;
}

void
identity_free(struct identity *id)
{
	/* Whoever frees it sees all that the others have done with it. */
	if (id == NULL || atomic_fetch_sub(&id->users, 1) > 1)
		return;
	free(id->node);
	free(id->address);
	free(id->version);
	store_free(id->keys);
	buf_free(id->x5c);
	free(id);
}

static enum vh_err
copy_terms(const struct identity_terms *t, struct identity *id)
{
	struct slice version =
	    t->version.len > 0 ? t->version : slice_text(VHSM_VERSION);

	id->keep_ms = t->keep_ms;
	id->node = strndup((const char *)t->node.p, t->node.len);
	id->address = strndup((const char *)t->address.p, t->address.len);
	id->version = strndup((const char *)version.p, version.len);
	id->keys = store_new();
	id->x5c = buf_new(IDENTITY_X5C_MAX);
	return id->node == NULL || id->address == NULL || id->version == NULL ||
		       id->keys == NULL || id->x5c == NULL
		   ? VH_ENOMEM
		   : VH_OK;
}

static enum vh_err
load_key(int fd, struct identity *id, struct crypto *c, struct buf *why)
{
	const struct key_terms terms = { .use = VH_USE_SIG,
		.pin = alg_by_id(VH_ALG_ES256) };

	TRY(import_fd(fd, &terms, 1, NULL, id->keys, why));
	if (store_count(id->keys) != 1)
		return REFUSE(why, VH_EKEY,
		    "%zu keys in the record key's file, expected one",
		    store_count(id->keys));
	id->key = store_at(id->keys, 0);
	return crypto_selftest(c, id->key, why);
}

enum vh_err
identity_new(int fd, const struct identity_terms *terms, struct wall_ms now,
    struct crypto *c, struct identity **out, struct buf *why)
{
	AUTO(identity_free) struct identity *id = calloc(1, sizeof *id);

	*out = NULL;
	if (id == NULL)
		return VH_ENOMEM;
	id->users = 1;
	TRY(check_terms(terms, why));
	TRY(copy_terms(terms, id));
	TRY(load_key(fd, id, c, why));
	const struct certificate_want want = { .node = terms->node,
		.pub = &id->key->pub,
		.now = now };

	TRY(certificate_chain(terms->chain, &want, id->x5c, why));
	*out = TAKE(id);
	return VH_OK;
}

/* Key and alg are ES256's, so the sizes are known. */
enum vh_err
identity_sign(const struct identity *id, struct crypto *c, const char *typ,
    struct slice payload, struct buf *jws)
{
	AUTO(buf_free) struct buf *header = buf_new(HEADER_MAX);
	const struct alg *alg = alg_by_id(VH_ALG_ES256);
	size_t start = buf_slice(jws).len;
	uint8_t signature[64];

	buf_format(header, "{\"alg\":\"%s\",\"typ\":\"%s\",\"x5c\":", alg->name,
	    typ);
	buf_put(header, buf_slice(id->x5c));
	buf_put_text(header, "}");
	TRY(buf_end(header));
	b64_put(jws, buf_slice(header));
	buf_put_text(jws, ".");
	b64_put(jws, payload);
	TRY(buf_end(jws));
	TRY(sign_bytes_once(c, id->key, alg,
	    slice_of(jws->p + start, jws->len - start), signature));
	buf_put_text(jws, ".");
	b64_put(jws, slice_of(signature, sizeof signature));
	return buf_end(jws);
}
