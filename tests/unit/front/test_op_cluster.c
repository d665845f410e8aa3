#include <criterion/criterion.h>
#include <jansson.h>

#include "cluster.h"
#include "front/requests.h"

static const struct key_says sig = { VH_USE_SIG, 0, NULL, NULL };
static const struct key_says enc = { VH_USE_ENC, 0, NULL, NULL };

static struct cluster *
stage_new(void)
{
	struct directory *d = directory_new();
	struct cluster *c;

	key_add(d, KEY_P256, &sig);
	directory_close(d);
	c = cluster_new(d);
	cluster_list(c, KEY_P256, &sig, VH_KEY_ACTIVE, "a");
	cluster_list(c, KEY_ED25519, &sig, VH_KEY_RETIRED, "");
	cluster_list(c, KEY_X25519, &enc, VH_KEY_ACTIVE, "b");
	cluster_tell(c);
	return c;
}

static enum vh_err
answer(struct world *w, struct client *k)
{
	world_turn(w);
	cr_assert(client_read(k));
	return k->f.err;
}

static json_t *
json_of(const struct client *k)
{
	struct slice text = k->f.f.at[VH_F_JSON];

	return json_loadb((const char *)text.p, text.len, 0, NULL);
}

static bool
has_text(struct slice in, const char *text)
{
	return memmem(in.p, in.len, text, strlen(text)) != NULL;
}

/* --- CLUSTER -------------------------------------------------------------- */

Test(op_cluster, the_members_are_those_that_peer_tells)
{
	struct cluster *c = stage_new();
	struct client *k = client_new(c->w, 0);
	AUTO(buf_free) struct buf *b = buf_new(4096);

	client_send(k, 1, client_ask(VH_OP_CLUSTER, 1, 0));
	AUTO(question_free) struct question *q = cluster_next(c);

	cr_assert_not_null(q);
	cr_assert_eq(q->f.op, VH_OP_PSTATUS);
	cluster_member(c, "a", "alive", 1, 5);
	cluster_member(c, "b", "suspect", 2, 6);
	size_t at = frame_answer(b, VH_OP_PSTATUS, q->f.id, VH_OK);

	buf_put(b, buf_slice(c->members));
	size_t nest = frame_nest(b, VH_F_STATS);

	frame_put_text(b, VH_F_NAME, "pipes:out");
	frame_put_u64(b, VH_F_OKS, 7);
	frame_nest_close(b, nest);
	frame_close(b, at);
	cr_assert_eq(link_send(c->peer, buf_slice(b), -1), VH_OK);
	cr_assert_eq(answer(c->w, k), VH_OK);
	json_t *json = json_of(k), *row;
	const json_t *counts = json_object_get(json, "counts");

	cr_expect_eq(json_integer_value(json_object_get(counts, "pipes:out")),
	    7);

	cr_expect_str_eq(json_string_value(json_object_get(json, "node")), "a");
	row = json_array_get(json_object_get(json, "members"), 1);
	cr_expect_str_eq(json_string_value(json_object_get(row, "node")), "b");
	cr_expect_str_eq(json_string_value(json_object_get(row, "state")),
	    "suspect");
	cr_expect_eq(json_integer_value(json_object_get(row, "load")), 2);
	cr_expect_eq(json_integer_value(json_object_get(row, "epoch")), 6);
	cr_expect(json_is_null(json_object_get(row, "seen_ms")));
	cr_expect_eq(json_object_size(row), 11);
	json_decref(json);
	client_free(k);
	cluster_free(c);
}

Test(op_cluster, a_node_alone_has_no_members)
{
	struct world *w = world_new(key_directory(), NULL);
	struct client *k = client_new(w, 0);

	client_send(k, 1, client_ask(VH_OP_CLUSTER, 1, 0));
	cr_assert_eq(answer(w, k), VH_OK);
	cr_expect(slice_is(k->f.f.at[VH_F_JSON],
	    "{\"node\":\"\",\"members\":[],\"counts\":{}}"));
	cr_expect_eq(pendings_count(w->front->pendings), 0);
	client_free(k);
	world_free(w);
}

