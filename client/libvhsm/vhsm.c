/* The calls of the public header that are a request each. */
#include "client/vhsm.h"

#include "wire/frame.h"

/* The public numbers are those of the wire. */
#define VH_ERR(name, wire, http, ckr, text)                                    \
	_Static_assert((int)VHSM_##name == wire, "vhsm.h: " #name);
#include "wire/err.def"
_Static_assert((int)VHSM_SIGN == (int)VH_OP_SIGN, "vhsm.h: ops");
_Static_assert((int)VHSM_DECRYPT == (int)VH_OP_DECRYPT, "vhsm.h: ops");
_Static_assert((int)VHSM_VERIFY == (int)VH_OP_VERIFY, "vhsm.h: ops");
_Static_assert((int)VHSM_ENCRYPT == (int)VH_OP_ENCRYPT, "vhsm.h: ops");
_Static_assert((int)VHSM_KEYS == (int)VH_OP_KEYS, "vhsm.h: ops");
_Static_assert((int)VHSM_STATUS == (int)VH_OP_STATUS, "vhsm.h: ops");
_Static_assert((int)VHSM_CLUSTER == (int)VH_OP_CLUSTER, "vhsm.h: ops");
_Static_assert((int)VHSM_RAW_SIGN == (int)VH_OP_RAWSIGN, "vhsm.h: ops");
_Static_assert((int)VHSM_RAW_DECRYPT == (int)VH_OP_RAWDECRYPT, "vhsm.h: ops");
_Static_assert((int)VHSM_RAW_DERIVE == (int)VH_OP_RAWDERIVE, "vhsm.h: ops");
_Static_assert((int)VHSM_DRAIN == (int)VH_OP_DRAIN, "vhsm.h: ops");
_Static_assert(VHSM_MANY_MAX == VH_ITEMS_MAX, "vhsm.h: requests of a batch");
_Static_assert((int)VHSM_REVOKE == (int)VH_OP_REVOKE, "vhsm.h: ops");
_Static_assert((int)VHSM_ROTATE == (int)VH_OP_ROTATE, "vhsm.h: ops");
_Static_assert((int)VHSM_RETIRE == (int)VH_OP_RETIRE, "vhsm.h: ops");
_Static_assert((int)VHSM_DESTROY == (int)VH_OP_DESTROY, "vhsm.h: ops");
_Static_assert((int)VHSM_RELOAD == (int)VH_OP_RELOAD, "vhsm.h: ops");
_Static_assert((int)VHSM_STATE_ACTIVE - (int)VHSM_STATE_ANY ==
		   (int)VH_KEY_ACTIVE,
    "vhsm.h: states");

const char *
vhsm_strerror(enum vhsm_error error)
{
	return err_text((enum vh_err)error);
}

const char *
vhsm_version(void)
{
	return VHSM_VERSION;
}

static struct vhsm_request
request_for(enum vhsm_op op, const struct vhsm_selector *key, const void *data,
    size_t len)
{
	struct vhsm_request q = { .op = op, .data = data, .data_len = len };

	if (key != NULL)
		q.key = *key;
	return q;
}

enum vhsm_error
vhsm_sign(struct vhsm *h, const struct vhsm_selector *key, const void *payload,
    size_t len, const struct vhsm_sign_options *options,
    struct vhsm_answer **out)
{
	struct vhsm_request q = request_for(VHSM_SIGN, key, payload, len);

	if (options != NULL) {
		q.header = options->header;
		q.typ = options->typ;
		q.format = options->format;
		q.unprotected = options->unprotected;
		q.detached = options->detached;
		q.unencoded = options->unencoded;
		q.more = options->more;
		q.more_count = options->more_count;
	}
	return vhsm_call(h, &q, out);
}

enum vhsm_error
vhsm_decrypt(struct vhsm *h, const struct vhsm_selector *key, const char *token,
    size_t len, struct vhsm_answer **out)
{
	struct vhsm_request q = request_for(VHSM_DECRYPT, key, token, len);

	return vhsm_call(h, &q, out);
}

enum vhsm_error
vhsm_verify(struct vhsm *h, const struct vhsm_selector *key, const char *token,
    size_t len, const char *jwks, struct vhsm_answer **out)
{
	struct vhsm_request q = request_for(VHSM_VERIFY, key, token, len);

	q.jwks = jwks;
	return vhsm_call(h, &q, out);
}

enum vhsm_error
vhsm_verify_with(struct vhsm *h, const struct vhsm_selector *key,
    const char *token, size_t len, const struct vhsm_verify_options *options,
    struct vhsm_answer **out)
{
	struct vhsm_request q = request_for(VHSM_VERIFY, key, token, len);

	if (options != NULL) {
		q.jwks = options->jwks;
		q.payload = options->payload;
		q.payload_len = options->payload_len;
		q.all = options->all;
	}
	return vhsm_call(h, &q, out);
}

enum vhsm_error
vhsm_encrypt(struct vhsm *h, const struct vhsm_selector *key,
    const void *payload, size_t len, const struct vhsm_encrypt_options *options,
    struct vhsm_answer **out)
{
	struct vhsm_request q = request_for(VHSM_ENCRYPT, key, payload, len);

	if (options != NULL) {
		q.enc = options->enc;
		q.jwk = options->jwk;
		q.header = options->header;
		q.typ = options->typ;
		q.apu = options->apu;
		q.apu_len = options->apu_len;
		q.apv = options->apv;
		q.apv_len = options->apv_len;
		q.format = options->format;
		q.unprotected = options->unprotected;
		q.aad = options->aad;
		q.aad_len = options->aad_len;
		q.zip = options->zip;
		q.more = options->more;
		q.more_count = options->more_count;
	}
	return vhsm_call(h, &q, out);
}

enum vhsm_error
vhsm_raw_sign(struct vhsm *h, const struct vhsm_selector *key, const void *data,
    size_t len, int prehashed, struct vhsm_answer **out)
{
	struct vhsm_request q = request_for(VHSM_RAW_SIGN, key, data, len);

	q.prehashed = prehashed;
	return vhsm_call(h, &q, out);
}

enum vhsm_error
vhsm_raw_decrypt(struct vhsm *h, const struct vhsm_selector *key,
    const void *data, size_t len, const void *label, size_t label_len,
    struct vhsm_answer **out)
{
	struct vhsm_request q = request_for(VHSM_RAW_DECRYPT, key, data, len);

	q.label = label;
	q.label_len = label_len;
	return vhsm_call(h, &q, out);
}

enum vhsm_error
vhsm_raw_derive(struct vhsm *h, const struct vhsm_selector *key,
    const char *jwk, struct vhsm_answer **out)
{
	struct vhsm_request q = request_for(VHSM_RAW_DERIVE, key, NULL, 0);

	q.jwk = jwk;
	return vhsm_call(h, &q, out);
}

enum vhsm_error
vhsm_keys(struct vhsm *h, const struct vhsm_selector *key,
    struct vhsm_answer **out)
{
	struct vhsm_request q = request_for(VHSM_KEYS, key, NULL, 0);

	return vhsm_call(h, &q, out);
}

enum vhsm_error
vhsm_status(struct vhsm *h, struct vhsm_answer **out)
{
	struct vhsm_request q = request_for(VHSM_STATUS, NULL, NULL, 0);

	return vhsm_call(h, &q, out);
}

enum vhsm_error
vhsm_cluster(struct vhsm *h, struct vhsm_answer **out)
{
	struct vhsm_request q = request_for(VHSM_CLUSTER, NULL, NULL, 0);

	return vhsm_call(h, &q, out);
}

enum vhsm_error
vhsm_drain(struct vhsm *h, int off, struct vhsm_answer **out)
{
	struct vhsm_request q = request_for(VHSM_DRAIN, NULL, NULL, 0);

	q.off = off;
	return vhsm_call(h, &q, out);
}

enum vhsm_error
vhsm_revoke(struct vhsm *h, const char *kid, struct vhsm_answer **out)
{
	struct vhsm_request q = request_for(VHSM_REVOKE, NULL, NULL, 0);

	q.key.kid = kid;
	return vhsm_call(h, &q, out);
}

enum vhsm_error
vhsm_rotate(struct vhsm *h, const char *kid, const char *name, int now,
    struct vhsm_answer **out)
{
	struct vhsm_request q = request_for(VHSM_ROTATE, NULL, NULL, 0);

	q.key.kid = kid;
	q.key.name = name;
	q.now = now;
	return vhsm_call(h, &q, out);
}

enum vhsm_error
vhsm_retire(struct vhsm *h, const char *kid, struct vhsm_answer **out)
{
	struct vhsm_request q = request_for(VHSM_RETIRE, NULL, NULL, 0);

	q.key.kid = kid;
	return vhsm_call(h, &q, out);
}

enum vhsm_error
vhsm_destroy(struct vhsm *h, const char *kid, struct vhsm_answer **out)
{
	struct vhsm_request q = request_for(VHSM_DESTROY, NULL, NULL, 0);

	q.key.kid = kid;
	return vhsm_call(h, &q, out);
}

enum vhsm_error
vhsm_reload(struct vhsm *h, struct vhsm_answer **out)
{
	struct vhsm_request q = request_for(VHSM_RELOAD, NULL, NULL, 0);

	return vhsm_call(h, &q, out);
}
