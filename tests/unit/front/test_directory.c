#include "front/directory.h"

#include <criterion/criterion.h>
#include <jansson.h>

#include "wire/b64.h"

#include "keys.h"

static const struct key_says sig = { VH_USE_SIG, 0, "n", "app,uid:1" };

/* One KEY body in a directory of its own. */
static enum vh_err
add(struct slice body)
{
	AUTO(directory_free) struct directory *d = directory_new();
	enum vh_err err = directory_add(d, body);

	cr_expect_eq(directory_count(d), err == VH_OK ? 1 : 0);
	return err;
}

static enum vh_err
add_key(enum test_key which, struct key_says says)
{
	AUTO(buf_free) struct buf *b = key_fields(which, &says);

	return add(buf_slice(b));
}

Test(directory, a_key_is_found_by_its_kid)
{
	AUTO(directory_free) struct directory *d = key_directory();
	const struct dkey *key =
	    directory_get(d, slice_text(key_kid(KEY_P256)));

	cr_assert_not_null(key);
	cr_expect_str_eq(key->kid, key_kid(KEY_P256));
	cr_expect_str_eq(key->name, "p256");
	cr_expect_null(key->allow);
	cr_expect_eq(key->pub.crv, VH_CRV_P256);
	cr_expect_not_null(key->pkey);
	cr_expect_null(directory_get(d, slice_text("")));
	cr_expect_null(directory_get(d, slice_text("p256")));
	cr_expect_null(directory_get(d,
	    slice_text("0000000000000000000000000000000000000000000")));
}

Test(directory, keys_are_in_the_order_of_their_kids)
{
	AUTO(directory_free) struct directory *d = key_directory();

	cr_assert_eq(directory_count(d), TEST_KEYS);
	for (size_t i = 1; i < TEST_KEYS; i++)
		cr_expect_lt(strcmp(directory_at(d, i - 1)->kid,
				 directory_at(d, i)->kid),
		    0);
	cr_expect_null(directory_at(d, TEST_KEYS));
}

Test(directory, a_key_lists_the_algorithms_it_fits)
{
	AUTO(directory_free) struct directory *d = key_directory();
	const struct dkey *rsa = directory_get(d, slice_text(key_kid(KEY_RSA)));
	const struct dkey *x =
	    directory_get(d, slice_text(key_kid(KEY_X25519)));

	cr_expect_eq(rsa->alg_count, 6);
	cr_expect_not_null(dkey_alg(rsa, alg_by_id(VH_ALG_PS512)));
	cr_expect_null(dkey_alg(rsa, alg_by_id(VH_ALG_RSA_OAEP)));
	cr_expect_null(dkey_alg(rsa, alg_by_id(VH_ALG_ES256)));
	cr_expect_eq(x->alg_count, 4);
	cr_expect_null(x->pkey);
}

Test(directory, presets_are_the_common_choice)
{
	AUTO(directory_free) struct directory *d = key_directory();
	static const struct {
		enum test_key key;
		uint32_t alg;
	} rows[] = { { KEY_RSA, VH_ALG_RS256 }, { KEY_P256, VH_ALG_ES256 },
		{ KEY_ED25519, VH_ALG_EDDSA } };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		cr_expect_eq(dkey_preset(directory_get(d,
					     slice_text(key_kid(rows[i].key))))
				 ->alg->id,
		    rows[i].alg);
	cr_expect_null(
	    dkey_preset(directory_get(d, slice_text(key_kid(KEY_P521)))));
}

Test(directory, a_pin_leaves_one_algorithm_and_is_published)
{
	AUTO(directory_free) struct directory *d = directory_new();
	const struct key_says says = { VH_USE_SIG, VH_ALG_PS384, NULL, NULL };

	key_add(d, KEY_RSA, &says);
	const struct dkey *key = directory_get(d, slice_text(key_kid(KEY_RSA)));

	cr_expect_eq(key->alg_count, 1);
	cr_expect_eq(dkey_preset(key)->alg->id, VH_ALG_PS384);
	cr_expect_null(dkey_alg(key, alg_by_id(VH_ALG_RS256)));
	cr_expect_not_null(
	    memmem(key->jwk.p, key->jwk.len, "\"alg\":\"PS384\"", 13));
}

