/* BATCH: many requests in one message, many answers in one. */
#ifndef FRONT_BATCH_H
#define FRONT_BATCH_H

#include "front/front.h"

/* The answers of one batch, until all are there. */
struct batch;

/* Each request of it that waits holds it once; NULL does nothing. */
void batch_hold(struct batch *b);
void batch_end(struct batch *b);
AUTO_FREE(struct batch, batch_end)
/* Who asked is gone: the answers so far are freed, and none may come. */
void batch_forsake(struct batch *b);

/* Where the answers to its requests are written, each inside of an ITEM. */
struct buf *batch_answers(struct batch *b);
/* One more is whole; the last lets all of them go to c, who asked. */
void batch_answered(struct front *f, struct batch *b, struct conn *c);

#endif
