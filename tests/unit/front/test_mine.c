/* KEYS with MINE: what one caller may do. */
#include "front/mine.h"

#include <criterion/criterion.h>
#include <unistd.h>

#include "cluster.h"

static const struct key_says plain = { VH_USE_SIG, 0, "k", NULL };

struct stage {
	struct cluster *c; /* NULL: of a node alone */
	struct world *w;
	struct client *k;
	json_t *json; /* the last report */
};

static void
with_names(struct settings *s)
{
	char text[256];
	unsigned uid = getuid();

	(void)snprintf(text, sizeof text,
	    "app=uid:%u+rate:7+in_flight:3;free=uid:%u;other=uid:%u+rate:1",
	    uid, uid, uid + 1);
	s->per_principal = 9;
	cr_assert_eq(settings_set_text(&s->principals, text), VH_OK);
}

/* who: 0 a caller, 1 an operator. */
static struct stage
alone(struct directory *d, int who)
{
	struct stage s = { .w = world_new(d, with_names) };

	s.k = client_new(s.w, who);
	return s;
}

static void
stage_end(struct stage *s)
{
	json_decref(s->json);
	client_free(s->k);
	if (s->c == NULL)
		world_free(s->w);
	else
		cluster_free(s->c);
}

/* Asks, with the caller's own alg or NULL. */
static void
ask(struct stage *s, const char *alg, uint32_t state)
{
	struct buf *b = client_ask(VH_OP_KEYS, 1, 0);

	frame_put_u32(b, VH_F_FLAGS, VH_KEYS_MINE);
	if (alg != NULL)
		frame_put_text(b, VH_F_ALG, alg);
	if (state != 0)
		frame_put_u32(b, VH_F_STATE, state);
	client_send(s->k, 1, b);
	world_turn(s->w);
	cr_assert(client_read(s->k));
	cr_assert_eq(s->k->f.err, VH_OK);
	cr_expect(slice_is(s->k->f.f.at[VH_F_JWKS], "{\"keys\":[]}"));
	struct slice text = s->k->f.f.at[VH_F_JSON];

	json_decref(s->json);
	s->json = json_loadb((const char *)text.p, text.len, 0, NULL);
	cr_assert_not_null(s->json);
}

/* A member of the report as text without spaces; static. */
static const char *
said(const struct stage *s, const char *name)
{
	static char text[4096];
	size_t n = json_dumpb(json_object_get(s->json, name), text,
	    sizeof text - 1, JSON_COMPACT);

	cr_assert_lt(n, sizeof text);
	text[n] = '\0';
	return text;
}

/* "sign,verify"; "none" when the key is not in the report; static. */
static const char *
ops_of(const struct stage *s, enum test_key which)
{
	static char text[64];
	json_t *row, *op;
	size_t i, k;

	json_array_foreach(json_object_get(s->json, "keys"), i, row)
	{
		if (strcmp(json_string_value(json_object_get(row, "kid")),
			key_kid(which)) != 0)
			continue;
		text[0] = '\0';
		json_array_foreach(json_object_get(row, "ops"), k, op)
		{
			strcat(text, k == 0 ? "" : ",");
			strcat(text, json_string_value(op));
		}
		return text;
	}
	return "none";
}

static void
add_with(struct directory *d, enum test_key which, enum vh_use use,
    uint32_t ops, enum vh_key_state state)
{
	const struct key_says says = { use, 0, "k", NULL };
	AUTO(buf_free) struct buf *b = key_fields(which, &says);

	frame_put_u32(b, VH_F_OPS, ops);
	frame_put_u32(b, VH_F_STATE, state);
	cr_assert_eq(directory_add(d, buf_slice(b)), VH_OK);
}

Test(mine, names_and_limits_are_the_callers_alone)
{
	struct stage s = alone(key_directory(), 0);
	char want[256];

	ask(&s, NULL, 0);
	(void)snprintf(want, sizeof want, "[\"uid:%u\",\"app\",\"free\"]",
	    getuid());
	cr_expect_str_eq(said(&s, "principals"), want);
	(void)snprintf(want, sizeof want,
	    "[{\"name\":\"uid:%u\",\"rate\":null,\"in_flight\":9},"
	    "{\"name\":\"app\",\"rate\":7,\"in_flight\":3}]",
	    getuid());
	cr_expect_str_eq(said(&s, "limits"), want);
	stage_end(&s);
}

Test(mine, an_operator_has_no_limits)
{
	struct stage s = alone(key_directory(), 1);

	ask(&s, NULL, 0);
	cr_expect_str_eq(said(&s, "limits"), "[]");
	cr_expect_str_eq(ops_of(&s, KEY_RSA), "sign,verify");
	stage_end(&s);
}

Test(mine, ops_and_state_decide_what_can_be_done)
{
	struct directory *d = directory_new();

	add_with(d, KEY_RSA, VH_USE_SIG, 0, VH_KEY_ACTIVE);
	add_with(d, KEY_P256, VH_USE_SIG, VH_KEY_VERIFY, VH_KEY_ACTIVE);
	add_with(d, KEY_ED25519, VH_USE_SIG, 0, VH_KEY_PUBLISHED);
	add_with(d, KEY_P521, VH_USE_ENC, VH_KEY_ENCRYPT, VH_KEY_ACTIVE);
	add_with(d, KEY_X25519, VH_USE_ENC, 0, VH_KEY_RETIRED);
	add_with(d, KEY_X25519_B, VH_USE_ENC, 0, VH_KEY_ACTIVE);
	directory_close(d);
	struct stage s = alone(d, 0);

	ask(&s, NULL, 0);
	cr_expect_str_eq(ops_of(&s, KEY_RSA), "sign,verify");
	cr_expect_str_eq(ops_of(&s, KEY_P256), "verify");
	cr_expect_str_eq(ops_of(&s, KEY_ED25519), "verify");
	cr_expect_str_eq(ops_of(&s, KEY_P521), "encrypt");
	cr_expect_str_eq(ops_of(&s, KEY_X25519), "decrypt");
	cr_expect_str_eq(ops_of(&s, KEY_X25519_B), "encrypt,decrypt");
	ask(&s, "ES256", 0);
	cr_expect_str_eq(ops_of(&s, KEY_P256), "verify");
	cr_expect_str_eq(ops_of(&s, KEY_RSA), "none", "a selector holds");
	ask(&s, NULL, VH_KEY_PUBLISHED);
	cr_expect_str_eq(ops_of(&s, KEY_ED25519), "verify");
	cr_expect_str_eq(ops_of(&s, KEY_RSA), "none", "a state holds");
	stage_end(&s);
}

