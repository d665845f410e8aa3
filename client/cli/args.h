/* The command line: verbs.def and options.def, and what was typed. */
#ifndef CLI_ARGS_H
#define CLI_ARGS_H

#include <stdio.h>

#include "client/vhsm.h"
#include "wire/base.h"

/* Exit status. */
#define EXIT_DONE     0
#define EXIT_FAILED   1
#define EXIT_USAGE    2
#define EXIT_NODAEMON 3

#define WORDS_MAX 64 /* of operands, and of an option that may repeat */

enum option_id {
#define VH_OPTION(sym, name, letter, type, member, value, what) OPTION_##sym,
#include "client/cli/options.def"
	OPTION_COUNT
};

struct args;

struct verb {
	const char *name; /* a second word stands behind a space */
	int (*run)(const struct args *a); /* gives the exit status */
	uint64_t options;                 /* bits by enum option_id */
	const char *operand;              /* what usage calls it; NULL: none */
	uint32_t least, most;             /* operands */
	const char *what;
};

struct words {
	uint32_t n;
	const char *at[WORDS_MAX];
};

/* Options that stand between two --also, or at an end. */
struct party {
	struct vhsm_selector key;
	const char *header, *typ, *unprotected, *jwk;
};

struct args {
	const struct verb *verb; /* NULL only with help or version */
	const char *group;       /* first word of verbs with two; or NULL */
	struct words operands;
	struct vhsm_selector key; /* of the first party; so are the next */
	const char *header, *typ, *unprotected, *jwk;
	struct party more[VHSM_PARTIES_MAX - 1]; /* behind each --also */
	uint32_t more_count;
	const char *format, *aad, *aad_file, *payload_file;
	const char *label, *peer;
	const char *socket, *enc, *jwks, *title, *ca, *out, *roots;
	struct words sans;
	bool json, help, version, off, dev, lines, detached, unencoded, zip,
	    all, now, yes, mine, prehashed;
	const char *state;
	uint32_t expect_seq; /* 0: absent */
	uint32_t timeout, clients, batch, pack, seconds,
	    payload; /* 0: absent */
};

/* Verbs in table order, NULL past the end; by exact name, NULL for none. */
const struct verb *verb_at(size_t i);
const struct verb *verb_by_name(const char *name);
/* Whether a verb takes an option. */
bool args_takes(const struct verb *verb, enum option_id option);
/* Whether it is the first word of verbs with two. */
bool verb_is_group(const char *name);

/* The only or first operand; NULL when there is none. */
static inline const char *
args_operand(const struct args *a)
{
	return a->operands.n == 0 ? NULL : a->operands.at[0];
}

/* Takes the command line apart.  Options may stand before and behind the verb,
 * and be cut short as long as they are unique among those of the verb; one that
 * takes a value may be given once, for each party once, unless it is a LIST.
 * False after one line on err that says what is wrong; out borrows from argv.
 */
bool args_parse(int argc, char **argv, FILE *err, struct args *out);

/* Prints how one verb is used; without one the verbs of a group, or all. */
void args_usage(FILE *to, const struct verb *verb, const char *group);

#endif
