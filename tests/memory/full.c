/* What the vault says when its arena, with all of libcrypto in it, is full.
 *
 *   full boxes    a JWE that is right is opened, or refused for want of memory
 *   full keys     a key for which there is no room is not called malformed
 *   full signers  what is not signed for want of memory is signed when there is
 *                 some again
 *
 * Tries it for each number of pages that are left.  Exit status 1, and a line,
 * when something else was said. */
#include <stdio.h>
#include <stdlib.h>

#include "base/pkey.h"
#include "vault/cek.h"
#include "vault/check.h"
#include "vault/content.h"
#include "vault/import.h"
#include "vault/random.h"
#include "vault/sign.h"

#define ARENA (5u << 20)
#define PAGE  4096u
#define PAGES (ARENA / PAGE)
#define LEFT  80 /* more is no want */
#define FRAME 16384u

static void
must(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "full: %s\n", what);
	exit(1);
}

/* --- all the pages that are left ------------------------------------------ */

static void *hoard[PAGES];
static size_t hoarded;

static void
give(size_t pages)
{
	while (pages-- > 0 && hoarded > 0)
		arena_free(hoard[--hoarded]);
}

/* All but so many. */
static void
take_all_but(size_t pages)
{
	void *page;

	while (hoarded < PAGES && (page = arena_alloc(PAGE)) != NULL)
		hoard[hoarded++] = page;
	give(pages);
}

/* --- boxes ---------------------------------------------------------------- */

static const struct target {
	enum vh_kty kty;
	enum vh_crv crv;
	size_t bits;
	enum vh_alg alg;
	enum vh_enc enc;
} targets[] = {
	{ VH_KTY_RSA, 0, 2048, VH_ALG_RSA_OAEP, VH_ENC_A256GCM },
	{ VH_KTY_RSA, 0, 2048, VH_ALG_RSA_OAEP_256, VH_ENC_A128CBC_HS256 },
	{ VH_KTY_RSA, 0, 4096, VH_ALG_RSA_OAEP, VH_ENC_A128GCM },
	{ VH_KTY_EC, VH_CRV_P256, 0, VH_ALG_ECDH_ES_A128KW,
	    VH_ENC_A128CBC_HS256 },
	{ VH_KTY_EC, VH_CRV_P521, 0, VH_ALG_ECDH_ES, VH_ENC_A256GCM },
	{ VH_KTY_OKP, VH_CRV_X25519, 0, VH_ALG_ECDH_ES, VH_ENC_A128GCM },
	{ VH_KTY_OCT, 0, 128, VH_ALG_A128KW, VH_ENC_A128CBC_HS256 },
};

struct bench {
	struct store *store;
	struct crypto *crypto;
	struct key *key;
	const struct alg *alg;
	const struct enc *enc;
	struct parcel *parcel;
	uint8_t iv[16], tag[32], text[32];
	struct buf *answer;
};

static enum vh_err
add_key(const struct target *t, struct store *to, struct buf *why)
{
	const struct key_terms terms = { .use = VH_USE_ENC };
	AUTO(generator_free) struct generator *g = NULL;
	struct key *key = NULL;

	TRY(generator_new(t->kty, t->crv, t->bits, &g, why));
	TRY(generator_make(g, &terms, 1, &key, why));
	return store_add(to, key);
}

static struct key *
new_key(struct bench *b, const struct target *t)
{
	must(add_key(t, b->store, NULL) == VH_OK, "no key");
	return store_at(b->store, store_count(b->store) - 1);
}

