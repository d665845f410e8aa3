/* From exec to a running loop. */
#ifndef PEER_START_H
#define PEER_START_H

#include "peer/peer.h"

/* A process without anything but its link to the supervisor, which it takes
 * over. */
enum vh_err peer_new(int super_fd, struct peer **out);
/* Waits for GIVE frames until PSTART comes; *id is PSTART's. */
enum vh_err start_receive(struct peer *p, uint64_t *id);
/* Makes everything that needs what the sandbox forbids: threads, files, the
 * listening socket. */
enum vh_err start_prepare(struct peer *p);
/* Reads the state, joins; answers PSTART, with WHY when the state was damaged.
 */
enum vh_err start_serve(struct peer *p, uint64_t id);
/* Answers PSTART with an error. */
void start_fail(struct peer *p, uint64_t id, enum vh_err err);

#endif
