/* What operators have the supervisor do.  Each act has its line in the audit
 * trail, which the vault writes, and without its leave (VH_EAUDIT) nothing is
 * done. */
#ifndef SUPER_ACTS_H
#define SUPER_ACTS_H

#include "super/super.h"

/* A reload: what front has asked for, which gets the answer; by SIGHUP. */
void acts_reload_asked(struct super *s);
void acts_reload_by_signal(struct super *s, uint32_t uid);

#endif
