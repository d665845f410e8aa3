#include "keyspec/keyspec.h"

#include <stdlib.h>

#include "keyspec/schema.h"
#include "wire/ops.h"

const char *
keyspec_default_text(void)
{
	return "version: 1\n"
	       "keys:\n"
	       "  - name: ec-sig\n"
	       "    generate: {kty: EC, crv: P-256}\n"
	       "    use: sig\n"
	       "  - name: rsa-sig\n"
	       "    generate: {kty: RSA, bits: 2048}\n"
	       "    use: sig\n"
	       "  - name: ed25519-sig\n"
	       "    generate: {kty: OKP, crv: Ed25519}\n"
	       "    use: sig\n"
	       "  - name: ec-enc\n"
	       "    generate: {kty: EC, crv: P-256}\n"
	       "    use: enc\n"
	       "  - name: rsa-enc\n"
	       "    generate: {kty: RSA, bits: 2048}\n"
	       "    use: enc\n"
	       "  - name: x25519-enc\n"
	       "    generate: {kty: OKP, crv: X25519}\n"
	       "    use: enc\n";
}

/* --- generate ------------------------------------------------------------- */

static void
put_curves(struct buf *b, enum vh_kty kty)
{
	size_t count = 0, index = 0;

	for (size_t i = 0; crv_at(i) != NULL; i++)
		if (crv_at(i)->kty == kty)
			count++;
	for (size_t i = 0; crv_at(i) != NULL; i++)
		if (crv_at(i)->kty == kty)
			put_item(b, index++, count, crv_at(i)->name);
}

static enum vh_err
check_oct(const struct reading *r, const struct node *n, uint32_t bits)
{
	const struct node *crv = node_get(n, "crv");

	if (crv != NULL)
		return refuse(r, crv->key_at,
		    "crv: found %s, expected no crv for oct", shown(crv).text);
	if (bits == 0)
		return refuse(r, n->at,
		    "no bits in generate, expected a number from %d to %d",
		    VH_OCT_BITS_MIN, VH_OCT_BITS_MAX);
	if (bits > VH_OCT_BITS_MAX || bits % 8 != 0)
		return refuse(r, node_get(n, "bits")->at,
		    "bits: found \"%u\", expected a multiple of 8 from %d to "
		    "%d for oct",
		    bits, VH_OCT_BITS_MIN, VH_OCT_BITS_MAX);
	return VH_OK;
}

static enum vh_err
check_rsa(const struct reading *r, const struct node *n, uint32_t bits)
{
	const struct node *crv = node_get(n, "crv");

	if (crv != NULL)
		return refuse(r, crv->key_at,
		    "crv: found %s, expected no crv "
		    "for RSA",
		    shown(crv).text);
	if (bits == 0)
		return refuse(r, n->at,
		    "no bits in generate, expected a number from %d to %d",
		    VH_RSA_BITS_MIN, VH_RSA_BITS_MAX);
	if (bits < VH_RSA_BITS_MIN)
		return refuse(r, node_get(n, "bits")->at,
		    "bits: found \"%u\", expected a number from %d to %d", bits,
		    VH_RSA_BITS_MIN, VH_RSA_BITS_MAX);
	if (bits % KEYSPEC_RSA_BITS_STEP != 0)
		return refuse(r, node_get(n, "bits")->at,
		    "bits: found \"%u\", expected a multiple of %d", bits,
		    KEYSPEC_RSA_BITS_STEP);
	return VH_OK;
}

