/* Single values of configuration: from text, to text, and whether a text is
 * acceptable.  Options on a command line go through the same functions. */
#ifndef KEYSPEC_VALUE_H
#define KEYSPEC_VALUE_H

#include <sys/socket.h>

#include "wire/buf.h"

#define VH_LABEL_MAX       64
#define VH_PRINCIPAL_MAX   64
#define VH_NODE_NAME_MAX   64
#define VH_SOCKET_PATH_MAX 107                  /* sun_path without its NUL */
#define VH_HOST_MAX        120                  /* of HOST in HOST:PORT */
#define VH_ID_MAX          UINT32_C(4294967294) /* (uid_t)-1 means none */

/* A list of texts it owns. */
struct texts {
	char **at;
	size_t count;
};

/* Copies text to the end; VH_ENOMEM. */
enum vh_err texts_add(struct texts *list, const char *text);
/* Frees all and leaves an empty list. */
void texts_drop(struct texts *list);

/* Milliseconds, or nothing. */
struct span {
	bool set;
	uint64_t ms;
};

/* Numbers with a unit or without.  False, and *out untouched, for anything but
 * decimal digits without a leading zero and a known unit, or out of range. */
bool number_of_text(const char *text, uint64_t lo, uint64_t hi, uint64_t *out);
/* 500ms 30s 10m 24h 7d, as milliseconds. */
bool duration_of_text(const char *text, uint64_t lo, uint64_t hi,
    uint64_t *out);
/* 4096 64KiB 1MiB, as bytes. */
bool size_of_text(const char *text, uint64_t lo, uint64_t hi, uint64_t *out);
/* The same back, in the largest unit that fits exactly. */
void number_put(struct buf *b, uint64_t v);
void duration_put(struct buf *b, uint64_t ms);
void size_put(struct buf *b, uint64_t bytes);
/* A scalar of YAML, quoted where it must be. */
void scalar_put(struct buf *b, const char *text);

/* 0600 to 0777, octal, with read and write for the owner. */
bool mode_of_text(const char *text, uint32_t *out);

/* A label of a key: printable ASCII without space, comma, quote, backslash. */
bool label_ok(const char *text);
/* A kid that a key may be published by: wire/pub.h. */
bool published_ok(const char *text);
/* The name of a principal: [a-zA-Z][a-zA-Z0-9_.-]*. */
bool principal_name_ok(const char *text);
/* What allow may list: NAME, uid:N, NODE/NAME, NODE/uid:N. */
bool principal_ok(const char *text);
/* keyspec/uses.c: the typ of a token, as a list takes it; an issuer. */
bool typ_ok(const char *text);
bool issuer_ok(const char *text);
/* [a-zA-Z0-9][a-zA-Z0-9_.-]*. */
bool node_name_ok(const char *text);
/* A user or group: a name or a number up to VH_ID_MAX. */
bool account_ok(const char *text);
/* The same, but neither root nor 0. */
bool plain_account_ok(const char *text);
/* The name of an environment variable. */
bool variable_ok(const char *text);
/* The name of a systemd credential. */
bool credential_ok(const char *text);
/* A path of a file: not empty, shorter than PATH_MAX. */
bool path_ok(const char *text);

/* The path in ipc:///absolute/path, borrowed from url; NULL unless it is that
 * and at most VH_SOCKET_PATH_MAX bytes. */
const char *socket_path(const char *url);
bool socket_ok(const char *url);

/* IPv4:PORT or [IPv6]:PORT, numbers only, as a socket address; port 0 is
 * allowed.  False for anything else; out and len are then untouched. */
bool address_of_text(const char *text, struct sockaddr_storage *out,
    socklen_t *len);
bool address_ok(const char *text);

/* HOST:PORT: a DNS name, an IPv4 address, or an IPv6 one in brackets, and a
 * port. */
struct host_port {
	char host[VH_HOST_MAX + 1]; /* an IPv6 address without its brackets */
	bool is_name;               /* of DNS, not an address */
	uint16_t port;
};

/* False, and *out untouched, for anything else. */
bool host_port_of_text(const char *text, struct host_port *out);

/* By which others reach a node: HOST:PORT, where HOST is not the address that
 * stands for all (0.0.0.0); port 0 is for the one that it listens at. */
bool advertise_ok(const char *text);

/* A seed: HOST:PORT, one node, or dns:NAME:PORT, all that the name stands for;
 * the port is not 0. */
struct seed {
	struct host_port at;
	bool many; /* dns: */
};
bool seed_of_text(const char *text, struct seed *out);
bool seed_ok(const char *text);

/* ADDR:PORT in tls+tcp://ADDR:PORT, as address_of_text takes it, borrowed from
 * url; NULL unless it is that. */
const char *cluster_address(const char *url);
bool cluster_url_ok(const char *url);

/* path as it is when absolute, else in the folder of file; the caller frees
 * it.  VH_ENOMEM, or VH_ETOOBIG when no path may be that long. */
enum vh_err path_beside(const char *file, const char *path, char **out);

#endif
