#include "test_import_help.h"

#include <criterion/criterion.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "wire/b64.h"

#define ARENA_SIZE (7u << 20)

const struct key_terms no_terms, sig = { .use = VH_USE_SIG },
				 enc = { .use = VH_USE_ENC };

void
open_arena(void)
{
	cr_assert_eq(arena_open(ARENA_SIZE), VH_OK);
}

static struct tried
import_from(int fd, const struct key_terms *terms)
{
	AUTO(buf_free) struct buf *why = buf_new(sizeof(struct tried));
	struct tried t = { .store = store_new() };

	t.err = import_fd(fd, terms, 1, NULL, t.store, why);
	(void)close(fd); /* nothing was written to it */
	buf_put_u8(why, 0);
	(void)snprintf(t.why, sizeof t.why, "%s", (const char *)why->p);
	cr_assert((t.why[0] == '\0') == (t.err == VH_OK), "%s: \"%s\"",
	    err_name(t.err), t.why);
	cr_assert_null(strchr(t.why, '\n'));
	return t;
}

struct tried
import_try(struct slice file, const struct key_terms *terms)
{
	FILE *f = tmpfile();

	cr_assert_not_null(f);
	int fd = dup(fileno(f));

	cr_assert_geq(fd, 0);
	(void)fclose(f); /* the file lives on in fd */
	cr_assert_eq(write(fd, file.p, file.len), (ssize_t)file.len);
	cr_assert_eq(lseek(fd, 0, SEEK_SET), 0);
	return import_from(fd, terms);
}

struct tried
import_piped(struct slice file, const struct key_terms *terms)
{
	int fds[2];

	cr_assert_eq(pipe(fds), 0);
	cr_assert_eq(write(fds[1], file.p, file.len), (ssize_t)file.len);
	(void)close(fds[1]); /* a pipe loses nothing */
	return import_from(fds[0], terms);
}

void
tried_done(struct tried *t)
{
	store_free(t->store);
	t->store = NULL;
}

void
import_refused(struct slice file, const struct key_terms *terms,
    enum vh_err err, const char *text)
{
	struct tried t = import_try(file, terms);

	cr_expect_eq(t.err, err, "%s: %s, expected %s", err_name(t.err), t.why,
	    text);
	cr_expect_not_null(strstr(t.why, text), "\"%s\", expected \"%s\"",
	    t.why, text);
	tried_done(&t);
}

char *
kid_of(EVP_PKEY *pkey, char kid[static VH_KID_SIZE + 1])
{
	AUTO(buf_free) struct buf *bytes = buf_new(65536);
	struct pub pub;

	cr_assert_eq(pub_of_pkey(pkey, bytes, &pub), VH_OK);
	cr_assert_eq(pub_thumbprint(&pub, kid), VH_OK);
	return kid;
}

static bool
holds_just(const struct store *s, EVP_PKEY *pkey)
{
	char kid[VH_KID_SIZE + 1];

	return store_count(s) == 1 &&
	       store_get(s, slice_text(kid_of(pkey, kid))) != NULL &&
	       EVP_PKEY_eq(store_at(s, 0)->pkey, pkey) == 1;
}

void
import_gives(struct slice file, const struct key_terms *terms, EVP_PKEY *pkey)
{
	struct tried t = import_try(file, terms);

	cr_assert_eq(t.err, VH_OK, "%s: %s", err_name(t.err), t.why);
	cr_expect(holds_just(t.store, pkey));
	tried_done(&t);
}

bool
import_accepts(struct slice file, const struct key_terms *terms, EVP_PKEY *pkey,
    bool *same)
{
	struct tried t = import_try(file, terms);
	bool accepted = t.err == VH_OK;

	*same = accepted && holds_just(t.store, pkey);
	tried_done(&t);
	return accepted;
}

enum vh_err
generate_into(enum vh_kty kty, enum vh_crv crv, size_t bits,
    const struct key_terms *terms, struct store *s, struct buf *why)
{
	struct generator *made = NULL;
	struct key *key = NULL;

	TRY(generator_new(kty, crv, bits, &made, why));
	AUTO(generator_free) struct generator *g = made;

	TRY(generator_make(g, terms, 1, &key, why));
	return store_add(s, key);
}

EVP_PKEY *
make_rsa(unsigned bits, const char *e_decimal)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	EVP_PKEY *made = NULL;
	BIGNUM *e = NULL;

	cr_assert_neq(BN_dec2bn(&e, e_decimal), 0);
	cr_assert_eq(EVP_PKEY_keygen_init(ctx), 1);
	cr_assert_eq(EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, (int)bits), 1);
	cr_assert_eq(EVP_PKEY_CTX_set1_rsa_keygen_pubexp(ctx, e), 1);
	cr_assert_eq(EVP_PKEY_generate(ctx, &made), 1);
	BN_free(e);
	EVP_PKEY_CTX_free(ctx);
	return made;
}

EVP_PKEY *
make_curve(const char *name)
{
	bool ec = strncmp(name, "ED", 2) != 0 && name[0] != 'X';
	EVP_PKEY *made = ec ? EVP_PKEY_Q_keygen(NULL, NULL, "EC", name)
			    : EVP_PKEY_Q_keygen(NULL, NULL, name);

	cr_assert_not_null(made);
	return made;
}

