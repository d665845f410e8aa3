/* The key spec, keyspec(5): which keys a node makes or loads, and what they
 * are for.  What the struct holds has been checked, but for files and
 * variables, which are looked at when they are loaded. */
#ifndef KEYSPEC_KEYSPEC_H
#define KEYSPEC_KEYSPEC_H

#include "keyspec/value.h"
#include "keyspec/yaml.h"
#include "wire/alg.h"

#define KEYSPEC_ENTRIES_MAX   1024   /* of the list keys */
#define KEYSPEC_KEYS_MAX      131072 /* keys a spec generates in all */
#define KEYSPEC_TYP_MAX       255
#define KEYSPEC_ISSUER_MAX    512
#define KEYSPEC_RSA_BITS_STEP 256
#define KEYSPEC_SETTLE_MS     2000 /* that a retired key still signs */
#define KEYSPEC_ROTATE_MS     1000 /* every - publish_before, at least */

struct keyspec_defaults {
	uint64_t publish_before, keep_after; /* ms */
};

struct keyspec_rotate {
	struct span every; /* not set: never */
};

struct keyspec_generate {
	enum vh_kty kty; /* 0: this entry loads */
	enum vh_crv crv; /* 0 for RSA, oct */
	uint32_t bits;   /* RSA, oct; else 0 */
};

/* One of the first three, unless the entry generates. */
struct keyspec_load {
	char
	    *file; /* file, glob or folder; relative to the key spec's folder */
	char *env;
	char *credential;
	char *passphrase_file; /* NULL: none; relative as file */
};

/* What a JWT that such a key signs has to say. */
struct keyspec_claims {
	struct span max_lifetime;
	char *iss; /* NULL: any */
};

struct keyspec_key {
	struct place at; /* where the entry begins, for messages */
	char *name;      /* NULL: none */
	struct keyspec_generate generate;
	struct keyspec_load load;
	enum vh_use use; /* 0: the loaded key must say it */
	enum vh_alg alg; /* 0: every alg that fits */
	char *kid;       /* that the one loaded key is published by; or NULL */
	uint32_t count;  /* keys to generate; 0 for an entry that loads */
	struct keyspec_rotate rotate;
	struct span publish_before, keep_after; /* not set: the defaults */
	struct texts allow; /* principals; empty: whoever may connect */
	uint32_t ops;       /* bits by enum vh_key_op; 0: all of its use */
	struct texts typ;   /* of what it signs; empty: any */
	struct keyspec_claims claims;
	bool raw;    /* callers may use its padded primitives */
	bool delete; /* remove the file or variable once its key is live */
};

struct keyspec_keys {
	struct keyspec_key *at;
	size_t count;
};

struct keyspec {
	uint32_t version;
	struct keyspec_defaults defaults;
	struct keyspec_keys keys;
};

/* For keyspec_check_key: that ops, typ, claims and raw fit the key. */
enum vh_err keyspec_check_uses(const struct reading *r, const struct node *n,
    const struct keyspec_key *key);

/* VH_ECONFIG with one line in r->why ("FILE:LINE:COL: what was found, what was
 * expected"), VH_ENOMEM; *out is then untouched. */
enum vh_err keyspec_parse(const struct reading *r, struct slice text,
    struct keyspec **out);
void keyspec_free(struct keyspec *spec);
AUTO_FREE(struct keyspec, keyspec_free)

/* Times of an entry, milliseconds. */
struct keyspec_times {
	uint64_t every; /* 0: it does not rotate */
	uint64_t publish_before, keep_after;
};
struct keyspec_times keyspec_times(const struct keyspec *spec,
    const struct keyspec_key *key);
/* The shortest publish_before of all entries, of the defaults without any: how
 * long a verifier may keep the key set, milliseconds. */
uint64_t keyspec_shortest_publish(const struct keyspec *spec);
/* How many keys an entry has at most at once, those that are retired and not
 * yet gone included; and how many of them with a secret. */
uint64_t keyspec_most_keys(const struct keyspec *spec,
    const struct keyspec_key *key);
uint64_t keyspec_most_secrets(const struct keyspec *spec,
    const struct keyspec_key *key);

/* Whether an entry, n, rotates neither too often nor too many keys. */
enum vh_err keyspec_check_rotation(const struct reading *r,
    const struct node *n, const struct keyspec *spec,
    const struct keyspec_key *key);

/* The normal form: every default written out.  Parses to the same. */
void keyspec_put(struct buf *b, const struct keyspec *spec);

/* The key spec of a node that was given none: six keys. */
const char *keyspec_default_text(void);

#endif
