#include "vault/content.h"

#include <criterion/criterion.h>
#include <openssl/hmac.h>
#include <stdlib.h>

#include "test_crypto_kat.h"

TestSuite(content, .init = rig_arena, .timeout = 120);

static struct secret *
secret_of(struct slice bytes)
{
	struct secret *s = secret_new(bytes.len);

	cr_assert_not_null(s);
	memcpy(secret_rw(s), bytes.p, bytes.len);
	return s;
}

static struct secret *
some_cek(const struct enc *enc, uint8_t seed)
{
	struct secret *s = secret_new(enc->cek);

	cr_assert_not_null(s);
	memset(secret_rw(s), seed, enc->cek);
	return s;
}

/* A sealed message; its buffers have one byte to spare. */
struct message {
	struct content m;
	struct secret *cek;
	uint8_t iv[CONTENT_IV_MAX + 1], tag[CONTENT_TAG_MAX + 1];
	uint8_t aad[5];
	uint8_t sealed[128], opened[128];
	size_t size;
};

static void
seal(struct rig *r, struct message *s, const struct enc *enc,
    struct slice plain)
{
	memset(s, 0, sizeof *s);
	memcpy(s->aad, "hello", 5);
	memset(s->iv, 7, enc->iv);
	s->cek = some_cek(enc, 0x42);
	s->m = (struct content){ enc, s->cek, slice_of(s->iv, enc->iv),
		slice_of(s->aad, sizeof s->aad) };
	s->size = content_size(enc, plain.len);
	cr_assert_leq(s->size, sizeof s->sealed);
	cr_assert_eq(content_seal(r->crypto, &s->m, plain, s->sealed, s->tag),
	    VH_OK);
}

static enum vh_err
opened(struct rig *r, struct message *s, size_t *len)
{
	memset(s->opened, 0xee, sizeof s->opened);
	return content_open(r->crypto, &s->m, slice_of(s->sealed, s->size),
	    slice_of(s->tag, s->m.enc->tag), s->opened, len);
}

static void
check_known(struct rig *r, const json_t *row)
{
	const struct enc *enc = kat_enc(row);
	AUTO(buf_free) struct buf *cek = kat_bytes(row, "cek");
	AUTO(buf_free) struct buf *iv = kat_bytes(row, "iv");
	AUTO(buf_free) struct buf *aad = kat_bytes(row, "aad");
	AUTO(buf_free) struct buf *plain = kat_bytes(row, "plaintext");
	AUTO(buf_free) struct buf *want = kat_bytes(row, "ciphertext");
	AUTO(buf_free) struct buf *tag = kat_bytes(row, "tag");
	AUTO(secret_free) struct secret *key = secret_of(buf_slice(cek));
	struct content m = { enc, key, buf_slice(iv), buf_slice(aad) };
	uint8_t out[256], made[CONTENT_TAG_MAX];
	size_t len;

	cr_assert_eq(content_size(enc, plain->len), want->len);
	cr_assert_eq(content_seal(r->crypto, &m, buf_slice(plain), out, made),
	    VH_OK);
	cr_expect(slice_eq(slice_of(out, want->len), buf_slice(want)), "%s",
	    enc->name);
	cr_expect(slice_eq(slice_of(made, enc->tag), buf_slice(tag)), "%s",
	    enc->name);
	cr_assert_eq(content_open(r->crypto, &m, buf_slice(want),
			 buf_slice(tag), out, &len),
	    VH_OK);
	cr_expect(slice_eq(slice_of(out, len), buf_slice(plain)), "%s",
	    enc->name);
}

Test(content, gives_the_published_ciphertexts)
{
	AUTO(rig_free) struct rig *r = rig_new();
	AUTO(kat_free) json_t *rows = kat_load("content");
	json_t *row;
	size_t i;

	json_array_foreach(rows, i, row) check_known(r, row);
}

