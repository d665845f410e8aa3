#include "keys.h"

#include <criterion/criterion.h>

#include "jose/jwk.h"

static const char *const jwks[TEST_KEYS] = {
	[KEY_RSA] = "{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\""
		    "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddx"
		    "HmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMs"
		    "D1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSH"
		    "SXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdV"
		    "MTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8"
		    "NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ\"}",
	[KEY_P256] = "{\"kty\":\"EC\",\"crv\":\"P-256\","
		     "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
		     "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}",
	[KEY_P521] =
	    "{\"kty\":\"EC\",\"crv\":\"P-521\","
	    "\"x\":\"AHKZLLOsCOzz5cY97ewNUajB957y-C-U88c3v13nmGZx6sYl_"
	    "oJXu9A5RkT"
	    "KqjqvjyekWF-7ytDyRXYgCF5cj0Kt\","
	    "\"y\":"
	    "\"AdymlHvOiLxXkEhayXQnNCvDX4h9htZaCJN34kfmC6pV5OhQHiraVySsUda"
	    "QkAgDPrwQrJmbnX9cwlGfP-HqHZR1\"}",
	[KEY_ED25519] =
	    "{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
	    "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
	[KEY_X25519] = "{\"kty\":\"OKP\",\"crv\":\"X25519\","
		       "\"x\":\"3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08\"}",
	[KEY_X25519_B] =
	    "{\"kty\":\"OKP\",\"crv\":\"X25519\","
	    "\"x\":\"hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo\"}",
};

const char *
key_jwk(enum test_key which)
{
	return jwks[which];
}

static struct jwk *
parse(const char *text)
{
	struct jwk *jwk = NULL;

	cr_assert_eq(jwk_parse(slice_text(text), &jwk, NULL), VH_OK, "%s",
	    text);
	return jwk;
}

const char *
key_kid(enum test_key which)
{
	static char kids[TEST_KEYS][VH_KID_SIZE + 1]; /* made once */
	AUTO(jwk_free) struct jwk *jwk = parse(jwks[which]);

	memcpy(kids[which], jwk->kid, sizeof kids[which]);
	return kids[which];
}

struct buf *
key_fields_jwk(const char *text, const struct key_says *says)
{
	struct buf *b = buf_new(16384);
	AUTO(jwk_free) struct jwk *jwk = parse(text);

	frame_put_text(b, VH_F_KID, jwk->kid);
	frame_put_u32(b, VH_F_USE_ID, says->use);
	frame_put_u32(b, VH_F_ALG_ID, says->pin);
	pub_put_fields(b, &jwk->pub);
	if (says->name != NULL)
		frame_put_text(b, VH_F_NAME, says->name);
	if (says->allow != NULL)
		frame_put_text(b, VH_F_ALLOW, says->allow);
	cr_assert_eq(buf_end(b), VH_OK);
	return b;
}

struct buf *
key_fields(enum test_key which, const struct key_says *says)
{
	return key_fields_jwk(jwks[which], says);
}

struct buf *
key_fields_ops(enum test_key which, const struct key_says *says, uint32_t ops)
{
	struct buf *b = key_fields(which, says);

	frame_put_u32(b, VH_F_OPS, ops);
	cr_assert_eq(buf_end(b), VH_OK);
	return b;
}

void
key_add(struct directory *d, enum test_key which, const struct key_says *says)
{
	AUTO(buf_free) struct buf *b = key_fields(which, says);

	cr_assert_eq(directory_add(d, buf_slice(b)), VH_OK);
}

struct directory *
key_directory(void)
{
	static const struct key_says says[TEST_KEYS] = {
		[KEY_RSA] = { VH_USE_SIG, 0, "rsa", NULL },
		[KEY_P256] = { VH_USE_SIG, 0, "p256", NULL },
		[KEY_P521] = { VH_USE_ENC, 0, "p521", NULL },
		[KEY_ED25519] = { VH_USE_SIG, 0, "ed25519", NULL },
		[KEY_X25519] = { VH_USE_ENC, 0, "x25519", NULL },
		[KEY_X25519_B] = { VH_USE_ENC, 0, "x25519b", NULL },
	};
	struct directory *d = directory_new();

	for (int i = 0; i < TEST_KEYS; i++)
		key_add(d, (enum test_key)i, &says[i]);
	directory_close(d);
	return d;
}
