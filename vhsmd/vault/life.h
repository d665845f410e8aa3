/* The life of keys: a pure state machine.  What happened and the time go in,
 * what is to be done comes out; whoever asks carries it out.
 *
 *            publish_before             every                keep_after
 *   made -> PUBLISHED ----------> ACTIVE --------> RETIRED ------------> gone
 *              |                    |  ^             |
 *              |   retire: gone     |  +-- the successor, published
 *              +-> at once          |      before, is active now
 *                                   +-> retire, destroy, taken out of the spec
 *
 * A LINE is one key of the spec and its successors: one of them is active.  A
 * line that rotates has its next key made so early that it is published for
 * publish_before until the active one is `every` old.  When that fails the
 * active key stays active, and it is tried again, at longer and longer pauses.
 * Keys are made one at a time, of all lines.
 *
 * A RETIRED key is listed as such at once, so that nobody chooses it any more;
 * for LIFE_SETTLE_MS it still signs, since requests are on their way.  Then it
 * CLOSES: a signing key has no use for its secret any more; one for encryption
 * decrypts on.  keep_after later it ENDS and is gone.
 *
 * A key that others must hear of first (in a cluster) is DUE instead: told once
 * a second, until life_activated says that it is active.
 *
 * Durations go by the clock that is never set; wall times are for people, and
 * for other nodes. */
#ifndef VAULT_LIFE_H
#define VAULT_LIFE_H

#include "base/clock.h"
#include "wire/ops.h"
#include "wire/pub.h"

#define LIFE_SETTLE_MS 2000
#define LIFE_AGAIN_MS  1000            /* DUE; the first pause of a failure */
#define LIFE_PAUSE_MAX (5 * 60 * 1000) /* the longest */
#define LIFE_LEAD_MAX  60000 /* how much earlier than needed a key is made */

struct life_now {
	struct mono_ns mono;
	struct wall_ms wall;
};

/* What the spec says of a line. */
struct life_terms {
	uint64_t every_ms; /* 0: never */
	uint64_t publish_ms, keep_ms;
};

/* How a key begins. */
enum life_start {
	LIFE_ACTIVE,    /* in use at once */
	LIFE_WAITING,   /* published, until life_activated */
	LIFE_PUBLISHED, /* active after publish_before */
};

/* What is to be done. */
enum life_act {
	LIFE_MAKE,     /* the line's next key; then life_made or life_failed */
	LIFE_DUE,      /* tell that the key is to be active: life_activated */
	LIFE_ACTIVATE, /* it signs from now on */
	LIFE_RETIRE,   /* it is listed as retired */
	LIFE_CLOSE,    /* it signs no more */
	LIFE_END,      /* it is gone: the machine has forgotten it */
};

struct life_event {
	enum life_act act;
	uint32_t line;
	char kid[VH_KID_SIZE + 1]; /* "" for MAKE */
};

/* Where a key is; wall times are 0 where there is none. */
struct life_view {
	enum vh_key_state state;
	bool closed, leaves; /* leaves: ends without keep_after */
	uint32_t line, entry;
	struct life_terms terms;
	uint64_t not_before_ms; /* when it was, or will be, active */
	uint64_t next_ms;       /* ACTIVE: when its successor takes over */
	uint64_t until_ms; /* RETIRED: when it signs no more, or did last */
	uint64_t end_ms;   /* RETIRED: when it is gone */
};

struct life_line_view {
	uint32_t entry;
	struct life_terms terms;
	bool makes;
	unsigned failures; /* in a row */
	bool bare;         /* without a key, and none is wanted */
};

struct life;

/* announces: keys are DUE before they are ACTIVE.  NULL when out of memory. */
struct life *life_new(bool announces);
void life_free(struct life *l);
AUTO_FREE(struct life, life_free)

/* A new line of an entry of the spec.  makes: its keys are generated, so that
 * there can be another one.  VH_ENOMEM. */
enum vh_err life_line(struct life *l, const struct life_terms *terms,
    uint32_t entry, bool makes, uint32_t *line);
/* A line's key, whose kid must be new.  VH_ENOMEM. */
enum vh_err life_add(struct life *l, uint32_t line, const char *kid,
    enum life_start start, struct life_now now);

/* MAKE has come to a key, or to nothing.  life_made: VH_ENOKEY when the line
 * has ended meanwhile: throw the key away; VH_ENOMEM. */
enum vh_err life_made(struct life *l, uint32_t line, const char *kid,
    struct life_now now);
void life_failed(struct life *l, uint32_t line, struct life_now now);

/* VH_ENOKEY when there is no such key, VH_OK also for one that is active. */
enum vh_err life_activated(struct life *l, const char *kid,
    struct life_now now);

/* What operators ask for.  VH_ENOKEY; VH_EINACTIVE for a key that is not where
 * that can be done.
 *
 * The line of this active key gets a successor: active after publish_before, or
 * hurried: as soon as it can be.  VH_EKEY for a line whose keys are not made
 * here. */
enum vh_err life_rotate(struct life *l, const char *kid, bool hurried,
    struct life_now now);
/* The same of a line that has no key which is or will be active.  VH_ENOKEY
 * where none can be made, VH_EINACTIVE where there is one. */
enum vh_err life_revive(struct life *l, uint32_t line, bool hurried);
/* RETIRED from now on, without a successor; one that was never active ends. */
enum vh_err life_retire(struct life *l, const char *kid, struct life_now now);
/* The same, and closed at once; a retired one too.  secret_only: it stays
 * listed until its time has come; else it ends at once. */
enum vh_err life_destroy(struct life *l, const char *kid, bool secret_only,
    struct life_now now);

/* A reload.  The entry of this line is in the spec no more: its keys retire, it
 * gets no others. */
void life_leave(struct life *l, uint32_t line, struct life_now now);
/* The line belongs to this entry of the new spec, which says this. */
void life_change(struct life *l, uint32_t line, uint32_t entry,
    const struct life_terms *terms);
/* The lines, in the order they were made, with *line 0 at first; false at the
 * end. */
bool life_next_line(const struct life *l, uint32_t *line,
    struct life_line_view *out);
/* The kid of the line's next key in the order they came; after: the one before
 * it, NULL at first.  NULL at the end.  Borrowed until something changes. */
const char *life_next_key(const struct life *l, uint32_t line,
    const char *after);

/* One thing to be done now; false: nothing.  Ask until then. */
bool life_step(struct life *l, struct life_now now, struct life_event *out);
/* When to ask again; never later than something is to be done. */
struct mono_ns life_next(const struct life *l);

bool life_look(const struct life *l, const char *kid, struct life_now now,
    struct life_view *out);
/* When the next rotation of any key is, or UINT64_MAX; how many lines cannot
 * have a new key at the moment. */
struct mono_ns life_next_rotation(const struct life *l, size_t *failing);

#endif
