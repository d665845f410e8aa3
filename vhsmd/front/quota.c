#include "front/quota.h"

#include <stdlib.h>
#include <uthash.h>

struct quota {
	uint32_t uid;
	size_t refs, taken;
	UT_hash_handle hh;
};

struct quotas {
	struct quota *rows;
	size_t most;
};

struct quotas *
quotas_new(size_t most)
{
	struct quotas *q = calloc(1, sizeof *q);

	if (q != NULL)
		q->most = most;
	return q;
}

void
quotas_free(struct quotas *q)
{
	struct quota *row, *next;

	if (q == NULL)
		return;
	HASH_ITER(hh, q->rows, row, next)
	{
		HASH_DEL(q->rows, row);
		free(row);
	}
	free(q);
}

void
quotas_set_most(struct quotas *q, size_t most)
{
	q->most = most;
}

struct quota *
quota_get(struct quotas *q, uint32_t uid)
{
	struct quota *row = NULL;

	HASH_FIND(hh, q->rows, &uid, sizeof uid, row);
	if (row == NULL) {
		row = calloc(1, sizeof *row);
		if (row == NULL)
			return NULL;
		row->uid = uid;
		HASH_ADD(hh, q->rows, uid, sizeof uid, row);
	}
	row->refs++;
	return row;
}

void
quota_end(struct quotas *q, struct quota *row)
{
	if (row == NULL || --row->refs > 0)
		return;
	HASH_DEL(q->rows, row);
	free(row);
}

size_t
quota_connections(const struct quota *row)
{
	return row->refs - row->taken;
}

bool
quota_take(struct quotas *q, struct quota *row)
{
	if (row->taken >= q->most)
		return false;
	row->taken++;
	row->refs++;
	return true;
}

void
quota_give(struct quotas *q, struct quota *row)
{
	row->taken--;
	quota_end(q, row);
}

size_t
quotas_count(const struct quotas *q)
{
	return HASH_COUNT(q->rows);
}
