#include "client/cli/cluster_kind.h"

/* The usage of records is an arc of this project's own, used nowhere else: a
 * certificate that opens TLS connections signs no records, and the other way
 * round. */
static const struct kind_row kinds[CERT_KINDS] = {
	[CERT_TLS] = { "tls",
	    { "1.3.6.1.5.5.7.3.1",
		"1.3.6.1.5.5.7.3.2" }, /* RFC 5280, 4.2.1.12 */
	    true },
	[CERT_RECORD] = { "record", { "1.3.6.1.4.1.58270.1.1" }, false },
};

const struct kind_row *
kind_row(enum cert_kind kind)
{
	return &kinds[kind];
}

bool
kind_by_name(struct slice name, enum cert_kind *out)
{
	for (size_t i = 0; i < CERT_KINDS; i++) {
		if (!slice_is(name, kinds[i].name))
			continue;
		*out = (enum cert_kind)i;
		return true;
	}
	return false;
}
