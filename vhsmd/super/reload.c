/* Entries of two specs are the same when name, kind, use, algorithm and source
 * are; of several that are alike, the first of one is the first of the other.
 * Everything else an entry says may change while its keys stay. */
#include "super/reload.h"

#include <stdlib.h>

#include "base/log.h"
#include "super/start.h"

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

void
reloaded_free(struct reloaded *r)
{
	buf_free(TAKE(r->applied));
	buf_free(TAKE(r->restart));
}

/* Settings that a node which runs takes up: what front goes by, and where the
 * key spec is. */
static bool
is_live(struct slice name)
{
	static const char *const names[] = { "principals",
		"limits.per_principal", "limits.deadline", "keys" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (slice_is(name, names[i]))
			return true;
	return false;
}

/* Sorts what has changed by what it takes. */
static enum vh_err
compare(const struct config *before, const struct config *fresh,
    struct reloaded *r)
{
	AUTO(buf_free) struct buf *names = buf_new(RELOAD_NAMES_MAX);
	struct slice rest, name;

	r->applied = buf_new(RELOAD_NAMES_MAX);
	r->restart = buf_new(RELOAD_NAMES_MAX);
	config_put_changes(names, before, fresh);
	TRY(buf_end(names));
	rest = buf_slice(names);
	while (slice_next_item(&rest, &name)) {
		struct buf *to = is_live(name) ? r->applied : r->restart;

		buf_put_text(to, buf_slice(to).len == 0 ? "" : ",");
		buf_put(to, name);
	}
	TRY(buf_end(r->applied));
	return buf_end(r->restart);
}

#define SWAP(a, b)                                                             \
	do {                                                                   \
		__typeof__(a) was = (a);                                       \
		(a) = (b);                                                     \
		(b) = was;                                                     \
	} while (0)

/* Caches of the key set go by it. */
static enum vh_err
compare_specs(const struct keyspec *before, const struct keyspec *fresh,
    struct reloaded *r)
{
	if (keyspec_shortest_publish(before) == keyspec_shortest_publish(fresh))
		return VH_OK;
	buf_format(r->applied, "%spublish_before",
	    buf_slice(r->applied).len == 0 ? "" : ",");
	return buf_end(r->applied);
}

/* The node is what it was, but for its key spec and what is live. */
static void
take_over(struct super *s, struct plan *fresh, struct keyfiles *files)
{
	struct config *now = s->plan->config, *then = fresh->config;

	SWAP(s->plan->spec, fresh->spec);
	SWAP(s->plan->spec_file, fresh->spec_file);
	SWAP(s->plan->principals, fresh->principals);
	SWAP(now->keys, then->keys);
	SWAP(now->principals, then->principals);
	SWAP(now->limits.per_principal, then->limits.per_principal);
	SWAP(now->limits.deadline, then->limits.deadline);
	keyfiles_free(s->keyfiles);
	s->keyfiles = files;
}

/* A front that does not take them hears of them when it is started again. */
static void
tell_front(struct super *s, const struct reloaded *r)
{
	struct slice applied = buf_slice(r->applied);

	if (applied.len == 0)
		return;
	enum vh_err err = start_tell_settings(s, PROC_FRONT);

	if (err == VH_OK)
		LOG(NOTICE, "settings-changed", KV("applied", applied));
	else
		LOG(ERROR, "settings-not-taken", KV("applied", applied),
		    KV_ERR(err), KV("until", "front is started again"));
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

	TRY(plan_make(s->options, &made, why));
	AUTO(plan_free) struct plan *fresh = made;
	AUTO(free_places)
	size_t *places = match(&s->plan->spec->keys, &fresh->spec->keys);

	if (places == NULL)
		return VH_ENOMEM;
	fresh->workers = s->plan->workers; /* what the vault has */
	count_entries(s, fresh, places, out);
	TRY(compare(s->plan->config, fresh->config, out));
	TRY(compare_specs(s->plan->spec, fresh->spec, out));
	TRY(load_open_new(fresh, places, &files, why));
	TRY(load_again(s, fresh, places, files, &out->keys, why));
	out->file_kept = !keyfiles_delete(files);
	take_over(s, fresh, TAKE(files));
	tell_front(s, out);
	return VH_OK;
}
