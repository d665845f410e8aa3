/* A front in a cluster with one caller, who asks for keys of other nodes. */
#ifndef TEST_FRONT_FAR_H
#define TEST_FRONT_FAR_H

#include "cluster.h"

struct far {
	struct cluster *c;
	struct client *k;
};

/* How keys are listed: for signatures, named "k"; for encryption. */
extern const struct key_says far_sig, far_enc;

/* Own: P-256.  Of others: Ed25519, as says has it, and an X25519, with holders;
 * peer came long ago. */
struct far far_with(const struct key_says *says, const char *holders);
/* The same with far_sig. */
struct far far_new(const char *holders);
/* The same, but the X25519 is an own key, too. */
struct far far_beside(const char *holders);
/* Nothing is left of any request. */
void far_end(struct far *s);

/* The caller asks for a signature by the Ed25519 key: what peer is asked. */
struct question *far_sign(struct far *s);
/* The next answer, which must be there. */
enum vh_err far_answer(struct far *s);
uint64_t far_counted(const struct far *s, enum count which);

/* A field of what the caller got; whether a text stands in it. */
struct slice far_got(const struct far *s, enum vh_tag tag);
bool far_has_text(struct slice in, const char *text);

#endif
