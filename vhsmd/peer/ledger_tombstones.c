#include "peer/ledger_core.h"

#include <stdlib.h>

/* Sorted by kid: a table of that size needs no hash that a member could choose
 * kids against, and the digest wants the order. */
static size_t
place_of(const struct ledger *l, const char *kid, bool *found)
{
	size_t lo = 0, hi = l->grave_count;

	*found = false;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int c = strcmp(l->graves[mid]->kid, kid);

		if (c == 0) {
			*found = true;
			return mid;
		}
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

bool
ledger_is_revoked(const struct ledger *l, const char *kid)
{
	bool found;

	(void)place_of(l, kid, &found); /* the place itself is of no use */
	return found;
}

static bool
make_room(struct ledger *l)
{
	size_t room = l->grave_room * 2 + 16;
	struct tombstone **more;

	if (l->grave_count < l->grave_room)
		return true;
	more = reallocarray(l->graves, room, sizeof *more);
	if (more == NULL)
		return false;
	l->graves = more;
	l->grave_room = room;
	return true;
}

enum vh_err
ledger_bury(struct ledger *l, struct tombstone *s)
{
	bool found;
	size_t at = place_of(l, s->kid, &found);

	if (!make_room(l)) {
		tombstone_free(s);
		return VH_ENOMEM;
	}
	memmove(l->graves + at + 1, l->graves + at,
	    (l->grave_count - at) * sizeof *l->graves);
	l->graves[at] = s;
	l->grave_count++;
	return VH_OK;
}

static bool
still_stands(const struct ledger *l, const struct tombstone *s)
{
	AUTO(tombstone_free) struct tombstone *again = NULL;
	enum refusal why;
	enum vh_err err = tombstone_read(l->trust, l->verifier,
	    buf_slice(s->token), UINT64_MAX, &again, &why);

	return err == VH_OK || err == VH_ENOMEM;
}

size_t
ledger_recheck_graves(struct ledger *l)
{
	size_t kept = 0, gone;

	for (size_t i = 0; i < l->grave_count; i++) {
		if (still_stands(l, l->graves[i]))
			l->graves[kept++] = l->graves[i];
		else
			tombstone_free(l->graves[i]);
	}
	gone = l->grave_count - kept;
	l->grave_count = kept;
	return gone;
}

void
ledger_graves_free(struct ledger *l)
{
	for (size_t i = 0; i < l->grave_count; i++)
		tombstone_free(l->graves[i]);
	free(l->graves);
}

void
ledger_each_tombstone(const struct ledger *l, ledger_each *each, void *context)
{
	for (size_t i = 0; i < l->grave_count; i++)
		if (!each(buf_slice(l->graves[i]->token), context))
			return;
}
