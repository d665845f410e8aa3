/* SIGN where keys have rules for what they sign: another key that fits is
 * taken. */
#include <criterion/criterion.h>

#include "cluster.h"

static const struct key_says k = { VH_USE_SIG, 0, "k", NULL };

#define ME  "{\"iss\":\"me\"}"
#define YOU "{\"iss\":\"you\"}"

/* Adds a key named "k" with those rules; NULL for none. */
static void
add(struct directory *d, enum test_key which, const char *typs,
    const char *claims)
{
	AUTO(buf_free) struct buf *b = key_fields(which, &k);

	if (typs != NULL)
		frame_put_text(b, VH_F_TYPS, typs);
	if (claims != NULL)
		frame_put_text(b, VH_F_CLAIMS, claims);
	cr_assert_eq(directory_add(d, buf_slice(b)), VH_OK);
}

/* --- own keys ------------------------------------------------------------- */

struct own {
	struct world *w;
	struct client *c;
	struct frame asked; /* what the vault was asked last */
};

static struct own
own_with(const char *typs, const char *p256, const char *ed25519)
{
	struct directory *d = directory_new();
	struct own o;

	add(d, KEY_P256, typs, p256);
	add(d, KEY_ED25519, NULL, ed25519);
	directory_close(d);
	o.w = world_new(d, NULL);
	o.c = client_new(o.w, 0);
	return o;
}

static void
own_end(struct own *o)
{
	cr_expect_eq(pendings_count(o->w->front->pendings), 0);
	client_free(o->c);
	world_free(o->w);
}

static struct buf *
ask(const char *payload)
{
	struct buf *b = client_ask(VH_OP_SIGN, 1, 0);

	frame_put_text(b, VH_F_DATA, payload);
	return b;
}

static struct buf *
ask_by(enum vh_tag tag, const char *value, const char *payload)
{
	struct buf *b = ask(payload);

	frame_put_text(b, tag, value);
	return b;
}

/* What becomes of the request; the vault, if it is asked, signs. */
static enum vh_err
run(struct own *o, struct buf *b)
{
	client_send(o->c, 1, b);
	world_turn(o->w);
	if (vault_next(o->w, &o->asked)) {
		vault_answer(o->w, o->asked.id, o->asked.op, VH_OK);
		world_turn(o->w);
	}
	cr_assert(client_read(o->c));
	return o->c->f.err;
}

static bool
asked_for(const struct own *o, enum test_key which)
{
	return slice_is(o->c->f.f.at[VH_F_KID], key_kid(which));
}

static bool
says(const struct frame *answer, const char *text)
{
	struct slice why = answer->f.at[VH_F_WHY];

	return memmem(why.p, why.len, text, strlen(text)) != NULL;
}

Test(key_rules, of_two_keys_the_one_that_may_sign_does)
{
	struct own o = own_with(NULL, "iss=me", NULL);

	for (int i = 0; i < 32; i++) {
		cr_assert_eq(run(&o, ask_by(VH_F_NAME, "k", YOU)), VH_OK);
		cr_assert(asked_for(&o, KEY_ED25519));
	}
	own_end(&o);
}

Test(key_rules, where_both_may_either_does)
{
	struct own o = own_with(NULL, "iss=me", NULL);
	int first = 0, both = 64;

	for (int i = 0; i < both; i++) {
		cr_assert_eq(run(&o, ask_by(VH_F_NAME, "k", ME)), VH_OK);
		first += asked_for(&o, KEY_P256);
	}
	cr_expect_gt(first, 0);
	cr_expect_lt(first, both);
	own_end(&o);
}

Test(key_rules, a_list_of_algorithms_goes_on_to_the_next)
{
	struct own o = own_with(NULL, "iss=me", NULL);

	for (int i = 0; i < 8; i++) {
		cr_assert_eq(run(&o, ask_by(VH_F_ALG, "ES256,EdDSA", YOU)),
		    VH_OK);
		cr_expect(asked_for(&o, KEY_ED25519));
		cr_assert_eq(run(&o, ask_by(VH_F_ALG, "ES256,EdDSA", ME)),
		    VH_OK);
		cr_expect(asked_for(&o, KEY_P256));
	}
	own_end(&o);
}

Test(key_rules, typ_counts_from_either_place)
{
	struct own o = own_with("JWT", NULL, "iss=me");
	struct buf *b = ask_by(VH_F_NAME, "k", YOU);

	frame_put_text(b, VH_F_TYP, "JWT");
	cr_assert_eq(run(&o, b), VH_OK);
	cr_expect(asked_for(&o, KEY_P256));
	b = ask_by(VH_F_NAME, "k", YOU);
	frame_put_text(b, VH_F_HEADER, "{\"typ\":\"JWT\"}");
	cr_assert_eq(run(&o, b), VH_OK);
	cr_expect(asked_for(&o, KEY_P256));
	b = ask_by(VH_F_NAME, "k", ME);
	frame_put_text(b, VH_F_TYP, "JOSE");
	cr_assert_eq(run(&o, b), VH_OK);
	cr_expect(asked_for(&o, KEY_ED25519));
	own_end(&o);
}

