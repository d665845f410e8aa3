#include "test_ledger_world.h"

#include <criterion/criterion.h>
#include <stdio.h>

static void
new_ledger(struct world *w, const char *revokers)
{
	const struct ledger_config c = { "a", w->trust, slice_text(revokers) };

	ledger_free(w->ledger);
	w->ledger = ledger_new(&c, world_now(w));
	cr_assert_not_null(w->ledger);
}

struct world
world_with_revokers(const char *revokers)
{
	static const char *const names[] = { "a", "b", "c" };
	struct world w = { .ca = cert_ca("test CA", NULL),
		.trust = trust_new(),
		.mono = 5000 };
	AUTO(buf_free) struct buf *pem = cert_pem(w.ca);

	for (size_t i = 0; i < NODES; i++)
		w.node[i] =
		    cert_issue(w.ca, &(struct cert_want){ .cn = names[i] });
	cr_assert_eq(trust_load(w.trust, buf_slice(pem), slice_text(""), NULL),
	    VH_OK);
	new_ledger(&w, revokers);
	return w;
}

struct world
world_new(void)
{
	return world_with_revokers("");
}

void
world_free(struct world *w)
{
	ledger_free(w->ledger);
	trust_free(w->trust);
	for (size_t i = 0; i < NODES; i++)
		cert_free(w->node[i]);
	cert_free(w->ca);
}

struct moment
world_now(const struct world *w)
{
	return (struct moment){ { T0 + w->wall }, { w->mono * 1000000 } };
}

void
world_pass(struct world *w, uint64_t ms)
{
	w->wall += ms;
	w->mono += ms;
	world_tick(w);
}

void
world_jump(struct world *w, int64_t ms)
{
	w->wall += (uint64_t)ms;
	world_tick(w);
}

void
world_restart(struct world *w)
{
	w->mono = 5000;
	new_ledger(w, "");
}

void
world_tick(struct world *w)
{
	cr_assert_eq(ledger_tick(w->ledger, world_now(w)), VH_OK);
}

void
world_live(struct world *w, const char *who)
{
	struct ledger_live live[8] = { 0 };
	size_t count = 0;

	for (; *who != '\0'; who++) {
		if (*who == '!')
			live[count - 1].leaving = true;
		else
			live[count++].node[0] = *who;
	}
	cr_assert_eq(ledger_set_live(w->ledger, live, count), VH_OK);
	world_tick(w);
}

struct buf *
world_record(const struct world *w, enum who node, uint64_t epoch, uint64_t seq,
    const struct test_key *k, const struct test_key *l)
{
	return test_record(w->node[node],
	    &(struct test_record){ epoch, seq, T0 + w->wall, KEEP, { k, l } });
}

enum refusal
world_take(struct world *w, struct buf *token)
{
	AUTO(buf_free) struct buf *mine = token;
	struct verdict v;
	enum vh_err err =
	    ledger_take_record(w->ledger, world_now(w), buf_slice(mine), &v);

	cr_expect_eq(err == VH_OK, v.reason == REFUSAL_NONE);
	world_tick(w);
	return v.reason;
}

enum refusal
world_take_tombstone(struct world *w, struct buf *token)
{
	AUTO(buf_free) struct buf *mine = token;
	struct verdict v;
	enum vh_err err =
	    ledger_take_tombstone(w->ledger, world_now(w), buf_slice(mine), &v);

	cr_expect_eq(err == VH_OK, v.reason == REFUSAL_NONE);
	world_tick(w);
	return v.reason;
}

enum refusal
world_say(struct world *w, enum who node, uint64_t epoch, uint64_t seq,
    const struct test_key *k, const struct test_key *l)
{
	return world_take(w, world_record(w, node, epoch, seq, k, l));
}

static const char *const states[] = { [VH_KEY_PUBLISHED] = "PUBLISHED",
	[VH_KEY_ACTIVE] = "ACTIVE",
	[VH_KEY_RETIRED] = "RETIRED" };

const char *
world_state(const struct world *w, const struct test_key *k)
{
	static char text[256]; /* borrowed until the next call */
	const struct ledger_key *key = ledger_key(w->ledger, k->kid);
	size_t len;

	if (key == NULL)
		return "none";
	len = (size_t)snprintf(text, sizeof text, "%s%s", states[key->state],
	    key->holder_count > 0 ? " " : "");
	for (size_t i = 0; i < key->holder_count && len < sizeof text; i++)
		len += (size_t)snprintf(text + len, sizeof text - len, "%s",
		    key->holders[i].node);
	return text;
}

static void
put_key(struct buf *b, const struct ledger_key *k)
{
	jwk_put(b, &k->pub, slice_text(k->kid), k->use, k->alg);
}

struct buf *
world_directory(const struct ledger *l)
{
	struct buf *b = buf_new(1u << 20);
	size_t count;
	const struct ledger_key *keys = ledger_keys(l, &count);

	for (size_t i = 0; i < count; i++) {
		put_key(b, &keys[i]);
		buf_format(b, " %s name ", states[keys[i].state]);
		buf_put(b, keys[i].name);
		buf_put_text(b, " allow ");
		buf_put(b, keys[i].allow);
		for (size_t h = 0; h < keys[i].holder_count; h++)
			buf_format(b, " %s", keys[i].holders[h].node);
		buf_put_u8(b, '\n');
	}
	return b;
}

struct buf *
world_published(const struct ledger *l)
{
	struct buf *b = buf_new(1u << 20);
	size_t count;
	const struct ledger_key *keys = ledger_keys(l, &count);

	for (size_t i = 0; i < count; i++)
		if (ledger_key_is_published(&keys[i])) {
			put_key(b, &keys[i]);
			buf_put_u8(b, '\n');
		}
	return b;
}
