/* VERIFY with keys whose ops in the key spec do not have it. */
#include <criterion/criterion.h>

#include "wire/b64.h"
#include "world.h"

/* RFC 8037, A.4: signed by KEY_ED25519, without kid. */
#define GOOD                                                                   \
	"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."            \
	"hgyY0il_MGCjP0JzlnLWG1PPOt7-"                                         \
	"09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9"                           \
	"g7sVvpAr_MuM0KAg"
#define MAC_KID "MACMACMACMACMACMACMACMACMACMACMACMACMACMACM"

static void
add_mac(struct directory *d, uint32_t ops)
{
	AUTO(buf_free) struct buf *b = buf_new(4096);

	frame_put_text(b, VH_F_KID, MAC_KID);
	frame_put_u32(b, VH_F_USE_ID, VH_USE_SIG);
	frame_put_u32(b, VH_F_KTY_ID, VH_KTY_OCT);
	frame_put_u32(b, VH_F_BITS, 256);
	frame_put_u32(b, VH_F_OPS, ops);
	cr_assert_eq(directory_add(d, buf_slice(b)), VH_OK);
}

/* A node with Ed25519, "k", and a symmetric key; ops: of both. */
static struct world *
world_with(uint32_t ops)
{
	struct directory *d = directory_new();
	AUTO(buf_free)
	struct buf *b = key_fields(KEY_ED25519,
	    &(struct key_says){ VH_USE_SIG, 0, "k", NULL });

	frame_put_u32(b, VH_F_OPS, ops);
	cr_assert_eq(directory_add(d, buf_slice(b)), VH_OK);
	add_mac(d, ops);
	directory_close(d);
	return world_new(d, NULL);
}

/* A token that nobody signed. */
static struct buf *
token_of(const char *alg, const char *kid, size_t size)
{
	static const uint8_t signature[64];
	struct buf *b = buf_new(4096), *header = buf_new(1024);

	buf_format(header, "{\"alg\":\"%s\",\"kid\":\"%s\"}", alg, kid);
	b64_put(b, buf_slice(header));
	buf_put_text(b, ".e30.");
	b64_put(b, slice_of(signature, size));
	buf_free(header);
	return b;
}

/* What becomes of VERIFY; VH_OK also when the vault is asked. */
static enum vh_err
verify(struct world *w, struct slice token, enum vh_tag tag, const char *key)
{
	struct client *c = client_new(w, 0);
	struct buf *b = client_ask(VH_OP_VERIFY, 1, 0);
	struct frame q;

	frame_put(b, VH_F_TOKEN, token);
	if (key != NULL)
		frame_put_text(b, tag, key);
	client_send(c, 1, b);
	world_turn(w);
	enum vh_err err = VH_OK;

	if (vault_next(w, &q)) {
		cr_expect_eq(q.op, VH_OP_VVERIFY);
		vault_answer(w, q.id, VH_OP_VVERIFY, VH_OK);
		world_turn(w);
	}
	cr_assert(client_read(c));
	err = c->f.err;
	if (err == VH_EPOLICY)
		cr_expect_not_null(memmem(c->f.f.at[VH_F_WHY].p,
		    c->f.f.at[VH_F_WHY].len, "ops of the key spec", 19));
	client_free(c);
	return err;
}

static void
expect_all(uint32_t ops, enum vh_err named, enum vh_err mac)
{
	struct world *w = world_with(ops);
	AUTO(buf_free)
	struct buf *ed = token_of("EdDSA", key_kid(KEY_ED25519), 64);
	AUTO(buf_free) struct buf *hs = token_of("HS256", MAC_KID, 32);

	cr_expect_eq(verify(w, buf_slice(ed), 0, NULL), named);
	cr_expect_eq(verify(w, buf_slice(hs), 0, NULL), mac);
	world_free(w);
}

Test(key_ops, a_key_that_a_token_names_and_that_may_not_verify_says_so)
{
	expect_all(VH_KEY_SIGN, VH_EPOLICY, VH_EPOLICY);
}

Test(key_ops, a_key_that_may_verify_is_tried)
{
	expect_all(VH_KEY_VERIFY, VH_EVERIFY, VH_OK);
	expect_all(0, VH_EVERIFY, VH_OK);
}

Test(key_ops, so_does_one_that_the_caller_names)
{
	struct world *w = world_with(VH_KEY_SIGN);
	struct slice good = slice_text(GOOD);

	cr_expect_eq(verify(w, good, VH_F_NAME, "k"), VH_EPOLICY);
	cr_expect_eq(verify(w, good, VH_F_KID, key_kid(KEY_ED25519)),
	    VH_EPOLICY);
	cr_expect_eq(verify(w, good, VH_F_NAME, "other"), VH_ENOKEY);
	cr_expect_eq(verify(w, good, 0, NULL), VH_ENOKEY, "nobody named it");
	world_free(w);
}

Test(key_ops, keys_of_the_request_have_none)
{
	struct world *w = world_with(VH_KEY_SIGN);

	cr_expect_eq(verify(w, slice_text(GOOD), VH_F_JWKS,
			 key_jwk(KEY_ED25519)),
	    VH_OK);
	world_free(w);
}
