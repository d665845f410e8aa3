/* The real vhsmd-vault as part of a cluster's node: what peer and front get
 * out of it, and what they do not. */
#include <criterion/criterion.h>
#include <unistd.h>

#include "test_cluster_help.h"
#include "test_crypto_rig.h"
#include "test_process_rig.h"
#include "vault/record.h"

TestSuite(vault_cluster, .fini = vault_stop, .timeout = 60);

static char record_kid[VH_KID_SIZE + 1];

static enum vh_err
identify_as(const char *node, bool look, EVP_PKEY *key, const struct wish *w,
    struct frame *a)
{
	AUTO(buf_free) struct buf *b = buf_new(1u << 17);
	AUTO(buf_free) struct buf *chain = buf_new(65536);
	int fd = fd_with_key(key);
	size_t at = vault_request(b, VH_OP_VIDENTITY);

	put_certificate_pem(chain, key, w);
	frame_put_text(b, VH_F_NODE, node);
	frame_put_text(b, VH_F_ADDRESS, ADDRESS);
	frame_put(b, VH_F_CHAIN, buf_slice(chain));
	frame_put_u64(b, VH_F_KEEP_MS, 1000);
	if (look)
		frame_put_u32(b, VH_F_OFF, 1);
	frame_close(b, at);
	enum vh_err err = vault_ask(vault.super, b, fd, a);

	(void)close(fd); /* the vault's */
	return err;
}

static enum vh_err
identify(EVP_PKEY *key, const struct wish *w, struct frame *a)
{
	return identify_as(NODE, false, key, w, a);
}

static void
note_kid(EVP_PKEY *key)
{
	AUTO(buf_free) struct buf *numbers = buf_new(1024);
	struct pub pub;

	cr_assert_eq(pub_of_pkey(key, numbers, &pub), VH_OK);
	cr_assert_eq(pub_thumbprint(&pub, record_kid), VH_OK);
}

/* A node with one signing key and one for encryption. */
static void
serve(void)
{
	AUTO(pkey_free) EVP_PKEY *key = rig_make("P-256");
	struct frame a;

	vault_spawn();
	cr_assert_eq(vault_start(), VH_OK);
	cr_assert_eq(identify(key, &(struct wish){ 0 }, &a), VH_OK);
	cr_assert_eq(vault_generate(VH_KTY_OKP, VH_CRV_X25519, 0, VH_USE_ENC,
			 &a),
	    VH_OK);
	cr_assert_eq(vault_generate(VH_KTY_EC, VH_CRV_P256, 0, VH_USE_SIG, &a),
	    VH_OK);
	cr_assert_eq(vault_simple(vault.super, VH_OP_VCOMMIT, &a), VH_OK);
	cr_assert_eq(fields_u32(&a.f, VH_F_COUNT), 2);
	cr_assert_eq(vault_give(VH_ROLE_FRONT, 1), VH_OK);
	cr_assert_eq(vault_give(VH_ROLE_PEER, 1), VH_OK);
	note_kid(key);
}

static enum vh_err
hello(struct link *l, struct frame *a)
{
	static const uint8_t nonce[32];
	AUTO(buf_free) struct buf *b = buf_new(4096);
	size_t at = vault_request(b, VH_OP_VHELLO);

	frame_put(b, VH_F_NONCE, slice_of(nonce, sizeof nonce));
	frame_put_text(b, VH_F_AUDIENCE, "b.example");
	frame_close(b, at);
	return vault_ask(l, b, -1, a);
}

static enum vh_err
with_kid(struct link *l, enum vh_op op, const char *kid, struct frame *a)
{
	AUTO(buf_free) struct buf *b = buf_new(4096);
	size_t at = vault_request(b, op);

	frame_put_text(b, VH_F_KID, kid);
	frame_close(b, at);
	return vault_ask(l, b, -1, a);
}

/* The whole way: announced, shown by a record, which is said to be safe.  *a is
 * the answer of the step that failed, or the last. */
