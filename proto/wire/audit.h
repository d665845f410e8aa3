/* The audit trail's lines: JSON objects, one a line, each with the hash of the
 * one before in its own.  The vault writes them, vhsm checks them.  Pure.
 *
 *	{"seq":7,"time":"...","node":"a","who":"uid:1000","op":"sign",...,
 *	 "chain":"..."}
 *
 * chain is base64url of SHA-256(hash of the line before | the line up to the
 * comma before "chain").  An anchor, the first line of a file or of a repaired
 * one, says in "prev" what the hash before it was; before the first line of all
 * that is 32 zeros.  When a disk has failed to keep what was written, an anchor
 * of op "again" begins the next file: the lines from number "from" on, before
 * which the hash was "base", come behind it once more, byte by byte, and then
 * another anchor.  Members stand in a fixed order; strings are ASCII, all
 * else is escaped byte by byte as \u00XX, so that no name can end a string. */
#ifndef WIRE_AUDIT_H
#define WIRE_AUDIT_H

#include "wire/buf.h"

#define AUDIT_HASH     32
#define AUDIT_HASH_B64 43
#define AUDIT_LINE_MAX 32768u /* bytes of a line, line feed included */

/* SHA-256 of two texts, one behind the other; false when it failed. */
typedef bool audit_sha256(void *context, struct slice a, struct slice b,
    uint8_t out[static AUDIT_HASH]);

/* Where a chain is: its last line.  Zeros before the first. */
struct audit_chain {
	uint64_t seq;
	uint8_t hash[AUDIT_HASH];
	/* Who hashes when there is a faster one than libsodium's; or NULL. */
	audit_sha256 *sha256;
	void *context;
};

/* What a line says; empty slices are left out. */
struct audit_entry {
	uint64_t time_ms; /* since 1970 */
	struct slice node, who, op, kid, alg, outcome;
	struct slice digest; /* bytes: written as base64url */
	struct slice more;   /* members as JSON, each with a comma before it */
	bool anchor;
};

/* Appends one line and moves the chain.  Nothing is allocated where b has room
 * for AUDIT_LINE_MAX; VH_ETOOBIG for a longer one: chain and b are as before.
 */
enum vh_err audit_put(struct buf *b, struct audit_chain *c,
    const struct audit_entry *e);

/* Moves the chain's hash over a line, without its end from "chain" on. */
void audit_step(struct audit_chain *c, struct slice body);

/* Appends a text with the escapes of this format, without quotes. */
void audit_put_escaped(struct buf *b, struct slice text);

/* Where a chain ends, from the last bytes of a file (at least twice
 * AUDIT_LINE_MAX, or all of it: whole).  *torn is what stands behind the last
 * whole line.  VH_EPARSE when no line is whole; VH_EVERIFY when the last one is
 * not what the hash in it says. */
enum vh_err audit_resume(struct slice tail, bool whole, struct audit_chain *c,
    struct slice *torn);

/* Whether a file, of which these are the first and the last bytes, begins with
 * lines that come again and ends before they are all there: its writer died. */
bool audit_is_cut_again(struct slice head, struct slice tail);

/* What can be wrong with a line. */
enum audit_fault {
	AUDIT_SOUND,
	AUDIT_TORN, /* no line of ours; sound if the next one is its repair */
	AUDIT_BAD,  /* the torn one before was not repaired */
	AUDIT_MISSING, /* lines before it are gone */
	AUDIT_ORDER,   /* its number is one that was there already */
	AUDIT_ANCHOR,  /* it says another hash before it, or should say one */
	AUDIT_CHANGED, /* its hash is not that of its text */
	AUDIT_CUT,     /* lines that come again are not all there */
};

/* Reads lines one after the other, over all files of a trail. */
struct audit_reader {
	struct audit_chain chain;
	bool begun;
	uint64_t first;            /* number of the first line */
	struct audit_chain before; /* what the line that was read follows */
	uint64_t repeated;         /* lines that were read twice */
	size_t torn;               /* bytes of the torn line before; 0: none */
	uint8_t torn_hash[AUDIT_HASH];
	/* Lines that come again: how far they are, where they end, and the last
	 * line that was read before. */
	struct audit_chain again, seen;
	uint64_t again_last;
	uint8_t again_hash[AUDIT_HASH];
};

/* line without its line feed. */
enum audit_fault audit_read(struct audit_reader *r, struct slice line);
/* What is wrong with the end, once all was read. */
enum audit_fault audit_end(const struct audit_reader *r);
/* Whether line, the first of a file, begins lines that come again and leaves no
 * gap after what was sound so far: what stood behind that does not matter. */
bool audit_comes_again(const struct audit_reader *r, struct slice line);
/* A sentence's end, such as "was changed". */
const char *audit_fault_text(enum audit_fault fault);

/* The member of a sound line, a string (as it is written, escapes included) or
 * number; empty when it has none. */
struct slice audit_member(struct slice line, const char *name);

/* SHA-256, and its base64url. */
void audit_hash(struct slice bytes, uint8_t out[static AUDIT_HASH]);
void audit_hash_text(const uint8_t hash[static AUDIT_HASH],
    char out[static AUDIT_HASH_B64 + 1]);

#endif