static void
set_up(struct bench *b, const struct target *t)
{
	AUTO(pkey_free) EVP_PKEY *to = NULL;
	struct content c;

	*b = (struct bench){ .store = store_new(),
		.crypto = crypto_new(0),
		.alg = alg_by_id(t->alg),
		.enc = enc_by_id(t->enc),
		.answer = buf_new(FRAME) };
	must(b->store != NULL && b->crypto != NULL, "no memory");
	b->key = new_key(b, t);
	must(b->key->oct != NULL || pkey_of_pub(&b->key->pub, &to) == VH_OK,
	    "no public key");
	const struct agreement a = { .alg = b->alg, .enc = b->enc };
	const struct addressee whom = { to, b->key->pub, b->key->oct };

	must(cek_wrap(b->crypto, &whom, &a, NULL, &b->parcel) == VH_OK, "wrap");
	c = (struct content){ b->enc, b->parcel->cek,
		slice_of(b->iv, b->enc->iv), slice_text("header") };
	must(content_seal(b->crypto, &c, slice_text("attack at dawn"), b->text,
		 b->tag) == VH_OK,
	    "seal");
}

static void
tear_down(struct bench *b)
{
	parcel_free(b->parcel);
	crypto_free(b->crypto);
	store_free(b->store);
	buf_free(b->answer);
}

static enum vh_err
open_box(struct bench *b, bool right)
{
	AUTO(buf_free) struct buf *f = buf_new(FRAME);
	size_t at = frame_request(f, VH_OP_VDECRYPT, 1, 0);
	struct frame q;

	frame_put_text(f, VH_F_KID, b->key->kid);
	frame_put_u32(f, VH_F_ALG_ID, b->alg->id);
	frame_put_u32(f, VH_F_ENC_ID, b->enc->id);
	frame_put_text(f, VH_F_PROTECTED, right ? "header" : "Header");
	if (buf_slice(b->parcel->encrypted).len > 0)
		frame_put(f, VH_F_ENCRYPTED_KEY,
		    buf_slice(b->parcel->encrypted));
	frame_put(f, VH_F_IV, slice_of(b->iv, b->enc->iv));
	frame_put(f, VH_F_CIPHERTEXT,
	    slice_of(b->text, content_size(b->enc, strlen("attack at dawn"))));
	frame_put(f, VH_F_TAG, slice_of(b->tag, b->enc->tag));
	if (b->parcel->epk.kty != 0)
		pub_put_fields(f, &b->parcel->epk);
	frame_close(f, at);
	must(frame_parse(buf_slice(f), &q) == VH_OK, "frame");
	buf_clear(b->answer);
	return op_decrypt(b->crypto, b->store, &q, b->answer);
}

static void
try_fill(struct bench *b, size_t pages, size_t *refused)
{
	char text[128];

	take_all_but(pages);
	enum vh_err bad = open_box(b, false);
	enum vh_err good = open_box(b, true);

	give(PAGES);
	(void)snprintf(text, sizeof text,
	    "%s, %zu pages left: a box that is right: %s, one that is not: %s",
	    b->alg->name, pages, err_name(good), err_name(bad));
	must(good == VH_OK || good == VH_ENOMEM, text);
	must(bad == VH_EDECRYPT || bad == VH_ENOMEM, text);
	*refused += bad == VH_ENOMEM;
}

static void
try_boxes(void)
{
	for (size_t i = 0; i < 2 * ARRAY_LEN(targets); i++) {
		struct bench b;
		size_t refused = 0;

		set_up(&b, &targets[i / 2]);
		/* With the worker's contexts of the key, or without. */
		if (i % 2 == 1)
			must(open_box(&b, true) == VH_OK, "open");
		for (size_t pages = 0; pages < LEFT; pages++)
			try_fill(&b, pages, &refused);
		must(refused > 0, "there was always room: nothing was tried");
		must(open_box(&b, true) == VH_OK, "no memory afterwards");
		must(open_box(&b, false) == VH_EDECRYPT, "judged no more");
		tear_down(&b);
	}
}

/* --- keys ----------------------------------------------------------------- */

