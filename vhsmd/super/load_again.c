/* The vault of a node that serves takes what a new key spec says, and another
 * record key. */
#include <unistd.h>

#include "super/arena_size.h"
#include "super/load_inner.h"
#include "super/talk.h"

enum vh_err
load_open_new(const struct plan *plan, const size_t *places,
    struct keyfiles **out, struct buf *why)
{
	AUTO(keyfiles_free) struct keyfiles *files = keyfiles_new();

	if (files == NULL)
		return VH_ENOMEM;
	for (size_t i = 0; i < plan->spec->keys.count; i++)
		if (places[i] == SIZE_MAX)
			TRY(load_open_entry(plan, i, files, why));
	*out = TAKE(files);
	return VH_OK;
}

/* What the new keys take, as load_arena has it. */
static uint64_t
room_needed(const struct plan *plan, const size_t *places,
    const struct keyfiles *files)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < plan->spec->keys.count; i++) {
		const struct keyspec_key *key = &plan->spec->keys.at[i];

		if (places[i] == SIZE_MAX && key->generate.kty != 0)
			sum += keyspec_most_secrets(plan->spec, key) *
			       arena_size_key(key->generate.kty,
				   key->generate.bits, plan->workers);
	}
	for (size_t i = 0; i < files->count; i++)
		sum += arena_size_file((uint64_t)files->at[i].st.st_size,
		    plan->workers);
	return sum;
}

static enum vh_err
begin(struct talk *t, const size_t *places, const struct keyfiles *files)
{
	uint64_t need = room_needed(t->plan, places, files), have;
	struct frame answer;

	load_vault_open(t, VH_OP_VBEGIN);
	TRY(load_vault_call(t, NO_ENTRY, "reload", -1, IMPORT_MS, &answer));
	have = fields_u64(&answer.f, VH_F_FREE);
	if (need <= have)
		return VH_OK;
	buf_format(t->why,
	    "new keys may take %llu bytes of the secret arena, %llu are free: "
	    "start the node anew",
	    (unsigned long long)need, (unsigned long long)have);
	return VH_ENOROOM;
}

/* The entry's keys stay; *have says how many they are. */
static enum vh_err
keep(struct talk *t, size_t entry, size_t before, uint32_t *have)
{
	const struct keyspec_key *key = &t->plan->spec->keys.at[entry];
	struct frame answer;

	load_vault_open(t, VH_OP_VKEEP);
	frame_put_u32(t->request, VH_F_ENTRY, (uint32_t)before);
	load_put_times(t->request, t->plan->spec, entry);
	frame_put_u32(t->request, VH_F_INDEX, (uint32_t)entry);
	load_put_kind(t->request, key);
	if (key->generate.kty != 0)
		frame_put_u32(t->request, VH_F_COUNT, key->count);
	TRY(load_put_terms(t->request, key));
	TRY(load_vault_call(t, entry, "kept", -1, IMPORT_MS, &answer));
	*have = fields_u32(&answer.f, VH_F_COUNT);
	return VH_OK;
}

static enum vh_err
stage(struct talk *t, const size_t *places, struct keyfiles *files)
{
	size_t file = 0;

	TRY(begin(t, places, files));
	for (size_t i = 0; i < t->plan->spec->keys.count; i++) {
		uint32_t have = 0;

		if (places[i] != SIZE_MAX)
			TRY(keep(t, i, places[i], &have));
		if (t->plan->spec->keys.at[i].generate.kty != 0)
			TRY(load_generate(t, i, have));
		while (file < files->count && files->at[file].entry == i)
			TRY(load_import(t, &files->at[file++]));
	}
	return VH_OK;
}

enum vh_err
load_again(struct super *s, const struct plan *plan, const size_t *places,
    struct keyfiles *files, unsigned *keys, struct buf *why)
{
	AUTO(buf_free) struct buf *request = buf_new(FRAME_MAX);
	struct talk t = { .super = s,
		.why = why,
		.plan = plan,
		.request = request,
		.id = s->last_id };
	struct frame answer;
	enum vh_err err = stage(&t, places, files);

	load_vault_open(&t, err == VH_OK ? VH_OP_VCOMMIT : VH_OP_VROLLBACK);
	/* After a failure that is what is told. */
	enum vh_err end =
	    load_vault_call(&t, NO_ENTRY, "key spec", -1, COMMIT_MS, &answer);

	s->last_id = t.id;
	TRY(err);
	TRY(end);
	*keys = fields_u32(&answer.f, VH_F_COUNT);
	return VH_OK;
}

/* --- the record key --------------------------------------------------------
 */

void
record_files_free(struct record_files *f)
{
	buf_free(TAKE(f->chain));
	keyfiles_free(TAKE(f->key));
}

enum vh_err
record_files_open(const struct plan *plan, struct record_files *out,
    struct buf *why)
{
	AUTO(keyfiles_free) struct keyfiles *key = keyfiles_new();

	*out = (struct record_files){ 0 };
	if (key == NULL)
		return VH_ENOMEM;
	TRY(keyfiles_add_file(key, KEYFILE_IDENTITY, plan->record_key, why));
	TRY(plan_read_chain(plan, &out->chain, why));
	out->key = TAKE(key);
	return VH_OK;
}

enum vh_err
load_identity_again(struct super *s, const struct record_files *f, bool take,
    struct buf *why)
{
	AUTO(buf_free) struct buf *request = buf_new(FRAME_MAX);
	struct talk t = { .super = s,
		.why = why,
		.plan = s->plan,
		.request = request,
		.id = s->last_id };
	const struct keyfile *file = &f->key->at[0];

	/* A look has read it to its end. */
	if (lseek(file->fd, 0, SEEK_SET) != 0)
		return VH_EIO;
	enum vh_err err =
	    load_tell_identity(&t, f->chain, file, s->advertise, !take);

	s->last_id = t.id;
	return err;
}
