/* What a cluster CA has issued: the file "index" beside it, one certificate a
 * line, oldest first:
 *
 *   SERIAL KIND NAME NOT_AFTER REVOKED
 *
 * SERIAL in lower-case hexadecimal, KIND tls or record, times as
 * 2027-01-31T12:00:00Z, REVOKED "-" for a certificate that is not.  The
 * revocation list is made from it, so no row is ever dropped: records outlive
 * the certificates that signed them. */
#ifndef CLI_CLUSTER_INDEX_H
#define CLI_CLUSTER_INDEX_H

#include <time.h>

#include "client/cli/cluster_kind.h"
#include "client/cli/cluster_names.h"
#include "wire/buf.h"

#define INDEX_FILE_MAX (4u << 20)
#define SERIAL_MAX     40 /* digits: RFC 5280, 4.1.2.2 allows 20 bytes */

struct issued {
	char serial[SERIAL_MAX + 1];
	enum cert_kind kind;
	char name[NODE_NAME_SIZE];
	time_t not_after, revoked; /* revoked 0: it is not */
};

struct cert_index;

/* Reads a whole file.  VH_EPARSE with the number of the line that is not as
 * above, or repeats a serial, in *line; VH_ENOMEM.  The caller frees it. */
enum vh_err index_parse(struct slice text, struct cert_index **out,
    size_t *line);
void index_free(struct cert_index *x);
AUTO_FREE(struct cert_index, index_free)

/* Rows in order, NULL past the end; by serial, NULL for none.  Valid until the
 * next index_add. */
const struct issued *index_at(const struct cert_index *x, size_t i);
const struct issued *index_find(const struct cert_index *x, const char *serial);

/* VH_EDUPLICATE for a serial that is there, VH_ENOMEM. */
enum vh_err index_add(struct cert_index *x, const struct issued *row);
/* Mark as revoked what is not; how many rows fit, marked before or not. */
size_t index_revoke_serial(struct cert_index *x, const char *serial,
    time_t now);
size_t index_revoke_name(struct cert_index *x, const char *name, time_t now);

/* Appends the file. */
void index_put(struct buf *b, const struct cert_index *x);

/* A time as the file has it; "" for one outside the years 1970 to 9999. */
#define TIME_TEXT_SIZE sizeof "2027-01-31T12:00:00Z"
void time_text(time_t t, char out[static TIME_TEXT_SIZE]);

#endif
