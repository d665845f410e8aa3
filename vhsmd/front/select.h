/* Which key, with which algorithm (design, section 7).  Pure. */
#ifndef FRONT_SELECT_H
#define FRONT_SELECT_H

#include "front/directory.h"
#include "front/policy.h"

#define SELECT_ALGS 16 /* algorithms of a list that are looked at */

/* What a request asks for; zero or empty where it does not say.  Borrowed from
 * the request. */
struct selector {
	struct slice kid, name, alg; /* alg: the list as it was sent */
	enum vh_kty kty;
	enum vh_crv crv;
	enum vh_use use;
	const struct alg *algs[SELECT_ALGS]; /* known ones, preferred first */
	size_t alg_count;
};

struct choice {
	const struct dkey *key;
	const struct alg *alg;
};

/* Reads the selector fields.  VH_EFIELD for one that is empty or a kty, crv or
 * use that does not exist; VH_EALG when no algorithm of the list is known.
 * *why then gets one line. */
enum vh_err selector_parse(const struct fields *f, struct selector *out,
    struct buf *why);

/* For a raw operation: leaves of the algorithms only those whose mechanism it
 * uses, or takes all these where none is asked for.  VH_EALG when none is left.
 * Does nothing for any other. */
enum vh_err selector_narrow(struct selector *s, uint16_t op, struct buf *why);

/* What a key is wanted for by SIGN, DECRYPT and the raw operations. */
enum purpose purpose_of(uint16_t op);

/* What is looked for, and where.  A key that the asker may not use is as good
 * as absent. */
struct search {
	const struct directory *d;
	const struct selector *s;
	const struct asker *asker;
	enum purpose purpose;
	const struct enc
	    *enc; /* that a key for dir must be as long as; or NULL */
	/* For the use of another node's key: whether there is a holder to ask.
	 * NULL: the key is to be used here. */
	bool (*holds)(const void *context, const struct dkey *key);
	const void *context;
	bool lenient; /* also keys that the key spec does not let do it */
	struct draft *draft; /* that the key's rules must let pass; or NULL */
};

/* Whether a key holds every criterion but alg, and the asker may use it.  A
 * symmetric key is for callers of this node alone. */
bool select_matches(const struct search *q, const struct dkey *key);

/* One of the keys that serve the purpose and hold all criteria: the first
 * algorithm of the list that any of them fits decides, then random.  Without a
 * list, any key with its preset.  VH_ENOKEY; VH_EALG when kid or name found a
 * key that fits no algorithm of the list; VH_EPOLICY when they found one whose
 * ops do not have this, or when no rules but those of others let the draft
 * pass; VH_EINACTIVE when there would be one, were it active.  *why then says
 * what was asked for, or what the rules of one of them are. */
enum vh_err select_key(const struct search *q, uint64_t random,
    struct choice *out, struct buf *why);

/* The key of that kid, if it serves, matches and fits alg (NULL: any). */
const struct dkey *search_named(const struct search *q, struct slice kid,
    const struct alg *alg);

#define SELECT_DENIED                                                          \
	"ops of the key spec do not let callers do this with the key"
#define SELECT_DENIED_RAW                                                      \
	"raw and ops of the key spec do not let callers do this with the key"

/* Whether it is ops of the key spec alone that keep the key of that kid away;
 * with an empty one, all keys of the kid or name that s has.  alg as above. */
bool search_is_denied(const struct search *q, struct slice kid,
    const struct alg *alg);

/* A walk over all such keys, in the directory's order: *i starts at 0; NULL at
 * the end. */
const struct dkey *search_next(const struct search *q, const struct alg *alg,
    size_t *i);

/* Appends " kid=... alg=..." and so on: what was asked for. */
void selector_say(const struct selector *s, struct buf *why);

/* Whether a list that was asked for, if any, has alg. */
bool selector_takes(const struct selector *s, const struct alg *alg);

#endif
