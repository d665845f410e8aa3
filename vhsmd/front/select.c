#include "front/select.h"

#include "jose/json.h"
#include "wire/raw.h"

#define DRAWS 16 /* tries to meet one by chance */

/* The text of a selector field; VH_EFIELD when it is there but empty. */
static enum vh_err
read_text(const struct fields *f, enum vh_tag tag, struct slice *out,
    struct buf *why)
{
	*out = f->at[tag];
	if (!fields_have(f, tag) || out->len > 0)
		return VH_OK;
	buf_format(why, "%s is empty", field_row(tag)->name);
	return VH_EFIELD;
}

static enum vh_err
refuse(struct buf *why, enum vh_err err, const char *what, struct slice value)
{
	buf_format(why, "%s not known: ", what);
	why_quote(why, value);
	return err;
}

/* Unknown names in a list are passed over: the caller may speak to nodes of
 * several versions. */
static enum vh_err
read_algs(struct selector *s, struct buf *why)
{
	struct slice rest = s->alg, name;

	if (s->alg.len == 0)
		return VH_OK;
	while (s->alg_count < SELECT_ALGS && slice_next_item(&rest, &name)) {
		const struct alg *alg = alg_by_name(name);

		if (alg != NULL)
			s->algs[s->alg_count++] = alg;
	}
	return s->alg_count == 0 ? refuse(why, VH_EALG, "alg", s->alg) : VH_OK;
}

enum vh_err
selector_parse(const struct fields *f, struct selector *out, struct buf *why)
{
	struct selector s = { .alg_count = 0 };
	struct slice kty, crv, use;

	TRY(read_text(f, VH_F_KID, &s.kid, why));
	TRY(read_text(f, VH_F_NAME, &s.name, why));
	TRY(read_text(f, VH_F_ALG, &s.alg, why));
	TRY(read_text(f, VH_F_KTY, &kty, why));
	TRY(read_text(f, VH_F_CRV, &crv, why));
	TRY(read_text(f, VH_F_USE, &use, why));
	TRY(read_algs(&s, why));
	s.kty = kty_by_name(kty);
	if (kty.len > 0 && s.kty == 0)
		return refuse(why, VH_EFIELD, "kty", kty);
	const struct crv *row = crv_by_name(crv);

	if (crv.len > 0 && row == NULL)
		return refuse(why, VH_EFIELD, "crv", crv);
	s.crv = row == NULL ? 0 : row->id;
	s.use = use_by_name(use);
	if (use.len > 0 && s.use == 0)
		return refuse(why, VH_EFIELD, "use", use);
	*out = s;
	return VH_OK;
}

/* Those of the list, or all rows, that op does. */
static size_t
keep_raw(const struct selector *s, uint16_t op,
    const struct alg *kept[static SELECT_ALGS])
{
	size_t count = 0;
	const struct alg *alg;

	for (size_t i = 0; count < SELECT_ALGS; i++) {
		alg = s->alg.len == 0 ? alg_at(i)
				      : (i < s->alg_count ? s->algs[i] : NULL);
		if (alg == NULL)
			break;
		if (raw_of(alg) != NULL && raw_of(alg)->op == op)
			kept[count++] = alg;
	}
	return count;
}

enum vh_err
selector_narrow(struct selector *s, uint16_t op, struct buf *why)
{
	const struct alg *kept[SELECT_ALGS];

	if (!raw_is(op))
		return VH_OK;
	s->alg_count = keep_raw(s, op, kept);
	memcpy(s->algs, kept, s->alg_count * sizeof kept[0]);
	if (s->alg_count > 0)
		return VH_OK;
	buf_put_text(why, "no raw operation of this kind:");
	selector_say(s, why);
	return VH_EALG;
}

enum purpose
purpose_of(uint16_t op)
{
	if (op == VH_OP_SIGN)
		return FOR_SIGN;
	if (op == VH_OP_RAWSIGN)
		return FOR_RAW_SIGN;
	return raw_is(op) ? FOR_RAW_DECRYPT : FOR_DECRYPT;
}