enum vh_err
keyspec_check_generate(const struct reading *r, const struct node *n, void *of)
{
	const struct keyspec_generate *g = of;
	const struct node *bits = node_get(n, "bits");
	const struct node *crv = node_get(n, "crv");
	AUTO(buf_free) struct buf *curves = buf_new(256);

	if (g->kty == VH_KTY_RSA)
		return check_rsa(r, n, g->bits);
	if (g->kty == VH_KTY_OCT)
		return check_oct(r, n, g->bits);
	if (bits != NULL)
		return refuse(r, bits->key_at,
		    "bits: found %s, expected no bits for %s", shown(bits).text,
		    kty_name(g->kty));
	put_curves(curves, g->kty);
	struct slice text = buf_slice(curves);

	if (crv == NULL)
		return refuse(r, n->at, "no crv in generate, expected %.*s",
		    (int)text.len, (const char *)text.p);
	if (crv_by_id(g->crv)->kty != g->kty)
		return refuse(r, crv->at, "crv: found %s, expected %.*s for %s",
		    shown(crv).text, (int)text.len, (const char *)text.p,
		    kty_name(g->kty));
	return VH_OK;
}

/* Whether such a key will run alg. */
static bool
fits(const struct keyspec_generate *g, const struct alg *alg, enum vh_use use)
{
	return alg_fits(alg, g->kty, g->crv, use) &&
	       (g->kty != VH_KTY_OCT || alg_takes_secret(alg, g->bits / 8));
}

/* Whether any algorithm runs on such a key with such a use: what rules out
 * Ed25519 for enc, X25519 for sig, and 128 bits for HMAC. */
static bool
any_alg_fits(const struct keyspec_generate *g, enum vh_use use)
{
	for (size_t i = 0; alg_at(i) != NULL; i++)
		if (fits(g, alg_at(i), use))
			return true;
	return false;
}

static enum vh_err
refuse_use(const struct reading *r, const struct node *n,
    const struct keyspec_key *key)
{
	const struct node *use = node_get(n, "use");
	const struct node *bits = node_get(node_get(n, "generate"), "bits");
	bool signs = key->use == VH_USE_SIG;

	if (key->generate.kty == VH_KTY_OCT)
		return refuse(r, bits->at,
		    "bits: found %s, expected %s for oct and use %s",
		    shown(bits).text,
		    signs ? "256 to 4096" : "128, 192, 256, 384 or 512",
		    use_name(key->use));
	return refuse(r, use->at, "use: found %s, expected %s for %s",
	    shown(use).text, use_name(signs ? VH_USE_ENC : VH_USE_SIG),
	    crv_by_id(key->generate.crv)->name);
}

static enum vh_err
refuse_alg(const struct reading *r, const struct node *n,
    const struct keyspec_key *key)
{
	AUTO(buf_free) struct buf *fitting = buf_new(512);
	const struct keyspec_generate *g = &key->generate;
	size_t count = 0, index = 0;

	for (size_t i = 0; alg_at(i) != NULL; i++)
		if (fits(g, alg_at(i), key->use))
			count++;
	for (size_t i = 0; alg_at(i) != NULL; i++)
		if (fits(g, alg_at(i), key->use))
			put_item(fitting, index++, count, alg_at(i)->name);
	struct slice text = buf_slice(fitting);

	return refuse(r, n->at, "alg: found %s, expected %.*s for %s and %s",
	    shown(n).text, (int)text.len, (const char *)text.p,
	    g->crv == 0 ? kty_name(g->kty) : crv_by_id(g->crv)->name,
	    use_name(key->use));
}

static enum vh_err
check_generating(const struct reading *r, const struct node *n,
    struct keyspec_key *key)
{
	const struct keyspec_generate *g = &key->generate;
	const struct node *remove = node_get(n, "delete");
	const struct node *use = node_get(n, "use");
	const struct node *alg = node_get(n, "alg");
	const struct node *kid = node_get(n, "kid");

	if (remove != NULL)
		return refuse(r, remove->key_at,
		    "delete: found %s, expected no delete for a key that is "
		    "generated",
		    shown(remove).text);
	if (kid != NULL)
		return refuse(r, kid->key_at,
		    "kid: found in an entry of keys that generates, expected "
		    "it only where one is loaded");
	if (use == NULL)
		return refuse(r, n->at,
		    "no use in an entry of keys that "
		    "generates, expected sig or enc");
	if (!any_alg_fits(g, key->use))
		return refuse_use(r, n, key);
	if (alg != NULL && !fits(g, alg_by_id(key->alg), key->use))
		return refuse_alg(r, alg, key);
	key->delete = false;
	return VH_OK;
}

