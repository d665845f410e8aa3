/* STATUS: a report of the node, with the vault's own statistics. */
#include <jansson.h>
#include <stdlib.h>

#include "front/ops.h"
#include "front/stats.h"
#include "front/vaultlink.h"

static void
ask_vault(struct front *f, struct pending *p)
{
	size_t start;
	struct buf *b = vault_ask(f, p, VH_OP_VSTATS, &start);

	frame_close(b, start);
}

enum vh_err
status_begin(struct front *f, struct request *q)
{
	struct pending *p = request_pend(f, q);

	if (p == NULL)
		return VH_EBUSY;
	ask_vault(f, p);
	return VH_OK;
}

static enum vh_err
take_stats(struct front *f, const struct frame *vault)
{
	TRY(vault->err);
	TRY(stats_parse(&vault->f, f->stats));
	f->stats->taken = f->now;
	shared_stats_set(f->shared, f->stats);
	return VH_OK;
}

static json_t *
count_json(const struct front *f, enum count which)
{
	return json_integer(
	    (json_int_t)atomic_load_explicit(&f->shared->counts[which],
		memory_order_relaxed));
}

/* null for a node that is in no cluster. */
static json_t *
cluster_json(const struct front *f)
{
	if (!front_has_cluster(f))
		return json_null();
	return json_pack("{s:b, s:b, s:b, s:{s:o, s:o, s:o, s:o, s:o, s:o}, "
			 "s:o, "
			 "s:o, "
			 "s:o}",
	    "reachable", f->peer.link != NULL, "joined", f->cluster != NULL,
	    "name_taken", f->members.name_taken, "members", "alive",
	    count_json(f, COUNT_MEMBERS_ALIVE), "suspect",
	    count_json(f, COUNT_MEMBERS_SUSPECT), "dead",
	    count_json(f, COUNT_MEMBERS_DEAD), "left",
	    count_json(f, COUNT_MEMBERS_LEFT), "leaving",
	    count_json(f, COUNT_MEMBERS_LEAVING), "conflict",
	    count_json(f, COUNT_MEMBERS_CONFLICT), "remote_keys",
	    count_json(f, COUNT_REMOTE_KEYS), "forwards_in_flight",
	    count_json(f, COUNT_TRYING), "relayed_in_flight",
	    count_json(f, COUNT_RELAYED));
}

/* How the lives of the node's own keys are. */
static json_t *
life_json(const struct front *f)
{
	uint64_t next = f->stats->next_rotation_ms, now = clock_wall().ms;

	return json_pack("{s:o, s:o, s:o, s:I, s:I, s:I, s:o}", "published",
	    count_json(f, COUNT_KEYS_PUBLISHED), "active",
	    count_json(f, COUNT_KEYS_ACTIVE), "retired",
	    count_json(f, COUNT_KEYS_RETIRED), "rotations",
	    (json_int_t)f->stats->rotations, "rotations_failed",
	    (json_int_t)f->stats->rotations_failed, "failing",
	    (json_int_t)f->stats->failing, "next_rotation_s",
	    next == 0
		? json_null()
		: json_integer(
		      next > now ? (json_int_t)((next - now) / 1000) : 0));
}

/* What counts now, be it from the configuration or a default. */
static json_t *
limits_json(const struct settings *s)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "workers",
	    (json_int_t)s->workers, "queue", (json_int_t)s->queue, "payload",
	    (json_int_t)s->payload, "connections", (json_int_t)s->connections,
	    "per_principal", (json_int_t)s->per_principal, "deadline_ms",
	    (json_int_t)s->deadline);
}

/* null for no limit. */
static json_t *
most_json(uint32_t most)
{
	return most == 0 ? json_null() : json_integer(most);
}

/* The names that have limits, and how often each of these refused. */
static json_t *
principals_json(const struct limits *limits)
{
	json_t *rows = json_array();
	struct limit_state l;

	for (size_t i = 0; limits_at(limits, i, &l); i++) {
		struct slice name = l.limit->name;

		(void)json_array_append_new(rows,
		    json_pack("{s:o, s:o, s:o, s:I, s:I, s:I}", "name",
			json_stringn((const char *)name.p, name.len),
			"most_a_second", most_json(l.limit->rate),
			"most_in_flight", most_json(l.limit->in_flight),
			"in_flight", (json_int_t)l.in_flight, "over_rate",
			(json_int_t)l.over_rate, "over_in_flight",
			(json_int_t)l.over_in_flight));
	}
	return rows;
}

/* The caller's; NULL when out of memory. */
static char *
report(const struct front *f)
{
	const struct settings *s = f->settings;
	uint64_t up = (f->now.ns - f->shared->started.ns) / 1000000000;
	json_t *json = json_pack("{s:s, s:s, s:I, s:b, s:b, s:s, s:s, s:I, "
				 "s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o}",
	    "node", s->node, "version", s->version, "uptime_s", (json_int_t)up,
	    "ready", shared_is_ready(f->shared), "draining",
	    (bool)f->shared->draining, "protection", f->stats->protection,
	    "separation", s->separation, "arena_bytes",
	    (json_int_t)f->stats->arena, "arena_free_bytes",
	    (json_int_t)f->stats->unused, "keys",
	    (json_int_t)directory_count(f->directory), "connections",
	    (json_int_t)f->conns.count, "in_flight", (json_int_t)f->work,
	    "lanes", stats_lanes_json(f->stats), "algorithms",
	    stats_algs_json(f->stats), "cluster", cluster_json(f), "life",
	    life_json(f));
	/* Steals the reference, and fails for NULL. */
	(void)json_object_set_new(json, "audit", stats_audit_json(f->stats));
	(void)json_object_set_new(json, "limits", limits_json(s));
	(void)json_object_set_new(json, "principals",
	    principals_json(f->limits));
	char *text = json == NULL ? NULL : json_dumps(json, JSON_COMPACT);

	json_decref(json);
	return text;
}

enum vh_err
status_answer(struct front *f, struct pending *p, const struct frame *vault,
    bool *again)
{
	struct reply r;

	(void)again;
	TRY(take_stats(f, vault));
	char *text = report(f);

	if (text == NULL)
		return VH_ENOMEM;
	frame_put_text(reply_open(f, &r, &p->to), VH_F_JSON, text);
	free(text);
	reply_close(f, &r);
	return VH_OK;
}

void
stats_ask(struct front *f)
{
	const struct origin nobody = { .op = VH_OP_VSTATS };

	if (f->stats_asked)
		return;
	struct pending *p = pending_begin(f->pendings, &nobody, f->now,
	    mono_after_ms(f->now, f->settings->deadline));

	if (p == NULL)
		return; /* HTTP goes on with what it has */
	f->stats_asked = true;
	ask_vault(f, p);
}

enum vh_err
stats_answer(struct front *f, struct pending *p, const struct frame *vault,
    bool *again)
{
	(void)p;
	(void)again;
	f->stats_asked = false;
	return take_stats(f, vault);
}
