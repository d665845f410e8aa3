#include "peer/hello.h"

#include <sodium.h>

/* Each with its length before it: no two talks give the same bytes. */
static void
add(crypto_hash_sha256_state *h, struct slice bytes)
{
	const uint8_t len[2] = { (uint8_t)(bytes.len >> 8),
		(uint8_t)bytes.len };

	(void)crypto_hash_sha256_update(h, len, sizeof len);
	(void)crypto_hash_sha256_update(h, bytes.p, bytes.len);
}

void
hello_nonce(const struct hello_talk *talk, enum hello_role role,
    uint8_t out[static HELLO_NONCE])
{
	crypto_hash_sha256_state h;

	(void)crypto_hash_sha256_init(&h);
	add(&h, slice_text("vhsm-hello"));
	add(&h, slice_text(role == HELLO_DIALER ? "dialer" : "listener"));
	add(&h, talk->dialer);
	add(&h, talk->listener);
	add(&h, slice_of(talk->asked, HELLO_NONCE));
	add(&h, slice_of(talk->given, HELLO_NONCE));
	(void)crypto_hash_sha256_final(&h, out);
}
