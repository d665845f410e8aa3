/* The messages of the membership core.
 *
 *   u8 format (1), u8 kind, u16 n, n bytes of head, u32 count, count entries
 *   entry: u16 n, then in n bytes: u8 state, u64 instance, u64 incarnation,
 *          u64 epoch, u64 seq, u32 seconds in this state,
 *          name, address, version, accuser (each u8 length and bytes)
 *   head of a PING_REQ: u32 milliseconds the helper has, name of the target
 *
 * Numbers are big-endian.  What follows the known part of a head or an entry is
 * a newer node's and skipped.  The first entry is the sender's own. */
#ifndef PEER_MEMBER_WIRE_H
#define PEER_MEMBER_WIRE_H

#include "peer/member.h"

enum message_kind {
	MESSAGE_PING = 1,
	MESSAGE_PING_REQ = 2,
	MESSAGE_SYNC = 3,
	MESSAGE_LEAVE = 4,
	MESSAGE_ACK = 16,
	MESSAGE_NACK = 17,
	MESSAGE_TABLE = 18, /* answers a SYNC */
};

/* A state only on the wire: the receiver's name is also used by the living
 * instance of this entry.  With that very name as accuser: and stays that
 * instance's. */
#define UPDATE_TWIN  5
#define UPDATE_BYTES 512 /* one entry, its length included */

struct update {
	unsigned state; /* enum member_state or UPDATE_TWIN */
	uint64_t instance, incarnation;
	struct member_digest digest;
	uint32_t age_s; /* of DEAD and LEFT */
	struct slice name, address, version;
	struct slice by; /* who accused; empty: nobody */
};

struct message {
	enum message_kind kind;
	uint32_t help_ms;    /* PING_REQ */
	struct slice target; /* PING_REQ */
	struct update sender;
	struct slice rest; /* the other entries, for message_next */
};

bool message_name_ok(struct slice name);
bool message_address_ok(struct slice address);
bool message_version_ok(struct slice version);

/* Checks the whole message; slices in out are borrowed from bytes.  VH_EPARSE,
 * VH_EVERSION, VH_EOP for a kind that we do not know, VH_ETOOBIG. */
enum vh_err message_parse(struct slice bytes, struct message *out);
/* Cuts the next entry off the rest of a parsed message; false at the end. */
bool message_next(struct slice *rest, struct update *out);

/* Writing: open, put entries (the sender's first), close. */
size_t message_open(struct buf *b, enum message_kind kind, uint32_t help_ms,
    struct slice target);
void message_put(struct buf *b, const struct update *u);
void message_close(struct buf *b, size_t opened, uint32_t count);

#endif
