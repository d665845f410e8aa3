#include "test_record_world.h"

#include <criterion/criterion.h>

struct record_world
record_world_new(void)
{
	struct record_world w = { .ca = cert_ca("test CA", NULL),
		.trust = trust_new(),
		.verifier = verifier_new() };
	AUTO(buf_free) struct buf *pem = cert_pem(w.ca);

	w.a = cert_issue(w.ca, &(struct cert_want){ .cn = "a" });
	cr_assert_eq(trust_load(w.trust, buf_slice(pem), slice_text(""), NULL),
	    VH_OK);
	return w;
}

void
record_world_free(struct record_world *w)
{
	verifier_free(w->verifier);
	trust_free(w->trust);
	cert_free(w->a);
	cert_free(w->ca);
}
