#include "super/load_inner.h"

#include <stdio.h>

#include "base/log.h"
#include "super/arena_size.h"
#include "super/audit_files.h"
#include "super/fd.h"
#include "super/talk.h"
#include "super/text.h"

#define START_MS    30000
#define GENERATE_MS 600000 /* an RSA-8192 on a slow machine */
#define WHY_MAX     4096
#define MAKE_RSA    4    /* keys of one request: some minutes' at most */
#define MAKE_CURVE  1024 /* of other kinds: a second's */

/* "3 id-token", counted as people count. */
struct entry_name {
	char text[VH_LABEL_MAX + 24];
};

static struct entry_name
entry_name(const struct keyspec *spec, size_t entry)
{
	const char *name = spec->keys.at[entry].name;
	struct entry_name n;

	(void)snprintf(n.text, sizeof n.text, "%zu%s%s", entry + 1,
	    name == NULL ? "" : " ", name == NULL ? "" : name);
	return n;
}

/* What keyfiles_* wrote, as a text. */
static const char *
line(struct buf *why)
{
	buf_put_u8(why, 0);
	return buf_end(why) == VH_OK ? (const char *)buf_slice(why).p
				     : "a message too long to show";
}

static enum vh_err
beside_spec(const struct plan *plan, const char *file, char **out)
{
	return path_beside(plan->spec_file == NULL ? "." : plan->spec_file,
	    file, out);
}

static enum vh_err
open_passphrase(const struct plan *plan, size_t i, struct keyfiles *files,
    struct buf *why)
{
	const struct keyspec_key *key = &plan->spec->keys.at[i];
	AUTO(text_free) char *path = NULL;

	if (key->load.passphrase_file == NULL)
		return VH_OK;
	TRY(beside_spec(plan, key->load.passphrase_file, &path));
	return keyfiles_add_passphrase(files, i, path, key->delete, why);
}

static enum vh_err
open_source(const struct plan *plan, size_t i, struct keyfiles *files,
    struct buf *why)
{
	const struct keyspec_key *key = &plan->spec->keys.at[i];
	AUTO(text_free) char *path = NULL;

	if (key->load.env != NULL)
		return keyfiles_add_variable(files, i, key->load.env, why);
	if (key->load.credential != NULL)
		return keyfiles_add_credential(files, i, key->load.credential,
		    why);
	if (key->load.file == NULL)
		return VH_OK;
	TRY(beside_spec(plan, key->load.file, &path));
	return keyfiles_add_path(files, i, path, key->delete, why);
}

/* A variable gets emptied also when its passphrase is refused. */
enum vh_err
load_open_entry(const struct plan *plan, size_t i, struct keyfiles *files,
    struct buf *why)
{
	const struct keyspec_load *load = &plan->spec->keys.at[i].load;
	enum vh_err passphrase = open_passphrase(plan, i, files, why);

	if (passphrase != VH_OK && load->env == NULL)
		return passphrase;
	enum vh_err source = open_source(plan, i, files, why);

	return passphrase == VH_OK ? source : passphrase;
}

static enum vh_err
open_record_key(const struct plan *plan, struct keyfiles *files,
    struct buf *why)
{
	enum vh_err err =
	    keyfiles_add_file(files, KEYFILE_IDENTITY, plan->record_key, why);

	if (err != VH_OK)
		LOG(ERROR, "key-refused", KV("entry", "cluster record"),
		    KV_ERR(err), KV("why", line(why)));
	return err;
}

enum vh_err
load_open(const struct plan *plan, struct keyfiles **out)
{
	AUTO(keyfiles_free) struct keyfiles *files = keyfiles_new();
	AUTO(buf_free) struct buf *why = buf_new(WHY_MAX);
	enum vh_err first = files == NULL ? VH_ENOMEM : VH_OK;

	/* All entries, also after a refusal: every variable gets emptied. */
	for (size_t i = 0; files != NULL && i < plan->spec->keys.count; i++) {
		enum vh_err err = load_open_entry(plan, i, files, why);

		if (err != VH_OK)
			LOG(ERROR, "key-refused",
			    KV("entry", entry_name(plan->spec, i).text),
			    KV_ERR(err), KV("why", line(why)));
		if (first == VH_OK)
			first = err;
		buf_clear(why);
	}
	if (first == VH_OK && plan->clustered)
		first = open_record_key(plan, files, why);
	if (first == VH_OK)
		*out = TAKE(files);
	return first;
}

uint64_t
load_arena(const struct plan *plan, const struct keyfiles *files,
    size_t workers)
{
	const uint64_t page = 4096;
	uint64_t sum = arena_size_base(workers);

	for (size_t i = 0; i < plan->spec->keys.count; i++) {
		const struct keyspec_key *key = &plan->spec->keys.at[i];

		if (key->generate.kty != 0)
			sum += keyspec_most_secrets(plan->spec, key) *
			       arena_size_key(key->generate.kty,
				   key->generate.bits, workers);
	}
	for (size_t i = 0; i < files->count; i++)
		sum +=
		    arena_size_file((uint64_t)files->at[i].st.st_size, workers);
	return (sum + page - 1) / page * page;
}

