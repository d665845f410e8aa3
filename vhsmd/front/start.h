/* From exec to a running loop: what the supervisor gives, and the vault lists.
 */
#ifndef FRONT_START_H
#define FRONT_START_H

#include "front/front.h"
#include "front/http.h"

/* Descriptors given, -1 where none came. */
struct given {
	int callers, operators, http, vault, peer, tls_cert, tls_key;
};
void given_init(struct given *g);
void given_close(struct given *g);

/* Waits for GIVE frames until FSTART comes; answers the former.  *settings is
 * the caller's, *id is FSTART's.  Fails when the supervisor is gone or speaks
 * out of turn. */
enum vh_err start_receive(struct link *super, struct given *g,
    struct settings **settings, uint64_t *id);

/* Makes front of it: reads the key list, publishes it, listens, starts HTTP.
 * Takes over settings and what it uses of g, also on failure, and *super (which
 * is then NULL) on success; *http stops before *out is freed.  A failure is
 * logged. */
enum vh_err start_front(struct link **super, struct given *g,
    struct settings *settings, struct shared *shared, struct http **http,
    struct front **out);

/* Answers FSTART: with where front listens, or with the error. */
enum vh_err start_answer(struct link *super, uint64_t id, enum vh_err err,
    const struct settings *settings);

#endif