Test(key_rules, when_no_key_may_one_says_why)
{
	struct own o = own_with(NULL, "iss=me", "iss=him");

	cr_expect_eq(run(&o, ask_by(VH_F_NAME, "k", YOU)), VH_EPOLICY);
	cr_expect(says(&o.c->f, "of iss \""));
	cr_expect_eq(run(&o, ask_by(VH_F_ALG, "ES256,EdDSA", "x")), VH_EPOLICY);
	cr_expect(says(&o.c->f, "JSON, line 1, column 1"));
	cr_expect(says(&o.c->f, "the key signs JWTs alone"));
	own_end(&o);
}

Test(key_rules, who_names_a_key_gets_no_other)
{
	struct own o = own_with(NULL, "iss=me", NULL);

	cr_expect_eq(run(&o, ask_by(VH_F_KID, key_kid(KEY_P256), YOU)),
	    VH_EPOLICY);
	cr_expect(says(&o.c->f, "of iss \"me\", found another"));
	own_end(&o);
}

Test(key_rules, a_bad_header_is_told_as_such)
{
	static const struct {
		const char *header;
		enum vh_err err;
	} rows[] = { { "{\"typ\":7}", VH_EHEADER }, { "{", VH_EJSON },
		{ "{\"typ\":\"JWT\",\"typ\":\"X\"}", VH_EJSON },
		{ "{\"alg\":\"none\",\"typ\":\"JWT\"}", VH_EHEADER } };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct own o = own_with("JWT", NULL, NULL);
		struct buf *b = ask_by(VH_F_KID, key_kid(KEY_P256), YOU);

		frame_put_text(b, VH_F_HEADER, rows[i].header);
		cr_expect_eq(run(&o, b), rows[i].err, "%s", rows[i].header);
		own_end(&o);
	}
}

#define MAC_KID "%02zuCMACMACMACMACMACMACMACMACMACMACMACMACMACM"

/* One of many symmetric keys; the last alone has no rules. */
static void
add_mac(struct directory *d, size_t i, size_t count)
{
	AUTO(buf_free) struct buf *b = buf_new(4096);
	char kid[64];

	(void)snprintf(kid, sizeof kid, MAC_KID, i);
	frame_put_text(b, VH_F_KID, kid);
	frame_put_u32(b, VH_F_USE_ID, VH_USE_SIG);
	frame_put_u32(b, VH_F_KTY_ID, VH_KTY_OCT);
	frame_put_u32(b, VH_F_BITS, 256);
	frame_put_u32(b, VH_F_ALG_ID, VH_ALG_HS256);
	if (i + 1 < count)
		frame_put_text(b, VH_F_CLAIMS, "iss=me");
	cr_assert_eq(directory_add(d, buf_slice(b)), VH_OK);
}

Test(key_rules, the_one_key_of_many_that_may_is_found)
{
	const size_t count = 80;
	struct directory *d = directory_new();

	for (size_t i = 0; i < count; i++)
		add_mac(d, i, count);
	directory_close(d);
	struct own o = { .w = world_new(d, NULL) };

	o.c = client_new(o.w, 0);
	for (int i = 0; i < 8; i++)
		cr_expect_eq(run(&o, ask_by(VH_F_ALG, "HS256", YOU)), VH_OK);
	own_end(&o);
}

/* --- keys of other nodes -------------------------------------------------- */

struct stage {
	struct cluster *c;
	struct client *k;
};

static struct buf *
rules(const char *claims)
{
	struct buf *b = buf_new(4096);

	if (claims != NULL)
		frame_put_text(b, VH_F_CLAIMS, claims);
	return b;
}

/* All are called "k".  Own: P-256, and NULL: none.  Of others: Ed25519 and RSA.
 */
static struct stage
stage_with(const char *own, const char *ed25519, const char *rsa,
    const char *holders)
{
	struct directory *d = directory_new();
	struct stage s;

	if (own != NULL)
		add(d, KEY_P256, NULL, own);
	directory_close(d);
	s.c = cluster_new(d);
	if (own != NULL)
		cluster_list(s.c, KEY_P256, &k, VH_KEY_ACTIVE, "a");
	cluster_list_with(s.c, KEY_ED25519, &k, VH_KEY_ACTIVE, holders,
	    rules(ed25519));
	cluster_list_with(s.c, KEY_RSA, &k, VH_KEY_ACTIVE, holders, rules(rsa));
	cluster_tell(s.c);
	cluster_age(s.c, 10000);
	cr_assert_null(cluster_next(s.c));
	s.k = client_new(s.c->w, 0);
	return s;
}

