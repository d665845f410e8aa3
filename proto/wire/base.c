#include "wire/base.h"

bool
slice_next_item(struct slice *rest, struct slice *item)
{
	if (rest->p == NULL)
		return false;
	const uint8_t *comma =
	    rest->len == 0 ? NULL : memchr(rest->p, ',', rest->len);
	size_t len = comma == NULL ? rest->len : (size_t)(comma - rest->p);

	*item = slice_of(rest->p, len);
	*rest = comma == NULL ? slice_of(NULL, 0)
			      : slice_of(comma + 1, rest->len - len - 1);
	return true;
}
