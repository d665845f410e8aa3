/* What the cluster's list of keys makes of the node's own, and of the published
 * set. */
#include "front/remote.h"

#include <criterion/criterion.h>

#include "cluster.h"

static const struct key_says sig = { VH_USE_SIG, 0, NULL, NULL };
static const struct key_says enc = { VH_USE_ENC, 0, NULL, NULL };

static struct directory *
own_keys(void)
{
	struct directory *d = directory_new();

	key_add(d, KEY_P256, &sig);
	key_add(d, KEY_P521, &enc);
	directory_close(d);
	return d;
}

static void
list_own(struct cluster *c, enum vh_key_state state)
{
	cluster_list(c, KEY_P256, &sig, state, "a");
	cluster_list(c, KEY_P521, &enc, VH_KEY_ACTIVE, "a");
}

static const struct dkey *
own(struct cluster *c, enum test_key which)
{
	return directory_get(c->w->front->directory,
	    slice_text(key_kid(which)));
}

/* Whether the published set has the key; false, too, when there is none. */
static bool
is_published(struct cluster *c, enum test_key which)
{
	AUTO(published_free)
	struct published *p = shared_published_get(c->w->shared);

	return p != NULL && strstr(p->text, key_kid(which)) != NULL;
}

static bool
is_anything_published(struct cluster *c)
{
	AUTO(published_free)
	struct published *p = shared_published_get(c->w->shared);

	return p != NULL;
}

Test(remote, nothing_is_published_before_the_clusters_keys_are_known)
{
	struct cluster *c = cluster_new(own_keys());

	cr_expect_not(is_anything_published(c));
	cr_expect_not(shared_is_ready(c->w->shared));
	cr_expect_null(cluster_next(c));
	cr_expect_geq(c->pulls, 1);
	cr_expect_not(is_anything_published(c), "own record is not in it yet");
	list_own(c, VH_KEY_ACTIVE);
	cluster_tell(c);
	cr_expect(is_published(c, KEY_P256));
	cr_expect(is_published(c, KEY_P521));
	cr_expect(shared_is_ready(c->w->shared));
	cluster_free(c);
}

Test(remote, what_is_published_is_the_whole_clusters)
{
	struct cluster *c = cluster_new(own_keys());

	list_own(c, VH_KEY_ACTIVE);
	cluster_list(c, KEY_ED25519, &sig, VH_KEY_PUBLISHED, "b");
	cluster_list(c, KEY_RSA, &sig, VH_KEY_RETIRED, "");
	cluster_list(c, KEY_X25519, &enc, VH_KEY_ACTIVE, "b");
	cluster_list(c, KEY_X25519_B, &enc, VH_KEY_RETIRED, "b");
	cluster_tell(c);
	cr_expect(is_published(c, KEY_P256));
	cr_expect(is_published(c, KEY_ED25519));
	cr_expect(is_published(c, KEY_RSA), "no holder, but not over yet");
	cr_expect(is_published(c, KEY_X25519));
	cr_expect_not(is_published(c, KEY_X25519_B), "about to go");
	cr_expect_eq(c->w->shared->counts[COUNT_REMOTE_KEYS], 4);
	cluster_free(c);
}

Test(remote, an_unchanged_set_keeps_its_tag)
{
	struct cluster *c = cluster_new(own_keys());

	list_own(c, VH_KEY_ACTIVE);
	cluster_tell(c);
	AUTO(published_free)
	struct published *before = shared_published_get(c->w->shared);

	cluster_tell(c);
	AUTO(published_free)
	struct published *after = shared_published_get(c->w->shared);

	cr_expect_eq(before, after);
	cluster_clear(c);
	list_own(c, VH_KEY_ACTIVE);
	cluster_list(c, KEY_RSA, &sig, VH_KEY_ACTIVE, "b");
	cluster_tell(c);
	AUTO(published_free)
	struct published *more = shared_published_get(c->w->shared);

	cr_expect_str_neq(before->etag, more->etag);
	cluster_free(c);
}

Test(remote, own_keys_have_the_state_that_the_cluster_says)
{
	struct cluster *c = cluster_new(own_keys());

	list_own(c, VH_KEY_PUBLISHED);
	cluster_tell(c);
	cr_expect_eq(own(c, KEY_P256)->state, VH_KEY_PUBLISHED);
	cr_expect_eq(own(c, KEY_P521)->state, VH_KEY_ACTIVE);
	cluster_clear(c);
	cluster_list(c, KEY_P256, &sig, VH_KEY_ACTIVE, "b");
	cluster_list(c, KEY_P521, &enc, VH_KEY_ACTIVE, "a,b");
	cluster_tell(c);
	cr_expect_eq(own(c, KEY_P256)->state, VH_KEY_PUBLISHED,
	    "active, but not here");
	cluster_clear(c);
	list_own(c, VH_KEY_ACTIVE);
	cluster_tell(c);
	cr_expect_eq(own(c, KEY_P256)->state, VH_KEY_ACTIVE);
	cluster_free(c);
}