static void
fill_with_keys(const struct target *t, size_t pages)
{
	AUTO(buf_free) struct buf *why = buf_new(512);
	struct store *store = store_new();
	enum vh_err err = VH_OK;
	char size[64];

	take_all_but(pages);
	for (size_t n = 0; n < 4096 && err == VH_OK; n++)
		err = add_key(t, store, why);
	give(PAGES);
	store_free(store);
	buf_put_u8(why, 0);
	must(buf_end(why) == VH_OK, "no memory");
	(void)snprintf(size, sizeof size, "it has %u KiB", ARENA / 1024);
	if (err == VH_ENOMEM && strstr((const char *)why->p, size) != NULL)
		return;
	fprintf(stderr, "%s: %s\n", err_name(err), (const char *)why->p);
	must(false, "said of a key for which there is no room");
}

static void
try_keys(void)
{
	/* As the vault's workers: libcrypto has what it needs itself. */
	AUTO(crypto_free) struct crypto *crypto = crypto_new(0);
	AUTO(buf_free) struct buf *why = buf_new(512);

	must(crypto != NULL, "no memory");
	for (size_t i = 0; i < ARRAY_LEN(targets); i++)
		for (size_t pages = 0; pages < 16; pages++)
			if (targets[i].crv != 0)
				fill_with_keys(&targets[i], pages);
	must(check_failed(why, "malformed") == VH_EKEY, "no room afterwards");
}

/* --- signers ---------------------------------------------------------------
 */

static const struct {
	enum vh_kty kty;
	enum vh_crv crv;
	enum vh_alg alg;
} signers[] = {
	{ VH_KTY_EC, VH_CRV_P256, VH_ALG_ES256 },
	{ VH_KTY_EC, VH_CRV_P521, VH_ALG_ES512 },
	{ VH_KTY_OKP, VH_CRV_ED25519, VH_ALG_EDDSA },
};

static struct key *
new_signer(size_t i)
{
	const struct key_terms terms = { .use = VH_USE_SIG };
	AUTO(generator_free) struct generator *g = NULL;
	struct key *key = NULL;

	must(generator_new(signers[i].kty, signers[i].crv, 0, &g, NULL) ==
		     VH_OK &&
		 generator_make(g, &terms, 64, &key, NULL) == VH_OK,
	    "no key");
	return key;
}

/* Blocks are left over in pages that are in use: all of each size goes. */
static void
take_all_blocks(void)
{
	for (size_t size = 2048; size >= 16; size /= 2)
		while (arena_alloc(size) != NULL)
			;
}

static void
try_signer(struct crypto *c, size_t i, size_t pages)
{
	AUTO(key_free) struct key *key = new_signer(i);
	uint8_t signature[160];

	take_all_but(0);
	take_all_blocks();
	give(pages);
	enum vh_err err = sign_bytes(c, key, alg_by_id(signers[i].alg),
	    slice_text("x"), signature);

	must(err == VH_ENOMEM || (pages > 0 && err == VH_OK), err_name(err));
	give(PAGES);
	must(sign_bytes(c, key, alg_by_id(signers[i].alg), slice_text("x"),
		 signature) == VH_OK,
	    "does not sign any more");
}

/* Each by a worker that has signed nothing yet. */
static void
try_signers(void)
{
	size_t index = 0;

	for (size_t i = 0; i < ARRAY_LEN(signers); i++)
		for (size_t pages = 0; pages < 16; pages += 3) {
			AUTO(crypto_free)
			struct crypto *c = crypto_new(index++);

			must(c != NULL, "no memory");
			try_signer(c, i, pages);
		}
}

int
main(int argc, char **argv)
{
	must(argc == 2, "usage: full boxes | keys | signers");
	must(arena_open(ARENA) == VH_OK, "arena");
	must(arena_adopt_libraries() == VH_OK, "libraries");
	must(random_adopt() == VH_OK, "random");
	if (strcmp(argv[1], "keys") == 0)
		try_keys();
	else if (strcmp(argv[1], "signers") == 0)
		try_signers();
	else
		try_boxes();
	return 0;
}
