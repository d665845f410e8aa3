/* Private keys as DER.  A reader of our own, for three reasons: libcrypto 3.0
 * also takes BER (many encodings of one key), it does not know RFC 5958 (an
 * Ed25519 key with its public part, RFC 8410, 10.3), and its errors do not say
 * what was expected.  The reader allocates nothing and calls nobody. */
#include <openssl/err.h>
#include <openssl/objects.h>

#include "vault/import_parts.h"

enum tag {
	TAG_INTEGER = 0x02,
	TAG_BITS = 0x03,
	TAG_OCTETS = 0x04,
	TAG_NULL = 0x05,
	TAG_OID = 0x06,
	TAG_SEQUENCE = 0x30,
	TAG_0 = 0xa0,       /* [0], constructed */
	TAG_1 = 0xa1,       /* [1], constructed: explicit, in SEC1 */
	TAG_1_PLAIN = 0x81, /* [1], primitive: implicit, in RFC 5958 */
};

/* The first failure sticks: later reads yield empty slices. */
struct der {
	const uint8_t *p, *end;
	bool bad;
};

static struct der
der_over(struct slice s)
{
	static const uint8_t nothing[1];
	const uint8_t *p = s.len == 0 ? nothing : s.p; /* never NULL + 0 */

	return (struct der){ p, p + s.len, false };
}

static bool
der_next_is(const struct der *r, enum tag tag)
{
	return !r->bad && r->p < r->end && *r->p == tag;
}

static bool
der_at_end(const struct der *r)
{
	return !r->bad && r->p == r->end;
}

/* Length octets in the one form DER allows (X.690, 10.1). */
static size_t
der_length(struct der *r)
{
	size_t len = 0, octets;

	if (r->p == r->end) {
		r->bad = true;
		return 0;
	}
	uint8_t first = *r->p++;

	if (first < 0x80)
		return first;
	octets = first & 0x7f;
	if (octets == 0 || octets > 4 || octets > (size_t)(r->end - r->p) ||
	    *r->p == 0) {
		r->bad = true;
		return 0;
	}
	while (octets-- > 0)
		len = len << 8 | *r->p++;
	if (len < 0x80)
		r->bad = true;
	return len;
}

static struct slice
der_get(struct der *r, enum tag tag)
{
	if (!der_next_is(r, tag)) {
		r->bad = true;
		return slice_of(NULL, 0);
	}
	r->p++;
	size_t len = der_length(r);

	if (r->bad || len > (size_t)(r->end - r->p)) {
		r->bad = true;
		return slice_of(NULL, 0);
	}
	r->p += len;
	return slice_of(r->p - len, len);
}

/* A non-negative INTEGER without leading zero bytes; 0 is empty. */
static struct slice
der_number(struct der *r)
{
	struct slice s = der_get(r, TAG_INTEGER);

	if (r->bad)
		return s;
	if (s.len == 0 || (s.p[0] & 0x80) != 0 ||
	    (s.len > 1 && s.p[0] == 0 && (s.p[1] & 0x80) == 0)) {
		r->bad = true;
		return slice_of(NULL, 0);
	}
	return s.p[0] == 0 ? slice_of(s.p + 1, s.len - 1) : s;
}

/* A version number; 255 for what no format has. */
static unsigned
der_version(struct der *r)
{
	struct slice s = der_number(r);

	if (s.len == 0)
		return 0;
	return s.len == 1 ? s.p[0] : 255;
}

/* The whole bytes of a BIT STRING's contents. */
static struct slice
bits_bytes(struct der *r, struct slice bits)
{
	if (bits.len == 0 || bits.p[0] != 0) {
		r->bad = true;
		return slice_of(NULL, 0);
	}
	return slice_of(bits.p + 1, bits.len - 1);
}

/* What is wrong with a file; the texts are below. */
enum flaw {
	FLAW_NONE,
	FLAW_FORM,
	FLAW_PUBLIC,
	FLAW_ENCRYPTED, /* not wrong: another reader's */
	FLAW_TYPE,
	FLAW_CURVE,
	FLAW_EXPLICIT,
	FLAW_PRIMES,
	FLAWS,
};

static const char *const flaw_texts[FLAWS] = {
	[FLAW_FORM] =
	    "malformed DER, expected PKCS#8, PKCS#1 (RSA) or SEC1 (EC)",
	[FLAW_PUBLIC] = "public key only, private key expected",
	[FLAW_EXPLICIT] = "curve given by explicit parameters, expected the "
			  "name of P-256, P-384, P-521 or secp256k1",
	[FLAW_PRIMES] = "RSA key of more than two primes not supported",
};

/* Object identifiers, contents octets (RFC 3279, 5480, 8410); a NUL may be
 * inside. */
#define OID(text)                                                              \
	{                                                                      \
		(const uint8_t *)(text), sizeof(text) - 1                      \
	}

