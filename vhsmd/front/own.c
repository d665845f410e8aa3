#include "front/own.h"

#include "base/log.h"
#include "front/remote.h"

#define OWN_ID   UINT64_MAX /* of VLIST: no request has it */
#define PAGE_MS  5000
#define AGAIN_MS 100

static void
ask_page(struct front *f)
{
	struct listing *l = &f->listing;
	struct buf *b = link_out(f->vault);
	size_t start = frame_request(b, VH_OP_VLIST, OWN_ID, PAGE_MS);

	if (l->index > 0)
		frame_put_u32(b, VH_F_INDEX, l->index);
	frame_close(b, start);
}

/* Starts again after a pause. */
static void
put_off(struct front *f, uint64_t ms)
{
	struct listing *l = &f->listing;

	directory_free(TAKE(l->d));
	l->index = 0;
	l->stale = true;
	l->not_before = mono_after_ms(f->now, ms);
}

void
own_changed(struct front *f)
{
	f->listing.stale = true;
}

void
own_tick(struct front *f)
{
	struct listing *l = &f->listing;

	if (l->d != NULL || !l->stale || !mono_passed(l->not_before, f->now))
		return;
	l->stale = false;
	l->index = 0;
	l->d = directory_new_again(f->directory);
	if (l->d == NULL)
		put_off(f, AGAIN_MS);
	else
		ask_page(f);
}

int
own_wait_ms(const struct front *f)
{
	const struct listing *l = &f->listing;

	return l->d == NULL && l->stale
		   ? (int)mono_left_ms(l->not_before, f->now)
		   : -1;
}

void
own_count(struct front *f)
{
	static const enum count rows[] = { [VH_KEY_PUBLISHED] =
					       COUNT_KEYS_PUBLISHED,
		[VH_KEY_ACTIVE] = COUNT_KEYS_ACTIVE,
		[VH_KEY_RETIRED] = COUNT_KEYS_RETIRED };
	uint64_t n[ARRAY_LEN(rows)] = { 0 };
	const struct dkey *key;

	for (size_t i = 0; (key = directory_at(f->directory, i)) != NULL; i++)
		n[key->state]++;
	for (size_t s = VH_KEY_PUBLISHED; s < ARRAY_LEN(rows); s++)
		atomic_store_explicit(&f->shared->counts[rows[s]], n[s],
		    memory_order_relaxed);
}

/* As long again as it took: ten keys a millisecond, as remote.c. */
static void
finish(struct front *f)
{
	struct listing *l = &f->listing;
	struct directory *before = f->directory;

	directory_close(l->d);
	f->directory = TAKE(l->d);
	directory_free(before);
	own_count(f);
	if (f->cluster != NULL)
		directory_learn(f->directory, f->cluster,
		    f->members.name_taken);
	l->not_before =
	    mono_after_ms(f->now, directory_count(f->directory) / 10);
	LOG(DEBUG, "own-keys-learned",
	    KV("keys", directory_count(f->directory)));
	enum vh_err err = remote_publish(f);

	if (err != VH_OK)
		LOG(ERROR, "not-published", KV_ERR(err));
}

static enum vh_err
add_keys(struct directory *d, const struct frame *answer)
{
	struct slice rest = answer->f.body, value;
	unsigned tag;

	while (fields_next(&rest, &tag, &value))
		if (tag == VH_F_KEY)
			TRY(directory_add(d, value));
	return VH_OK;
}

enum vh_err
own_page(struct front *f, const struct frame *answer)
{
	struct listing *l = &f->listing;
	uint64_t seq = fields_u64(&answer->f, VH_F_SEQ);
	uint32_t next = fields_u32(&answer->f, VH_F_INDEX);

	if (answer->id != OWN_ID || l->d == NULL)
		return VH_EPARSE;
	/* The list has changed between two pages. */
	if (answer->err != VH_OK || (l->index > 0 && seq != l->seq) ||
	    (next > 0 && next <= l->index) || add_keys(l->d, answer) != VH_OK) {
		put_off(f, AGAIN_MS);
		return VH_OK;
	}
	l->seq = seq;
	l->index = next;
	if (next > 0)
		ask_page(f);
	else
		finish(f);
	return VH_OK;
}