bool
select_matches(const struct search *q, const struct dkey *key)
{
	const struct selector *s = q->s;

	if (s->kid.len > 0 && !dkey_is(key, s->kid))
		return false;
	if (s->name.len > 0 &&
	    (key->name == NULL || !slice_is(s->name, key->name)))
		return false;
	if ((s->kty != 0 && s->kty != key->pub.kty) ||
	    (s->crv != 0 && s->crv != key->pub.crv) ||
	    (s->use != 0 && s->use != key->use))
		return false;
	if (key->pub.kty == VH_KTY_OCT && q->asker->caller == NULL)
		return false;
	return policy_allows(q->asker, slice_text(key->allow),
	    q->holds == NULL && key->here);
}

/* RFC 7518, 4.5: the key is the CEK itself. */
static bool
is_as_long(const struct search *q, const struct dkey *key,
    const struct alg *alg)
{
	return alg == NULL || alg->kind != VH_KIND_DIR || q->enc == NULL ||
	       key->pub.secret == q->enc->cek;
}

/* What else is wrong with the draft is said when its token is made. */
static bool
lets_pass(const struct search *q, const struct dkey *key)
{
	return q->draft == NULL || key->rules == NULL ||
	       rules_check(key->rules, q->draft, NULL) != VH_EPOLICY;
}

static bool
takes(const struct search *q, const struct dkey *key, const struct alg *alg)
{
	return dkey_serves(key, q->purpose) &&
	       (q->lenient || dkey_lets(key, q->purpose)) &&
	       (alg == NULL || dkey_alg(key, alg) != NULL) &&
	       is_as_long(q, key, alg) && select_matches(q, key) &&
	       lets_pass(q, key) &&
	       (q->holds == NULL || q->holds(q->context, key));
}

const struct dkey *
search_named(const struct search *q, struct slice kid, const struct alg *alg)
{
	const struct dkey *key = directory_get(q->d, kid);

	return key != NULL && takes(q, key, alg) ? key : NULL;
}

const struct dkey *
search_next(const struct search *q, const struct alg *alg, size_t *i)
{
	struct part part = directory_part(q->d, q->s->name, alg);

	while (*i < part.count) {
		const struct dkey *key = part.at[(*i)++];

		if (takes(q, key, alg))
			return key;
	}
	return NULL;
}

static bool
finds(const struct search *q, struct slice kid, const struct alg *alg)
{
	size_t i = 0;

	if (kid.len == 0)
		kid = q->s->kid;
	return kid.len > 0 ? search_named(q, kid, alg) != NULL
			   : search_next(q, alg, &i) != NULL;
}

bool
search_is_denied(const struct search *q, struct slice kid,
    const struct alg *alg)
{
	bool named = kid.len > 0 || q->s->kid.len > 0 || q->s->name.len > 0;
	struct search lenient = *q;

	lenient.lenient = true;
	return named && !finds(q, kid, alg) && finds(&lenient, kid, alg);
}

