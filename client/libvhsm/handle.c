#include "client/libvhsm/handle.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum vhsm_error
vhsm_open(const char *url, struct vhsm **out)
{
	struct where where;
	enum vh_err err = where_of(url, &where);

	*out = NULL;
	if (err != VH_OK)
		return (enum vhsm_error)err;
	struct vhsm *h = calloc(1, sizeof *h);
	struct pool *pool = pool_new();

	if (h == NULL || pool == NULL) {
		pool_free(pool);
		free(h);
		return VHSM_ENOMEM;
	}
	h->where = where;
	atomic_init(&h->timeout_ms, HANDLE_TIMEOUT_MS);
	atomic_init(&h->pool, pool);
	*out = h;
	return VHSM_OK;
}

void
vhsm_close(struct vhsm *h)
{
	if (h == NULL)
		return;
	struct pool *pool = atomic_load(&h->pool);

	if (pool_is_ours(pool))
		pool_free(pool);
	else
		pool_abandon(pool);
	free(h);
}

void
vhsm_set_timeout_ms(struct vhsm *h, uint32_t ms)
{
	atomic_store(&h->timeout_ms, ms == 0 ? HANDLE_TIMEOUT_MS : ms);
}

struct pool *
handle_pool(struct vhsm *h)
{
	struct pool *now = atomic_load(&h->pool);

	if (pool_is_ours(now))
		return now;
	AUTO(pool_free) struct pool *fresh = pool_new();

	if (fresh == NULL)
		return NULL;
	/* Another thread of the child may have been faster. */
	if (!atomic_compare_exchange_strong(&h->pool, &now, fresh))
		return now;
	pool_abandon(now);
	return TAKE(fresh);
}

struct until
handle_until(struct vhsm *h)
{
	return until_in_ms(atomic_load(&h->timeout_ms));
}

void
handle_why(const struct vhsm *h, enum vh_err err, char why[static HANDLE_WHY])
{
	const char *path = h->where.path[h->where.count - 1];

	why[0] = '\0';
	if (err == VH_EBUSY)
		(void)snprintf(why, HANDLE_WHY,
		    "ipc://%s closed the connection at once", path);
	else if (err == VH_ENODAEMON && errno == 0)
		(void)snprintf(why, HANDLE_WHY,
		    "ipc://%s speaks another protocol", path);
	else if (err == VH_ENODAEMON || err == VH_EIO)
		(void)snprintf(why, HANDLE_WHY, "ipc://%s: %m", path);
}

enum vhsm_error
handle_fail(enum vh_err err, const char *why, struct vhsm_answer **out)
{
	if (out != NULL)
		*out = answer_of_error(err, why);
	return (enum vhsm_error)err;
}

enum vhsm_error
handle_refuse(enum vh_err err, const char *culprit, struct vhsm_answer **out)
{
	char why[HANDLE_WHY] = "";

	if (culprit != NULL)
		(void)snprintf(why, sizeof why, "%s %s", culprit,
		    err == VH_ETOOBIG ? "is too long"
				      : "is missing or does not belong here");
	return handle_fail(err, why, out);
}
