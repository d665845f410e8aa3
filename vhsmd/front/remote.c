/* Pages come one question at a time and fill a directory of their own; requests
 * go on with the one before.  When peer's list changes between two pages, it is
 * read from the start.
 *
 * A list counts once this node's own record is in it: from then on a key of its
 * own that is missing was revoked.  A peer that was started anew has to find
 * the other nodes first; until it has, what the one before knew is nearer to
 * the truth. */
#include "front/remote.h"

#include "base/log.h"
#include "front/requests.h"

#define PAGE_MS       5000
#define AGAIN_MS      100          /* after a list that does not count yet */
#define JWKS_TEXT_MAX (128u << 20) /* DIRECTORY_KEYS of about 1 KiB */

enum vh_err
remote_publish(struct front *f)
{
	AUTO(buf_free) struct buf *text = NULL;
	AUTO(published_free) struct published *now = NULL;

	f->shared->joining = f->cluster == NULL && front_has_cluster(f);
	if (f->shared->joining)
		return VH_OK;
	now = shared_published_get(f->shared);
	text = buf_new(JWKS_TEXT_MAX);
	directory_put_jwks(text, front_listed(f));
	TRY(buf_end(text));
	if (now != NULL &&
	    slice_eq(slice_of(now->text, now->len), buf_slice(text)))
		return VH_OK;
	struct published *p = published_new(buf_slice(text));

	if (p == NULL)
		return VH_ENOMEM;
	shared_published_set(f->shared, p);
	return VH_OK;
}

/* --- reading -------------------------------------------------------------- */

static void
ask_page(struct front *f)
{
	struct pull *pull = &f->peer.pull;
	struct buf *b = link_out(f->peer.link);
	size_t start = frame_request(b, VH_OP_PKEYS, PEER_KEYS_ID, PAGE_MS);

	if (pull->index > 0) {
		frame_put_u32(b, VH_F_INDEX, pull->index);
		frame_put_u64(b, VH_F_SEQ, pull->seq);
	}
	frame_close(b, start);
}

static void
drop(struct front *f)
{
	struct pull *pull = &f->peer.pull;

	directory_free(TAKE(pull->d));
	pull->index = 0;
	pull->seq = 0;
	pull->skipped = 0;
}

/* Reads it again after a pause. */
static void
put_off(struct front *f, uint64_t ms)
{
	drop(f);
	f->peer.pull.stale = true;
	f->peer.pull.not_before = mono_after_ms(f->now, ms);
}

void
remote_tick(struct front *f)
{
	struct pull *pull = &f->peer.pull;

	if (pull->d != NULL || !pull->stale ||
	    !mono_passed(pull->not_before, f->now))
		return;
	pull->stale = false;
	pull->d =
	    directory_new_cluster(f->nodes, f->settings->node, f->cluster);
	if (pull->d == NULL)
		put_off(f, AGAIN_MS);
	else
		ask_page(f);
}

struct mono_ns
remote_next(const struct front *f)
{
	const struct pull *pull = &f->peer.pull;

	return pull->d == NULL && pull->stale ? pull->not_before
					      : (struct mono_ns){ UINT64_MAX };
}

void
remote_start(struct front *f)
{
	f->peer.pull.stale = true;
	f->peer.pull.not_before = f->now;
	remote_tick(f);
}

void
remote_stop(struct front *f)
{
	drop(f);
	f->peer.pull.stale = false;
	f->members.before = f->members.alive;
	f->members.known = false;
}

void
remote_changed(struct front *f, uint64_t seq)
{
	/* One that is being read may be newer already. */
	f->peer.pull.stale = f->peer.pull.stale || f->peer.pull.d == NULL ||
			     seq != f->peer.pull.seq;
	remote_tick(f);
}

/* --- using ---------------------------------------------------------------- */

static bool
has_own(const struct directory *d)
{
	const struct dkey *key;

	for (size_t i = 0; (key = directory_at(d, i)) != NULL; i++)
		if (key->here)
			return true;
	return false;
}

/* Whether what was read says more than what there is. */
static bool
counts(const struct front *f, const struct directory *d)
{
	const struct members *m = &f->members;

	if (directory_count(f->directory) > 0 && !has_own(d) &&
	    !(m->known && m->own_record))
		return false;
	return f->cluster == NULL || (m->known && m->alive >= m->before) ||
	       mono_passed(mono_after_ms(f->peer.since, REMOTE_SETTLE_MS),
		   f->now);
}

static void
use(struct front *f)
{
	struct pull *pull = &f->peer.pull;
	struct directory *before = f->cluster;
	size_t own = 0, count = directory_count(pull->d);
	const struct dkey *key;

	f->cluster = TAKE(pull->d);
	directory_free(before);
	directory_learn(f->directory, f->cluster, f->members.name_taken);
	for (size_t i = 0; (key = directory_at(f->cluster, i)) != NULL; i++)
		own +=
		    directory_find(f->directory, slice_text(key->kid)) != NULL;
	atomic_store_explicit(&f->shared->counts[COUNT_REMOTE_KEYS],
	    count - own, memory_order_relaxed);
	LOG(DEBUG, "keys-learned", KV("keys", count), KV("own", own),
	    KV("skipped", pull->skipped), KV("seq", pull->seq));
	enum vh_err err = remote_publish(f);

	if (err != VH_OK)
		LOG(ERROR, "not-published", KV_ERR(err));
}

static void
finish(struct front *f)
{
	struct pull *pull = &f->peer.pull;

	directory_close(pull->d);
	if (!counts(f, pull->d)) {
		put_off(f, AGAIN_MS);
		return;
	}
	/* Reading takes its share of the loop and no more, however often the
	 * list changes: a millisecond a key would be far too long, ten keys a
	 * millisecond are plenty. */
	pull->not_before = mono_after_ms(f->now, directory_count(pull->d) / 10);
	use(f);
	drop(f);
}

/* Of a kind that a newer node has, or unsound: left out. */
static enum vh_err
add_key(struct front *f, struct slice body)
{
	enum vh_err err = directory_add(f->peer.pull.d, body);

	if (err == VH_OK || err == VH_ENOMEM)
		return err;
	f->peer.pull.skipped++;
	if (refusals_may_log(&f->refusals, f->now, f->shared))
		LOG(NOTICE, "key-skipped", KV_ERR(err));
	return VH_OK;
}

static enum vh_err
add_keys(struct front *f, const struct frame *answer)
{
	struct slice rest = answer->f.body, value;
	unsigned tag;

	while (fields_next(&rest, &tag, &value))
		if (tag == VH_F_KEY)
			TRY(add_key(f, value));
	return VH_OK;
}

enum vh_err
remote_page(struct front *f, const struct frame *answer)
{
	struct pull *pull = &f->peer.pull;
	uint64_t seq = fields_u64(&answer->f, VH_F_SEQ);
	uint32_t next = fields_u32(&answer->f, VH_F_INDEX);

	if (answer->id != PEER_KEYS_ID || pull->d == NULL)
		return VH_EPARSE;
	if (answer->err != VH_OK || (pull->index > 0 && seq != pull->seq)) {
		put_off(f, answer->err == VH_OK ? 0 : AGAIN_MS);
		return VH_OK;
	}
	if (fields_have(&answer->f, VH_F_INDEX) && next <= pull->index)
		return VH_EPARSE;
	pull->seq = seq;
	if (add_keys(f, answer) != VH_OK) {
		put_off(f, AGAIN_MS);
		return VH_OK;
	}
	pull->index = next;
	if (next > 0)
		ask_page(f);
	else
		finish(f);
	return VH_OK;
}
