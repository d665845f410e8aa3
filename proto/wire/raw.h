/* What a key marked raw does for callers without JOSE around it (raw.def). */
#ifndef WIRE_RAW_H
#define WIRE_RAW_H

#include "wire/alg.h"
#include "wire/ops.h"

struct raw {
	enum vh_kind kind;
	enum vh_op op;    /* RAWSIGN, RAWDECRYPT or RAWDERIVE */
	bool hashes;      /* signs a digest, which may be given */
	const char *name; /* of its standard */
};

/* The mechanism below an algorithm; NULL: it has none for callers.  Static. */
const struct raw *raw_of(const struct alg *alg);

/* Whether op is one of these operations of callers. */
bool raw_is(uint16_t op);

/* Bits by enum vh_key_op that a key needs for one. */
uint32_t raw_needs(uint16_t op);

/* Bytes of the digest that an algorithm signs; 0: it signs none that could be
 * given. */
size_t raw_digest_size(const struct alg *alg);

/* Whether a key of that kind, use and pin (NULL: none) can do anything raw. */
bool raw_fits(enum vh_kty kty, enum vh_crv crv, enum vh_use use,
    const struct alg *pin);

#endif