static const struct oid {
	struct slice bytes;
	enum vh_kty kty;
	enum vh_crv crv;
} types[] = {
	{ OID("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"), VH_KTY_RSA, 0 },
	{ OID("\x2a\x86\x48\xce\x3d\x02\x01"), VH_KTY_EC, 0 },
	{ OID("\x2b\x65\x70"), VH_KTY_OKP, VH_CRV_ED25519 },
	{ OID("\x2b\x65\x6e"), VH_KTY_OKP, VH_CRV_X25519 },
	{ OID("\x2b\x65\x71"), VH_KTY_OKP, VH_CRV_ED448 },
	{ OID("\x2b\x65\x6f"), VH_KTY_OKP, VH_CRV_X448 },
}, curves[] = {
	{ OID("\x2a\x86\x48\xce\x3d\x03\x01\x07"), VH_KTY_EC, VH_CRV_P256 },
	{ OID("\x2b\x81\x04\x00\x22"), VH_KTY_EC, VH_CRV_P384 },
	{ OID("\x2b\x81\x04\x00\x23"), VH_KTY_EC, VH_CRV_P521 },
	{ OID("\x2b\x81\x04\x00\x0a"), VH_KTY_EC, VH_CRV_SECP256K1 },
};

static const struct oid *
oid_find(const struct oid *rows, size_t count, struct slice oid)
{
	for (size_t i = 0; i < count; i++)
		if (slice_eq(oid, rows[i].bytes))
			return &rows[i];
	return NULL;
}

struct found {
	struct parts parts;
	struct slice oid; /* of a FLAW_TYPE or FLAW_CURVE */
};

/* RFC 8017, A.1.2. */
static enum flaw
parse_rsa(struct slice body, struct found *out)
{
	struct der r = der_over(body);
	struct parts *k = &out->parts;
	unsigned version = der_version(&r);

	k->kty = VH_KTY_RSA;
	k->n = der_number(&r);
	k->e = der_number(&r);
	k->d = der_number(&r);
	k->p = der_number(&r);
	k->q = der_number(&r);
	k->dp = der_number(&r);
	k->dq = der_number(&r);
	k->qi = der_number(&r);
	if (!r.bad && version == 1)
		return FLAW_PRIMES;
	return der_at_end(&r) && version == 0 ? FLAW_NONE : FLAW_FORM;
}

/* ECParameters: a name, or numbers (RFC 5480, 2.1.1 allows only the name). */
static enum flaw
parse_curve(struct der *r, struct found *out)
{
	if (der_next_is(r, TAG_SEQUENCE))
		return FLAW_EXPLICIT;
	struct slice name = der_get(r, TAG_OID);

	if (r->bad)
		return FLAW_FORM;
	const struct oid *row = oid_find(curves, ARRAY_LEN(curves), name);

	if (row == NULL) {
		out->oid = name;
		return FLAW_CURVE;
	}
	if (out->parts.crv != 0 && out->parts.crv != row->crv)
		return FLAW_FORM;
	out->parts.crv = row->crv;
	return FLAW_NONE;
}

/* RFC 5915; the curve may be known already, from PKCS#8. */
static enum flaw
parse_ec(struct slice body, struct found *out)
{
	struct der r = der_over(body);
	unsigned version = der_version(&r);

	out->parts.kty = VH_KTY_EC;
	out->parts.d = der_get(&r, TAG_OCTETS);
	if (der_next_is(&r, TAG_0)) {
		struct der in = der_over(der_get(&r, TAG_0));
		enum flaw flaw = parse_curve(&in, out);

		if (flaw != FLAW_NONE)
			return flaw;
		if (!der_at_end(&in))
			return FLAW_FORM;
	}
	if (der_next_is(&r, TAG_1)) {
		struct der in = der_over(der_get(&r, TAG_1));

		out->parts.point = bits_bytes(&in, der_get(&in, TAG_BITS));
		if (!der_at_end(&in))
			return FLAW_FORM;
	}
	if (!der_at_end(&r) || version != 1 || out->parts.crv == 0)
		return FLAW_FORM;
	return FLAW_NONE;
}

/* AlgorithmIdentifier. */
static enum flaw
parse_type(struct slice body, struct found *out)
{
	struct der r = der_over(body);
	struct slice oid = der_get(&r, TAG_OID);
	const struct oid *row = oid_find(types, ARRAY_LEN(types), oid);

	if (r.bad)
		return FLAW_FORM;
	if (row == NULL) {
		out->oid = oid;
		return FLAW_TYPE;
	}
	out->parts.kty = row->kty;
	out->parts.crv = row->crv;
	if (row->kty == VH_KTY_EC) {
		enum flaw flaw = parse_curve(&r, out);

		if (flaw != FLAW_NONE)
			return flaw;
	}
	if (row->kty == VH_KTY_RSA && der_get(&r, TAG_NULL).len != 0)
		return FLAW_FORM;
	return der_at_end(&r) ? FLAW_NONE : FLAW_FORM;
}