Test(remote, a_node_whose_name_is_taken_signs_with_no_key_of_its_own)
{
	struct cluster *c = cluster_new(own_keys());
	struct client *k = client_new(c->w, 0);

	list_own(c, VH_KEY_ACTIVE);
	cluster_member(c, "a", "alive", 0, 7);
	cluster_tell(c);
	cr_expect_eq(own(c, KEY_P256)->state, VH_KEY_ACTIVE);
	buf_clear(c->members);
	cluster_member(c, "a", "conflict", 0, 7);
	cluster_age(c, 2000);
	cr_expect_null(cluster_next(c));
	cr_expect_eq(own(c, KEY_P256)->state, VH_KEY_PUBLISHED);
	cr_expect_not(shared_is_ready(c->w->shared));
	cr_expect(is_published(c, KEY_P256));
	struct buf *b = client_ask(VH_OP_SIGN, 1, 0);

	frame_put_text(b, VH_F_ALG, "ES256");
	frame_put_text(b, VH_F_DATA, "hello");
	client_send(k, 1, b);
	world_turn(c->w);
	cr_assert(client_read(k));
	cr_expect_neq(k->f.err, VH_OK);
	struct slice why = k->f.f.at[VH_F_WHY];

	cr_expect_not_null(memmem(why.p, why.len, "this node's name", 16));
	buf_clear(c->members);
	cluster_member(c, "a", "alive", 0, 7);
	cluster_age(c, 2000);
	cr_expect_null(cluster_next(c));
	cr_expect_eq(own(c, KEY_P256)->state, VH_KEY_ACTIVE);
	cr_expect(shared_is_ready(c->w->shared));
	client_free(k);
	cluster_free(c);
}

Test(remote, a_revoked_own_key_is_neither_used_nor_published)
{
	struct cluster *c = cluster_new(own_keys());
	struct client *k = client_new(c->w, 0);
	struct buf *b = client_ask(VH_OP_SIGN, 1, 0);

	list_own(c, VH_KEY_ACTIVE);
	cluster_tell(c);
	cluster_clear(c);
	cluster_list(c, KEY_P521, &enc, VH_KEY_ACTIVE, "a");
	cluster_tell(c);
	cr_expect_not(is_published(c, KEY_P256));
	cr_expect_eq((int)own(c, KEY_P256)->state, 0);
	frame_put_text(b, VH_F_KID, key_kid(KEY_P256));
	frame_put_text(b, VH_F_DATA, "x");
	client_send(k, 1, b);
	world_turn(c->w);
	cr_assert(client_read(k));
	cr_expect_eq(k->f.err, VH_ENOKEY);
	client_free(k);
	cluster_free(c);
}

/* Its own record says so, not the list. */
Test(remote, all_own_keys_may_be_revoked)
{
	struct cluster *c = cluster_new(own_keys());

	cluster_list(c, KEY_RSA, &sig, VH_KEY_ACTIVE, "b");
	cr_expect_null(cluster_next(c));
	cr_expect_not(is_anything_published(c));
	cluster_member(c, "a", "alive", 0, 7);
	for (int i = 0; i < 3; i++) {
		cluster_age(c, 2000);
		cr_expect_null(cluster_next(c));
	}
	cr_expect(is_published(c, KEY_RSA));
	cr_expect_not(is_published(c, KEY_P256));
	cluster_free(c);
}

Test(remote, without_peer_the_last_set_stays)
{
	struct cluster *c = cluster_new(own_keys());

	list_own(c, VH_KEY_ACTIVE);
	cluster_list(c, KEY_RSA, &sig, VH_KEY_ACTIVE, "b");
	cluster_tell(c);
	cluster_lose(c);
	cr_expect(is_published(c, KEY_RSA));
	cr_expect(shared_is_ready(c->w->shared));
	cr_expect_eq(c->w->shared->counts[COUNT_PEER], 0);
	cluster_free(c);
}

