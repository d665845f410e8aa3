/* The two kinds of certificate that a node of a cluster has. */
#ifndef CLI_CLUSTER_KIND_H
#define CLI_CLUSTER_KIND_H

#include "wire/base.h"

enum cert_kind { CERT_TLS, CERT_RECORD, CERT_KINDS };

#define KIND_EKUS 2

struct kind_row {
	const char *name;           /* in file names and in the index */
	const char *eku[KIND_EKUS]; /* extended key usages, by number */
	bool has_sans;
};

/* Static; kind is one of the two. */
const struct kind_row *kind_row(enum cert_kind kind);
/* False for another name. */
bool kind_by_name(struct slice name, enum cert_kind *out);

#endif
