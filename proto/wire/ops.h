/* The operations (ops.def) and their fields (fields.def). */
#ifndef WIRE_OPS_H
#define WIRE_OPS_H

#include "wire/base.h"

#define VH_HEADER_MAX    16384u      /* a JOSE header, encoded or not */
#define VH_DATA_MAX      (16u << 20) /* hard bound; limits.payload is lower */
#define VH_TOKEN_MAX     (24u << 20) /* room for base64url of that */
#define VH_LIST_MAX      (28u << 20) /* a JWK Set, or a report of keys */
#define VH_RECORD_MAX    (8u << 20)  /* a node's record, signed */
#define VH_TAGS          128
#define VH_ITEMS_MAX     64   /* requests of a BATCH */
#define VH_WORKERS_MAX   256  /* of each lane of the vault */
#define VH_LIBCTX_MAX    64   /* library contexts they have; more share */
#define VH_PUBLISHED_MAX 256  /* bytes of a kid that is no thumbprint */
#define VH_NODE_MAX      64   /* bytes of a node name */
#define VH_WHO_MAX       1024 /* bytes of who asks */
#define VH_PARTIES       16   /* signers or recipients of one token */
#define VH_MEMBERS_MAX   4096 /* uids and gids of all principals of a node */

enum vh_tag {
#define VH_FIELD(tag, name, type, max, rep) VH_F_##name = tag,
#include "wire/fields.def"
};

enum vh_op {
#define VH_OP(num, name, who, needs, may, answers) VH_OP_##name = num,
#include "wire/ops.def"
};

/* Who stands at the other end of a link: a set of these may call an op. */
enum vh_who {
	VH_WHO_CALLER = 1,
	VH_WHO_OPERATOR = 2,
	VH_WHO_FRONT = 4,
	VH_WHO_SUPER = 8,
	VH_WHO_PEER = 16,  /* this node's vhsmd-peer */
	VH_WHO_NODE = 32,  /* another node, as its hello proved */
	VH_WHO_VAULT = 64, /* this node's vault, towards the supervisor */
};

/* Where a key is in its life; only an active one signs. */
enum vh_key_state { VH_KEY_PUBLISHED = 1, VH_KEY_ACTIVE, VH_KEY_RETIRED };

/* How the audit trail is written: FLAGS of VAUDIT. */
enum vh_audit_flag {
	VH_AUDIT_SUMMARY = 1,  /* counts now and then, not each use */
	VH_AUDIT_CONTINUE = 2, /* keys are used also while it is blocked */
	/* In the field AUDIT: how it is now. */
	VH_AUDIT_BLOCKED = 4, /* lines cannot be written */
	VH_AUDIT_SIGNS = 8,   /* checkpoints are signed with the record key */
};

/* STAGE of VNOTE: where an act stands.  Absent: it is done once its line is on
 * its way, or not at all. */
enum vh_act_stage {
	VH_ACT_ASKED = 1, /* may it be done?  No line yet */
	VH_ACT_DONE = 2,  /* its line comes in any case, with OUTCOME */
};

/* What callers may do with a key, and how: bits of OPS.  Without one of the
 * first four, all that its use has. */
enum vh_key_op {
	VH_KEY_SIGN = 1,
	VH_KEY_VERIFY = 2,
	VH_KEY_ENCRYPT = 4,
	VH_KEY_DECRYPT = 8,
	VH_KEY_RAW = 16, /* the padded primitives, without JOSE around them */
};
#define VH_KEY_OPS                                                             \
	(VH_KEY_SIGN | VH_KEY_VERIFY | VH_KEY_ENCRYPT | VH_KEY_DECRYPT)

/* The i-th of them: its word, and its bit; NULL past the last. */
const char *key_op_at(size_t i, uint32_t *bit);

/* FLAGS of KEYS. */
enum vh_keys_flag {
	VH_KEYS_MINE = 1, /* a report of what the caller may do with them */
};

/* All that must be set in ops for what is asked. */
static inline bool
ops_have(uint32_t ops, uint32_t asked)
{
	if ((ops & VH_KEY_OPS) == 0)
		ops |= VH_KEY_OPS;
	return (ops & asked) == asked;
}

/* PASSPHRASE of VLOAD: what comes is a passphrase, or a key file that needs the
 * one that came before. */
enum vh_passphrase { VH_PASSPHRASE_TAKE = 1, VH_PASSPHRASE_USE = 2 };

/* What a descriptor that arrives with GIVE is for. */
enum vh_role {
	VH_ROLE_CALLERS = 1,   /* listening Unix socket */
	VH_ROLE_OPERATORS = 2, /* listening Unix socket */
	VH_ROLE_HTTP = 3,      /* listening TCP socket */
	VH_ROLE_VAULT = 4,     /* front's link to the vault */
	VH_ROLE_FRONT = 5,     /* the vault's link to a front */
	VH_ROLE_TLS_CERT = 6,  /* PEM file of HTTP's certificate chain */
	VH_ROLE_TLS_KEY = 7,   /* PEM file of its private key */
	VH_ROLE_PEER = 8,      /* front's or the vault's link to peer */
	VH_ROLE_NODE_CERT = 9, /* PEM file: the node's TLS certificate chain */
	VH_ROLE_NODE_KEY = 10, /* PEM file: its private key */
	VH_ROLE_CA = 11,       /* PEM file: the cluster's CA */
	VH_ROLE_CRL = 12,      /* PEM file: its revocation list */
	VH_ROLE_STATE = 13,    /* what PSAVE saved */
};

/* A set of fields: bit by tag. */
typedef unsigned __int128 vh_tags;
#define VH_TAG_BIT(tag) ((vh_tags)1 << (tag))

enum vh_field_type { VH_BYTES, VH_TEXT, VH_U32, VH_U64, VH_NEST };

struct field_row {
	const char *name;
	enum vh_field_type type;
	size_t max;
	bool rep;
};

struct op_row {
	const char *name;
	unsigned who;
	vh_tags needs, may, answers;
};

/* NULL for numbers no row has.  Rows are static. */
const struct field_row *field_row(unsigned tag);
const struct op_row *op_row(unsigned op);
/* "SIGN"; "unknown" for a number no row has. */
const char *op_name(unsigned op);

#endif