/* It has to find the others first. */
Test(remote, what_a_new_peer_does_not_know_yet_stays_for_a_while)
{
	struct cluster *c = cluster_new(own_keys());

	list_own(c, VH_KEY_ACTIVE);
	cluster_list(c, KEY_X25519, &enc, VH_KEY_ACTIVE, "b");
	cluster_member(c, "a", "alive", 0, 7);
	cluster_member(c, "b", "alive", 0, 8);
	cluster_tell(c);
	cr_expect_eq(c->w->front->members.alive, 2);
	cluster_lose(c);
	cluster_clear(c);
	list_own(c, VH_KEY_ACTIVE);
	buf_clear(c->members);
	cluster_member(c, "a", "alive", 0, 7);
	cluster_attach(c);
	cr_expect_null(cluster_next(c));
	cr_expect(is_published(c, KEY_X25519));
	cluster_age(c, REMOTE_SETTLE_MS);
	cr_expect_null(cluster_next(c));
	cr_expect_not(is_published(c, KEY_X25519), "it is gone indeed");
	cluster_free(c);
}

Test(remote, a_key_that_is_not_understood_is_left_out)
{
	struct cluster *c = cluster_new(own_keys());
	size_t nest;

	list_own(c, VH_KEY_ACTIVE);
	nest = frame_nest(c->keys, VH_F_KEY);
	frame_put_text(c->keys, VH_F_KID, "of a kind that is new");
	frame_put_u32(c->keys, VH_F_KTY_ID, 77);
	frame_nest_close(c->keys, nest);
	cluster_list(c, KEY_RSA, &sig, (enum vh_key_state)9, "b");
	cluster_list(c, KEY_ED25519, &sig, VH_KEY_ACTIVE, "b");
	cluster_tell(c);
	cr_expect(is_published(c, KEY_P256));
	cr_expect(is_published(c, KEY_ED25519));
	cr_expect_not(is_published(c, KEY_RSA));
	cluster_free(c);
}

/* Two pages of different lists are none. */
Test(remote, a_list_that_changes_while_it_is_read_is_read_again)
{
	struct cluster *c = cluster_new(own_keys());
	struct pull *pull = &c->w->front->peer.pull;
	struct frame answer = { .op = VH_OP_PKEYS,
		.answer = true,
		.id = PEER_KEYS_ID };
	AUTO(buf_free) struct buf *b = buf_new(1000);

	cr_expect_null(cluster_next(c));
	cluster_age(c, 200);
	world_turn(c->w);
	cr_assert_not_null(pull->d, "a page is asked for");
	frame_put_u32(b, VH_F_INDEX, 1);
	frame_put_u64(b, VH_F_SEQ, 100);
	cr_assert_eq(fields_parse(buf_slice(b), &answer.f), VH_OK);
	cr_expect_eq(remote_page(c->w->front, &answer), VH_OK);
	cr_expect_eq(pull->index, 1);
	buf_clear(b);
	frame_put_u64(b, VH_F_SEQ, 101);
	cr_assert_eq(fields_parse(buf_slice(b), &answer.f), VH_OK);
	cr_expect_eq(remote_page(c->w->front, &answer), VH_OK);
	cr_expect_null(pull->d);
	cr_expect(pull->stale);
	cluster_free(c);
}

Test(remote, a_page_that_leads_nowhere_is_refused)
{
	struct cluster *c = cluster_new(own_keys());
	struct frame answer = { .op = VH_OP_PKEYS, .answer = true, .id = 5 };
	AUTO(buf_free) struct buf *b = buf_new(1000);

	cr_expect_eq(remote_page(c->w->front, &answer), VH_EPARSE);
	answer.id = PEER_KEYS_ID;
	frame_put_u32(b, VH_F_INDEX, 0);
	cr_assert_eq(fields_parse(buf_slice(b), &answer.f), VH_OK);
	cr_expect_eq(remote_page(c->w->front, &answer), VH_EPARSE);
	cluster_free(c);
}

Test(remote, peer_may_not_say_what_it_is_not_to_say)
{
	static const uint16_t bad[] = { VH_OP_SIGN, VH_OP_VSIGN, VH_OP_FSTOP,
		VH_OP_NGOSSIP, 999 };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct cluster *c = cluster_new(own_keys());
		AUTO(buf_free) struct buf *b = buf_new(1000);

		if (i % 2 == 0)
			frame_close(b,
			    frame_request(b, (enum vh_op)bad[i], 1, 0));
		else
			frame_put_error(b, bad[i], 1, VH_OK, NULL);
		cr_assert_eq(link_send(c->peer, buf_slice(b), -1), VH_OK);
		world_turn(c->w);
		cr_expect_null(c->w->front->peer.link, "op %u", bad[i]);
		cluster_free(c);
	}
}
