/* What operators do, and its lines in the audit trail.  On the intake. */
#ifndef VAULT_ACT_H
#define VAULT_ACT_H

#include "vault/audit.h"
#include "vault/keeper.h"

/* VNOTE: an act that the vault has no part in.  VH_EAUDIT when it must not
 * happen, because it could have no line. */
enum vh_err act_note(struct audit *audit, const struct fields *f);
/* VLIFE: an act on keys, which is in the trail before it is answered. */
void act_run(struct audit *audit, struct keeper *keeper, const struct frame *q,
    struct buf *answer);

#endif
