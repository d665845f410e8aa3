#include "peer/refusal.h"

static const struct {
	enum vh_err err;
	const char *word;
} rows[] = {
#define VH_REFUSAL(name, err, word) [REFUSAL_##name] = { VH_##err, word },
#include "peer/refusals.def"
};

const char *
refusal_word(enum refusal reason)
{
	return (size_t)reason < ARRAY_LEN(rows) ? rows[reason].word : "unknown";
}

enum vh_err
refuse(enum refusal *why, enum refusal reason)
{
	*why = reason;
	return rows[reason].err;
}

bool
refusal_is_ordinary(enum refusal reason)
{
	return reason == REFUSAL_STALE || reason == REFUSAL_ENDED ||
	       reason == REFUSAL_LIFE;
}