Test(content, opens_what_it_sealed_at_every_length)
{
	AUTO(rig_free) struct rig *r = rig_new();
	uint8_t plain[64];
	const struct enc *enc;
	struct message s;
	size_t len;

	memset(plain, 'p', sizeof plain);
	for (size_t i = 0; (enc = enc_at(i)) != NULL; i++)
		for (size_t n = 0; n <= sizeof plain; n++) {
			seal(r, &s, enc, slice_of(plain, n));
			cr_assert_eq(opened(r, &s, &len), VH_OK, "%s %zu",
			    enc->name, n);
			cr_assert_eq(len, n);
			cr_assert_eq(memcmp(s.opened, plain, n), 0);
			secret_free(s.cek);
		}
}

static void
refuses_flips(struct rig *r, struct message *s, uint8_t *at, size_t n,
    const char *what)
{
	size_t len;

	for (size_t bit = 0; bit < 8 * n; bit++) {
		at[bit / 8] ^= (uint8_t)(1 << bit % 8);
		cr_expect_eq(opened(r, s, &len), VH_EDECRYPT, "%s %s %zu",
		    s->m.enc->name, what, bit);
		for (size_t i = 0; i < s->size; i++)
			cr_assert_eq(s->opened[i], 0);
		at[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

Test(content, any_flipped_bit_is_refused_and_nothing_is_left)
{
	AUTO(rig_free) struct rig *r = rig_new();
	const struct enc *enc;
	struct message s;
	size_t len;

	for (size_t i = 0; (enc = enc_at(i)) != NULL; i++) {
		seal(r, &s, enc, slice_text("attack at dawn, or not"));
		refuses_flips(r, &s, s.sealed, s.size, "ciphertext");
		refuses_flips(r, &s, s.tag, enc->tag, "tag");
		refuses_flips(r, &s, s.iv, enc->iv, "iv");
		refuses_flips(r, &s, s.aad, sizeof s.aad, "aad");
		refuses_flips(r, &s, secret_rw(s.cek), enc->cek, "cek");
		cr_expect_eq(opened(r, &s, &len), VH_OK);
		secret_free(s.cek);
	}
}

Test(content, only_the_exact_sizes_of_iv_and_tag_open)
{
	AUTO(rig_free) struct rig *r = rig_new();
	const struct enc *enc;
	struct message s;
	size_t len;

	for (size_t i = 0; (enc = enc_at(i)) != NULL; i++) {
		seal(r, &s, enc, slice_text("attack at dawn"));
		for (size_t n = 0; n <= enc->tag + 1; n++)
			cr_expect_eq(content_open(r->crypto, &s.m,
					 slice_of(s.sealed, s.size),
					 slice_of(s.tag, n), s.opened, &len),
			    n == enc->tag ? VH_OK : VH_EDECRYPT, "%s tag %zu",
			    enc->name, n);
		for (size_t n = 0; n <= enc->iv + 1; n++) {
			s.m.iv = slice_of(s.iv, n);
			cr_expect_eq(opened(r, &s, &len),
			    n == enc->iv ? VH_OK : VH_EDECRYPT, "%s iv %zu",
			    enc->name, n);
		}
		secret_free(s.cek);
	}
}

Test(content, every_shorter_ciphertext_is_refused)
{
	AUTO(rig_free) struct rig *r = rig_new();
	const struct enc *enc;
	struct message s;
	size_t len;

	for (size_t i = 0; (enc = enc_at(i)) != NULL; i++) {
		seal(r, &s, enc, slice_text("attack at dawn, or later"));
		for (size_t whole = s.size; s.size-- > 0;)
			cr_expect_eq(opened(r, &s, &len), VH_EDECRYPT,
			    "%s %zu of %zu", enc->name, s.size, whole);
		secret_free(s.cek);
	}
}

Test(content, a_cek_of_another_size_is_never_used)
{
	AUTO(rig_free) struct rig *r = rig_new();
	const struct enc *enc;
	struct message s;
	size_t len;

	for (size_t i = 0; (enc = enc_at(i)) != NULL; i++) {
		seal(r, &s, enc, slice_text("x"));
		secret_trim(s.cek, enc->cek - 1);
		cr_expect_eq(opened(r, &s, &len), VH_EDECRYPT);
		cr_expect_eq(content_seal(r->crypto, &s.m, slice_text("x"),
				 s.sealed, s.tag),
		    VH_EINTERNAL);
		secret_free(s.cek);
	}
}

/* A MAC that is right over ciphertext that decrypts to wrong padding. */
Test(content, bad_padding_under_a_good_mac_is_the_same_error)
{
	AUTO(rig_free) struct rig *r = rig_new();
	const struct enc *enc;
	struct message s;
	size_t len;

	for (size_t i = 0; (enc = enc_at(i)) != NULL; i++) {
		if (enc->mac == NULL)
			continue;
		seal(r, &s, enc, slice_text("0123456789abcdef"));
		/* The last block is padding; the one before it shifts it. */
		s.sealed[15] ^= 1;
		uint8_t input[5 + 16 + 32 + 8], full[EVP_MAX_MD_SIZE];

		memcpy(input, s.aad, 5);
		memcpy(input + 5, s.iv, 16);
		memcpy(input + 21, s.sealed, 32);
		memcpy(input + 53, "\0\0\0\0\0\0\0\x28", 8);
		cr_assert_not_null(
		    HMAC(EVP_get_digestbyname(enc->mac), secret_ro(s.cek).p,
			(int)enc->cek / 2, input, sizeof input, full, NULL));
		memcpy(s.tag, full, enc->tag);
		cr_expect_eq(opened(r, &s, &len), VH_EDECRYPT, "%s", enc->name);
		for (size_t k = 0; k < s.size; k++)
			cr_expect_eq(s.opened[k], 0);
		secret_free(s.cek);
	}
}

Test(content, keys_do_not_linger_from_message_to_message)
{
	AUTO(rig_free) struct rig *r = rig_new();
	const struct enc *enc;
	struct message a, b;
	size_t len;

	for (size_t i = 0; (enc = enc_at(i)) != NULL; i++) {
		AUTO(secret_free) struct secret *other = some_cek(enc, 0x43);

		seal(r, &a, enc, slice_text("first"));
		seal(r, &b, enc, slice_text("second"));
		cr_expect_eq(opened(r, &a, &len), VH_OK);
		a.m.cek = other;
		cr_expect_eq(opened(r, &a, &len), VH_EDECRYPT);
		cr_expect_eq(opened(r, &b, &len), VH_OK);
		secret_free(a.cek);
		secret_free(b.cek);
	}
}

Test(content, a_mac_context_forgets_its_key)
{
	static const uint8_t zeros[32];
	AUTO(rig_free) struct rig *r = rig_new();
	const struct enc *enc;
	struct message s;

	for (size_t i = 0; (enc = enc_at(i)) != NULL; i++) {
		uint8_t left[EVP_MAX_MD_SIZE], want[EVP_MAX_MD_SIZE];
		size_t len;

		if (enc->mac == NULL)
			continue;
		seal(r, &s, enc, slice_text("x"));
		secret_free(s.cek);
		EVP_MAC_CTX *mac = r->crypto->mac[enc->id];

		/* Begins again with the key that is there. */
		cr_assert_eq(EVP_MAC_init(mac, NULL, 0, NULL), 1);
		cr_assert_eq(EVP_MAC_update(mac, zeros, 1), 1);
		cr_assert_eq(EVP_MAC_final(mac, left, &len, sizeof left), 1);
		cr_assert_not_null(HMAC(EVP_get_digestbyname(enc->mac), zeros,
		    (int)enc->cek / 2, zeros, 1, want, NULL));
		cr_expect(slice_eq(slice_of(left, len), slice_of(want, len)));
	}
}
