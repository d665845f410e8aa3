#include "vault/keeper.h"

#include <stdlib.h>
#include <unistd.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "base/log.h"
#include "vault/arena.h"
#include "vault/keeper_inner.h"
#include "vault/registers.h"

#define RECLAIM_MS 20 /* until what readers held up is looked at again */

struct keeper *
keeper_new(struct pool *pool, struct load *load, const struct keeper_ears *ears)
{
	struct keeper *k = calloc(1, sizeof *k);

	if (k == NULL)
		return NULL;
	k->pool = pool;
	k->load = load;
	k->store = load->store;
	k->ears = *ears;
	k->next.ns = UINT64_MAX;
	return k;
}

struct life_now
keeper_now(void)
{
	return (struct life_now){ clock_mono(), clock_wall() };
}

struct key *
keeper_key(const struct keeper *k, const char *kid)
{
	return store_get(k->store, slice_text(kid));
}

/* --- lines ---------------------------------------------------------------- */

struct recipe *
keeper_recipe(const struct keeper *k, uint32_t line)
{
	struct recipe *r = NULL;

	HASH_FIND(hh, k->recipes, &line, sizeof line, r);
	return r;
}

void
keeper_drop_recipes(struct keeper *k)
{
	struct life_line_view v;
	struct recipe *r, *next;
	uint32_t line = 0;

	while (life_next_line(k->life, &line, &v)) {
		r = keeper_recipe(k, line);
		if (r != NULL)
			r->used = true;
	}
	HASH_ITER(hh, k->recipes, r, next)
	{
		if (!r->used) {
			HASH_DEL(k->recipes, r);
			buf_free(r->body);
			free(r);
			continue;
		}
		r->used = false;
	}
}

enum vh_err
keeper_set_recipe(struct keeper *k, uint32_t line, struct slice body)
{
	AUTO(buf_free) struct buf *copy = buf_new(RECIPE_MAX);
	struct recipe *r = keeper_recipe(k, line);

	buf_put(copy, body);
	TRY(buf_end(copy));
	if (r == NULL) {
		r = calloc(1, sizeof *r);
		if (r == NULL)
			return VH_ENOMEM;
		r->line = line;
		HASH_ADD(hh, k->recipes, line, sizeof r->line, r);
		if (r->hh.tbl == NULL) {
			free(r);
			return VH_ENOMEM;
		}
	}
	buf_free(r->body);
	r->body = TAKE(copy);
	return VH_OK;
}

enum vh_err
keeper_new_line(struct keeper *k, struct key *key, enum life_start start)
{
	const struct batch *b = &k->load->batches.at[key->batch];
	struct life_terms terms;
	struct fields f;
	uint32_t line;

	TRY(fields_parse(buf_slice(b->body), &f));
	terms = load_life_terms(&f);
	key->keep_ms = terms.keep_ms;
	TRY(life_line(k->life, &terms, fields_u32(&f, VH_F_ENTRY), b->makes,
	    &line));
	if (b->makes)
		TRY(keeper_set_recipe(k, line, buf_slice(b->body)));
	return life_add(k->life, line, key->kid, start, keeper_now());
}

enum vh_err
keeper_begin(struct keeper *k)
{
	bool clustered = k->load->record != NULL;
	struct key *key;
	size_t i = 0;

	k->life = life_new(clustered);
	if (k->life == NULL)
		return VH_ENOMEM;
	k->most = clustered ? KEEPER_CLUSTER_KEYS_MAX : KEEPER_KEYS_MAX;
	while ((key = store_next(k->store, &i)) != NULL)
		TRY(keeper_new_line(k, key,
		    key->state == VH_KEY_ACTIVE ? LIFE_ACTIVE : LIFE_WAITING));
	load_forget(k->load);
	k->dirty = true;
	return VH_OK;
}

size_t
keeper_room(void)
{
	size_t unused = arena_unused();

	return unused > KEEPER_ROOM ? unused - KEEPER_ROOM : 0;
}

/* --- making a key --------------------------------------------------------- */

static void
making_free(struct making *m)
{
	if (m == NULL)
		return;
	key_free(m->key);
	buf_free(m->why);
	buf_free(m->body);
	free(m);
}
AUTO_FREE(struct making, making_free)

