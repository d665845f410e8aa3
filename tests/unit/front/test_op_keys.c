/* How long a list of keys may be. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "front/loop.h"
#include "front/ops.h"
#include "world.h"

/* A world whose one key has a JWK of that many bytes, blanks at its end. */
static struct world *
world_of(size_t bytes, uint8_t **jwk)
{
	struct world *w = world_new(key_directory(), NULL);
	/* The test's own directory: nobody else holds it. */
	struct dkey *key =
	    (struct dkey *)(uintptr_t)directory_at(w->front->directory, 0);

	*jwk = malloc(bytes);
	cr_assert_not_null(*jwk);
	memset(*jwk, ' ', bytes);
	memcpy(*jwk, key->jwk.p, key->jwk.len);
	key->jwk = slice_of(*jwk, bytes);
	return w;
}

/* Asks for all keys; what came of it, and how long the set is. */
static enum vh_err
ask(size_t bytes, size_t *len)
{
	uint8_t *jwk;
	struct world *w = world_of(bytes, &jwk);
	struct client *c = client_new(w, 0);

	client_send(c, 1, client_ask(VH_OP_KEYS, 1, 0));
	for (size_t i = 0; i < 10000 && !client_read(c); i++)
		world_turn(w);
	enum vh_err err = c->f.err;

	*len = c->f.f.at[VH_F_JWKS].len;
	if (err != VH_OK)
		cr_expect(fields_have(&c->f.f, VH_F_WHY));
	/* The next one is answered, whatever came of this. */
	client_send(c, 2, client_ask(VH_OP_KEYS, 2, 0));
	for (size_t i = 0; i < 10000 && !client_read(c); i++)
		world_turn(w);
	cr_expect_eq(c->f.err, err);
	client_free(c);
	world_free(w);
	free(jwk);
	return err;
}

Test(op_keys, a_list_longer_than_a_payload_is_told)
{
	size_t len;

	cr_expect_eq(ask(20u << 20, &len), VH_OK);
	cr_expect_gt(len, 20u << 20);
	cr_expect_lt(len, 21u << 20);
}

Test(op_keys, a_list_longer_than_a_message_is_refused_with_a_reason)
{
	size_t len;

	cr_expect_eq(ask(VH_LIST_MAX, &len), VH_ETOOBIG);
	cr_expect_eq(len, 0);
}
