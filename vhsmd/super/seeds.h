/* Where other nodes are: the seeds of the configuration, and the names that
 * peer asks about.  Names are looked up again and again, for ever; one that has
 * no address at the moment keeps what it had. */
#ifndef SUPER_SEEDS_H
#define SUPER_SEEDS_H

#include "base/clock.h"
#include "keyspec/value.h"
#include "super/accounts.h"

#define SEEDS_EVERY_MS  10000
#define SEEDS_NAMES_MAX 256 /* that peer asks about */

struct seeds;

/* configured is borrowed for good, each a seed_ok; user is whom root's lookups
 * become, or NULL.  Numbers are known at once. */
struct seeds *seeds_new(const struct texts *configured,
    const struct user *user);
void seeds_free(struct seeds *s);
AUTO_FREE(struct seeds, seeds_free)

/* What peer wants to know beside: a comma list of HOST:PORT, instead of the one
 * before.  What is no such thing, and what passes the bound, is left out.
 * VH_ENOMEM. */
enum vh_err seeds_ask(struct seeds *s, struct slice names);

/* Begins a round of lookups when one is due; *until is when to call it again,
 * false for never. */
bool seeds_tick(struct seeds *s, struct mono_ns now, struct mono_ns *until);
/* Readable when seeds_hear has something to do; -1: nothing under way. */
int seeds_fd(const struct seeds *s);
/* Reads answers; logs which names were found, and which no longer are. */
void seeds_hear(struct seeds *s);
/* Ends the round if that process was it; whether it was. */
bool seeds_reaped(struct seeds *s, pid_t pid);
/* Blocks until the round under way is over, or ms have passed. */
void seeds_wait(struct seeds *s, uint32_t ms);

/* Whether anything seeds_put says has changed since seeds_told. */
bool seeds_are_new(const struct seeds *s);
void seeds_told(struct seeds *s);

enum seeds_list { SEEDS_CONFIGURED, SEEDS_ASKED };
/* "NAME=ADDR:PORT,ADDR:PORT": what is known now, as many whole entries as max
 * bytes take. */
void seeds_put(const struct seeds *s, enum seeds_list which, size_t max,
    struct buf *out);

#endif
