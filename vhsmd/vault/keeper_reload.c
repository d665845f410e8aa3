/* A reload: what is new is made and read beside the keys in use, and only
 * VCOMMIT, which cannot take long, brings it in. */
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "vault/check.h"
#include "vault/keeper_inner.h"
#include "vault/kids.h"
#include "vault/registers.h"

#define KEEPS_MAX 1024 /* entries of a spec */

static void
drop_reload(struct keeper *k)
{
	struct reload *r = k->reload;

	if (r == NULL)
		return;
	for (size_t i = 0; i < r->keep_count; i++)
		buf_free(r->keeps[i].body);
	free(r->keeps);
	load_forget(&r->staged);
	store_free(r->staged.store);
	free(r);
	k->reload = NULL;
	traces_clear();
}

static enum vh_err
begin(struct keeper *k, const struct frame *q, struct buf *out, struct buf *why)
{
	(void)q;
	(void)why;
	drop_reload(k); /* of a supervisor that gave up */
	struct reload *r = calloc(1, sizeof *r);

	if (r == NULL)
		return VH_ENOMEM;
	k->reload = r;
	r->staged.workers = k->load->workers;
	r->staged.known = k->store;
	r->staged.store = store_new();
	r->keeps = calloc(KEEPS_MAX, sizeof *r->keeps);
	if (r->staged.store == NULL || r->keeps == NULL) {
		drop_reload(k);
		return VH_ENOMEM;
	}
	frame_put_u64(out, VH_F_FREE, keeper_room());
	return VH_OK;
}

static enum vh_err
keep(struct keeper *k, const struct frame *q, struct buf *out, struct buf *why)
{
	struct reload *r = k->reload;
	AUTO(buf_free) struct buf *body = buf_new(RECIPE_MAX);
	uint32_t from = fields_u32(&q->f, VH_F_ENTRY), line = 0, have = 0;
	struct life_line_view v;

	(void)why;
	if (r->keep_count == KEEPS_MAX)
		return VH_ETOOBIG;
	buf_put(body, q->f.body);
	TRY(buf_end(body));
	while (life_next_line(k->life, &line, &v))
		have += v.entry == from && !v.bare;
	uint32_t most = fields_have(&q->f, VH_F_COUNT)
			    ? fields_u32(&q->f, VH_F_COUNT)
			    : UINT32_MAX;

	r->keeps[r->keep_count++] = (struct keep){ from,
		fields_u32(&q->f, VH_F_INDEX), most, TAKE(body), false };
	frame_put_u32(out, VH_F_COUNT, have < most ? have : most);
	return VH_OK;
}

static enum vh_err
roll_back(struct keeper *k, const struct frame *q, struct buf *out,
    struct buf *why)
{
	(void)q;
	(void)out;
	(void)why;
	drop_reload(k);
	return VH_OK;
}

/* --- bringing it in ------------------------------------------------------- */

/* A key that is in use, and not about to go. */
static bool
is_here(const struct keeper *k, const struct key *key)
{
	struct life_view v;

	return keeper_key(k, key->kid) != NULL &&
	       life_look(k->life, key->kid, keeper_now(), &v) &&
	       v.state != VH_KEY_RETIRED && !v.leaves;
}

static struct keep *
find_keep(struct reload *r, uint32_t entry)
{
	for (size_t i = 0; i < r->keep_count; i++)
		if (r->keeps[i].from == entry)
			return &r->keeps[i];
	return NULL;
}

static const char *
called(const struct key *key)
{
	return key->published == NULL ? key->kid : key->published;
}

/* What the world would know it by no more; NULL: all stays. */
static const char *
other_face(const struct key *old, const struct key *key)
{
	if (old->use != key->use)
		return "use";
	if (key->pin != NULL && old->pin != key->pin)
		return "alg";
	return strcmp(called(old), called(key)) == 0 ? NULL : "kid";
}

/* One that comes with another entry than the one that has it.  That one stays:
 * then the key would go with it, while the other entry is still there.  Or it
 * leaves: then the key stays what the world knows it as. */
static enum vh_err
check_again(struct keeper *k, const struct key *key, struct buf *why)
{
	const struct key *old = keeper_key(k, key->kid);
	struct life_view v;

	if (old == NULL || !life_look(k->life, key->kid, keeper_now(), &v))
		return VH_OK;
	const struct keep *keep = find_keep(k->reload, v.entry);
	const char *what = other_face(old, key);
	bool stays = keep != NULL && is_here(k, key);

	if (!stays && what == NULL)
		return VH_OK;
	load_blame(&k->reload->staged, key);
	if (stays)
		return REFUSE(why, VH_EDUPLICATE,
		    "key %s is of entry %u already, expected one copy",
		    key->kid, keep->to + 1);
	return REFUSE(why, VH_EDUPLICATE,
	    "key %s is there already, with another %s, expected the same "
	    "until it is gone",
	    key->kid, what);
}

