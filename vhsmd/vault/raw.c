/* What a key marked raw does without JOSE around it: the padded primitives that
 * PKCS#11 and JOSE libraries need, and nothing below them. */
#include <openssl/err.h>
#include <openssl/rsa.h>

#include "base/pkey.h"
#include "vault/agree.h"
#include "vault/rsa.h"
#include "vault/sign.h"
#include "wire/raw.h"

/* The key of a request for op, and its algorithm, which has a mechanism for
 * that. */
static enum vh_err
find_key(const struct store *s, const struct frame *q, enum vh_op op,
    struct key **key, const struct alg **alg)
{
	TRY(crypto_key(s, q, raw_needs(op), key, alg));
	return raw_of(*alg) != NULL && raw_of(*alg)->op == op ? VH_OK : VH_EALG;
}

enum vh_err
op_raw_sign(struct crypto *c, const struct store *s, const struct frame *q,
    struct buf *answer)
{
	struct slice data = q->f.at[VH_F_DATA];
	const struct alg *alg;
	struct key *key;

	TRY(find_key(s, q, VH_OP_RAWSIGN, &key, &alg));
	TRY(sign_admit(key, data));
	size_t size = sign_size(key, alg);

	frame_put_head(answer, VH_F_SIGNATURE, size);
	uint8_t *to = buf_extend(answer, size);

	TRY(buf_end(answer));
	return (fields_u32(&q->f, VH_F_PREHASHED) != 0
		    ? sign_digest
		    : sign_bytes)(c, key, alg, data, to);
}

/* --- RSAES-OAEP ------------------------------------------------------------
 */

static bool
set_label(EVP_PKEY_CTX *ctx, struct slice label)
{
	void *copy = OPENSSL_memdup(label.p, label.len);

	if (copy == NULL)
		return false;
	if (EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, copy, (int)label.len) > 0)
		return true;
	OPENSSL_free(copy);
	return false;
}

/* A label stays in a context for good, so that it gets one of its own. */
static enum vh_err
decrypt_with(struct crypto *c, const struct key *key, const struct alg *alg,
    const struct fields *f, struct secret *plain, size_t *len, unsigned *good)
{
	const struct key_slot *slot;
	struct key_slot once;

	if (f->at[VH_F_LABEL].len == 0) {
		TRY(crypto_slot(c, key, alg, &slot));
		*good =
		    rsa_decrypt(slot, &key->pub, f->at[VH_F_DATA], plain, len);
		return VH_OK;
	}
	TRY(crypto_slot_new(c, key, alg, &once));
	bool ready = set_label(once.pkey, f->at[VH_F_LABEL]);

	if (ready)
		*good =
		    rsa_decrypt(&once, &key->pub, f->at[VH_F_DATA], plain, len);
	key_slot_clear(&once);
	return ready ? VH_OK : VH_ENOMEM;
}

/* Until all is done nothing is branched on but what the caller knows: the key,
 * and whether there is a label. */
static enum vh_err
raw_decrypt(struct crypto *c, const struct store *s, const struct frame *q,
    struct buf *answer, bool *room)
{
	AUTO(secret_free) struct secret *plain = NULL;
	const struct alg *alg;
	struct key *key;
	unsigned good = 0;
	size_t len = 0;

	TRY(find_key(s, q, VH_OP_RAWDECRYPT, &key, &alg));
	*room = crypto_has_room(key);
	size_t size = key->pub.n.len, field = frame_nest(answer, VH_F_DATA);
	uint8_t *to = buf_extend(answer, size);

	TRY(buf_end(answer));
	plain = secret_new(size);
	if (plain == NULL)
		return VH_ENOMEM;
	enum vh_err err = decrypt_with(c, key, alg, &q->f, plain, &len, &good);

	ERR_clear_error();
	TRY(err);
	memcpy(to, secret_ro(plain).p, size);
	if (good == 0)
		return VH_EDECRYPT;
	buf_trim(answer, answer->len - (size - len));
	frame_nest_close(answer, field);
	return VH_OK;
}

enum vh_err
op_raw_decrypt(struct crypto *c, const struct store *s, const struct frame *q,
    struct buf *answer)
{
	bool room = true;
	enum vh_err err = raw_decrypt(c, s, q, answer, &room);

	return err == VH_EDECRYPT && !room ? VH_ENOMEM : err;
}

/* --- ECDH ------------------------------------------------------------------
 */

/* The other side's public key: on the same curve, and a point of it. */
static enum vh_err
peer_of(struct crypto *c, const struct key *key, const struct fields *f,
    EVP_PKEY **peer)
{
	struct pub pub;

	TRY(pub_of_fields(f, &pub));
	if (pub.kty != key->pub.kty || pub.crv != key->pub.crv)
		return VH_EKEY;
	return agree_peer(c, &pub, peer);
}

enum vh_err
op_raw_derive(struct crypto *c, const struct store *s, const struct frame *q,
    struct buf *answer)
{
	AUTO(secret_free) struct secret *z = NULL;
	const struct key_slot *slot;
	const struct alg *alg;
	EVP_PKEY *peer;
	struct key *key;

	TRY(find_key(s, q, VH_OP_RAWDERIVE, &key, &alg));
	TRY(peer_of(c, key, &q->f, &peer));
	TRY(crypto_slot(c, key, alg, &slot));
	z = secret_new(crv_by_id(key->pub.crv)->size);
	if (z == NULL)
		return VH_ENOMEM;
	bool agreed = agree_z(slot->pkey, peer, z);

	ERR_clear_error();
	if (!agreed)
		return VH_EKEY;
	frame_put(answer, VH_F_DATA, secret_ro(z));
	return VH_OK;
}