/* On a worker. */
static void
make(struct job *job, struct crypto *c, struct buf *out)
{
	struct making *m = job->context;

	(void)out; /* nobody waits */
	m->err = load_make(buf_slice(m->body), c, m->keeper->load->workers,
	    &m->key, m->why);
	traces_clear();
	atomic_store(&m->keeper->made, m);
	m->keeper->ears.wake(m->keeper->ears.of);
}

static enum vh_err
send_for_key(struct keeper *k, uint32_t line)
{
	AUTO(making_free) struct making *m = calloc(1, sizeof *m);
	struct recipe *r = keeper_recipe(k, line);

	if (m == NULL || r == NULL)
		return VH_ENOMEM;
	m->keeper = k;
	m->line = line;
	m->why = buf_new(WHY_MAX);
	m->body = buf_new(RECIPE_MAX);
	buf_put(m->body, buf_slice(r->body));
	TRY(buf_end(m->body));
	if (m->why == NULL)
		return VH_ENOMEM;
	if (store_count(k->store) >= k->most || keeper_room() == 0)
		return VH_ENOROOM;
	AUTO(job_free) struct job *job = job_errand(make, m, LANE_HEAVY);

	if (job == NULL)
		return VH_ENOMEM;
	TRY(pool_submit(k->pool, job));
	job = NULL; /* the pool's; m comes back as k->made */
	m = NULL;
	return VH_OK;
}

static void
not_made(struct keeper *k, uint32_t line, enum vh_err err, struct buf *why)
{
	const struct recipe *r = keeper_recipe(k, line);
	struct fields f;

	k->counts.failed++;
	life_failed(k->life, line, keeper_now());
	if (r == NULL || fields_parse(buf_slice(r->body), &f) != VH_OK)
		return;
	LOG(ERROR, "rotation-failed", KV("name", f.at[VH_F_NAME]), KV_ERR(err),
	    KV("why", why == NULL ? slice_text(err_text(err)) : buf_slice(why)),
	    KV("key", "stays active"));
}

static enum vh_err
take_made(struct keeper *k, struct making *m)
{
	char kid[VH_KID_SIZE + 1];
	struct slice name = slice_text(m->key->name);

	memcpy(kid, m->key->kid, sizeof kid);
	if (k->load->record != NULL)
		TRY(record_admit(k->load->record, m->key, m->why));
	m->key->state = VH_KEY_PUBLISHED;
	m->key->scheduled = true;
	TRY(life_made(k->life, m->line, kid, keeper_now()));
	LOG(NOTICE, "key", KV("kid", kid), KV("name", name),
	    KV("source", "rotation"));
	k->counts.made++;
	k->changed = true;
	return store_add(k->store, TAKE(m->key));
}

static void
take_up_made(struct keeper *k)
{
	AUTO(making_free) struct making *m = atomic_exchange(&k->made, NULL);

	if (m == NULL)
		return;
	k->dirty = true;
	enum vh_err err = m->err == VH_OK ? take_made(k, m) : m->err;

	if (err == VH_ENOKEY) /* the line has ended: nobody wants it */
		return;
	if (err != VH_OK)
		not_made(k, m->line, err, m->why);
}

/* --- what their lives ask for --------------------------------------------- */

static void
do_make(struct keeper *k, const struct life_event *e, struct key *key)
{
	enum vh_err err = send_for_key(k, e->line);

	(void)key;
	if (err != VH_OK)
		not_made(k, e->line, err, NULL);
}

static void
do_due(struct keeper *k, const struct life_event *e, struct key *key)
{
	(void)key;
	k->ears.changed(k->ears.of, e->kid);
}

static void
say(const char *event, const struct key *key)
{
	LOG(NOTICE, event, KV("kid", (const char *)key->kid),
	    KV("name", slice_text(key->name)), KV("use", use_name(key->use)));
}

static void
do_activate(struct keeper *k, const struct life_event *e, struct key *key)
{
	(void)e;
	key->state = VH_KEY_ACTIVE;
	k->changed = true;
	say("key-active", key);
}

/* until_ms first: whoever sees the state finds it. */
static void
do_retire(struct keeper *k, const struct life_event *e, struct key *key)
{
	struct life_view v;

	if (life_look(k->life, e->kid, keeper_now(), &v)) {
		key->until_ms = v.until_ms;
		key->keep_ms = v.terms.keep_ms;
	}
	key->closing = true;
	key->state = VH_KEY_RETIRED;
	k->changed = true;
	say("key-retired", key);
}