/* The n-th of a row of numbers that random begins: splitmix64. */
static uint64_t
nth(uint64_t random, uint64_t n)
{
	uint64_t z = random + (n + 1) * 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/* Among many keys one that fits is soon met by chance; NULL when it is not. */
static const struct dkey *
draw(const struct search *q, const struct alg *alg, uint64_t random)
{
	struct part part = directory_part(q->d, q->s->name, alg);

	if (part.count <= DRAWS)
		return NULL;
	for (uint64_t n = 0; n < DRAWS; n++) {
		const struct dkey *key = part.at[nth(random, n) % part.count];

		if (takes(q, key, alg))
			return key;
	}
	return NULL;
}

/* A random one of those that fit; NULL when none does. */
static const struct dkey *
pick(const struct search *q, const struct alg *alg, uint64_t random)
{
	size_t fits = 0, i = 0;
	const struct dkey *key = NULL;

	if (q->s->kid.len > 0)
		return search_named(q, q->s->kid, alg);
	key = draw(q, alg, random);
	if (key != NULL)
		return key;
	while (search_next(q, alg, &i) != NULL)
		fits++;
	if (fits == 0)
		return NULL;
	i = 0;
	for (uint64_t skip = random % fits + 1; skip > 0; skip--)
		key = search_next(q, alg, &i);
	return key;
}

static void
say_text(struct buf *why, const char *name, struct slice value)
{
	if (value.len == 0)
		return;
	buf_format(why, " %s=", name);
	why_quote(why, value);
}

void
selector_say(const struct selector *s, struct buf *why)
{
	const struct crv *crv = crv_by_id(s->crv);

	say_text(why, "kid", s->kid);
	say_text(why, "name", s->name);
	say_text(why, "alg", s->alg);
	say_text(why, "kty", slice_text(kty_name(s->kty)));
	say_text(why, "crv", slice_text(crv == NULL ? NULL : crv->name));
	say_text(why, "use", slice_text(use_name(s->use)));
}

static const char *
use_of(enum purpose purpose)
{
	return purpose == FOR_SIGN || purpose == FOR_VERIFY ||
		       purpose == FOR_RAW_SIGN
		   ? use_name(VH_USE_SIG)
		   : use_name(VH_USE_ENC);
}

static bool
is_raw(enum purpose purpose)
{
	return purpose == FOR_RAW_SIGN || purpose == FOR_RAW_DECRYPT;
}

/* What was asked for, never what there is: a key that is forbidden and one that
 * does not exist read the same. */
static enum vh_err
say_none(const struct search *q, enum vh_err err, struct buf *why)
{
	const char *what = "no key";

	if (err == VH_EALG)
		what = "the key fits none of the algorithms";
	if (err == VH_EINACTIVE)
		what = "the key is published and not active yet";
	if (err == VH_EPOLICY)
		what = is_raw(q->purpose) ? SELECT_DENIED_RAW : SELECT_DENIED;
	buf_format(why, "%s (use %s):", what, use_of(q->purpose));
	selector_say(q->s, why);
	if (q->enc != NULL)
		say_text(why, "enc", slice_text(q->enc->name));
	return err;
}

static bool
fits_list(const struct selector *s, const struct dkey *key)
{
	for (size_t i = 0; i < s->alg_count; i++)
		if (dkey_alg(key, s->algs[i]) != NULL)
			return true;
	return s->alg_count == 0;
}

static bool
is_to_come(const struct search *q, const struct dkey *key)
{
	return key->state == VH_KEY_PUBLISHED && fits_list(q->s, key) &&
	       dkey_lets(key, q->purpose);
}

/* Whether there is a key that will do once it is active. */
static bool
is_early(const struct search *q)
{
	struct search later = *q;
	const struct dkey *key;
	size_t i = 0;

	later.purpose = FOR_VERIFY;
	later.lenient = true;
	if (q->purpose != FOR_SIGN && q->purpose != FOR_RAW_SIGN)
		return false;
	if (q->s->kid.len > 0) {
		key = search_named(&later, q->s->kid, NULL);
		return key != NULL && is_to_come(q, key);
	}
	while ((key = search_next(&later, NULL, &i)) != NULL)
		if (is_to_come(q, key))
			return true;
	return false;
}

/* Why none was found. */
static enum vh_err
reason(const struct search *q)
{
	bool named = q->s->kid.len > 0 || q->s->name.len > 0;

	if (search_is_denied(q, q->s->kid, NULL))
		return VH_EPOLICY;
	if (q->s->alg_count > 0 && named && pick(q, NULL, 0) != NULL)
		return VH_EALG;
	return is_early(q) ? VH_EINACTIVE : VH_ENOKEY;
}

static bool
choose(const struct search *q, uint64_t random, struct choice *out)
{
	const struct dkey *key;

	for (size_t i = 0; i < q->s->alg_count; i++) {
		key = pick(q, q->s->algs[i], random);
		if (key == NULL)
			continue;
		*out = (struct choice){ key, q->s->algs[i] };
		return true;
	}
	key = q->s->alg_count == 0 ? pick(q, NULL, random) : NULL;
	if (key == NULL || dkey_preset(key) == NULL)
		return false;
	*out = (struct choice){ key, dkey_preset(key)->alg };
	return true;
}

enum vh_err
select_key(const struct search *q, uint64_t random, struct choice *out,
    struct buf *why)
{
	struct search any = *q;

	if (choose(q, random, out))
		return VH_OK;
	any.draft = NULL;
	if (q->draft != NULL && choose(&any, random, out))
		return rules_check(out->key->rules, q->draft, why);
	return say_none(&any, reason(&any), why);
}

bool
selector_takes(const struct selector *s, const struct alg *alg)
{
	for (size_t i = 0; i < s->alg_count; i++)
		if (s->algs[i] == alg)
			return true;
	return s->alg_count == 0;
}