void
load_vault_open(struct talk *t, enum vh_op op)
{
	buf_clear(t->request);
	t->at = frame_request(t->request, op, ++t->id, 0);
}

/* Sends the open frame. */
static enum vh_err
vault_ask(struct talk *t, int fd, int ms, struct frame *answer)
{
	struct frame none = { 0 };

	*answer = none;
	frame_close(t->request, t->at);
	TRY(buf_end(t->request));
	if (t->super != NULL)
		return talk_call(t->super, PROC_VAULT, buf_slice(t->request),
		    fd, ms, answer);
	return link_call(t->vault, buf_slice(t->request), fd, ms, answer);
}

/* The same; logs what the vault refused, with what it was about. */
enum vh_err
load_vault_call(struct talk *t, size_t entry, const char *what, int fd, int ms,
    struct frame *answer)
{
	enum vh_err err = vault_ask(t, fd, ms, answer);

	if (err == VH_OK)
		return VH_OK;
	struct entry_name name = { "" };

	/* Of all entries at once: the vault may say which one it is about. */
	if (entry == NO_ENTRY && fields_have(&answer->f, VH_F_ENTRY) &&
	    fields_u32(&answer->f, VH_F_ENTRY) < t->plan->spec->keys.count)
		entry = fields_u32(&answer->f, VH_F_ENTRY);
	if (entry != NO_ENTRY)
		name = entry_name(t->plan->spec, entry);
	struct slice why = fields_have(&answer->f, VH_F_WHY)
			       ? answer->f.at[VH_F_WHY]
			       : slice_text(err_text(err));

	LOG(ERROR, entry == NO_ENTRY ? "vault-refused" : "key-refused",
	    KV("entry", name.text), KV("source", what), KV_ERR(err),
	    KV("why", why));
	if (t->why != NULL)
		buf_format(t->why, "%s%s%s%s: %.*s",
		    entry == NO_ENTRY ? "" : "entry ", name.text,
		    entry == NO_ENTRY ? "" : ", ", what, (int)why.len,
		    (const char *)why.p);
	return err;
}

void
load_put_times(struct buf *b, const struct keyspec *spec, size_t entry)
{
	struct keyspec_times t = keyspec_times(spec, &spec->keys.at[entry]);

	if (t.every > 0)
		frame_put_u64(b, VH_F_EVERY_MS, t.every);
	frame_put_u64(b, VH_F_PUBLISH_MS, t.publish_before);
	frame_put_u64(b, VH_F_KEEP_MS, t.keep_after);
}

static enum vh_err
put_list(struct buf *b, enum vh_tag tag, const struct texts *list)
{
	AUTO(buf_free) struct buf *text = buf_new(FRAME_MAX);

	if (list->count == 0)
		return VH_OK;
	for (size_t i = 0; i < list->count; i++)
		buf_format(text, "%s%s", i == 0 ? "" : ",", list->at[i]);
	TRY(buf_end(text));
	frame_put(b, tag, buf_slice(text));
	return VH_OK;
}

/* "max_lifetime=MS;iss=TEXT", or one of them. */
static enum vh_err
put_claims(struct buf *b, const struct keyspec_claims *claims)
{
	AUTO(buf_free) struct buf *text = buf_new(FRAME_MAX);

	if (!claims->max_lifetime.set && claims->iss == NULL)
		return VH_OK;
	if (claims->max_lifetime.set)
		buf_format(text, "max_lifetime=%llu%s",
		    (unsigned long long)claims->max_lifetime.ms,
		    claims->iss == NULL ? "" : ";");
	if (claims->iss != NULL)
		buf_format(text, "iss=%s", claims->iss);
	TRY(buf_end(text));
	frame_put(b, VH_F_CLAIMS, buf_slice(text));
	return VH_OK;
}

enum vh_err
load_put_terms(struct buf *b, const struct keyspec_key *key)
{
	if (key->use != 0)
		frame_put_u32(b, VH_F_USE_ID, key->use);
	if (key->alg != 0)
		frame_put_u32(b, VH_F_ALG_ID, key->alg);
	if (key->name != NULL)
		frame_put_text(b, VH_F_NAME, key->name);
	if (key->kid != NULL)
		frame_put_text(b, VH_F_PUBLISHED_KID, key->kid);
	if (key->ops != 0 || key->raw)
		frame_put_u32(b, VH_F_OPS,
		    key->ops | (key->raw ? VH_KEY_RAW : 0));
	TRY(put_list(b, VH_F_ALLOW, &key->allow));
	TRY(put_list(b, VH_F_TYPS, &key->typ));
	return put_claims(b, &key->claims);
}

