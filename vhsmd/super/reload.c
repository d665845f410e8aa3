/* Entries of two specs are the same when name, kind, use, algorithm and source
 * are; of several that are alike, the first of one is the first of the other.
 * Everything else an entry says may change while its keys stay. */
#include "super/reload.h"

#include <stdlib.h>

#include "base/log.h"

#define NONE SIZE_MAX

static bool
same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool
same_entry(const struct keyspec_key *a, const struct keyspec_key *b)
{
	return same_text(a->name, b->name) &&
	       a->generate.kty == b->generate.kty &&
	       a->generate.crv == b->generate.crv &&
	       a->generate.bits == b->generate.bits && a->use == b->use &&
	       a->alg == b->alg && same_text(a->load.file, b->load.file) &&
	       same_text(a->load.env, b->load.env) &&
	       same_text(a->load.credential, b->load.credential);
}

/* Of each entry of `to`, the place of the same one in `from`, or NONE. */
static size_t *
match(const struct keyspec_keys *from, const struct keyspec_keys *to)
{
	size_t *of = calloc(to->count + 1, sizeof *of);
	bool *taken = calloc(from->count + 1, sizeof *taken);

	for (size_t i = 0; of != NULL && taken != NULL && i < to->count; i++) {
		of[i] = NONE;
		for (size_t k = 0; of[i] == NONE && k < from->count; k++)
			if (!taken[k] && same_entry(&from->at[k], &to->at[i]))
				of[i] = k;
		if (of[i] != NONE)
			taken[of[i]] = true;
	}
	if (taken == NULL) {
		free(of);
		of = NULL;
	}
	free(taken);
	return of;
}

static void
free_places(size_t *of)
{
	free(of);
}
AUTO_FREE(size_t, free_places)

static bool
same_config(const struct config *a, const struct config *b)
{
	AUTO(buf_free) struct buf *x = buf_new(NODE_TEXT_MAX);
	AUTO(buf_free) struct buf *y = buf_new(NODE_TEXT_MAX);

	config_put(x, a);
	config_put(y, b);
	return buf_end(x) == VH_OK && buf_end(y) == VH_OK &&
	       slice_eq(buf_slice(x), buf_slice(y));
}

/* The node is what it was, but for its key spec. */
static void
take_over(struct super *s, struct plan *fresh, struct keyfiles *files)
{
	struct keyspec *spec = s->plan->spec;
	char *file = s->plan->spec_file;

	s->plan->spec = fresh->spec;
	s->plan->spec_file = fresh->spec_file;
	fresh->spec = spec;
	fresh->spec_file = file;
	keyfiles_free(s->keyfiles);
	s->keyfiles = files;
}

static void
count_entries(const struct super *s, const struct plan *fresh,
    const size_t *places, struct reloaded *out)
{
	for (size_t i = 0; i < fresh->spec->keys.count; i++) {
		out->kept += places[i] != NONE;
		out->fresh += places[i] == NONE;
	}
	out->gone = (unsigned)s->plan->spec->keys.count - out->kept;
}

enum vh_err
reload_keys(struct super *s, struct reloaded *out, struct buf *why)
{
	struct plan *made = NULL;
	AUTO(keyfiles_free) struct keyfiles *files = NULL;
	struct reloaded r = { 0 };

	TRY(plan_make(s->options, &made, why));
	AUTO(plan_free) struct plan *fresh = made;
	AUTO(free_places)
	size_t *places = match(&s->plan->spec->keys, &fresh->spec->keys);

	if (places == NULL)
		return VH_ENOMEM;
	fresh->workers = s->plan->workers; /* what the vault has */
	count_entries(s, fresh, places, &r);
	r.restart = !same_config(s->plan->config, fresh->config);
	TRY(load_open_new(fresh, places, &files, why));
	TRY(load_again(s, fresh, places, files, &r.keys, why));
	r.file_kept = !keyfiles_delete(files);
	take_over(s, fresh, TAKE(files));
	*out = r;
	return VH_OK;
}
