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

/* Who asks; a key that may not be used by them is as good as absent. */
struct asker {
	const struct policy *policy;
	const struct caller *caller;
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

/* Whether a key holds every criterion but alg, and the asker may use it. */
bool select_matches(const struct selector *s, const struct asker *asker,
    const struct dkey *key);

/* One of the keys of that use that hold all criteria: the first algorithm of
 * the list that any of them fits decides, then random.  Without a list, any key
 * with its preset.  VH_ENOKEY; VH_EALG when kid or name found a key that fits
 * no algorithm of the list.  *why then says what was asked for. */
enum vh_err select_key(const struct directory *d, const struct selector *s,
    enum vh_use use, const struct asker *asker, uint64_t random,
    struct choice *out, struct buf *why);

/* A walk over the keys of that use that hold all criteria but alg, are allowed
 * and fit alg (NULL: any), in the directory's order: *i starts at 0; NULL at
 * the end. */
struct search {
	const struct directory *d;
	const struct selector *s;
	const struct asker *asker;
	enum vh_use use;
};
const struct dkey *search_next(const struct search *q, const struct alg *alg,
    size_t *i);

/* Appends " kid=... alg=..." and so on: what was asked for. */
void selector_say(const struct selector *s, struct buf *why);

/* Whether a list that was asked for, if any, has alg. */
bool selector_takes(const struct selector *s, const struct alg *alg);

#endif
