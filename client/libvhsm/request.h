/* A caller's request as an SP message. */
#ifndef LIBVHSM_REQUEST_H
#define LIBVHSM_REQUEST_H

#include "client/vhsm.h"
#include "wire/frame.h"

/* Whether it is one that may be sent: VH_EOP; VH_EFIELD when a member is
 * missing or does not belong to the op, VH_ETOOBIG when one is too long.
 * *culprit is then the field's name, or NULL. */
enum vh_err request_check(const struct vhsm_request *q, const char **culprit);

/* Appends the whole SP message of a sound request.  id has no top bit.  A
 * failure sticks to b. */
void request_put(struct buf *b, const struct vhsm_request *q, uint32_t id,
    uint32_t deadline_ms);

/* The same for a BATCH of requests, whose own ids are 1 to count. */
void request_put_many(struct buf *b, const struct vhsm_request *q, size_t count,
    uint32_t id, uint32_t deadline_ms);

/* Gives a message of either another id. */
void request_renumber(uint8_t *message, uint32_t id);

#endif
