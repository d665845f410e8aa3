#define OPENSSL_SUPPRESS_DEPRECATED  /* RAND_METHOD: nothing else comes first  \
				      */
#include "vault/random.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <time.h>

#define DRAW 1024u
#define MOST 256u /* of what is drawn; more is asked for by itself */

/* The last left bytes have not been used. */
static __thread struct {
	size_t left;
	time_t second; /* when they were drawn */
	uint8_t bytes[DRAW];
} drawn;

static bool
draw(uint8_t *to, size_t len)
{
	EVP_RAND_CTX *generator = RAND_get0_private(NULL);

	return generator != NULL &&
	       EVP_RAND_generate(generator, to, len, 0, 0, NULL, 0) == 1;
}

static bool
refill(void)
{
	drawn.left = 0;
	drawn.second = time(NULL);
	if (!draw(drawn.bytes, DRAW))
		return false;
	drawn.left = DRAW;
	return true;
}

/* 1, or 0 when the generator has failed. */
static int
random_bytes(unsigned char *to, int size)
{
	size_t len = (size_t)size;

	if (size < 0)
		return 0;
	if (len > MOST)
		return draw(to, len);
	if ((len > drawn.left || drawn.second != time(NULL)) && !refill())
		return 0;
	uint8_t *from = drawn.bytes + DRAW - drawn.left;

	memcpy(to, from, len);
	memset(from, 0, len);
	/* Somebody looks at the zeros, as far as the compiler knows. */
	__asm__ volatile("" : : "r"(from) : "memory");
	drawn.left -= len;
	return 1;
}

static int
is_seeded(void)
{
	return 1; /* or refill fails */
}

enum vh_err
random_adopt(void)
{
	static const RAND_METHOD method = { .bytes = random_bytes,
		.pseudorand = random_bytes,
		.status = is_seeded };

	return RAND_set_rand_method(&method) == 1 ? VH_OK : VH_EINTERNAL;
}