static void
stage_end(struct stage *s)
{
	cr_expect_eq(pendings_count(s->c->w->front->pendings), 0);
	cr_expect_eq(forwards_count(s->c->w->front->forwards), 0);
	client_free(s->k);
	cluster_free(s->c);
}

static struct question *
begin(struct stage *s, const char *payload)
{
	client_send(s->k, 1, ask_by(VH_F_NAME, "k", payload));
	return cluster_next(s->c);
}

static enum vh_err
answer(struct stage *s)
{
	world_turn(s->c->w);
	cr_assert(client_read(s->k));
	return s->k->f.err;
}

static bool
is_for_key(const struct question *q, enum test_key which)
{
	return q != NULL && slice_is(q->inner.f.at[VH_F_KID], key_kid(which));
}

Test(key_rules, what_no_own_key_may_another_nodes_does)
{
	struct stage s = stage_with("iss=me", NULL, "iss=me", "b");

	for (int i = 0; i < 16; i++) {
		AUTO(question_free) struct question *q = begin(&s, YOU);

		cr_assert(question_is_for(q, "b"));
		cr_assert(is_for_key(q, KEY_ED25519));
		node_signs(s.c, q, YOU);
		cr_expect_eq(answer(&s), VH_OK);
	}
	stage_end(&s);
}

Test(key_rules, of_a_nodes_keys_the_one_that_may_is_asked_for)
{
	struct stage s = stage_with(NULL, "iss=me", "iss=you", "b");

	for (int i = 0; i < 16; i++) {
		AUTO(question_free) struct question *q = begin(&s, YOU);

		cr_assert(is_for_key(q, KEY_RSA));
		node_signs(s.c, q, YOU);
		cr_expect_eq(answer(&s), VH_OK);
	}
	stage_end(&s);
}

Test(key_rules, what_own_and_other_keys_refuse_goes_nowhere)
{
	struct stage s = stage_with("iss=me", "iss=me", "iss=me", "b");

	cr_assert_null(begin(&s, YOU));
	cr_expect_eq(answer(&s), VH_EPOLICY);
	cr_expect(says(&s.k->f, "of iss \"me\", found another"));
	stage_end(&s);
}

/* The list may be old: the holder has the last word, once. */
Test(key_rules, without_an_own_key_one_holder_says_it)
{
	struct stage s = stage_with(NULL, "iss=me", "iss=me", "b,c");
	AUTO(question_free) struct question *q = begin(&s, YOU);

	cr_assert_not_null(q);
	node_refuses(s.c, q, VH_EPOLICY);
	cr_expect_null(cluster_next(s.c));
	cr_expect_eq(answer(&s), VH_EPOLICY);
	cr_expect(says(&s.k->f, ": because"));
	stage_end(&s);
}

Test(key_rules, a_holder_that_has_changed_its_mind_signs)
{
	struct stage s = stage_with(NULL, "iss=me", "iss=me", "b");
	AUTO(question_free) struct question *q = begin(&s, YOU);

	cr_assert_not_null(q);
	node_signs(s.c, q, YOU);
	cr_expect_eq(answer(&s), VH_OK);
	stage_end(&s);
}

Test(key_rules, a_node_that_refuses_for_one_key_is_asked_for_another)
{
	struct stage s = stage_with(NULL, NULL, NULL, "b");
	AUTO(question_free) struct question *q = begin(&s, YOU);
	bool ed_first = is_for_key(q, KEY_ED25519);

	node_refuses(s.c, q, VH_EPOLICY);
	cr_expect_not(client_read(s.k));
	AUTO(question_free) struct question *r = cluster_next(s.c);

	cr_assert(question_is_for(r, "b"));
	cr_assert(is_for_key(r, ed_first ? KEY_RSA : KEY_ED25519));
	node_signs(s.c, r, YOU);
	cr_expect_eq(answer(&s), VH_OK);
	stage_end(&s);
}

Test(key_rules, when_all_keys_of_all_nodes_refuse_it_is_refused)
{
	struct stage s = stage_with(NULL, NULL, NULL, "b,c");

	client_send(s.k, 1, ask_by(VH_F_NAME, "k", YOU));
	for (int i = 0; i < 4; i++) {
		AUTO(question_free) struct question *q = cluster_next(s.c);

		cr_assert_not_null(q, "%d", i);
		cr_assert_not(client_read(s.k));
		node_refuses(s.c, q, VH_EPOLICY);
	}
	cr_expect_null(cluster_next(s.c));
	cr_expect_eq(answer(&s), VH_EPOLICY);
	stage_end(&s);
}