/* The octets that PKCS#8 wraps. */
static enum flaw
parse_wrapped(struct slice octets, struct found *out)
{
	struct der r = der_over(octets);

	if (out->parts.kty == VH_KTY_OKP) {
		out->parts.d = der_get(&r, TAG_OCTETS); /* RFC 8410, 7 */
		return der_at_end(&r) ? FLAW_NONE : FLAW_FORM;
	}
	struct slice body = der_get(&r, TAG_SEQUENCE);

	if (!der_at_end(&r))
		return FLAW_FORM;
	return out->parts.kty == VH_KTY_RSA ? parse_rsa(body, out)
					    : parse_ec(body, out);
}

/* RFC 5958, version 0 being PKCS#8: attributes are skipped; the public key is
 * the one place of an OKP key for it. */
static enum flaw
parse_pkcs8(struct slice body, struct found *out)
{
	struct der r = der_over(body);
	unsigned version = der_version(&r);
	enum flaw flaw = parse_type(der_get(&r, TAG_SEQUENCE), out);

	if (flaw != FLAW_NONE)
		return flaw;
	flaw = parse_wrapped(der_get(&r, TAG_OCTETS), out);
	if (flaw != FLAW_NONE)
		return flaw;
	if (der_next_is(&r, TAG_0))
		(void)der_get(&r, TAG_0); /* attributes say nothing to us */
	/* RFC 5958, 2: version 1 if and only if there is a public key. */
	if (version == 1) {
		struct slice pub = bits_bytes(&r, der_get(&r, TAG_1_PLAIN));

		if (out->parts.kty != VH_KTY_RSA && out->parts.point.len == 0)
			out->parts.point = pub;
	}
	return der_at_end(&r) && version <= 1 ? FLAW_NONE : FLAW_FORM;
}

/* A SEQUENCE that starts with a SEQUENCE: the second element tells
 * SubjectPublicKeyInfo and Certificate from EncryptedPrivateKeyInfo. */
static enum flaw
parse_other(struct slice body)
{
	struct der r = der_over(body);

	(void)der_get(&r, TAG_SEQUENCE); /* names an algorithm or a person */
	if (der_next_is(&r, TAG_OCTETS))
		return FLAW_ENCRYPTED;
	return der_next_is(&r, TAG_BITS) || der_next_is(&r, TAG_SEQUENCE)
		   ? FLAW_PUBLIC
		   : FLAW_FORM;
}

static enum flaw
parse(struct slice der, struct found *out)
{
	struct der whole = der_over(der);
	struct slice body = der_get(&whole, TAG_SEQUENCE);

	if (!der_at_end(&whole))
		return FLAW_FORM;
	struct der r = der_over(body);

	if (der_next_is(&r, TAG_SEQUENCE))
		return parse_other(body);
	struct slice first = der_number(&r);

	if (der_next_is(&r, TAG_SEQUENCE))
		return parse_pkcs8(body, out);
	if (der_next_is(&r, TAG_OCTETS))
		return parse_ec(body, out);
	/* RSAPublicKey has n where RSAPrivateKey has the version. */
	return first.len > 1 ? FLAW_PUBLIC : parse_rsa(body, out);
}

/* "secp256k1", or as dotted numbers when libcrypto knows no name. */
static void
oid_text(struct slice oid, char *text, size_t size)
{
	uint8_t der[64] = { TAG_OID, (uint8_t)oid.len };
	const uint8_t *p = der;

	text[0] = '?';
	text[1] = '\0';
	if (oid.len == 0 || oid.len > sizeof der - 2)
		return;
	memcpy(der + 2, oid.p, oid.len);
	ASN1_OBJECT *object = d2i_ASN1_OBJECT(NULL, &p, (long)oid.len + 2);

	if (object != NULL)
		(void)OBJ_obj2txt(text, (int)size, object, 0); /* '?' stays */
	ASN1_OBJECT_free(object);
	ERR_clear_error();
}

bool
der_is_whole(struct slice der)
{
	struct der whole = der_over(der);

	(void)der_get(&whole, TAG_SEQUENCE);
	return der_at_end(&whole);
}

enum vh_err
import_der(const struct import *in, struct slice der)
{
	if (pkcs12_is(der))
		return import_pkcs12(in, der);
	struct found found = { 0 };
	enum flaw flaw = parse(der, &found);
	char name[64];

	oid_text(found.oid, name, sizeof name);
	if (flaw == FLAW_ENCRYPTED)
		return import_encrypted(in, der);
	if (flaw == FLAW_TYPE)
		return REFUSE(in->why, VH_EKEY,
		    "key type %s not supported, expected RSA, EC, Ed25519, "
		    "Ed448, X25519 or X448",
		    name);
	if (flaw == FLAW_CURVE)
		return REFUSE(in->why, VH_EKEY,
		    "curve %s not supported, expected P-256, P-384, P-521 or "
		    "secp256k1",
		    name);
	if (flaw != FLAW_NONE)
		return REFUSE(in->why, VH_EKEY, "%s", flaw_texts[flaw]);
	return import_add(in, &found.parts, in->terms);
}
