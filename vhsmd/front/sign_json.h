/* SIGN with several signers, or for a JSON serialization: one SIGN for each
 * signer, of a detached compact token, and one message of all. */
#ifndef FRONT_SIGN_JSON_H
#define FRONT_SIGN_JSON_H

#include "front/requests.h"

/* Whether the fields of a SIGN ask for that. */
bool sign_json_wants(const struct fields *in);
/* A handler as those of front/ops.h. */
enum vh_err sign_json_begin(struct front *f, struct request *q);

#endif
