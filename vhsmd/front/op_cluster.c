/* CLUSTER: a report of the cluster's members.  REVOKE: the vault signs that a
 * key is revoked, peer tells every node. */
#include <jansson.h>
#include <stdlib.h>

#include "front/members.h"
#include "front/ops.h"
#include "front/peerlink.h"
#include "front/vaultlink.h"
#include "jose/json.h"

/* What all that needs peer asks for first. */
static enum vh_err
need_peer(const struct front *f)
{
	if (!front_has_cluster(f) && f->peer.link == NULL) {
		buf_put_text(f->why, "this node is in no cluster");
		return VH_EOP;
	}
	if (f->peer.link != NULL && !f->peer.broken)
		return VH_OK;
	buf_put_text(f->why, "the cluster is out of reach");
	return VH_ELOST;
}

/* --- CLUSTER -------------------------------------------------------------- */

static json_t *
text_of(const struct fields *f, enum vh_tag tag)
{
	struct slice text = f->at[tag];

	return json_stringn((const char *)text.p, text.len);
}

static json_t *
number_of(uint64_t v)
{
	return json_integer((json_int_t)v);
}

/* NULL when out of memory, or for a text that is not UTF-8. */
static json_t *
member_json(struct slice body)
{
	struct fields m;

	if (fields_parse(body, &m) != VH_OK)
		return NULL;
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, "
			 "s:o}",
	    "node", text_of(&m, VH_F_NODE), "address",
	    text_of(&m, VH_F_ADDRESS), "state", text_of(&m, VH_F_NAME),
	    "incarnation", number_of(fields_u64(&m, VH_F_INCARNATION)), "keys",
	    number_of(fields_u32(&m, VH_F_COUNT)), "load",
	    number_of(fields_u32(&m, VH_F_LOAD)), "rtt_us",
	    number_of(fields_u32(&m, VH_F_RTT_US)), "seen_ms",
	    fields_have(&m, VH_F_SEEN_MS)
		? number_of(fields_u64(&m, VH_F_SEEN_MS))
		: json_null(),
	    "version", text_of(&m, VH_F_VERSION), "epoch",
	    number_of(fields_u64(&m, VH_F_EPOCH)), "seq",
	    number_of(fields_u64(&m, VH_F_SEQ)));
}

/* Adds a counter of peer's under the name it gives it. */
static enum vh_err
add_count(json_t *counts, struct slice body)
{
	char name[64];
	struct fields s;

	TRY(fields_parse(body, &s));
	struct slice text = s.at[VH_F_NAME];

	if (text.len == 0 || text.len >= sizeof name)
		return VH_OK;
	memcpy(name, text.p, text.len);
	name[text.len] = '\0';
	return json_object_set_new(counts, name,
		   number_of(fields_u64(&s, VH_F_OKS))) == 0
		   ? VH_OK
		   : VH_EINTERNAL;
}

static enum vh_err
report(struct front *f, const struct origin *to, const struct fields *answer)
{
	AUTO(json_decref) json_t *members = json_array();
	AUTO(json_decref) json_t *counts = json_object();
	AUTO(json_decref) json_t *json = NULL;
	struct slice rest = answer == NULL ? slice_of(NULL, 0) : answer->body;
	struct slice value;
	unsigned tag;

	while (fields_next(&rest, &tag, &value)) {
		if (tag == VH_F_MEMBER &&
		    json_array_append_new(members, member_json(value)) != 0)
			return VH_EINTERNAL;
		if (tag == VH_F_STATS)
			TRY(add_count(counts, value));
	}
	json = json_pack("{s:s, s:O, s:O}", "node", f->settings->node,
	    "members", members, "counts", counts);
	return reply_json(f, to, json);
}

enum vh_err
cluster_begin(struct front *f, struct request *q)
{
	bool alone = !front_has_cluster(f) && f->peer.link == NULL;
	size_t start;

	if (!alone)
		TRY(need_peer(f));
	struct pending *p = request_pend(f, q);

	if (p == NULL)
		return VH_EBUSY;
	if (alone) {
		/* Nobody to wait for. */
		request_finish(f, p, report(f, &p->to, NULL));
		return VH_OK;
	}
	struct buf *b = peer_ask(f, p, VH_OP_PSTATUS, &start);

	members_put_own(f, b);
	frame_close(b, start);
	return VH_OK;
}

enum vh_err
cluster_answer(struct front *f, struct pending *p, const struct frame *answer,
    bool *again)
{
	(void)again;
	TRY(answer->err);
	return report(f, &p->to, &answer->f);
}

/* --- REVOKE --------------------------------------------------------------- */

static enum vh_err
check_revocable(struct front *f, struct slice kid)
{
	const struct dkey *own = directory_get(f->directory, kid);

	if (kid.len == 0 || !json_is_plain(kid)) {
		buf_put_text(f->why, "KID is empty or no plain text");
		return VH_EFIELD;
	}
	if (own != NULL && own->pub.kty == VH_KTY_OCT) {
		buf_put_text(f->why, "it is symmetric and in no JWK Set: "
				     "destroy it at each node that has it");
		return VH_EFIELD;
	}
	return need_peer(f);
}

/* A kid that nobody knows here may be one of nodes that are out of reach. */
enum vh_err
revoke_begin(struct front *f, struct request *q)
{
	struct slice kid = q->frame.f.at[VH_F_KID];
	size_t start;

	TRY(check_revocable(f, kid));
	struct pending *p = request_pend(f, q);

	if (p == NULL)
		return VH_EBUSY;
	/* A tombstone names the thumbprint, where it is known. */
	const struct dkey *key =
	    directory_get(f->cluster == NULL ? f->directory : f->cluster, kid);

	buf_put_u8(p->kept, key != NULL);
	buf_put(p->kept, kid);
	struct buf *b = vault_ask(f, p, VH_OP_VREVOKE, &start);

	frame_put(b, VH_F_KID, key == NULL ? kid : slice_text(key->kid));
	frame_close(b, start);
	return VH_OK;
}

static enum vh_err
tell_peer(struct front *f, struct pending *p, struct slice tombstone)
{
	size_t start;

	TRY(need_peer(f));
	struct buf *b = peer_ask(f, p, VH_OP_PREVOKE, &start);

	frame_put(b, VH_F_TOMBSTONE, tombstone);
	frame_close(b, start);
	return VH_OK;
}

enum vh_err
revoke_answer(struct front *f, struct pending *p, const struct frame *answer,
    bool *again)
{
	AUTO(json_decref) json_t *json = NULL;
	struct slice kept = buf_slice(p->kept);
	struct slice kid = slice_of(kept.p + 1, kept.len - 1);

	TRY(answer->err);
	if (answer->op == VH_OP_VREVOKE) {
		if (!fields_have(&answer->f, VH_F_TOMBSTONE))
			return VH_EINTERNAL;
		TRY(tell_peer(f, p, answer->f.at[VH_F_TOMBSTONE]));
		*again = true;
		return VH_OK;
	}
	json = json_pack("{s:s%, s:b}", "revoked", kid.p, kid.len, "known",
	    kept.p[0]);
	return reply_json(f, &p->to, json);
}
