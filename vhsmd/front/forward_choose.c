#include "front/forward_choose.h"

#include "jose/why.h"

/* The nodes that may be asked for a request: not those that were; rather not
 * such as failed just now, or are about to leave; none that has enough of us.
 */
struct circle {
	const struct asked *asked;
	struct mono_ns now;
	enum { GOOD, FAILED, FULL } most; /* that is put up with */
};

static bool
may_ask(const struct circle *c, const struct node *n, const struct dkey *key)
{
	if ((c->most < FULL && n->asked >= FORWARDS_OF_NODE) ||
	    (c->most < FAILED && (n->leaving || node_is_avoided(n, c->now))))
		return false;
	for (size_t i = 0; i < c->asked->count; i++)
		if (c->asked->nodes[i] == n &&
		    (c->asked->refused[i][0] == '\0' ||
			strcmp(c->asked->refused[i], key->kid) == 0))
			return false;
	return true;
}

static bool
has_holder(const void *context, const struct dkey *key)
{
	for (size_t i = 0; i < key->holder_count; i++)
		if (may_ask(context, key->holders[i], key))
			return true;
	return false;
}

/* The i-th holder that may be asked, counted from the start. */
static struct node *
holder_at(const struct circle *c, const struct dkey *key, size_t i)
{
	for (size_t k = 0; k < key->holder_count; k++)
		if (may_ask(c, key->holders[k], key) && i-- == 0)
			return key->holders[k];
	return NULL;
}

/* Of two random ones the one with less to do; has_holder said there is one. */
static struct node *
pick_holder(struct front *f, const struct circle *c, const struct dkey *key)
{
	size_t fit = 0;

	for (size_t i = 0; i < key->holder_count; i++)
		fit += may_ask(c, key->holders[i], key);
	size_t one = front_random(f) % fit;
	struct node *a = holder_at(c, key, one);

	if (fit == 1)
		return a;
	struct node *b =
	    holder_at(c, key, (one + 1 + front_random(f) % (fit - 1)) % fit);

	return node_load(b) < node_load(a) ? b : a;
}

static enum vh_err
choose_key(struct front *f, const struct want *want, const struct circle *c,
    struct choice *out, struct buf *why)
{
	const struct search q = { .d = f->cluster,
		.s = &want->s,
		.asker = &want->asker,
		.purpose = want->purpose,
		.holds = has_holder,
		.context = c,
		.draft = want->draft };

	if (want->purpose != FOR_DECRYPT)
		return select_key(&q, front_random(f), out, why);
	*out = (struct choice){ search_named(&q, want->kid, NULL), NULL };
	if (out->key != NULL)
		return VH_OK;
	if (!search_is_denied(&q, want->kid, NULL))
		return VH_ENOKEY;
	return why_say(why, VH_EPOLICY, SELECT_DENIED);
}

/* The key that was asked for last comes first, as long as it has holders. */
static enum vh_err
choose_same(struct front *f, const struct want *want, const struct circle *c,
    struct choice *out)
{
	struct want same = *want;

	if (c->asked->kid.len == 0)
		return VH_ENOKEY;
	same.kid = same.s.kid = c->asked->kid;
	return choose_key(f, &same, c, out, NULL);
}

static enum vh_err
choose_any(struct front *f, const struct want *want, const struct circle *c,
    struct choice *out, struct buf *why)
{
	if (choose_same(f, want, c, out) == VH_OK)
		return VH_OK;
	return choose_key(f, want, c, out, why);
}

static enum vh_err
choose(struct front *f, const struct want *want, const struct asked *asked,
    struct target *out, struct buf *why)
{
	struct circle c = { .asked = asked, .now = f->now, .most = GOOD };
	struct choice choice = { NULL, NULL };

	if (choose_any(f, want, &c, &choice, NULL) != VH_OK) {
		/* Whether there is any at all comes before which. */
		c.most = FULL;
		TRY(choose_any(f, want, &c, &choice, why));
		c.most = FAILED;
		if (choose_any(f, want, &c, &choice, NULL) != VH_OK)
			return VH_EBUSY;
	}
	*out = (struct target){ choice.key, choice.alg,
		pick_holder(f, &c, choice.key) };
	return VH_OK;
}

enum vh_err
forward_choose(struct front *f, const struct want *want,
    const struct asked *asked, struct target *out, struct buf *why)
{
	struct want any = *want;
	enum vh_err err;

	if (want->draft == NULL || want->refused)
		return choose(f, want, asked, out, why);
	err = choose(f, want, asked, out, NULL);
	if (err == VH_OK || err == VH_EBUSY)
		return err;
	any.draft = NULL;
	return choose(f, &any, asked, out, why);
}
