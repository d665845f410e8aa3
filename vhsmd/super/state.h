/* What peer wants kept for a restart: records and revocations of the cluster,
 * signed and public.  One file of the state folder, replaced as a whole:
 * whenever the power fails, there is the one before or the new one.  A disk
 * that takes nothing is logged once and tried again; nothing else stops for it.
 */
#ifndef SUPER_STATE_H
#define SUPER_STATE_H

#include "base/clock.h"
#include "keyspec/config.h"
#include "wire/frame.h"

#define STATE_FILE     CONFIG_STATE_FILE
#define STATE_MAX      (64u << 20) /* bytes of it */
#define STATE_RETRY_MS 10000
#define STATE_PAUSE_MS 1000 /* between two writes, however often peer asks */
#define STATE_COPIES   100  /* damaged files that are kept */

struct state;

/* The folder has to exist.  VH_EIO, logged; VH_ENOMEM. */
enum vh_err state_new(const char *folder, struct state **out);
/* Writes what has not been written yet. */
void state_free(struct state *s);
AUTO_FREE(struct state, state_free)

/* The file, for peer to read; the caller closes it.  -1 when there is none, or
 * none that can be read: a link, no regular file, more than STATE_MAX bytes;
 * that is set aside and logged. */
int state_open(const struct state *s);
/* Renames the file to cluster.state.damaged-N, and says why in the log. */
void state_set_aside(const struct state *s, struct slice why);

/* PSAVE: DATA is the text, or part INDEX of COUNT.  With the last part the file
 * is written, now or STATE_PAUSE_MS after the time before.  VH_EFIELD for parts
 * out of order, VH_ETOOBIG past STATE_MAX; VH_EIO when it could not be written:
 * state_retry does. */
enum vh_err state_take(struct state *s, const struct fields *f,
    struct mono_ns now);
/* When to call state_retry; false when all is written. */
bool state_waits(const struct state *s, struct mono_ns *until);
void state_retry(struct state *s, struct mono_ns now);

#endif