Test(mine, a_key_that_allow_keeps_away_is_not_there)
{
	static const struct key_says theirs = { VH_USE_SIG, 0, "k", "other" };
	static const struct key_says ours = { VH_USE_SIG, 0, "k", "other,app" };
	struct directory *d = directory_new();

	key_add(d, KEY_P256, &theirs);
	key_add(d, KEY_ED25519, &ours);
	directory_close(d);
	struct stage s = alone(d, 0);

	ask(&s, NULL, 0);
	cr_expect_str_eq(ops_of(&s, KEY_P256), "none");
	cr_expect_str_eq(ops_of(&s, KEY_ED25519), "sign,verify");
	stage_end(&s);
}

Test(mine, rules_for_tokens_are_told)
{
	struct directory *d = directory_new();
	AUTO(buf_free) struct buf *b = key_fields(KEY_P256, &plain);

	frame_put_text(b, VH_F_TYPS, "JWT,at+jwt");
	frame_put_text(b, VH_F_CLAIMS, "max_lifetime=60000;iss=me");
	cr_assert_eq(directory_add(d, buf_slice(b)), VH_OK);
	directory_close(d);
	struct stage s = alone(d, 0);
	char want[512];

	ask(&s, NULL, 0);
	(void)snprintf(want, sizeof want,
	    "[{\"kid\":\"%s\",\"name\":\"k\",\"use\":\"sig\",\"state\":"
	    "\"active\",\"here\":true,\"ops\":[\"sign\",\"verify\"],\"alg\":"
	    "[\"ES256\"],\"typ\":[\"JWT\",\"at+jwt\"],\"max_lifetime_s\":60,"
	    "\"iss\":\"me\"}]",
	    key_kid(KEY_P256));
	cr_expect_str_eq(said(&s, "keys"), want);
	stage_end(&s);
}

#define MAC_KID "MACMACMACMACMACMACMACMACMACMACMACMACMACMACM"

static void
add_mac(struct directory *d)
{
	AUTO(buf_free) struct buf *b = buf_new(4096);

	frame_put_text(b, VH_F_KID, MAC_KID);
	frame_put_u32(b, VH_F_USE_ID, VH_USE_SIG);
	frame_put_u32(b, VH_F_KTY_ID, VH_KTY_OCT);
	frame_put_u32(b, VH_F_BITS, 256);
	cr_assert_eq(directory_add(d, buf_slice(b)), VH_OK);
}

/* Own: P-256, and a symmetric one.  Of others: Ed25519 of b, P-521 of nobody
 * that lives, and RSA, whose node says what it is for. */
static struct stage
in_cluster(void)
{
	static const struct key_says enc = { VH_USE_ENC, 0, NULL, NULL };
	struct directory *d = directory_new();
	struct buf *more = buf_new(256);
	struct stage s = { 0 };

	key_add(d, KEY_P256, &plain);
	add_mac(d);
	directory_close(d);
	s.c = cluster_new(d);
	s.w = s.c->w;
	frame_put_u32(more, VH_F_OPS, VH_KEY_VERIFY);
	cluster_list(s.c, KEY_P256, &plain, VH_KEY_ACTIVE, "a");
	cluster_list(s.c, KEY_ED25519, &plain, VH_KEY_ACTIVE, "b");
	cluster_list(s.c, KEY_P521, &plain, VH_KEY_RETIRED, "");
	cluster_list(s.c, KEY_X25519, &enc, VH_KEY_ACTIVE, "c");
	cluster_list_with(s.c, KEY_RSA, &plain, VH_KEY_ACTIVE, "b", more);
	cluster_tell(s.c);
	cr_assert_null(cluster_next(s.c));
	s.k = client_new(s.w, 0);
	return s;
}

Test(mine, keys_of_other_nodes_are_there_as_far_as_somebody_can_use_them)
{
	struct stage s = in_cluster();

	ask(&s, NULL, 0);
	cr_expect_str_eq(ops_of(&s, KEY_P256), "sign,verify");
	cr_expect_str_eq(ops_of(&s, KEY_ED25519), "sign,verify");
	cr_expect_str_eq(ops_of(&s, KEY_P521), "verify");
	cr_expect_str_eq(ops_of(&s, KEY_X25519), "encrypt,decrypt");
	cr_expect_str_eq(ops_of(&s, KEY_RSA), "verify");
	stage_end(&s);
}

Test(mine, in_a_cluster_symmetric_keys_are_not_forgotten)
{
	struct stage s = in_cluster();

	ask(&s, "HS256", 0);
	cr_expect_eq(json_array_size(json_object_get(s.json, "keys")), 1);
	cr_expect_not_null(strstr(said(&s, "keys"), MAC_KID));
	stage_end(&s);
}
