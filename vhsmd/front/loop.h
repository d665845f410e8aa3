/* The loop: one thread, epoll, level-triggered. */
#ifndef FRONT_LOOP_H
#define FRONT_LOOP_H

#include "front/front.h"

/* Watches the supervisor, the vault and the wish for statistics.  f->super and
 * f->vault are there.  VH_EIO. */
enum vh_err loop_watch(struct front *f);

/* One round: waits at most max_ms (negative: until something comes), handles
 * what came, sends all answers. */
void loop_round(struct front *f, int max_ms);

/* Rounds until the supervisor says stop or someone is gone; then all that waits
 * is answered.  Returns what to exit with. */
int loop_run(struct front *f);

#endif
