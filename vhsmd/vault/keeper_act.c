/* What operators ask for. */
#include "vault/keeper_inner.h"

static enum vh_err
rotate(struct keeper *k, const struct key *key)
{
	return life_rotate(k->life, key->kid, false, keeper_now());
}

static enum vh_err
rotate_now(struct keeper *k, const struct key *key)
{
	return life_rotate(k->life, key->kid, true, keeper_now());
}

static enum vh_err
retire(struct keeper *k, const struct key *key)
{
	return life_retire(k->life, key->kid, keeper_now());
}

static enum vh_err
destroy(struct keeper *k, const struct key *key)
{
	/* A symmetric key has no other half to verify with. */
	return life_destroy(k->life, key->kid,
	    key->use == VH_USE_SIG && key->oct == NULL, keeper_now());
}

static const struct act {
	const char *name;
	enum vh_err (*run)(struct keeper *, const struct key *);
	bool by_name; /* of all active keys of a name, too */
	bool hurried;
} wishes[] = {
	{ "rotate", rotate, true, false },
	{ "rotate-now", rotate_now, true, true },
	{ "retire", retire, false, false },
	{ "destroy", destroy, false, false },
};

static const struct act *
find_act(struct slice name)
{
	for (size_t i = 0; i < ARRAY_LEN(wishes); i++)
		if (slice_is(name, wishes[i].name))
			return &wishes[i];
	return NULL;
}

static void
put_key(const struct keeper *k, struct buf *out, const struct key *key)
{
	size_t nest = frame_nest(out, VH_F_KEY);

	key_put(out, key);
	keeper_put_life(k, out, key);
	frame_nest_close(out, nest);
}

static void
put_line(const struct keeper *k, struct buf *out, uint32_t line)
{
	const char *kid = NULL;

	while ((kid = life_next_key(k->life, line, kid)) != NULL)
		if (keeper_key(k, kid) != NULL)
			put_key(k, out, keeper_key(k, kid));
}

/* Where no key of an entry that makes its keys is active any more. */
static enum vh_err
revive_named(struct keeper *k, const struct act *act, struct slice name,
    struct buf *out)
{
	enum vh_err err = VH_ENOKEY;
	struct life_line_view v;
	struct fields f;
	uint32_t line = 0;

	while (life_next_line(k->life, &line, &v)) {
		const struct recipe *r = keeper_recipe(k, line);

		if (r == NULL ||
		    fields_parse(buf_slice(r->body), &f) != VH_OK ||
		    !slice_eq(f.at[VH_F_NAME], name) ||
		    life_revive(k->life, line, act->hurried) != VH_OK)
			continue;
		put_line(k, out, line);
		err = VH_OK;
	}
	return err;
}

/* Answers with the key as it is now: what comes of it follows. */
static enum vh_err
act_named(struct keeper *k, const struct act *act, struct slice name,
    struct buf *out)
{
	enum vh_err err = VH_ENOKEY;
	struct key *key;
	size_t i = 0, done = 0;

	while ((key = store_next(k->store, &i)) != NULL) {
		if (key->name == NULL || !slice_is(name, key->name) ||
		    key->state != VH_KEY_ACTIVE)
			continue;
		enum vh_err one = act->run(k, key);

		if (one == VH_OK)
			put_key(k, out, key);
		done += one == VH_OK;
		err = done > 0 ? VH_OK : one;
	}
	return err == VH_ENOKEY ? revive_named(k, act, name, out) : err;
}

static enum vh_err
act_on(struct keeper *k, const struct fields *f, struct buf *out)
{
	const struct act *act = find_act(f->at[VH_F_ACT]);
	bool kid = fields_have(f, VH_F_KID), name = fields_have(f, VH_F_NAME);

	if (act == NULL || kid == name || (name && !act->by_name))
		return VH_EFIELD;
	if (name)
		return act_named(k, act, f->at[VH_F_NAME], out);
	struct key *key = store_get(k->store, f->at[VH_F_KID]);

	if (key == NULL)
		return VH_ENOKEY;
	TRY(act->run(k, key));
	put_key(k, out, key);
	return VH_OK;
}

/* In which state the key is that this cannot be done with. */
static const char *
state_of(const struct keeper *k, struct slice kid)
{
	const struct key *key = store_get(k->store, kid);
	struct life_view v;

	if (key == NULL || !life_look(k->life, key->kid, keeper_now(), &v))
		return NULL;
	if (v.leaves)
		return "the key is about to go";
	if (v.state == VH_KEY_PUBLISHED)
		return "the key is published and not active yet";
	if (v.closed && key->pkey == NULL && key->oct == NULL)
		return "the key is retired already, and its secret is wiped";
	return "the key is retired already";
}

enum vh_err
keeper_act(struct keeper *k, const struct frame *q, struct buf *out)
{
	size_t start = frame_answer(out, q->op, q->id, VH_OK);
	enum vh_err err = act_on(k, &q->f, out);
	const char *why = NULL;

	k->dirty = true;
	if (err == VH_OK) {
		frame_close(out, start);
		return VH_OK;
	}
	err = err == VH_EKEY ? VH_EFIXED : err;
	if (err == VH_EINACTIVE)
		why = state_of(k, q->f.at[VH_F_KID]);
	buf_trim(out, start);
	frame_put_error(out, q->op, q->id, err, why);
	return err;
}
