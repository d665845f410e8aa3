/* The node's own keys while it runs: the vault says that they have changed, and
 * they are listed anew.  Requests under way go on with the list they began
 * with. */
#ifndef FRONT_OWN_H
#define FRONT_OWN_H

#include "front/front.h"

/* The vault's keys are not what they were. */
void own_changed(struct front *f);
/* A page of its list.  VH_EPARSE for what was not asked for. */
enum vh_err own_page(struct front *f, const struct frame *answer);
/* Asks for the next page when it is time. */
void own_tick(struct front *f);
int own_wait_ms(const struct front *f);
/* Counts the keys by state. */
void own_count(struct front *f);

#endif