/* --- load ----------------------------------------------------------------- */

enum vh_err
keyspec_check_load(const struct reading *r, const struct node *n, void *of)
{
	const struct keyspec_load *load = of;
	int given = (load->file != NULL) + (load->env != NULL) +
		    (load->credential != NULL);

	if (given == 1)
		return VH_OK;
	return refuse(r, n->at,
	    "load: found %s, expected exactly one of file, env and credential",
	    given == 0 ? "none" : "several");
}

/* A variable is always overwritten before any other process starts, and a
 * credential belongs to the service manager: only a file leaves a choice. */
static enum vh_err
check_delete(const struct reading *r, const struct node *n,
    struct keyspec_key *key)
{
	const struct node *remove = node_get(n, "delete");

	if (remove != NULL && key->load.env != NULL && !key->delete)
		return refuse(r, remove->at,
		    "delete: found \"false\", expected true for a variable: it "
		    "is always overwritten");
	if (remove != NULL && key->load.credential != NULL && key->delete)
		return refuse(r, remove->at,
		    "delete: found \"true\", expected false for a credential: "
		    "the service manager removes it");
	if (key->load.credential != NULL)
		key->delete = false;
	return VH_OK;
}

static enum vh_err
check_loading(const struct reading *r, const struct node *n,
    struct keyspec_key *key)
{
	const struct node *count = node_get(n, "count");
	const struct node *rotate = node_get(n, "rotate");
	const struct node *alg = node_get(n, "alg");

	if (count != NULL)
		return refuse(r, count->key_at,
		    "count: found %s, expected no count for keys that are "
		    "loaded",
		    shown(count).text);
	if (rotate != NULL)
		return refuse(r, rotate->key_at,
		    "rotate: found in an entry of keys that loads, expected "
		    "it only where keys are generated");
	key->count = 0;
	if (alg != NULL && key->use != 0 &&
	    alg_by_id(key->alg)->use != key->use)
		return refuse(r, alg->at,
		    "alg: found %s, expected an algorithm for use %s",
		    shown(alg).text, use_name(key->use));
	return check_delete(r, n, key);
}

/* --- entries -------------------------------------------------------------- */

/* The list travels to the vault as one field of a frame. */
static enum vh_err
check_allow(const struct reading *r, const struct node *n,
    const struct keyspec_key *key)
{
	size_t most = field_row(VH_F_ALLOW)->max, size = 0;

	for (size_t i = 0; i < key->allow.count; i++)
		size += strlen(key->allow.at[i]) + 1;
	if (size <= most + 1)
		return VH_OK;
	return refuse(r, node_get(n, "allow")->at,
	    "allow: found %zu characters in all, expected at most %zu",
	    size - 1, most);
}

enum vh_err
keyspec_check_key(const struct reading *r, const struct node *n, void *of)
{
	struct keyspec_key *key = of;
	bool generate = node_get(n, "generate") != NULL;
	bool load = node_get(n, "load") != NULL;

	if (generate == load)
		return refuse(r, n->at,
		    "found %s generate %s load, expected one of them in an "
		    "entry of keys",
		    load ? "both" : "neither", load ? "and" : "nor");
	key->at = n->at;
	TRY(check_allow(r, n, key));
	TRY(keyspec_check_uses(r, n, key));
	return generate ? check_generating(r, n, key)
			: check_loading(r, n, key);
}

static enum vh_err
read_keys(const struct reading *r, const struct row *row, const struct node *n,
    void *field)
{
	struct keyspec_keys *keys = field;

	if (n->kind != NODE_SEQUENCE)
		return refuse_value(r, row, n);
	if (n->count == 0 || n->count > KEYSPEC_ENTRIES_MAX)
		return refuse(r, n->at,
		    "keys: found %zu entries, expected 1 to %d", n->count,
		    KEYSPEC_ENTRIES_MAX);
	keys->at = calloc(n->count, sizeof *keys->at);
	if (keys->at == NULL)
		return VH_ENOMEM;
	for (const struct node *e = n->first; e != NULL; e = e->next)
		TRY(schema_read(r, SCOPE_keyspec_key, e,
		    &keys->at[keys->count++]));
	return VH_OK;
}

