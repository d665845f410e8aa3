/* The names of a cluster's certificates: of nodes, and of where they are
 * reached. */
#ifndef CLI_CLUSTER_NAMES_H
#define CLI_CLUSTER_NAMES_H

#include "wire/base.h"

#define NODE_NAME_MAX                                                          \
	64 /* a common name has no more (RFC 5280, ub-common-name) */
#define SAN_NAME_MAX   253
#define SANS_MAX       64
#define NODE_NAME_SIZE (NODE_NAME_MAX + 1)
#define SAN_IP_MAX     16

/* Whether it is 1 to 64 of A-Z a-z 0-9 . _ - */
bool node_name_is_sound(struct slice name);

/* Names that a TLS certificate speaks for, each once, in the order given.  IP
 * addresses stand as inet_ntop writes them. */
struct sans {
	size_t n;
	char at[SANS_MAX][SAN_NAME_MAX + 1];
};

/* Adds a DNS name or the text of an IP address; one that is there already, in
 * whatever case, changes nothing.  VH_EFIELD unless it is either: labels of 1
 * to 63 letters, digits, _ and inner -, the last not a number, no wildcard.
 * VH_ETOOBIG when there are SANS_MAX. */
enum vh_err sans_add(struct sans *s, struct slice name);
/* Adds a node's name, which need not be a DNS name.  VH_EFIELD when it is no
 * node name. */
enum vh_err sans_add_node(struct sans *s, struct slice name);
/* Adds an IP address of 4 or 16 bytes. */
enum vh_err sans_add_ip(struct sans *s, struct slice ip);
bool sans_have(const struct sans *s, const char *name);

/* The bytes of a name that is an IP address: 4 or 16; 0 for other names. */
size_t san_ip(const char *name, uint8_t ip[static SAN_IP_MAX]);

#endif
