/* The configuration of a node, vhsmd.yaml(5).  What the struct holds has been
 * checked as text: names of users and groups are not looked up, files not
 * opened.  Paths are relative to the folder of the file (path_beside). */
#ifndef KEYSPEC_CONFIG_H
#define KEYSPEC_CONFIG_H

#include "keyspec/value.h"
#include "keyspec/yaml.h"
#include "wire/ops.h"

#define CONFIG_PRINCIPALS_MAX 256
#define CONFIG_ACCOUNTS_MAX   64             /* of one list uids or gids */
#define CONFIG_MEMBERS_MAX    VH_MEMBERS_MAX /* of all of them */
#define CONFIG_RATE_MAX       1000000        /* requests a second */
#define CONFIG_SEEDS_MAX      64
#define CONFIG_REVOKERS_MAX   256
#define CONFIG_AUDIT_SIZE_MAX (1u << 31) /* bytes of one file */
#define CONFIG_AUDIT_KEEP_MAX 1000

#define CONFIG_STATE_FILE "cluster.state" /* in the state folder */

enum config_log_format { LOG_FORMAT_LOGFMT = 1, LOG_FORMAT_JSON };
enum config_log_level { LOG_FROM_ERROR = 1, LOG_FROM_NOTICE, LOG_FROM_DEBUG };

enum config_audit_detail { AUDIT_DETAIL_EACH = 1, AUDIT_DETAIL_SUMMARY };
enum config_audit_blocked { AUDIT_BLOCKED_REFUSE = 1, AUDIT_BLOCKED_CONTINUE };

/* A text that is NULL was not given and has no default here: the supervisor
 * chooses by who runs it. */
struct config_node {
	char *name;
	char *state; /* folder */
};

struct config_listen {
	char *socket; /* ipc:///path, socket_path() gives the path */
	uint32_t mode;
	char *group; /* name or number; NULL: as the process has it */
	char *operator;
};

/* Both or neither. */
struct config_tls {
	char *cert, *key;
};

struct config_http {
	char *discovery; /* ADDR:PORT, see address_of_text(); NULL: no HTTP */
	struct config_tls tls;
	uint32_t connections;
	uint64_t timeout; /* ms */
};

struct config_record {
	char *cert, *key;
};

/* All NULL but for the lists: no cluster.  Else all but crl are there. */
struct config_cluster {
	char *listen;       /* cluster_address() gives ADDR:PORT */
	char *advertise;    /* see advertise_ok() */
	struct texts seeds; /* see seed_of_text() */
	char *ca, *crl;
	struct config_tls tls;
	struct config_record record;
	struct texts revokers; /* node names; empty: every node */
};

struct config_principal {
	struct place at;
	char *name;
	struct texts uids, gids;  /* names or numbers; not both empty */
	uint32_t rate, in_flight; /* 0: no limit */
};

struct config_principals {
	struct config_principal *at;
	size_t count;
};

struct config_limits {
	uint32_t workers; /* 0: one a core */
	uint32_t queue;
	uint32_t payload; /* bytes */
	uint32_t connections;
	uint32_t per_principal;
	uint64_t deadline; /* ms */
};

/* All zero: no audit trail.  Else everything is there. */
struct config_audit {
	char *file;      /* a relative one is in the state folder */
	struct place at; /* of file */
	enum config_audit_detail detail;
	enum config_audit_blocked when_blocked;
	uint32_t max_size; /* bytes */
	uint32_t keep;     /* full files */
};

struct config_log {
	enum config_log_format format;
	enum config_log_level level;
};

/* Names or numbers of the users that root's node drops to; never the same,
 * never root. */
struct config_users {
	char *vault, *front, *peer;
};

struct config {
	struct config_node node;
	struct config_listen listen;
	struct config_http http;
	struct config_cluster cluster;
	struct config_principals principals;
	struct config_limits limits;
	struct config_audit audit;
	struct config_log log;
	struct config_users users;
	char *keys; /* path of the key spec; NULL: keyspec_default_text() */
};

/* VH_ECONFIG with one line in r->why, VH_ENOMEM; *out is then untouched.  An
 * empty text gives all defaults. */
enum vh_err config_parse(const struct reading *r, struct slice text,
    struct config **out);
void config_free(struct config *config);
AUTO_FREE(struct config, config_free)

/* Appends the names of what is not the same in both, a comma list, such as
 * "node.name,limits.queue". */
void config_put_changes(struct buf *b, const struct config *one,
    const struct config *other);

/* The normal form: every default written out.  Parses to the same. */
void config_put(struct buf *b, const struct config *config);

#endif
