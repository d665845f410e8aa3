/* Keys that come to a record, and into use. */
#include "vault/check.h"
#include "vault/record_inner.h"
#include "wire/b64.h"

/* Bytes that a key may take in a record, at most. */
static size_t
room_for(const struct key *key)
{
	const struct pub *pub = &key->pub;
	const size_t words = 512; /* names of members, numbers */

	return words + slice_text(key->name).len + slice_text(key->allow).len +
	       slice_text(key->published).len + slice_text(key->typs).len +
	       2 * slice_text(key->claims).len +
	       b64_size(pub->n.len + pub->e.len + pub->x.len + pub->y.len) +
	       b64_size(pub->kty == VH_KTY_RSA ? pub->n.len
					       : pub->x.len + pub->y.len + 64);
}

enum vh_err
record_admit(const struct record *r, const struct key *key, struct buf *why)
{
	size_t bytes = room_for(key), i = 0;
	const struct key *old;

	TRY(record_check_words(key, why));
	AUTO(identity_free) struct identity *id = seat_hold(r->seat);

	if (strcmp(key->kid, id->key->kid) == 0)
		return REFUSE(why, VH_EDUPLICATE,
		    "this is the node's record key, expected another one");
	while ((old = store_next(r->store, &i)) != NULL)
		bytes += room_for(old);
	if (store_count(r->store) < RECORD_KEYS_MAX &&
	    b64_size(bytes + RECORD_SMALL_MAX) + b64_size(IDENTITY_X5C_MAX) +
		    RECORD_SMALL_MAX <=
		VH_RECORD_MAX)
		return VH_OK;
	return REFUSE(why, VH_ENOROOM,
	    "the record of %zu keys has no room for another one",
	    store_count(r->store));
}

enum vh_err
record_admit_identity(const struct record *r, const struct identity *id,
    struct buf *why)
{
	if (store_get(r->store, slice_text(id->key->kid)) == NULL)
		return VH_OK;
	return REFUSE(why, VH_EDUPLICATE,
	    "the record key is one of the key spec too, expected a key of its "
	    "own");
}

/* --- the way to ACTIVE ------------------------------------------------------
 */

enum vh_err
op_announce(struct record *r, struct crypto *c, const struct frame *q,
    struct buf *answer)
{
	struct slice kid = q->f.at[VH_F_KID];
	bool all = !fields_have(&q->f, VH_F_KID);
	uint32_t announced = 0;
	struct key *key;
	size_t i = 0;

	(void)c;
	if (!all && store_get(r->store, kid) == NULL)
		return VH_ENOKEY;
	if (pthread_mutex_trylock(&r->lock) != 0)
		return VH_EBUSY;
	while ((key = store_next(r->store, &i)) != NULL) {
		if ((all ? !key->scheduled : slice_is(kid, key->kid)) &&
		    !key->announced && key->state == VH_KEY_PUBLISHED) {
			key->shown_seq = 0;
			key->announced = true;
		}
		announced += key->announced;
	}
	pthread_mutex_unlock(&r->lock);
	frame_put_u32(answer, VH_F_COUNT, announced);
	return VH_OK;
}

/* Whether a record that is not newer than (epoch, seq) showed it active. */
static bool
was_shown(const struct key *key, uint64_t epoch, uint64_t seq)
{
	return key->announced && key->shown_seq > 0 &&
	       (key->shown_epoch < epoch ||
		   (key->shown_epoch == epoch && key->shown_seq <= seq));
}

enum vh_err
op_activate(struct record *r, struct crypto *c, const struct frame *q,
    struct buf *answer)
{
	uint64_t epoch = fields_u64(&q->f, VH_F_EPOCH);
	uint64_t seq = fields_u64(&q->f, VH_F_SEQ);
	uint32_t active = 0;
	struct key *key;
	size_t i = 0;

	(void)c;
	if (pthread_mutex_trylock(&r->lock) != 0)
		return VH_EBUSY;
	while ((key = store_next(r->store, &i)) != NULL) {
		if (was_shown(key, epoch, seq)) {
			key->announced = false;
			if (key->state == VH_KEY_PUBLISHED)
				key->state = VH_KEY_ACTIVE;
		}
		active += key->state == VH_KEY_ACTIVE;
	}
	pthread_mutex_unlock(&r->lock);
	frame_put_u32(answer, VH_F_COUNT, active);
	return VH_OK;
}