Test(directory, the_cached_header_names_alg_and_kid)
{
	AUTO(directory_free) struct directory *d = key_directory();
	AUTO(buf_free) struct buf *text = buf_new(1024);
	const struct dkey *key =
	    directory_get(d, slice_text(key_kid(KEY_ED25519)));
	char want[128];

	(void)snprintf(want, sizeof want, "{\"alg\":\"EdDSA\",\"kid\":\"%s\"}",
	    key->kid);
	cr_assert_eq(b64_decode(dkey_preset(key)->head, text), VH_OK);
	cr_expect(slice_is(buf_slice(text), want));
}

Test(directory, the_published_set_is_json_with_public_members_only)
{
	AUTO(directory_free) struct directory *d = key_directory();
	AUTO(buf_free) struct buf *b = buf_new(65536);
	const char *name;
	json_t *value;

	directory_put_jwks(b, d);
	cr_assert_eq(buf_end(b), VH_OK);
	json_t *set = json_loadb((const char *)b->p, b->len, 0, NULL);
	const json_t *keys = json_object_get(set, "keys");

	cr_assert_eq(json_array_size(keys), TEST_KEYS);
	for (size_t i = 0; i < TEST_KEYS; i++)
		json_object_foreach(json_array_get(keys, i), name, value)
		    cr_expect_not_null(
			strstr(" kty crv x y n e kid use ", name));
	json_decref(set);
}

Test(directory, an_empty_one_publishes_an_empty_set)
{
	AUTO(directory_free) struct directory *d = directory_new();
	AUTO(buf_free) struct buf *b = buf_new(100);

	directory_close(d);
	directory_put_jwks(b, d);
	cr_expect(slice_is(buf_slice(b), "{\"keys\":[]}"));
}

Test(directory, the_same_kid_again_is_refused)
{
	AUTO(directory_free) struct directory *d = directory_new();
	AUTO(buf_free) struct buf *b = key_fields(KEY_P256, &sig);

	cr_expect_eq(directory_add(d, buf_slice(b)), VH_OK);
	cr_expect_eq(directory_add(d, buf_slice(b)), VH_EDUPLICATE);
	cr_expect_eq(directory_count(d), 1);
}

Test(directory, terms_that_do_not_fit_are_refused)
{
	cr_expect_eq(add_key(KEY_P256, (struct key_says){ 0 }), VH_EKEY);
	cr_expect_eq(add_key(KEY_P256, (struct key_says){ .use = 3 }), VH_EKEY);
	cr_expect_eq(add_key(KEY_X25519,
			 (struct key_says){ .use = VH_USE_SIG }),
	    VH_EKEY);
	cr_expect_eq(add_key(KEY_ED25519,
			 (struct key_says){ .use = VH_USE_ENC }),
	    VH_EKEY);
	cr_expect_eq(add_key(KEY_P256,
			 (struct key_says){ VH_USE_SIG, VH_ALG_RS256, 0, 0 }),
	    VH_EALG);
	cr_expect_eq(add_key(KEY_P256,
			 (struct key_says){ VH_USE_SIG, 99, 0, 0 }),
	    VH_EALG);
}

Test(directory, every_prefix_is_refused_or_a_whole_key)
{
	AUTO(buf_free) struct buf *b = key_fields(KEY_P256, &sig);
	size_t good = 0;

	for (size_t n = 0; n < b->len; n++)
		good += add(slice_of(b->p, n)) == VH_OK;
	/* Only a cut before NAME or before ALLOW leaves a whole key. */
	cr_expect_eq(good, 2, "%zu", good);
}

Test(directory, one_byte_more_is_refused)
{
	AUTO(buf_free) struct buf *b = key_fields(KEY_P256, &sig);

	buf_put_u8(b, 0);
	cr_expect_eq(add(buf_slice(b)), VH_EPARSE);
}

/* A flip in the name or the terms makes another key of the same numbers; one in
 * kid or numbers never goes through. */
Test(directory, no_flipped_bit_changes_the_numbers_of_a_kid)
{
	AUTO(buf_free) struct buf *b = key_fields(KEY_P256, &sig);

	for (size_t i = 0; i < b->len * 8; i++) {
		AUTO(directory_free) struct directory *d = directory_new();

		b->p[i / 8] ^= (uint8_t)(1 << i % 8);
		if (directory_add(d, buf_slice(b)) == VH_OK)
			cr_expect_str_eq(directory_at(d, 0)->kid,
			    key_kid(KEY_P256));
		b->p[i / 8] ^= (uint8_t)(1 << i % 8);
	}
}