static enum vh_err
activate(const char *kid, struct frame *a)
{
	AUTO(buf_free) struct buf *b = buf_new(4096);

	TRY(kid == NULL ? vault_simple(vault.peer, VH_OP_VANNOUNCE, a)
			: with_kid(vault.peer, VH_OP_VANNOUNCE, kid, a));
	TRY(vault_simple(vault.peer, VH_OP_VRECORD, a));
	size_t at = vault_request(b, VH_OP_VACTIVATE);

	frame_put_u64(b, VH_F_EPOCH, fields_u64(&a->f, VH_F_EPOCH));
	frame_put_u64(b, VH_F_SEQ, fields_u64(&a->f, VH_F_SEQ));
	frame_close(b, at);
	return vault_ask(vault.peer, b, -1, a);
}

Test(vault_cluster, peer_gets_records_that_the_record_key_signed)
{
	struct frame a;

	serve();
	cr_assert_eq(vault_simple(vault.peer, VH_OP_VRECORD, &a), VH_OK);
	cr_expect_eq(fields_u64(&a.f, VH_F_SEQ), 1);
	cr_expect_gt(fields_u64(&a.f, VH_F_EPOCH), 0);
	AUTO(opened_free) struct opened *o = open_jws(a.f.at[VH_F_RECORD]);

	cr_expect_str_eq(text_of(o->payload, "node"), NODE);
	cr_expect_str_eq(text_of(o->payload, "version"), VHSM_VERSION);
	cr_expect_eq(json_array_size(json_object_get(o->payload, "keys")), 2);
	cr_expect_eq(X509_verify(o->certificate, ca_key()), 1);
	cr_assert_eq(vault_simple(vault.peer, VH_OP_VRECORD, &a), VH_OK);
	cr_expect_eq(fields_u64(&a.f, VH_F_SEQ), 2);
}

Test(vault_cluster, peer_gets_hellos_and_front_revocations)
{
	struct frame a;

	serve();
	cr_assert_eq(hello(vault.peer, &a), VH_OK);
	AUTO(opened_free) struct opened *h = open_jws(a.f.at[VH_F_HELLO]);

	cr_expect_str_eq(text_of(h->payload, "aud"), "b.example");
	cr_assert_eq(with_kid(vault.front, VH_OP_VREVOKE, "some-kid", &a),
	    VH_OK);
	AUTO(opened_free) struct opened *t = open_jws(a.f.at[VH_F_TOMBSTONE]);

	cr_expect_str_eq(text_of(t->payload, "kid"), "some-kid");
}

Test(vault_cluster, a_key_signs_once_peer_has_activated_it)
{
	struct frame a;

	serve();
	cr_expect_eq(vault_sign(VH_ALG_ES256, 9, &a), VH_EINACTIVE);
	cr_expect_eq(activate("nobody", &a), VH_ENOKEY);
	cr_expect_eq(vault_sign(VH_ALG_ES256, 9, &a), VH_EINACTIVE);
	cr_assert_eq(activate(vault.kid, &a), VH_OK);
	cr_expect_eq(fields_u32(&a.f, VH_F_COUNT), 2);
	cr_expect_eq(vault_sign(VH_ALG_ES256, 9, &a), VH_OK);
	cr_assert_eq(activate(NULL, &a), VH_OK);
	cr_expect_eq(fields_u32(&a.f, VH_F_COUNT), 2);
}

Test(vault_cluster, a_key_that_is_only_announced_does_not_sign)
{
	struct frame a;

	serve();
	cr_assert_eq(vault_simple(vault.peer, VH_OP_VANNOUNCE, &a), VH_OK);
	cr_expect_eq(fields_u32(&a.f, VH_F_COUNT), 1);
	cr_expect_eq(vault_sign(VH_ALG_ES256, 9, &a), VH_EINACTIVE);
	cr_assert_eq(vault_simple(vault.peer, VH_OP_VRECORD, &a), VH_OK);
	cr_expect(slice_is(a.f.at[VH_F_ANNOUNCED], vault.kid));
	cr_expect_eq(vault_sign(VH_ALG_ES256, 9, &a), VH_EINACTIVE);
	cr_expect_eq(vault_simple(vault.peer, VH_OP_VACTIVATE, &a), VH_EFIELD);
	cr_expect_eq(vault_sign(VH_ALG_ES256, 9, &a), VH_EINACTIVE);
}