struct buf *
key_file(EVP_PKEY *pkey, enum form form)
{
	BIO *bio = BIO_new(BIO_s_mem());
	struct buf *b = buf_new(1u << 20);
	char *text;
	int ok = 0;

	switch (form) {
	case PKCS8_PEM:
		ok = PEM_write_bio_PKCS8PrivateKey(bio, pkey, NULL, NULL, 0,
		    NULL, NULL);
		break;
	case OLD_PEM:
		ok = PEM_write_bio_PrivateKey_traditional(bio, pkey, NULL, NULL,
		    0, NULL, NULL);
		break;
	case PKCS8_DER:
		ok = i2d_PKCS8PrivateKey_bio(bio, pkey, NULL, NULL, 0, NULL,
		    NULL);
		break;
	case OLD_DER: ok = i2d_PrivateKey_bio(bio, pkey); break;
	case PUBLIC_PEM: ok = PEM_write_bio_PUBKEY(bio, pkey); break;
	case PUBLIC_DER: ok = i2d_PUBKEY_bio(bio, pkey); break;
	}
	cr_assert_eq(ok, 1);
	long len = BIO_get_mem_data(bio, &text);

	buf_put(b, slice_of(text, (size_t)len));
	BIO_free(bio);
	cr_assert_eq(buf_end(b), VH_OK);
	return b;
}

struct buf *
base64_of(struct slice bytes)
{
	struct buf *b = buf_new(1u << 20);
	uint8_t *to = buf_extend(b, bytes.len / 3 * 4 + 5);

	cr_assert_not_null(to);
	buf_trim(b, (size_t)EVP_EncodeBlock(to, bytes.p, (int)bytes.len));
	return b;
}

static void
put_number(struct buf *b, EVP_PKEY *pkey, const char *name, const char *param,
    size_t size)
{
	uint8_t bytes[2048];
	BIGNUM *n = NULL;

	cr_assert_eq(EVP_PKEY_get_bn_param(pkey, param, &n), 1, "%s", param);
	if (size == 0)
		size = (size_t)BN_num_bytes(n);
	cr_assert_geq(BN_bn2binpad(n, bytes, (int)size), 0);
	buf_format(b, ",\"%s\":\"", name);
	b64_put(b, slice_of(bytes, size));
	buf_put_text(b, "\"");
	BN_free(n);
}

static void
put_private(struct buf *b, EVP_PKEY *pkey, const struct pub *pub)
{
	static const char *const rsa[][2] = {
		{ "d", OSSL_PKEY_PARAM_RSA_D },
		{ "p", OSSL_PKEY_PARAM_RSA_FACTOR1 },
		{ "q", OSSL_PKEY_PARAM_RSA_FACTOR2 },
		{ "dp", OSSL_PKEY_PARAM_RSA_EXPONENT1 },
		{ "dq", OSSL_PKEY_PARAM_RSA_EXPONENT2 },
		{ "qi", OSSL_PKEY_PARAM_RSA_COEFFICIENT1 },
	};
	uint8_t d[64];
	size_t len = sizeof d;

	if (pub->kty == VH_KTY_RSA) {
		for (size_t i = 0; i < ARRAY_LEN(rsa); i++)
			put_number(b, pkey, rsa[i][0], rsa[i][1], 0);
		return;
	}
	if (pub->kty == VH_KTY_EC) {
		put_number(b, pkey, "d", OSSL_PKEY_PARAM_PRIV_KEY,
		    crv_by_id(pub->crv)->size);
		return;
	}
	cr_assert_eq(EVP_PKEY_get_raw_private_key(pkey, d, &len), 1);
	buf_put_text(b, ",\"d\":\"");
	b64_put(b, slice_of(d, len));
	buf_put_text(b, "\"");
}

struct buf *
jwk_file(EVP_PKEY *pkey, const char *more)
{
	AUTO(buf_free) struct buf *bytes = buf_new(65536);
	struct buf *b = buf_new(65536);
	struct pub pub;

	cr_assert_eq(pub_of_pkey(pkey, bytes, &pub), VH_OK);
	buf_put_text(b, "{");
	pub_put_members(b, &pub);
	put_private(b, pkey, &pub);
	buf_put_text(b, more);
	buf_put_text(b, "}");
	cr_assert_eq(buf_end(b), VH_OK);
	return b;
}

struct buf *
replaced(struct slice text, const char *old, const char *with)
{
	const uint8_t *at = memmem(text.p, text.len, old, strlen(old));
	struct buf *b = buf_new(1u << 20);

	cr_assert_not_null(at, "%s", old);
	size_t before = (size_t)(at - text.p), skip = before + strlen(old);

	buf_put(b, slice_of(text.p, before));
	buf_put_text(b, with);
	buf_put(b, slice_of(text.p + skip, text.len - skip));
	return b;
}

struct buf *
jwk_member(struct slice text, const char *name)
{
	struct buf *b = buf_new(65536);
	char head[32];

	(void)snprintf(head, sizeof head, "\"%s\":\"", name);
	const uint8_t *at = memmem(text.p, text.len, head, strlen(head));

	cr_assert_not_null(at, "%s", name);
	at += strlen(head);
	const uint8_t *end = memchr(at, '"', text.len - (size_t)(at - text.p));

	buf_put(b, slice_of(at, (size_t)(end - at)));
	buf_put_u8(b, 0);
	return b;
}