/* Among those that come, and between them and those that are here. */
static enum vh_err
check_kids(struct keeper *k, struct buf *why)
{
	struct load *staged = &k->reload->staged;
	const struct store *fresh = staged->store;
	struct kids_clash c = { 0 };

	TRY(load_check_kids(staged, why));
	enum vh_err err = kids_check(fresh, k->store, &c, why);

	if (err == VH_EDUPLICATE)
		load_blame(staged, c.key);
	if (err != VH_OK)
		return err;
	err = kids_check(k->store, fresh, &c, why);
	if (err == VH_EDUPLICATE)
		load_blame(staged, c.other);
	return err;
}

static enum vh_err
check_new(struct keeper *k, struct buf *why)
{
	const struct store *fresh = k->reload->staged.store;
	struct key *key;
	size_t i = 0;

	if (store_count(k->store) + store_count(fresh) > k->most)
		return REFUSE(why, VH_ENOROOM,
		    "%zu keys and %zu new ones, expected at most %zu in all",
		    store_count(k->store), store_count(fresh), k->most);
	TRY(check_kids(k, why));
	while ((key = store_next(fresh, &i)) != NULL) {
		TRY(check_again(k, key, why));
		if (!is_here(k, key) && k->load->record != NULL)
			TRY(record_admit(k->load->record, key, why));
	}
	return VH_OK;
}

/* Tokens name a key by its kid, so it keeps that, whatever the spec has now.
 * Said once for an entry. */
static void
tell_kid_kept(struct keep *keep, const struct key *key, const struct fields *f)
{
	const char *kid = called(key);
	struct slice asked = f->at[VH_F_PUBLISHED_KID];

	if (asked.len == 0)
		asked = slice_text(key->kid);
	if (keep->told || slice_is(asked, kid))
		return;
	keep->told = true;
	LOG(NOTICE, "kid-kept", KV("entry", keep->to + 1),
	    KV("name", f->at[VH_F_NAME]), KV("kid", kid), KV("asked", asked));
}

/* What belongs to the key itself stays with it. */
static enum vh_err
change_terms(struct keeper *k, struct key *key, const struct fields *f)
{
	struct key_terms terms;
	struct key *fresh = NULL;

	TRY(load_terms(f, &terms));
	terms.use = key->use;
	terms.pin = key->pin;
	terms.published = slice_text(key->published);
	TRY(key_renew(key, &terms, true, &fresh));
	if (!key_same_terms(key, fresh))
		return store_replace(k->store, key, fresh);
	/* What its workers have made of it stays. */
	key->keep_ms = fresh->keep_ms;
	key_free(fresh);
	return VH_OK;
}

static enum vh_err
change_keys(struct keeper *k, uint32_t line, struct keep *keep,
    const struct fields *f)
{
	const char *kid = NULL;

	while ((kid = life_next_key(k->life, line, kid)) != NULL) {
		struct key *key = keeper_key(k, kid);

		if (key == NULL)
			continue;
		tell_kid_kept(keep, key, f);
		TRY(change_terms(k, key, f));
	}
	return VH_OK;
}

static enum vh_err
apply_keep(struct keeper *k, uint32_t line, const struct life_line_view *v,
    struct keep *keep)
{
	struct life_terms terms;
	struct fields f;

	TRY(fields_parse(buf_slice(keep->body), &f));
	terms = load_life_terms(&f);
	life_change(k->life, line, keep->to, &terms);
	if (v->makes)
		TRY(keeper_set_recipe(k, line, buf_slice(keep->body)));
	return change_keys(k, line, keep, &f);
}

/* Every line stays with its entry, or leaves. */
static enum vh_err
apply_keeps(struct keeper *k)
{
	uint32_t line = 0, next = 0;
	struct life_line_view v, after;
	struct keep *keep;
	bool more = life_next_line(k->life, &line, &v);

	while (more) {
		next = line;
		more = life_next_line(k->life, &next, &after);
		/* Each is counted down: its first lines stay. */
		keep = find_keep(k->reload, v.entry);
		if (keep == NULL || keep->most == 0 || v.bare) {
			life_leave(k->life, line, keeper_now());
		} else {
			keep->most--;
			TRY(apply_keep(k, line, &v, keep));
		}
		line = next;
		v = after;
	}
	return VH_OK;
}

/* One that comes with another entry while it is in use is used on: everybody
 * knows it as what it will be. */
static void
set_states(struct keeper *k)
{
	const struct key *old;
	struct key *key;
	size_t i = 0;

	while ((key = store_next(k->reload->staged.store, &i)) != NULL) {
		old = keeper_key(k, key->kid);
		bool on = old != NULL && old->state == VH_KEY_ACTIVE;

		key->state = on ? VH_KEY_ACTIVE : VH_KEY_PUBLISHED;
		key->scheduled = !on;
	}
}

