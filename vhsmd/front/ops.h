/* The operations' handlers: rows of the table in requests.c.
 *
 * x_begin checks and selects, then either writes the whole reply or takes a
 * place (request_pend) and asks the vault; on failure it has done neither, and
 * f->why may hold a line.  x_answer turns the answer of the vault or
 * of peer, an error included, into the reply; *again says that it asked one of
 * them, or another node, once more instead. */
#ifndef FRONT_OPS_H
#define FRONT_OPS_H

#include "front/reply.h"
#include "front/requests.h"

enum vh_err sign_begin(struct front *f, struct request *q);
enum vh_err sign_answer(struct front *f, struct pending *p,
    const struct frame *vault, bool *again);

enum vh_err decrypt_begin(struct front *f, struct request *q);
enum vh_err decrypt_answer(struct front *f, struct pending *p,
    const struct frame *vault, bool *again);

struct jwe;
/* Appends what the reply to DECRYPT says of the token beside its plaintext. */
void jwe_put_shown(struct buf *b, const struct jwe *jwe);

enum vh_err verify_begin(struct front *f, struct request *q);
enum vh_err verify_answer(struct front *f, struct pending *p,
    const struct frame *vault, bool *again);

enum vh_err encrypt_begin(struct front *f, struct request *q);
enum vh_err encrypt_answer(struct front *f, struct pending *p,
    const struct frame *vault, bool *again);

/* RAWSIGN, RAWDECRYPT and RAWDERIVE. */
enum vh_err raw_begin(struct front *f, struct request *q);
enum vh_err raw_answer(struct front *f, struct pending *p,
    const struct frame *vault, bool *again);
/* The reply to one, out of the answer of the vault or of another node.
 * VH_EPARSE when that is nothing that such a key can come to. */
enum vh_err raw_reply(struct front *f, const struct origin *to,
    const struct dkey *key, const struct alg *alg, const struct fields *result);

enum vh_err batch_begin(struct front *f, struct request *q);

enum vh_err cluster_begin(struct front *f, struct request *q);
enum vh_err cluster_answer(struct front *f, struct pending *p,
    const struct frame *answer, bool *again);

enum vh_err revoke_begin(struct front *f, struct request *q);
enum vh_err revoke_answer(struct front *f, struct pending *p,
    const struct frame *answer, bool *again);

enum vh_err rotate_begin(struct front *f, struct request *q);
enum vh_err retire_begin(struct front *f, struct request *q);
enum vh_err destroy_begin(struct front *f, struct request *q);
enum vh_err life_answer(struct front *f, struct pending *p,
    const struct frame *answer, bool *again);
enum vh_err reload_begin(struct front *f, struct request *q);
/* Of the supervisor. */
enum vh_err reload_answer(struct front *f, struct pending *p,
    const struct frame *answer, bool *again);

enum vh_err keys_begin(struct front *f, struct request *q);

enum vh_err status_begin(struct front *f, struct request *q);
enum vh_err status_answer(struct front *f, struct pending *p,
    const struct frame *vault, bool *again);
/* Asks the vault for statistics on behalf of HTTP. */
void stats_ask(struct front *f);
enum vh_err stats_answer(struct front *f, struct pending *p,
    const struct frame *vault, bool *again);

enum vh_err drain_begin(struct front *f, struct request *q);
enum vh_err drain_answer(struct front *f, struct pending *p,
    const struct frame *vault, bool *again);
/* The reply to who waits for the node to be drained. */
void drain_reply(struct front *f, struct pending *p);

#endif