Test(directory, a_point_off_its_curve_is_refused)
{
	AUTO(buf_free) struct buf *b = buf_new(4096);
	static const uint8_t x[32] = { 1 }, y[32] = { 2 };
	const struct pub pub = { VH_KTY_EC, VH_CRV_P256, .x = { x, 32 },
		.y = { y, 32 } };
	char kid[VH_KID_SIZE + 1];

	cr_assert_eq(pub_thumbprint(&pub, kid), VH_OK);
	frame_put_text(b, VH_F_KID, kid);
	frame_put_u32(b, VH_F_USE_ID, VH_USE_SIG);
	pub_put_fields(b, &pub);
	cr_expect_eq(add(buf_slice(b)), VH_EKEY);
}

/* --- clusters ------------------------------------------------------------- */

static void
put_holder(struct buf *b, const char *node)
{
	size_t nest = frame_nest(b, VH_F_HOLDER);

	frame_put_text(b, VH_F_NODE, node);
	frame_put_u32(b, VH_F_LOAD, 3);
	frame_nest_close(b, nest);
}

static enum vh_err
add_listed(struct directory *d, enum test_key which, enum vh_key_state state,
    const char *holder, const char *other)
{
	const struct key_says says = { VH_USE_SIG, 0, NULL, NULL };
	AUTO(buf_free) struct buf *b = key_fields(which, &says);

	frame_put_u32(b, VH_F_STATE, state);
	if (holder != NULL)
		put_holder(b, holder);
	if (other != NULL)
		put_holder(b, other);
	return directory_add(d, buf_slice(b));
}

static const struct dkey *
get(const struct directory *d, enum test_key which)
{
	return directory_get(d, slice_text(key_kid(which)));
}

Test(directory, a_clusters_keys_have_states_and_holders)
{
	AUTO(nodes_free) struct nodes *nodes = nodes_new();
	AUTO(directory_free)
	struct directory *d = directory_new_cluster(nodes, "a", NULL);

	cr_assert_eq(add_listed(d, KEY_P256, VH_KEY_ACTIVE, "a", "b"), VH_OK);
	cr_assert_eq(add_listed(d, KEY_RSA, VH_KEY_RETIRED, NULL, NULL), VH_OK);
	directory_close(d);
	const struct dkey *key = get(d, KEY_P256);

	cr_expect(key->here);
	cr_assert_eq(key->holder_count, 1, "of others");
	cr_expect_str_eq(key->holders[0]->name, "b");
	cr_expect_eq(key->holders[0]->load, 3);
	cr_expect_not(get(d, KEY_RSA)->here);
	cr_expect_eq(get(d, KEY_RSA)->state, VH_KEY_RETIRED);
	cr_expect_eq(get(d, KEY_RSA)->holder_count, 0);
	cr_expect_eq(add_listed(d, KEY_ED25519, (enum vh_key_state)0, "b",
			 NULL),
	    VH_EFIELD);
	cr_expect_eq(add_listed(d, KEY_ED25519, VH_KEY_ACTIVE, "b", "x/y"),
	    VH_EFIELD);
	cr_expect_eq(nodes_count(nodes), 1, "what failed holds nothing");
}

Test(directory, the_next_list_takes_over_what_was_checked)
{
	AUTO(nodes_free) struct nodes *nodes = nodes_new();
	AUTO(directory_free)
	struct directory *d = directory_new_cluster(nodes, "a", NULL);

	cr_assert_eq(add_listed(d, KEY_P256, VH_KEY_ACTIVE, "b", NULL), VH_OK);
	directory_close(d);
	AUTO(directory_free)
	struct directory *next = directory_new_cluster(nodes, "a", d);

	cr_assert_eq(add_listed(next, KEY_P256, VH_KEY_RETIRED, NULL, NULL),
	    VH_OK);
	cr_assert_eq(add_listed(next, KEY_RSA, VH_KEY_ACTIVE, "c", NULL),
	    VH_OK);
	directory_close(next);
	cr_expect_eq(get(d, KEY_P256)->pkey, get(next, KEY_P256)->pkey);
	cr_expect_eq(get(d, KEY_P256)->state, VH_KEY_ACTIVE);
	cr_expect_eq(get(next, KEY_P256)->state, VH_KEY_RETIRED);
	cr_expect_eq(nodes_count(nodes), 2);
	directory_free(TAKE(d));
	cr_expect_eq(nodes_count(nodes), 1, "b is of no list any more");
	cr_expect_not_null(get(next, KEY_P256)->pkey);
}

Test(directory, references_keep_it)
{
	AUTO(nodes_free) struct nodes *nodes = nodes_new();
	struct directory *d = directory_new_cluster(nodes, "a", NULL);
	struct directory *again = directory_use(d);

	cr_assert_eq(add_listed(d, KEY_P256, VH_KEY_ACTIVE, "b", NULL), VH_OK);
	directory_free(d);
	cr_expect_not_null(get(again, KEY_P256));
	directory_free(again);
	cr_expect_eq(nodes_count(nodes), 0);
}