Test(op_cluster, without_peer_there_is_no_report)
{
	struct cluster *c = stage_new();
	struct client *k = client_new(c->w, 0);

	client_send(k, 1, client_ask(VH_OP_CLUSTER, 1, 0));
	AUTO(question_free) struct question *q = cluster_next(c);

	cr_assert_not_null(q);
	cluster_lose(c);
	cr_expect_eq(answer(c->w, k), VH_ELOST);
	client_send(k, 2, client_ask(VH_OP_CLUSTER, 2, 0));
	cr_expect_eq(answer(c->w, k), VH_ELOST);
	client_free(k);
	cluster_free(c);
}

Test(op_cluster, status_counts_members_and_keys)
{
	struct cluster *c = stage_new();
	struct client *k = client_new(c->w, 0);
	struct frame v;

	cluster_member(c, "a", "alive", 0, 5);
	cluster_member(c, "b", "dead", 0, 5);
	cluster_age(c, 2000);
	cr_assert_null(cluster_next(c));
	client_send(k, 1, client_ask(VH_OP_STATUS, 1, 0));
	world_turn(c->w);
	cr_assert(vault_next(c->w, &v));
	vault_answer(c->w, v.id, v.op, VH_OK);
	cr_assert_eq(answer(c->w, k), VH_OK);
	json_t *json = json_of(k);
	const json_t *of = json_object_get(json, "cluster");

	cr_expect(json_is_true(json_object_get(of, "reachable")));
	cr_expect_eq(json_integer_value(
			 json_object_get(json_object_get(of, "members"),
			     "dead")),
	    1);
	cr_expect_eq(json_integer_value(json_object_get(of, "remote_keys")), 2);
	json_decref(json);
	client_free(k);
	cluster_free(c);
}

/* --- REVOKE --------------------------------------------------------------- */

static struct buf *
revoke(const char *kid)
{
	struct buf *b = client_ask(VH_OP_REVOKE, 1, 0);

	frame_put_text(b, VH_F_KID, kid);
	return b;
}

static void
vault_signs_tombstone(struct cluster *c, const struct frame *q)
{
	AUTO(buf_free) struct buf *b = buf_new(1000);
	size_t at = frame_answer(b, VH_OP_VREVOKE, q->id, VH_OK);

	frame_put_text(b, VH_F_TOMBSTONE, "a.b.c");
	frame_close(b, at);
	cr_assert_eq(link_send(c->w->vault, buf_slice(b), -1), VH_OK);
}

Test(op_cluster, a_revocation_is_signed_by_the_vault_and_told_by_peer)
{
	struct cluster *c = stage_new();
	struct client *k = client_new(c->w, 1);
	AUTO(buf_free) struct buf *b = buf_new(1000);
	struct frame v;

	client_send(k, 1, revoke("some \"kid\""));
	world_turn(c->w);
	cr_assert(vault_next(c->w, &v));
	cr_expect_eq(v.op, VH_OP_VREVOKE);
	cr_expect(slice_is(v.f.at[VH_F_KID], "some \"kid\""));
	vault_signs_tombstone(c, &v);
	AUTO(question_free) struct question *q = cluster_next(c);

	cr_assert_not_null(q);
	cr_assert_eq(q->f.op, VH_OP_PREVOKE);
	cr_expect(slice_is(q->f.f.at[VH_F_TOMBSTONE], "a.b.c"));
	cr_expect_not(client_read(k));
	frame_put_error(b, VH_OP_PREVOKE, q->f.id, VH_OK, NULL);
	cr_assert_eq(link_send(c->peer, buf_slice(b), -1), VH_OK);
	cr_expect_eq(answer(c->w, k), VH_OK);
	cr_expect(slice_is(k->f.f.at[VH_F_JSON],
	    "{\"revoked\":\"some \\\"kid\\\"\",\"known\":false}"));
	client_free(k);
	cluster_free(c);
}

