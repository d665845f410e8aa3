/* What a hello between nodes signs (peer/session.h). */
#ifndef PEER_HELLO_H
#define PEER_HELLO_H

#include "wire/base.h"

#define HELLO_NONCE 32

enum hello_role { HELLO_LISTENER = 1, HELLO_DIALER = 2 };

struct hello_talk {
	struct slice dialer, listener; /* node names */
	const uint8_t *asked, *given;  /* HELLO_NONCE bytes, by dialer and by
					* listener */
};

/* The nonce that the one in this role has signed: the hash of all that was
 * said. Role, names and both nonces are in it, so that what a node signs on one
 * connection is of no use on another, nor in the other direction: a listener
 * signs for anybody who asks. */
void hello_nonce(const struct hello_talk *talk, enum hello_role role,
    uint8_t out[static HELLO_NONCE]);

#endif
