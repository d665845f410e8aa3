/* Once a second peer is told how busy this node is and says the same of the
 * others, so that forwards go where there is least to do. */
#include "front/members.h"

#include "front/peerlink.h"
#include "front/remote.h"

/* The states that peer knows, and the gauge of each. */
static const struct {
	const char *name;
	enum count count;
} states[] = {
	{ "alive", COUNT_MEMBERS_ALIVE },
	{ "suspect", COUNT_MEMBERS_SUSPECT },
	{ "dead", COUNT_MEMBERS_DEAD },
	{ "left", COUNT_MEMBERS_LEFT },
	{ "leaving", COUNT_MEMBERS_LEAVING },
	{ "conflict", COUNT_MEMBERS_CONFLICT },
};

void
members_put_own(const struct front *f, struct buf *b)
{
	frame_put_u32(b, VH_F_LOAD, (uint32_t)f->work);
	frame_put_u32(b, VH_F_LEAVING, f->shared->draining);
}

void
members_tick(struct front *f)
{
	if (f->peer.status_asked || !mono_passed(f->peer.status_at, f->now))
		return;
	struct buf *b = link_out(f->peer.link);
	size_t start =
	    frame_request(b, VH_OP_PSTATUS, PEER_STATUS_ID, MEMBERS_MS);

	members_put_own(f, b);
	frame_close(b, start);
	f->peer.status_asked = true;
}

struct mono_ns
members_next(const struct front *f)
{
	return f->peer.status_asked ? (struct mono_ns){ UINT64_MAX }
				    : f->peer.status_at;
}

static void
take_name(struct front *f, bool taken)
{
	f->shared->name_taken = taken;
	if (f->members.name_taken == taken)
		return;
	f->members.name_taken = taken;
	if (f->cluster != NULL)
		directory_learn(f->directory, f->cluster, taken);
}

static enum vh_err
read_member(struct front *f, struct slice body, uint64_t seen[static COUNTS])
{
	struct fields m;

	TRY(fields_parse(body, &m));
	for (size_t i = 0; i < ARRAY_LEN(states); i++)
		if (slice_is(m.at[VH_F_NAME], states[i].name))
			seen[states[i].count]++;
	struct node *n = node_find(f->nodes, m.at[VH_F_NODE]);

	if (n != NULL) {
		n->load = fields_u32(&m, VH_F_LOAD);
		n->leaving = slice_is(m.at[VH_F_NAME], "leaving");
	}
	if (!slice_is(m.at[VH_F_NODE], f->settings->node))
		return VH_OK;
	f->members.own_record = fields_u64(&m, VH_F_EPOCH) != 0;
	take_name(f, slice_is(m.at[VH_F_NAME], "conflict"));
	return VH_OK;
}

/* A counter of peer's, under the name it gives it. */
static enum vh_err
read_event(struct peer_events *events, struct slice body)
{
	struct fields s;

	TRY(fields_parse(body, &s));
	struct slice name = s.at[VH_F_NAME];

	if (events->count == PEER_EVENTS || name.len == 0 ||
	    name.len >= sizeof events->rows[0].name)
		return VH_OK;
	struct peer_event *row = &events->rows[events->count++];

	memcpy(row->name, name.p, name.len);
	row->name[name.len] = '\0';
	row->value = fields_u64(&s, VH_F_OKS);
	return VH_OK;
}

static void
store_counts(struct front *f, const uint64_t seen[static COUNTS])
{
	for (size_t i = 0; i < ARRAY_LEN(states); i++)
		atomic_store_explicit(&f->shared->counts[states[i].count],
		    seen[states[i].count], memory_order_relaxed);
	f->members.alive =
	    (uint32_t)(seen[COUNT_MEMBERS_ALIVE] + seen[COUNT_MEMBERS_LEAVING]);
	f->members.known = true;
}

enum vh_err
members_answer(struct front *f, const struct frame *answer)
{
	struct slice rest = answer->f.body, value;
	struct peer_events events = { .count = 0 };
	uint64_t seen[COUNTS] = { 0 };
	bool settled =
	    mono_passed(mono_after_ms(f->peer.since, REMOTE_SETTLE_MS), f->now);
	unsigned tag;

	f->peer.status_asked = false;
	f->peer.status_at =
	    mono_after_ms(f->now, settled ? MEMBERS_MS : MEMBERS_EARLY_MS);
	if (answer->err != VH_OK)
		return VH_OK;
	while (fields_next(&rest, &tag, &value)) {
		if (tag == VH_F_MEMBER)
			TRY(read_member(f, value, seen));
		if (tag == VH_F_STATS)
			TRY(read_event(&events, value));
	}
	store_counts(f, seen);
	shared_events_set(f->shared, &events);
	return VH_OK;
}