static void
log_keys(const struct frame *answer, const char *source)
{
	struct slice rest = answer->f.body, value;
	struct fields key;
	unsigned tag;

	while (fields_next(&rest, &tag, &value))
		if (tag == VH_F_KEY && fields_parse(value, &key) == VH_OK)
			LOG(NOTICE, "key", KV("kid", key.at[VH_F_KID]),
			    KV("name", key.at[VH_F_NAME]),
			    KV("source", source));
}

void
load_put_kind(struct buf *b, const struct keyspec_key *key)
{
	if (key->generate.kty == 0)
		return;
	frame_put_u32(b, VH_F_KTY_ID, key->generate.kty);
	if (key->generate.crv != 0)
		frame_put_u32(b, VH_F_CRV_ID, key->generate.crv);
	if (key->generate.bits != 0)
		frame_put_u32(b, VH_F_BITS, key->generate.bits);
}

/* Those of an entry's keys that are not there yet. */
enum vh_err
load_generate(struct talk *t, size_t entry, uint32_t have)
{
	const struct keyspec_key *key = &t->plan->spec->keys.at[entry];
	uint32_t most = key->generate.kty == VH_KTY_RSA ? MAKE_RSA : MAKE_CURVE;
	struct frame answer;
	uint32_t count;

	for (; have < key->count; have += count) {
		count = key->count - have < most ? key->count - have : most;
		load_vault_open(t, VH_OP_VGENERATE);
		load_put_kind(t->request, key);
		frame_put_u32(t->request, VH_F_COUNT, count);
		frame_put_u32(t->request, VH_F_ENTRY, (uint32_t)entry);
		load_put_times(t->request, t->plan->spec, entry);
		TRY(load_put_terms(t->request, key));
		TRY(load_vault_call(t, entry, "generated", -1, GENERATE_MS,
		    &answer));
		log_keys(&answer, "generated");
	}
	return VH_OK;
}

enum vh_err
load_import(struct talk *t, struct keyfile *file)
{
	const struct keyspec_key *key = &t->plan->spec->keys.at[file->entry];
	struct frame answer;

	load_vault_open(t, VH_OP_VLOAD);
	if (file->is_passphrase)
		frame_put_u32(t->request, VH_F_PASSPHRASE, VH_PASSPHRASE_TAKE);
	else if (key->load.passphrase_file != NULL)
		frame_put_u32(t->request, VH_F_PASSPHRASE, VH_PASSPHRASE_USE);
	if (!file->is_passphrase) {
		frame_put_u32(t->request, VH_F_ENTRY, (uint32_t)file->entry);
		load_put_times(t->request, t->plan->spec, file->entry);
		TRY(load_put_terms(t->request, key));
	}
	TRY(load_vault_call(t, file->entry, file->shown, file->fd, IMPORT_MS,
	    &answer));
	fd_close(fd_take(&file->fd));
	log_keys(&answer, file->shown);
	return VH_OK;
}

enum vh_err
load_tell_identity(struct talk *t, const struct buf *chain,
    const struct keyfile *file, const char *advertise, bool look)
{
	const struct plan *plan = t->plan;
	AUTO(buf_free) struct buf *what = buf_new(WHY_MAX);
	struct frame answer;

	buf_format(what, "%s, %s", plan->record_cert, file->shown);
	load_vault_open(t, VH_OP_VIDENTITY);
	frame_put_text(t->request, VH_F_NODE, plan->node);
	frame_put_text(t->request, VH_F_ADDRESS, advertise);
	frame_put(t->request, VH_F_CHAIN, buf_slice(chain));
	frame_put_u64(t->request, VH_F_KEEP_MS,
	    plan->spec->defaults.keep_after);
	frame_put_text(t->request, VH_F_VERSION, VHSM_VERSION);
	if (look)
		frame_put_u32(t->request, VH_F_OFF, 1);
	return load_vault_call(t, NO_ENTRY, line(what), file->fd, IMPORT_MS,
	    &answer);
}

/* Before the keys, since it costs least. */
static enum vh_err
identify(struct talk *t, struct keyfiles *files, const char *advertise)
{
	/* What load_open opened last. */
	struct keyfile *file =
	    files->count == 0 ? NULL : &files->at[files->count - 1];

	if (!t->plan->clustered)
		return VH_OK;
	if (file == NULL || file->entry != KEYFILE_IDENTITY)
		return VH_EINTERNAL;
	TRY(load_tell_identity(t, t->plan->chain, file, advertise, false));
	fd_close(fd_take(&file->fd));
	return VH_OK;
}