/* What peer asks after VANNOUNCE, without waiting, finds it done. */
Test(vault_cluster, a_record_asked_for_after_the_announcement_says_so)
{
	AUTO(buf_free) struct buf *b = buf_new(4096);
	struct frame a;

	serve();
	frame_close(b, vault_request(b, VH_OP_VANNOUNCE));
	frame_close(b, vault_request(b, VH_OP_VRECORD));
	cr_assert_eq(link_send(vault.peer, buf_slice(b), -1), VH_OK);
	do /* the answers come in any order */
		cr_assert_eq(link_wait(vault.peer, VAULT_MS, &a), VH_OK);
	while (a.op != VH_OP_VRECORD);
	AUTO(opened_free) struct opened *o = open_jws(a.f.at[VH_F_RECORD]);
	const json_t *key =
	    json_array_get(json_object_get(o->payload, "keys"), 1);

	cr_expect_str_eq(text_of(key, "state"), "active");
}

static void
expect_states(enum vh_key_state sig)
{
	struct slice rest, value;
	struct fields key;
	struct frame a;
	unsigned tag, keys = 0;

	cr_assert_eq(vault_simple(vault.front, VH_OP_VLIST, &a), VH_OK);
	rest = a.f.body;
	while (fields_next(&rest, &tag, &value)) {
		if (tag != VH_F_KEY)
			continue;
		cr_assert_eq(fields_parse(value, &key), VH_OK);
		cr_expect_eq(fields_u32(&key, VH_F_STATE),
		    fields_u32(&key, VH_F_USE_ID) == VH_USE_SIG
			? sig
			: VH_KEY_ACTIVE);
		cr_expect_not(slice_is(key.at[VH_F_KID], record_kid));
		keys++;
	}
	cr_expect_eq(keys, 2);
	cr_expect_eq(fields_u32(&a.f, VH_F_COUNT), 2);
}

Test(vault_cluster, the_list_says_every_state_and_not_the_record_key)
{
	struct frame a;

	serve();
	expect_states(VH_KEY_PUBLISHED);
	cr_assert_eq(activate(NULL, &a), VH_OK);
	expect_states(VH_KEY_ACTIVE);
}

Test(vault_cluster, the_record_key_signs_nothing_for_front)
{
	struct frame a;

	serve();
	cr_assert_eq(activate(NULL, &a), VH_OK);
	memcpy(vault.kid, record_kid, sizeof record_kid);
	cr_expect_eq(vault_sign(VH_ALG_ES256, 9, &a), VH_ENOKEY);
	cr_expect_eq(activate(record_kid, &a), VH_ENOKEY);
}

Test(vault_cluster, peer_and_front_may_not_ask_for_each_others)
{
	static const enum vh_op peers[] = { VH_OP_VRECORD, VH_OP_VANNOUNCE },
				fronts[] = { VH_OP_VLIST, VH_OP_VSTATS };
	unsigned generation = 1;
	struct frame a;

	serve();
	for (size_t i = 0; i < ARRAY_LEN(peers); i++) {
		cr_expect_eq(vault_simple(vault.front, peers[i], &a), VH_ELOST);
		link_free(TAKE(vault.front));
		cr_assert_eq(vault_give(VH_ROLE_FRONT, ++generation), VH_OK);
	}
	for (size_t i = 0; i < ARRAY_LEN(fronts); i++) {
		cr_expect_eq(vault_simple(vault.peer, fronts[i], &a), VH_ELOST);
		link_free(TAKE(vault.peer));
		cr_assert_eq(vault_give(VH_ROLE_PEER, ++generation), VH_OK);
	}
	cr_expect_eq(hello(vault.front, &a), VH_ELOST);
	cr_expect_eq(with_kid(vault.peer, VH_OP_VREVOKE, "x", &a), VH_ELOST);
}

Test(vault_cluster, peer_may_not_sign)
{
	AUTO(buf_free) struct buf *b = buf_new(4096);
	struct frame a;

	serve();
	cr_assert_eq(activate(NULL, &a), VH_OK);
	vault_put_sign(b, VH_ALG_ES256, 0, 9);
	cr_expect_eq(vault_ask(vault.peer, b, -1, &a), VH_ELOST);
	cr_expect_eq(vault_sign(VH_ALG_ES256, 9, &a), VH_OK);
}