Test(op_cluster, callers_revoke_nothing)
{
	struct cluster *c = stage_new();
	struct client *k = client_new(c->w, 0);

	client_send(k, 1, revoke("x"));
	cr_expect_eq(answer(c->w, k), VH_EFORBIDDEN);
	client_free(k);
	cluster_free(c);
}

Test(op_cluster, a_revocation_needs_a_cluster_and_a_peer)
{
	struct world *w = world_new(key_directory(), NULL);
	struct client *k = client_new(w, 1);
	struct cluster *c = stage_new();
	struct client *m = client_new(c->w, 1);
	struct frame v;

	client_send(k, 1, revoke("x"));
	cr_expect_eq(answer(w, k), VH_EOP);
	cr_expect(has_text(k->f.f.at[VH_F_WHY], "in no cluster"));
	client_send(m, 1, revoke(""));
	cr_expect_eq(answer(c->w, m), VH_EFIELD);
	client_send(m, 1, revoke("x"));
	world_turn(c->w);
	cr_assert(vault_next(c->w, &v));
	cluster_lose(c);
	vault_signs_tombstone(c, &v);
	cr_expect_eq(answer(c->w, m), VH_ELOST);
	client_send(m, 1, revoke("x"));
	cr_expect_eq(answer(c->w, m), VH_ELOST);
	client_free(m);
	cluster_free(c);
	client_free(k);
	world_free(w);
}

/* --- what public keys are for -----------------------------------------------
 */

Test(op_cluster, keys_are_the_whole_clusters)
{
	struct cluster *c = stage_new();
	struct client *k = client_new(c->w, 0);

	client_send(k, 1, client_ask(VH_OP_KEYS, 1, 0));
	cr_assert_eq(answer(c->w, k), VH_OK);
	cr_expect(has_text(k->f.f.at[VH_F_JWKS], key_kid(KEY_P256)));
	cr_expect(has_text(k->f.f.at[VH_F_JWKS], key_kid(KEY_ED25519)));
	cr_expect(has_text(k->f.f.at[VH_F_JWKS], key_kid(KEY_X25519)));
	client_free(k);
	cluster_free(c);
}

/* RFC 8037, A.4: signed by KEY_ED25519, which nobody holds any more. */
Test(op_cluster, a_token_of_a_node_that_is_gone_verifies)
{
	static const char token[] =
	    "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
	    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5"
	    "BhVsPt9g7sVvpAr_MuM0KAg";
	struct cluster *c = stage_new();
	struct client *k = client_new(c->w, 0);
	struct buf *b = client_ask(VH_OP_VERIFY, 1, 0);

	frame_put_text(b, VH_F_TOKEN, token);
	client_send(k, 1, b);
	cr_expect_eq(answer(c->w, k), VH_OK);
	cr_expect(slice_is(k->f.f.at[VH_F_KID], key_kid(KEY_ED25519)));
	client_free(k);
	cluster_free(c);
}

Test(op_cluster, encryption_for_another_nodes_key_is_local)
{
	struct cluster *c = stage_new();
	struct client *k = client_new(c->w, 0);
	struct buf *b = client_ask(VH_OP_ENCRYPT, 1, 0);
	struct frame v;

	frame_put_text(b, VH_F_DATA, "x");
	frame_put_text(b, VH_F_ALG, "ECDH-ES");
	frame_put_text(b, VH_F_ENC, "A128GCM");
	client_send(k, 1, b);
	cr_expect_null(cluster_next(c));
	cr_assert(vault_next(c->w, &v));
	cr_expect_eq(v.op, VH_OP_VENCRYPT);
	cr_expect_not(fields_have(&v.f, VH_F_KID), "the vault has no such key");
	cr_expect_eq(fields_u32(&v.f, VH_F_CRV_ID), VH_CRV_X25519);
	cr_expect(has_text(v.f.at[VH_F_HEADER], key_kid(KEY_X25519)));
	client_free(k);
	cluster_free(c);
}
