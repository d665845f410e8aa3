/* The JOSE algorithms this project knows (alg.def): names, ids, sizes, and
 * which key fits which algorithm.  Knows no cryptography. */
#ifndef WIRE_ALG_H
#define WIRE_ALG_H

#include "wire/base.h"

enum vh_kty {
#define VH_KTY(sym, id, name) VH_KTY_##sym = id,
#include "wire/alg.def"
};

enum vh_crv {
#define VH_CRV(sym, id, name, kty, size, sig, agrees, lib) VH_CRV_##sym = id,
#include "wire/alg.def"
};

enum vh_alg {
#define VH_ALG(sym, id, name, kind, kty, crv, digest, size) VH_ALG_##sym = id,
#include "wire/alg.def"
};

enum vh_enc {
#define VH_ENC(sym, id, name, cek, iv, tag, lib, mac) VH_ENC_##sym = id,
#include "wire/alg.def"
};

enum vh_use { VH_USE_SIG = 1, VH_USE_ENC = 2 };

/* Mechanisms.  ECDH is ECDH-ES, direct when the row's size is 0; its rows take
 * EC keys and, of OKP, X25519 and X448 (RFC 8037, 3.2). */
enum vh_kind {
	VH_KIND_PKCS1 = 1,
	VH_KIND_PSS,
	VH_KIND_ECDSA,
	VH_KIND_EDDSA,
	VH_KIND_HMAC,
	VH_KIND_OAEP, /* from here on: encryption */
	VH_KIND_ECDH,
	VH_KIND_RSA15,
	VH_KIND_KW,
	VH_KIND_GCMKW,
	VH_KIND_DIR,
};

/* RFC 7518, 3.3 and 4.3 ask for 2048 bits; the upper bound is a limit of ours
 * on work per request. */
#define VH_RSA_BITS_MIN 2048
#define VH_RSA_BITS_MAX 8192
/* Of a symmetric key; the upper bound is a limit of ours. */
#define VH_OCT_BITS_MIN 128
#define VH_OCT_BITS_MAX 4096
/* RFC 7518, 4.7.1 */
#define VH_GCMKW_IV  12
#define VH_GCMKW_TAG 16

struct crv {
	enum vh_crv id;
	const char *name;
	enum vh_kty kty;
	size_t size;     /* bytes of a coordinate (EC) or public key (OKP) */
	size_t sig;      /* bytes of a signature; 0: does not sign */
	bool agrees;     /* ECDH-ES runs on it */
	const char *lib; /* libcrypto's name of the group or key type */
};

struct alg {
	enum vh_alg id;
	const char *name;
	enum vh_kind kind;
	enum vh_use use;
	enum vh_kty kty;    /* ECDH rows say EC and take OKP as well */
	enum vh_crv crv;    /* 0: any */
	const char *digest; /* libcrypto's name, or NULL */
	size_t size;        /* signature bytes, or key-wrap key bytes, or 0 */
};

struct enc {
	enum vh_enc id;
	const char *name;
	size_t cek, iv, tag; /* bytes */
	const char *lib;     /* libcrypto's cipher name */
	const char *mac;     /* digest of the HMAC, NULL for GCM */
};

/* Look-ups by id or exact name; NULL when no row has it.  Rows are static. */
const struct alg *alg_by_id(uint32_t id);
const struct alg *alg_by_name(struct slice name);
const struct enc *enc_by_id(uint32_t id);
const struct enc *enc_by_name(struct slice name);
const struct crv *crv_by_id(uint32_t id);
const struct crv *crv_by_name(struct slice name);

/* All rows in table order, for loops: i from 0 until NULL. */
const struct alg *alg_at(size_t i);
const struct enc *enc_at(size_t i);
const struct crv *crv_at(size_t i);

/* "RSA", "sig"; NULL for a number no row has.  0 when no row has the name. */
const char *kty_name(enum vh_kty kty);
enum vh_kty kty_by_name(struct slice name);
const char *use_name(enum vh_use use);
enum vh_use use_by_name(struct slice name);

/* Whether a key of this kty, crv (0 for RSA) and use may run alg. */
bool alg_fits(const struct alg *alg, enum vh_kty kty, enum vh_crv crv,
    enum vh_use use);
/* Whether a symmetric key of that many bytes may run alg, which is one for such
 * keys: at least as long as the hash (RFC 7518, 3.2), exactly as long as the
 * cipher's key, for dir as that of some enc. */
bool alg_takes_secret(const struct alg *alg, size_t bytes);
/* Whether a key runs alg only if it is pinned to it. */
bool alg_needs_pin(const struct alg *alg);
/* Whether a signature with alg, by some key, can have that many bytes. */
bool alg_signs(const struct alg *alg, size_t size);

#endif