Test(vault_cluster, a_new_peer_replaces_the_old_and_leaves_front_alone)
{
	struct frame a;

	serve();
	struct link *old = vault.peer;

	cr_assert_eq(vault_give(VH_ROLE_PEER, 2), VH_OK);
	cr_expect_eq(vault_simple(old, VH_OP_VRECORD, &a), VH_ELOST);
	link_free(old);
	cr_expect_eq(vault_simple(vault.peer, VH_OP_VRECORD, &a), VH_OK);
	cr_expect_eq(vault_simple(vault.front, VH_OP_VLIST, &a), VH_OK);
	old = vault.front;
	cr_assert_eq(vault_give(VH_ROLE_FRONT, 2), VH_OK);
	cr_expect_eq(vault_simple(old, VH_OP_VLIST, &a), VH_ELOST);
	link_free(old);
	cr_expect_eq(vault_simple(vault.peer, VH_OP_VRECORD, &a), VH_OK);
}

Test(vault_cluster, an_identity_comes_once_before_commit)
{
	AUTO(pkey_free) EVP_PKEY *key = rig_make("P-256");
	struct frame a;

	vault_spawn();
	cr_assert_eq(vault_start(), VH_OK);
	cr_assert_eq(identify(key, &(struct wish){ 0 }, &a), VH_OK);
	cr_expect_eq(identify(key, &(struct wish){ 0 }, &a), VH_EDUPLICATE);
	cr_expect_eq(vault_simple(vault.super, VH_OP_VCOMMIT, &a), VH_OK);
}

Test(vault_cluster, a_node_alone_gets_no_identity_later)
{
	AUTO(pkey_free) EVP_PKEY *key = rig_make("P-256");
	struct frame a;

	vault_spawn();
	cr_assert_eq(vault_start(), VH_OK);
	cr_assert_eq(vault_simple(vault.super, VH_OP_VCOMMIT, &a), VH_OK);
	cr_expect_eq(identify(key, &(struct wish){ 0 }, &a), VH_EFORBIDDEN);
}

/* Whether the vault signs by key: records, if it does, of place seq. */
static void
expect_signs_by(EVP_PKEY *key, uint64_t seq)
{
	struct frame a;

	cr_assert_eq(hello(vault.peer, &a), VH_OK);
	AUTO(opened_free) struct opened *h = open_jws(a.f.at[VH_F_HELLO]);

	cr_expect_eq(EVP_PKEY_eq(X509_get0_pubkey(h->certificate), key), 1);
	cr_assert_eq(vault_simple(vault.peer, VH_OP_VRECORD, &a), VH_OK);
	AUTO(opened_free) struct opened *r = open_jws(a.f.at[VH_F_RECORD]);

	cr_expect_eq(EVP_PKEY_eq(X509_get0_pubkey(r->certificate), key), 1);
	cr_expect_eq(fields_u64(&a.f, VH_F_SEQ), seq);
}

Test(vault_cluster, another_record_key_signs_without_a_restart)
{
	AUTO(pkey_free) EVP_PKEY *key = rig_make("P-256");
	struct frame a;

	serve();
	cr_assert_eq(vault_simple(vault.peer, VH_OP_VRECORD, &a), VH_OK);
	uint64_t epoch = fields_u64(&a.f, VH_F_EPOCH);

	cr_assert_eq(identify(key, &(struct wish){ 0 }, &a), VH_OK);
	cr_assert_eq(link_wait(vault.peer, VAULT_MS, &a), VH_OK);
	cr_expect(!a.answer && a.op == VH_OP_VCHANGED);
	expect_signs_by(key, 2);
	cr_assert_eq(vault_simple(vault.peer, VH_OP_VRECORD, &a), VH_OK);
	cr_expect_eq(fields_u64(&a.f, VH_F_EPOCH), epoch);
	/* The one before is nobody's now, the new one is not for front. */
	note_kid(key);
	memcpy(vault.kid, record_kid, sizeof record_kid);
	cr_expect_eq(vault_sign(VH_ALG_ES256, 9, &a), VH_ENOKEY);
}