/* A signing key's public half stays; one for encryption goes on decrypting. */
static void
do_close(struct keeper *k, const struct life_event *e, struct key *key)
{
	struct key *husk = NULL;

	(void)e;
	key->closing = false;
	/* A symmetric one is needed to verify. */
	if (key->use != VH_USE_SIG || key->pkey == NULL)
		return;
	enum vh_err err = key_renew(key, NULL, false, &husk);

	if (err == VH_OK)
		err = store_replace(k->store, key, husk);
	if (err != VH_OK)
		LOG(ERROR, "secret-kept", KV("kid", e->kid), KV_ERR(err));
	else
		LOG(NOTICE, "secret-wiped", KV("kid", e->kid));
	k->changed = true;
}

static void
do_end(struct keeper *k, const struct life_event *e, struct key *key)
{
	(void)e;
	say("key-destroyed", key);
	key->state = VH_KEY_RETIRED;
	key->closing = false;
	if (store_remove(k->store, key) != VH_OK)
		LOG(ERROR, "key-kept", KV("kid", e->kid));
	k->changed = true;
}

static void (*const acts[])(struct keeper *, const struct life_event *,
    struct key *) = {
	[LIFE_MAKE] = do_make,
	[LIFE_DUE] = do_due,
	[LIFE_ACTIVATE] = do_activate,
	[LIFE_RETIRE] = do_retire,
	[LIFE_CLOSE] = do_close,
	[LIFE_END] = do_end,
};

void
keeper_run(struct keeper *k)
{
	struct life_now now = keeper_now();
	struct life_event e;

	while (life_step(k->life, now, &e)) {
		struct key *key = keeper_key(k, e.kid);

		if (key != NULL || e.act == LIFE_MAKE)
			acts[e.act](k, &e, key);
	}
	if (k->changed)
		k->ears.changed(k->ears.of, NULL);
	k->changed = false;
	bool waits = store_reclaim(k->store);

	registers_clear(); /* of what was wiped */
	k->next = life_next(k->life);
	if (waits && k->next.ns > mono_after_ms(now.mono, RECLAIM_MS).ns)
		k->next = mono_after_ms(now.mono, RECLAIM_MS);
	k->dirty = false;
}

void
keeper_tick(struct keeper *k)
{
	if (k->life == NULL)
		return;
	if (atomic_load_explicit(&k->made, memory_order_relaxed) != NULL)
		take_up_made(k);
	if (k->dirty || mono_passed(k->next, clock_mono()))
		keeper_run(k);
}

int
keeper_wait_ms(const struct keeper *k)
{
	if (k->life == NULL || k->next.ns == UINT64_MAX)
		return -1;
	uint32_t left = mono_left_ms(k->next, clock_mono());

	return left > INT32_MAX ? INT32_MAX : (int)left;
}

void
keeper_activated(struct keeper *k)
{
	struct life_view v;
	struct key *key;
	size_t i = 0;

	while ((key = store_next(k->store, &i)) != NULL) {
		if (key->state != VH_KEY_ACTIVE ||
		    !life_look(k->life, key->kid, keeper_now(), &v) ||
		    v.state != VH_KEY_PUBLISHED)
			continue;
		(void)life_activated(k->life, key->kid, keeper_now());
		say("key-active", key);
		k->changed = true;
	}
	k->dirty = true;
}

/* --- looking -------------------------------------------------------------- */

static void
put_time(struct buf *b, enum vh_tag tag, uint64_t ms)
{
	if (ms > 0)
		frame_put_u64(b, tag, ms);
}

void
keeper_put_life(const struct keeper *k, struct buf *b, const struct key *key)
{
	struct life_view v;

	if (k->life == NULL || !life_look(k->life, key->kid, keeper_now(), &v))
		return;
	frame_put_u64(b, VH_F_KEEP_MS, v.terms.keep_ms);
	put_time(b, VH_F_NOT_BEFORE_MS, v.not_before_ms);
	put_time(b, VH_F_NEXT_MS, v.next_ms);
	put_time(b, VH_F_UNTIL_MS, v.until_ms);
	put_time(b, VH_F_END_MS, v.end_ms);
}

struct keeper_counts
keeper_counts(const struct keeper *k)
{
	struct keeper_counts c = k->counts;
	struct life_now now = keeper_now();

	if (k->life == NULL)
		return c;
	struct mono_ns next = life_next_rotation(k->life, &c.failing);

	if (next.ns != UINT64_MAX)
		c.next_ms = now.wall.ms + mono_left_ms(next, now.mono);
	return c;
}