static enum vh_err
start(struct talk *t, uint64_t arena, struct loaded *out)
{
	const struct config_limits *limits = &t->plan->config->limits;
	struct frame answer;

	load_vault_open(t, VH_OP_VSTART);
	frame_put_u64(t->request, VH_F_ARENA, arena);
	frame_put_u32(t->request, VH_F_WORKERS, (uint32_t)t->plan->workers);
	frame_put_u32(t->request, VH_F_QUEUE, limits->queue);
	frame_put_u32(t->request, VH_F_PAYLOAD, limits->payload);
	TRY(load_vault_call(t, NO_ENTRY, "start", -1, START_MS, &answer));
	struct slice protection = answer.f.at[VH_F_PROTECTION];

	if (protection.len >= sizeof out->protection)
		return VH_EFIELD;
	if (protection.len > 0)
		memcpy(out->protection, protection.p, protection.len);
	return VH_OK;
}

/* Where the trail ended, if the last file says nothing of it. */
static void
tell_end_of_audit(struct talk *t)
{
	AUTO(fd_close) int fd = -1;
	struct frame answer;

	audit_file_before(t->plan->audit, &fd);
	if (fd < 0)
		return;
	load_vault_open(t, VH_OP_VAUDIT);
	frame_put_u32(t->request, VH_F_OFF, 1);
	enum vh_err err = vault_ask(t, fd, START_MS, &answer);

	if (err != VH_OK)
		LOG(ERROR, "audit-not-continued", KV("file", t->plan->audit),
		    KV_ERR(err), KV("why", answer.f.at[VH_F_WHY]));
}

static enum vh_err
give_audit(struct talk *t, struct slice not_continued, struct frame *answer)
{
	const struct config_audit *c = &t->plan->config->audit;
	AUTO(fd_close) int fd = -1;

	TRY(audit_file_open(t->plan->audit, &fd));
	load_vault_open(t, VH_OP_VAUDIT);
	frame_put_text(t->request, VH_F_NODE, t->plan->node);
	frame_put_u32(t->request, VH_F_FLAGS,
	    (c->detail == AUDIT_DETAIL_SUMMARY ? VH_AUDIT_SUMMARY : 0) |
		(c->when_blocked == AUDIT_BLOCKED_CONTINUE ? VH_AUDIT_CONTINUE
							   : 0));
	frame_put_u64(t->request, VH_F_SIZE, c->max_size);
	if (not_continued.len > 0)
		frame_put(t->request, VH_F_WHY, not_continued);
	return vault_ask(t, fd, START_MS, answer);
}

/* A file whose end is not what the vault wrote is kept for people to look at,
 * and a new one says so. */
static enum vh_err
start_audit(struct talk *t)
{
	AUTO(buf_free) struct buf *why = buf_new(WHY_MAX);
	struct frame answer = { 0 };

	if (t->plan->audit == NULL)
		return VH_OK;
	tell_end_of_audit(t);
	enum vh_err err = give_audit(t, slice_of(NULL, 0), &answer);

	if (err == VH_EVERIFY || err == VH_EPARSE) {
		buf_put(why, answer.f.at[VH_F_WHY]);
		TRY(buf_end(why));
		TRY(audit_file_set_aside(t->plan->audit, buf_slice(why)));
		if (err == VH_EPARSE) /* the one before it may be sound */
			tell_end_of_audit(t);
		err = give_audit(t, buf_slice(why), &answer);
	}
	if (err == VH_OK)
		LOG(NOTICE, "audit", KV("file", t->plan->audit),
		    KV("seq", fields_u64(&answer.f, VH_F_SEQ)));
	else
		LOG(ERROR, "no-audit", KV("file", t->plan->audit), KV_ERR(err),
		    KV("why", answer.f.at[VH_F_WHY]));
	return err;
}

enum vh_err
load_vault(struct link *vault, const struct plan *plan, struct keyfiles *files,
    const char *advertise, uint64_t arena, struct loaded *out)
{
	AUTO(buf_free) struct buf *request = buf_new(FRAME_MAX);
	struct talk t = { .vault = vault, .plan = plan, .request = request };
	struct loaded loaded = { 0 };
	struct frame answer;
	size_t file = 0;

	TRY(start(&t, arena, &loaded));
	TRY(start_audit(&t));
	TRY(identify(&t, files, advertise));
	for (size_t i = 0; i < plan->spec->keys.count; i++) {
		if (plan->spec->keys.at[i].generate.kty != 0)
			TRY(load_generate(&t, i, 0));
		while (file < files->count && files->at[file].entry == i)
			TRY(load_import(&t, &files->at[file++]));
	}
	load_vault_open(&t, VH_OP_VCOMMIT);
	TRY(load_vault_call(&t, NO_ENTRY, "key spec", -1, COMMIT_MS, &answer));
	loaded.keys = fields_u32(&answer.f, VH_F_COUNT);
	*out = loaded;
	return VH_OK;
}
