/* Speaking with running children.  The supervisor asks; peer may ask as well,
 * to have something saved or a name resolved, at any moment. */
#ifndef SUPER_TALK_H
#define SUPER_TALK_H

#include "super/super.h"

/* Opens a request in b with an id of its own; frame_close as always. */
size_t talk_open(struct super *s, struct buf *b, enum vh_op op, uint32_t ms);

/* Sends a request, with fd or -1, and waits for its answer at most ms,
 * attending to what the child asks meanwhile.  *answer is borrowed until the
 * child is heard again, or all zeros when there is none.  The answer's error;
 * VH_ELOST when there is no child, VH_EDEADLINE, or what talk_attend says. */
enum vh_err talk_call(struct super *s, enum proc to, struct slice request,
    int fd, int ms, struct frame *answer);
/* Sends a request and does not wait: the answer comes to whoever hears the
 * child next, and may be ignored. */
enum vh_err talk_tell(struct super *s, enum proc to, struct slice request,
    int fd);

/* Does what a child asks, and answers.  An error means that no such child would
 * have asked that, or that it does not read its answers: end it. */
enum vh_err talk_attend(struct super *s, enum proc from, const struct frame *q);

#endif
