/* Settings that a front takes while it serves: principals with their limits,
 * limits.per_principal, limits.deadline. */
#ifndef FRONT_ADOPT_H
#define FRONT_ADOPT_H

#include "front/front.h"

/* From the field CONFIG of FSETTINGS.  What is under way goes on and counts
 * against the limits of its names, as far as these are still there.
 * VH_EPARSE, VH_ETOOBIG, VH_ENOMEM: nothing has changed. */
enum vh_err adopt_settings(struct front *f, struct slice config);

#endif
