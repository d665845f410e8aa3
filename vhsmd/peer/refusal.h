/* Why something that another node says is not believed (refusals.def). */
#ifndef PEER_REFUSAL_H
#define PEER_REFUSAL_H

#include "wire/base.h"

enum refusal {
#define VH_REFUSAL(name, err, word) REFUSAL_##name,
#include "peer/refusals.def"
	REFUSALS
};

/* A word for logs and metrics, never NULL. */
const char *refusal_word(enum refusal reason);

/* Notes the reason, for good or until the next one, and returns its error. */
enum vh_err refuse(enum refusal *why, enum refusal reason);

/* REFUSAL_STALE, REFUSAL_ENDED and REFUSAL_LIFE: nobody did anything wrong.
 * Count, but do not log. */
bool refusal_is_ordinary(enum refusal reason);

#endif
