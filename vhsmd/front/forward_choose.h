/* Which other node is asked for what: key, algorithm and holder. */
#ifndef FRONT_FORWARD_CHOOSE_H
#define FRONT_FORWARD_CHOOSE_H

#include "front/front.h"
#include "front/select.h"

/* What a request wants, out of its own fields. */
struct want {
	struct fields fields;
	struct selector s;
	struct slice kid; /* this key only, unless empty */
	enum purpose purpose;
	struct asker asker;
	struct draft *draft; /* of SIGN; or NULL */
	bool refused;        /* by one key's rules: those of others count */
};

/* Who was asked already, and for which key last (empty: none).  A node whose
 * policy refused may be asked for another key. */
struct asked {
	struct node *const *nodes;
	const char (*refused)[VH_KID_SIZE + 1]; /* a key; or "" */
	size_t count;
	struct slice kid;
};

struct target {
	const struct dkey *key;
	const struct alg *alg; /* not for DECRYPT */
	struct node *node;
};

/* Of the nodes that were not asked: a holder of the same key first, else of any
 * that fits; rather one that did not fail just now; of two random ones the one
 * with less to do.  When all keys have rules that do not let the draft pass,
 * one of their holders has the last word, unless the request was refused
 * already.  What select_key says when there is none, VH_EBUSY when all have
 * FORWARDS_OF_NODE questions; why, or NULL, then gets a line. */
enum vh_err forward_choose(struct front *f, const struct want *want,
    const struct asked *asked, struct target *out, struct buf *why);

#endif