Test(vault_cluster, a_look_at_another_record_key_changes_nothing)
{
	AUTO(pkey_free) EVP_PKEY *key = rig_make("P-256");
	AUTO(pkey_free) EVP_PKEY *next = rig_make("P-256");
	struct frame a;

	serve();
	cr_assert_eq(identify(key, &(struct wish){ 0 }, &a), VH_OK);
	cr_expect_eq(identify_as(NODE, true, next, &(struct wish){ 0 }, &a),
	    VH_OK);
	expect_signs_by(key, 1);
}

Test(vault_cluster, a_wrong_record_key_leaves_the_one_before)
{
	AUTO(pkey_free) EVP_PKEY *key = rig_make("P-256");
	AUTO(pkey_free) EVP_PKEY *next = rig_make("P-256");
	const struct wish none = { 0 }, b = { .cn = "b" },
			  old = { .from_days = -3, .to_days = -1 };
	struct frame a;

	serve();
	cr_assert_eq(identify(key, &none, &a), VH_OK);
	cr_expect_eq(identify(next, &b, &a), VH_EKEY);
	cr_expect_eq(identify_as("b", false, next, &b, &a), VH_EFIELD);
	cr_expect_eq(identify(next, &old, &a), VH_EKEY);
	expect_signs_by(key, 1);
}

Test(vault_cluster, a_wrong_identity_is_refused_with_its_reason)
{
	AUTO(pkey_free) EVP_PKEY *key = rig_make("P-256");
	AUTO(buf_free) struct buf *why = buf_new(1024);
	struct frame a;

	vault_spawn();
	cr_assert_eq(vault_start(), VH_OK);
	cr_expect_eq(identify(key, &(struct wish){ .cn = "b" }, &a), VH_EKEY);
	buf_put(why, a.f.at[VH_F_WHY]);
	buf_put_u8(why, 0);
	cr_expect_not_null(
	    strstr((const char *)why->p, "not the name of this node"));
	/* Times are judged too, and the sandbox stays whole. */
	cr_expect_eq(identify(key,
			 &(struct wish){ .from_days = -3, .to_days = -1 }, &a),
	    VH_EKEY);
	cr_expect_eq(identify(key, &(struct wish){ 0 }, &a), VH_OK);
}

Test(vault_cluster, the_record_keys_file_is_not_loaded_twice)
{
	AUTO(pkey_free) EVP_PKEY *key = rig_make("P-256");
	AUTO(buf_free) struct buf *b = buf_new(4096);
	struct frame a;
	int fd = fd_with_key(key);

	vault_spawn();
	cr_assert_eq(vault_start(), VH_OK);
	size_t at = vault_request(b, VH_OP_VLOAD);

	frame_put_u32(b, VH_F_USE_ID, VH_USE_SIG);
	frame_close(b, at);
	cr_assert_eq(vault_ask(vault.super, b, fd, &a), VH_OK);
	(void)close(fd); /* the vault's */
	cr_assert_eq(identify(key, &(struct wish){ 0 }, &a), VH_OK);
	cr_expect_eq(vault_simple(vault.super, VH_OP_VCOMMIT, &a),
	    VH_EDUPLICATE);
	cr_expect_neq(vault_give(VH_ROLE_FRONT, 1), VH_OK);
}

Test(vault_cluster, a_vault_without_identity_has_no_peer_and_active_keys)
{
	struct frame a;

	vault_spawn();
	cr_assert_eq(vault_start(), VH_OK);
	cr_assert_eq(vault_generate(VH_KTY_EC, VH_CRV_P256, 0, VH_USE_SIG, &a),
	    VH_OK);
	cr_assert_eq(vault_simple(vault.super, VH_OP_VCOMMIT, &a), VH_OK);
	cr_expect_eq(vault_give(VH_ROLE_PEER, 1), VH_EFIELD);
	cr_assert_eq(vault_give(VH_ROLE_FRONT, 1), VH_OK);
	cr_expect_eq(vault_sign(VH_ALG_ES256, 9, &a), VH_OK);
	cr_expect_eq(with_kid(vault.front, VH_OP_VREVOKE, "x", &a), VH_EOP);
}