Test(directory, a_state_serves_some_purposes)
{
	static const struct {
		enum vh_use use;
		int state;
		bool sign, verify, encrypt, decrypt, list;
	} rows[] = {
		{ VH_USE_SIG, VH_KEY_ACTIVE, true, true, false, false, true },
		{ VH_USE_SIG, VH_KEY_PUBLISHED, false, true, false, false,
		    true },
		{ VH_USE_SIG, VH_KEY_RETIRED, false, true, false, false, true },
		{ VH_USE_SIG, 0, false, false, false, false, false },
		{ VH_USE_ENC, VH_KEY_ACTIVE, false, false, true, true, true },
		{ VH_USE_ENC, VH_KEY_PUBLISHED, false, false, false, true,
		    true },
		{ VH_USE_ENC, VH_KEY_RETIRED, false, false, false, true,
		    false },
		{ VH_USE_ENC, 0, false, false, false, false, false },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct dkey key = { .use = rows[i].use,
			.state = (enum vh_key_state)rows[i].state };

		cr_expect_eq(dkey_serves(&key, FOR_SIGN), rows[i].sign);
		cr_expect_eq(dkey_serves(&key, FOR_VERIFY), rows[i].verify);
		cr_expect_eq(dkey_serves(&key, FOR_ENCRYPT), rows[i].encrypt);
		cr_expect_eq(dkey_serves(&key, FOR_DECRYPT), rows[i].decrypt);
		cr_expect_eq(dkey_serves(&key, FOR_LIST), rows[i].list);
	}
}

/* The body of a KEY field of a key that is published by kid; the caller's. */
static struct buf *
called(enum test_key which, const char *kid)
{
	const struct key_says says = { VH_USE_SIG, 0, NULL, NULL };
	struct buf *b = key_fields(which, &says);

	frame_put_text(b, VH_F_PUBLISHED_KID, kid);
	cr_assert_eq(buf_end(b), VH_OK);
	return b;
}

static struct directory *
directory_of(enum test_key which, const char *kid)
{
	AUTO(buf_free) struct buf *b = called(which, kid);
	struct directory *d = directory_new();

	cr_assert_eq(directory_add(d, buf_slice(b)), VH_OK);
	directory_close(d);
	return d;
}

Test(directory, finds_a_key_by_what_it_is_published_by_and_by_its_thumbprint)
{
	AUTO(directory_free)
	struct directory *d = directory_of(KEY_P256, "old/1");
	const struct dkey *key = directory_get(d, slice_text("old/1"));

	cr_assert_not_null(key);
	cr_expect_str_eq(key->kid, key_kid(KEY_P256));
	cr_expect_str_eq(dkey_kid(key), "old/1");
	cr_expect_eq(directory_get(d, slice_text(key_kid(KEY_P256))), key);
	cr_expect_eq(directory_find(d, slice_text(key_kid(KEY_P256))), key);
	cr_expect_null(directory_find(d, slice_text("old/1")));
	cr_expect_null(directory_get(d, slice_text("old/2")));
	cr_expect_not_null(memmem(key->jwk.p, key->jwk.len, "\"kid\":\"old/1\"",
	    strlen("\"kid\":\"old/1\"")));
}

Test(directory, no_two_keys_are_called_the_same)
{
	AUTO(directory_free) struct directory *d = directory_of(KEY_P256, "x");
	AUTO(buf_free) struct buf *same = called(KEY_ED25519, "x");
	AUTO(buf_free)
	struct buf *taken = called(KEY_ED25519, key_kid(KEY_P256));
	AUTO(buf_free) struct buf *space = called(KEY_ED25519, "a b");

	cr_expect_eq(directory_add(d, buf_slice(same)), VH_EDUPLICATE);
	cr_expect_eq(directory_add(d, buf_slice(taken)), VH_EDUPLICATE);
	cr_expect_eq(directory_add(d, buf_slice(space)), VH_EFIELD);
}

Test(directory, a_key_that_the_cluster_calls_otherwise_is_not_used)
{
	AUTO(directory_free)
	struct directory *own = directory_of(KEY_P256, "x");
	AUTO(directory_free)
	struct directory *other = directory_of(KEY_P256, "y");

	directory_learn(own, other, false);
	cr_expect_eq(directory_at(own, 0)->state, 0);
}
