/* Watching a node until it ends. */
#ifndef SUPER_RUN_H
#define SUPER_RUN_H

#include "super/super.h"

/* Blocks the signals that run_super handles, so that from here on none of them
 * ends the process halfway. */
enum vh_err run_block_signals(void);

/* Until SIGTERM or SIGINT, then an orderly stop: peer leaves the cluster, front
 * finishes what is in flight, the vault goes last.  A front or peer that dies
 * is started again; when the vault dies the node ends.  SIGHUP: super_reload.
 * Returns the exit status. */
int run_super(struct super *s);

#endif