static enum vh_err
add_new(struct keeper *k, struct key *key)
{
	struct key *old = keeper_key(k, key->kid);
	struct load *staged = &k->reload->staged;

	store_take(staged->store, key);
	if (old != NULL) {
		(void)life_destroy(k->life, key->kid, false, keeper_now());
		keeper_run(k);
	}
	k->load->batches = staged->batches; /* for keeper_new_line */
	enum vh_err err = keeper_new_line(k, key,
	    key->state == VH_KEY_ACTIVE ? LIFE_ACTIVE : LIFE_PUBLISHED);

	k->load->batches = (struct batches){ 0 };
	if (err != VH_OK) {
		key_free(key);
		return err;
	}
	LOG(NOTICE, "key", KV("kid", (const char *)key->kid),
	    KV("name", slice_text(key->name)), KV("source", "reload"));
	return store_add(k->store, key);
}

static enum vh_err
commit(struct keeper *k, const struct frame *q, struct buf *out,
    struct buf *why)
{
	struct key *key;
	size_t i = 0;

	(void)q;
	TRY(check_new(k, why));
	TRY(apply_keeps(k));
	set_states(k);
	while ((key = store_next(k->reload->staged.store, &i)) != NULL)
		TRY(add_new(k, key));
	keeper_drop_recipes(k);
	drop_reload(k);
	k->changed = k->dirty = true;
	frame_put_u32(out, VH_F_COUNT, (uint32_t)store_count(k->store));
	return VH_OK;
}

static const struct {
	enum vh_op op;
	bool first; /* needs no VBEGIN */
	enum vh_err (*run)(struct keeper *, const struct frame *, struct buf *,
	    struct buf *);
} steps[] = {
	{ VH_OP_VBEGIN, true, begin },
	{ VH_OP_VKEEP, false, keep },
	{ VH_OP_VCOMMIT, false, commit },
	{ VH_OP_VROLLBACK, true, roll_back },
};

static enum vh_err
step(struct keeper *k, const struct frame *q, struct buf *out, struct buf *why)
{
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		if (steps[i].op != q->op)
			continue;
		if (k->reload == NULL && !steps[i].first)
			return VH_EFORBIDDEN;
		if (k->reload != NULL && atomic_load(&k->reload->busy))
			return VH_EBUSY;
		return steps[i].run(k, q, out, why);
	}
	return VH_EFORBIDDEN;
}

void
keeper_reload(struct keeper *k, const struct frame *q, struct buf *out)
{
	size_t start = frame_answer(out, q->op, q->id, VH_OK);
	AUTO(buf_free) struct buf *why = buf_new(WHY_MAX);
	enum vh_err err = step(k, q, out, why);

	if (err == VH_OK) {
		frame_close(out, start);
		return;
	}
	buf_trim(out, start);
	load_put_error(k->reload == NULL ? k->load : &k->reload->staged, q, err,
	    why, out);
}

/* --- reading and making beside -------------------------------------------- */

/* On a worker. */
static void
stage(struct job *job, struct crypto *c, struct buf *out)
{
	struct reload *r = job->context;
	AUTO(buf_free) struct buf *why = buf_new(WHY_MAX);
	size_t first = 0, start = buf_slice(out).len;
	struct frame q;

	if (frame_parse(slice_of(job->bytes, job->len), &q) != VH_OK)
		return; /* the intake parsed it before */
	r->staged.crypto = c;
	while (store_at(r->staged.store, first) != NULL)
		first++;
	if (q.op == VH_OP_VGENERATE)
		load_generate(&r->staged, &q, out);
	else
		load_file(&r->staged, &q, job->fd, out);
	job->fd = -1; /* closed */
	enum vh_err err = load_test(&r->staged, first, why);

	if (err != VH_OK) {
		buf_trim(out, start);
		frame_put_error(out, q.op, q.id, err, NULL);
	}
	traces_clear();
	atomic_store(&r->busy, false);
}

enum vh_err
keeper_stage(struct keeper *k, struct outlet *from, struct slice message,
    const struct frame *q, int fd)
{
	AUTO(job_free)
	struct job *job = job_new(from, message, q, LANE_HEAVY, clock_mono());

	if (job == NULL) {
		if (fd >= 0)
			(void)close(fd); /* not read */
		return VH_ENOMEM;
	}
	job->fd = fd;
	if (k->reload == NULL)
		return VH_EFORBIDDEN;
	if (atomic_exchange(&k->reload->busy, true))
		return VH_EBUSY;
	job->errand = stage;
	job->context = k->reload;
	enum vh_err err = pool_submit(k->pool, job);

	if (err == VH_OK)
		job = NULL; /* the pool's */
	else
		atomic_store(&k->reload->busy, false);
	return err;
}