static bool
is_set_keys(const struct row *, const void *field)
{
	return ((const struct keyspec_keys *)field)->count > 0;
}

static void
put_keys(struct buf *b, const struct row *, const void *field, size_t indent)
{
	const struct keyspec_keys *keys = field;

	for (size_t i = 0; i < keys->count; i++) {
		struct layout layout = { .indent = indent, .dash = true };

		if (keys->at[i].generate.kty != 0)
			layout.without = "delete";
		schema_put(b, SCOPE_keyspec_key, &keys->at[i], &layout);
	}
}

static void
drop_keys(const struct row *, void *field)
{
	struct keyspec_keys *keys = field;

	for (size_t i = 0; i < keys->count; i++)
		schema_drop(SCOPE_keyspec_key, &keys->at[i]);
	free(keys->at);
	*keys = (struct keyspec_keys){ 0 };
}

const struct handler keys_handler = {
	.read = read_keys,
	.is_set = is_set_keys,
	.put = put_keys,
	.drop = drop_keys,
};

/* --- the whole ------------------------------------------------------------ */

static bool
same_text(const char *a, const char *b)
{
	return a != NULL && b != NULL && strcmp(a, b) == 0;
}

static enum vh_err
check_unique(const struct reading *r, const struct node *n,
    const struct keyspec_key *key, const struct keyspec_key *before)
{
	const struct keyspec_load *a = &key->load, *b = &before->load;

	if (same_text(key->name, before->name))
		return refuse(r, node_get(n, "name")->at,
		    "name: %s is taken at line %u, expected a name of its own",
		    shown_text(key->name).text, before->at.line);
	if (same_text(key->kid, before->kid))
		return refuse(r, node_get(n, "kid")->at,
		    "kid: %s is taken at line %u, expected a kid of its own",
		    shown_text(key->kid).text, before->at.line);
	if (same_text(a->file, b->file) || same_text(a->env, b->env) ||
	    same_text(a->credential, b->credential))
		return refuse(r, node_get(n, "load")->at,
		    "load: the same as at line %u, expected it once",
		    before->at.line);
	return VH_OK;
}

enum vh_err
keyspec_check(const struct reading *r, const struct node *n, void *of)
{
	const struct keyspec *spec = of;
	const struct keyspec_keys *keys = &spec->keys;
	const struct node *entry = node_get(n, "keys")->first;
	uint64_t total = 0;

	for (size_t i = 0; i < keys->count; i++, entry = entry->next) {
		TRY(keyspec_check_rotation(r, entry, spec, &keys->at[i]));
		total += keyspec_most_keys(spec, &keys->at[i]);
		if (total > KEYSPEC_KEYS_MAX)
			return refuse(r, entry->at,
			    "found more than %d keys to generate, expected at "
			    "most that many in all",
			    KEYSPEC_KEYS_MAX);
		for (size_t j = 0; j < i; j++)
			TRY(check_unique(r, entry, &keys->at[i], &keys->at[j]));
	}
	return VH_OK;
}

enum vh_err
keyspec_parse(const struct reading *r, struct slice text, struct keyspec **out)
{
	AUTO(node_free) struct node *root = NULL;
	AUTO(keyspec_free) struct keyspec *spec = calloc(1, sizeof *spec);

	if (spec == NULL)
		return VH_ENOMEM;
	TRY(node_parse(r, text, &root));
	TRY(schema_read(r, SCOPE_keyspec, root, spec));
	*out = TAKE(spec);
	return VH_OK;
}

void
keyspec_free(struct keyspec *spec)
{
	if (spec == NULL)
		return;
	schema_drop(SCOPE_keyspec, spec);
	free(spec);
}

void
keyspec_put(struct buf *b, const struct keyspec *spec)
{
	schema_put(b, SCOPE_keyspec, spec, &(struct layout){ 0 });
}
