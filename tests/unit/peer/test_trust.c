#include "peer/trust.h"

#include <criterion/criterion.h>

#include "test_record_pki.h"

/* A cluster of one CA, and trust in it. */
struct world {
	struct cert *ca;
	struct trust *trust;
};

static enum vh_err
load(struct trust *t, const struct cert *ca, const struct buf *crl)
{
	AUTO(buf_free) struct buf *pem = cert_pem(ca);
	AUTO(buf_free) struct buf *why = buf_new(256);
	enum vh_err err = trust_load(t, buf_slice(pem), buf_slice(crl), why);

	cr_expect_eq(err == VH_OK, buf_slice(why).len == 0);
	return err;
}

static struct world
world_new(void)
{
	struct world w = { cert_ca("test CA", NULL), trust_new() };

	cr_assert_eq(load(w.trust, w.ca, NULL), VH_OK);
	return w;
}

static void
world_free(struct world *w)
{
	cert_free(w->ca);
	trust_free(w->trust);
}

/* Judges a chain of one or two; NONE when it is believed. */
static enum refusal
judge(const struct world *w, const struct cert *leaf, const struct cert *next,
    struct certificate **out)
{
	AUTO(buf_free) struct buf *first = cert_der(leaf);
	AUTO(buf_free)
	struct buf *second = next == NULL ? NULL : cert_der(next);
	struct slice ders[] = { buf_slice(first), buf_slice(second) };
	enum refusal why = REFUSAL_NONE;
	enum vh_err err =
	    trust_chain(w->trust, ders, next == NULL ? 1 : 2, out, &why);

	cr_expect_eq(err == VH_OK, why == REFUSAL_NONE);
	cr_expect_eq(err == VH_OK, *out != NULL);
	return why;
}

static enum refusal
judge_want(const struct cert_want *want)
{
	struct world w = world_new();
	AUTO(cert_free) struct cert *leaf = cert_issue(w.ca, want);
	AUTO(certificate_free) struct certificate *c = NULL;
	enum refusal why = judge(&w, leaf, NULL, &c);

	world_free(&w);
	return why;
}

Test(trust, believes_what_the_ca_issued)
{
	struct world w = world_new();
	AUTO(cert_free)
	struct cert *leaf =
	    cert_issue(w.ca, &(struct cert_want){ .cn = "node-1.b_c" });
	AUTO(certificate_free) struct certificate *c = NULL;

	cr_assert_eq(judge(&w, leaf, NULL, &c), REFUSAL_NONE);
	cr_expect_str_eq(c->node, "node-1.b_c");
	cr_expect_eq(EVP_PKEY_eq(c->key, leaf->key), 1);
	cr_expect_eq(c->from_ms, T0 - DAY);
	cr_expect_eq(c->until_ms, T0 + 365 * DAY + 999);
	cr_expect_eq(c->revoked_ms, TRUST_NOT_REVOKED);
	world_free(&w);
}

Test(trust, believes_nobody_without_a_ca)
{
	struct world w = { cert_ca("test CA", NULL), trust_new() };
	AUTO(cert_free)
	struct cert *leaf = cert_issue(w.ca, &(struct cert_want){ 0 });
	AUTO(certificate_free) struct certificate *c = NULL;

	cr_expect_eq(judge(&w, leaf, NULL, &c), REFUSAL_UNTRUSTED);
	world_free(&w);
}

Test(trust, refuses_another_ca_of_the_same_name)
{
	struct world w = world_new();
	AUTO(cert_free) struct cert *other = cert_ca("test CA", NULL);
	AUTO(cert_free)
	struct cert *leaf = cert_issue(other, &(struct cert_want){ 0 });
	AUTO(certificate_free) struct certificate *c = NULL;

	cr_expect_eq(judge(&w, leaf, NULL, &c), REFUSAL_UNTRUSTED);
	/* Nor if it brings its own CA. */
	cr_expect_eq(judge(&w, leaf, other, &c), REFUSAL_UNTRUSTED);
	world_free(&w);
}

Test(trust, an_intermediate_ca_comes_with_the_leaf)
{
	struct world w = world_new();
	AUTO(cert_free) struct cert *middle = cert_ca("middle", w.ca);
	AUTO(cert_free)
	struct cert *leaf = cert_issue(middle, &(struct cert_want){ 0 });
	AUTO(certificate_free) struct certificate *c = NULL;

	cr_expect_eq(judge(&w, leaf, NULL, &c), REFUSAL_UNTRUSTED);
	cr_expect_eq(judge(&w, leaf, middle, &c), REFUSAL_NONE);
	world_free(&w);
}

Test(trust, a_leaf_issues_nothing)
{
	struct world w = world_new();
	AUTO(cert_free)
	struct cert *leaf = cert_issue(w.ca, &(struct cert_want){ 0 });
	AUTO(cert_free)
	struct cert *forged =
	    cert_issue(leaf, &(struct cert_want){ .cn = "b" });
	AUTO(certificate_free) struct certificate *c = NULL;

	cr_expect_eq(judge(&w, forged, leaf, &c), REFUSAL_UNTRUSTED);
	world_free(&w);
}

Test(trust, a_certificate_is_for_records_and_nothing_else)
{
	static const char *const usages[] = { "", "serverAuth",
		"serverAuth,clientAuth", "1.3.6.1.4.1.58270.1.2",
		"1.3.6.1.4.1.58270.1.1.1", "anyExtendedKeyUsage",
		RECORD_USAGE ",serverAuth", RECORD_USAGE ",clientAuth",
		RECORD_USAGE ",anyExtendedKeyUsage" };

	for (size_t i = 0; i < ARRAY_LEN(usages); i++)
		cr_expect_eq(judge_want(
				 &(struct cert_want){ .usage = usages[i] }),
		    REFUSAL_USAGE, "%s", usages[i]);
	cr_expect_eq(judge_want(&(struct cert_want){
			 .usage = "critical," RECORD_USAGE }),
	    REFUSAL_NONE);
}

Test(trust, a_certificate_may_sign_and_is_no_ca)
{
	cr_expect_eq(judge_want(
			 &(struct cert_want){ .key_usage = "keyAgreement" }),
	    REFUSAL_USAGE);
	cr_expect_eq(judge_want(&(struct cert_want){ .key_usage = "" }),
	    REFUSAL_NONE);
	cr_expect_eq(judge_want(&(struct cert_want){ .ca = true,
			 .key_usage = "digitalSignature,keyCertSign" }),
	    REFUSAL_USAGE);
}

Test(trust, a_record_key_is_on_p256)
{
	cr_expect_eq(judge_want(&(struct cert_want){ .curve = "P-384" }),
	    REFUSAL_CERT_KEY);
}

Test(trust, the_common_name_is_one_node_name)
{
	static const char *const bad[] = { "a b", "-a", "a/b", "a\nb",
		"\xc3\xa4", "*" };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		cr_expect_eq(judge_want(&(struct cert_want){ .cn = bad[i] }),
		    REFUSAL_CERT_NAME, "%s", bad[i]);
	cr_expect_eq(judge_want(
			 &(struct cert_want){ .cn = "a", .other_cn = "b" }),
	    REFUSAL_CERT_NAME);
}

Test(trust, node_names_are_words)
{
	char longest[NODE_NAME_MAX + 1];

	memset(longest, 'x', sizeof longest);
	cr_expect(node_name_is_valid(slice_of(longest, NODE_NAME_MAX)));
	cr_expect_not(node_name_is_valid(slice_of(longest, sizeof longest)));
	cr_expect_not(node_name_is_valid(slice_text("")));
	cr_expect_not(node_name_is_valid(slice_of("a\0b", 3)));
	cr_expect(node_name_is_valid(slice_text("0.a_b-c")));
	cr_expect_not(node_name_is_valid(slice_text(".a")));
}

Test(trust, validity_is_that_of_the_whole_chain_to_the_second)
{
	struct world w = world_new();
	AUTO(cert_free)
	struct cert *leaf = cert_issue(w.ca,
	    &(struct cert_want){ .from = T0, .until = T0 + HOUR });
	AUTO(certificate_free) struct certificate *c = NULL;
	enum refusal why;

	cr_assert_eq(judge(&w, leaf, NULL, &c), REFUSAL_NONE);
	cr_expect_eq(certificate_at(c, T0 - 1, &why), VH_EVERIFY);
	cr_expect_eq(why, REFUSAL_EXPIRED);
	cr_expect_eq(certificate_at(c, T0, &why), VH_OK);
	cr_expect_eq(certificate_at(c, T0 + HOUR + 999, &why), VH_OK);
	cr_expect_eq(certificate_at(c, T0 + HOUR + 1000, &why), VH_EVERIFY);
	world_free(&w);
}

/* --- the bytes of a chain --------------------------------------------------
 */

static enum refusal
judge_bytes(const struct trust *t, struct slice der)
{
	AUTO(certificate_free) struct certificate *c = NULL;
	enum refusal why = REFUSAL_NONE;

	(void)trust_chain(t, &der, 1, &c, &why); /* why says it */
	return why;
}

Test(trust, every_prefix_and_every_longer_certificate_is_refused)
{
	struct world w = world_new();
	AUTO(cert_free)
	struct cert *leaf = cert_issue(w.ca, &(struct cert_want){ 0 });
	AUTO(buf_free) struct buf *der = cert_der(leaf);

	for (size_t n = 0; n < der->len; n++)
		cr_expect_eq(judge_bytes(w.trust, slice_of(der->p, n)),
		    REFUSAL_CHAIN, "%zu", n);
	buf_put_u8(der, 0);
	cr_expect_eq(judge_bytes(w.trust, buf_slice(der)), REFUSAL_CHAIN);
	world_free(&w);
}

Test(trust, every_flipped_bit_is_refused)
{
	struct world w = world_new();
	AUTO(cert_free)
	struct cert *leaf = cert_issue(w.ca, &(struct cert_want){ 0 });
	AUTO(buf_free) struct buf *der = cert_der(leaf);

	for (size_t i = 0; i < der->len * 8; i++) {
		der->p[i / 8] ^= (uint8_t)(1u << i % 8);
		cr_expect_neq(judge_bytes(w.trust, buf_slice(der)),
		    REFUSAL_NONE, "bit %zu", i);
		der->p[i / 8] ^= (uint8_t)(1u << i % 8);
	}
	cr_expect_eq(judge_bytes(w.trust, buf_slice(der)), REFUSAL_NONE);
	world_free(&w);
}

Test(trust, an_empty_or_too_long_chain_is_refused)
{
	struct world w = world_new();
	AUTO(cert_free)
	struct cert *leaf = cert_issue(w.ca, &(struct cert_want){ 0 });
	AUTO(buf_free) struct buf *der = cert_der(leaf);
	struct slice ders[TRUST_CHAIN_MAX + 1];
	struct certificate *c = NULL;
	enum refusal why;

	for (size_t i = 0; i < ARRAY_LEN(ders); i++)
		ders[i] = buf_slice(der);
	cr_expect_neq(trust_chain(w.trust, ders, 0, &c, &why), VH_OK);
	cr_expect_eq(why, REFUSAL_CHAIN);
	cr_expect_neq(trust_chain(w.trust, ders, ARRAY_LEN(ders), &c, &why),
	    VH_OK);
	cr_expect_eq(why, REFUSAL_CHAIN);
	world_free(&w);
}

/* --- revocation ------------------------------------------------------------
 */

Test(trust, a_revoked_certificate_is_good_at_no_time)
{
	struct world w = world_new();
	AUTO(cert_free)
	struct cert *bad = cert_issue(w.ca, &(struct cert_want){ 0 });
	AUTO(cert_free)
	struct cert *good = cert_issue(w.ca, &(struct cert_want){ 0 });
	AUTO(buf_free)
	struct buf *crl =
	    cert_crl(w.ca, (const struct cert *[]){ bad, NULL }, T0, T0 + DAY);
	AUTO(certificate_free) struct certificate *c = NULL;
	AUTO(certificate_free) struct certificate *e = NULL;
	enum refusal why;

	cr_assert_eq(load(w.trust, w.ca, crl), VH_OK);
	cr_expect_eq(trust_crl_ends(w.trust), T0 + DAY);
	cr_assert_eq(judge(&w, bad, NULL, &c), REFUSAL_NONE);
	cr_expect_eq(c->revoked_ms, T0);
	cr_expect_eq(certificate_at(c, T0 - HOUR, &why), VH_EVERIFY);
	cr_expect_eq(why, REFUSAL_REVOKED);
	cr_assert_eq(judge(&w, good, NULL, &e), REFUSAL_NONE);
	cr_expect_eq(certificate_at(e, T0, &why), VH_OK);
	world_free(&w);
}

Test(trust, an_intermediate_ca_can_be_revoked)
{
	struct world w = world_new();
	AUTO(cert_free) struct cert *middle = cert_ca("middle", w.ca);
	AUTO(cert_free)
	struct cert *leaf = cert_issue(middle, &(struct cert_want){ 0 });
	AUTO(buf_free)
	struct buf *crl = cert_crl(w.ca,
	    (const struct cert *[]){ middle, NULL }, T0, T0 + DAY);
	AUTO(certificate_free) struct certificate *c = NULL;

	cr_assert_eq(load(w.trust, w.ca, crl), VH_OK);
	cr_assert_eq(judge(&w, leaf, middle, &c), REFUSAL_NONE);
	cr_expect_eq(c->revoked_ms, T0);
	world_free(&w);
}

Test(trust, a_list_past_its_time_still_revokes)
{
	struct world w = world_new();
	AUTO(cert_free)
	struct cert *leaf = cert_issue(w.ca, &(struct cert_want){ 0 });
	AUTO(buf_free)
	struct buf *crl = cert_crl(w.ca, (const struct cert *[]){ leaf, NULL },
	    T0 - 50 * DAY, T0 - 40 * DAY);
	AUTO(certificate_free) struct certificate *c = NULL;

	cr_assert_eq(load(w.trust, w.ca, crl), VH_OK);
	cr_assert_eq(judge(&w, leaf, NULL, &c), REFUSAL_NONE);
	cr_expect_neq(c->revoked_ms, TRUST_NOT_REVOKED);
	world_free(&w);
}

Test(trust, a_list_of_another_ca_changes_nothing)
{
	struct world w = world_new();
	AUTO(cert_free) struct cert *other = cert_ca("test CA", NULL);
	AUTO(cert_free)
	struct cert *leaf = cert_issue(w.ca, &(struct cert_want){ 0 });
	AUTO(buf_free)
	struct buf *good =
	    cert_crl(w.ca, (const struct cert *[]){ leaf, NULL }, T0, T0 + DAY);
	AUTO(buf_free)
	struct buf *crl =
	    cert_crl(other, (const struct cert *[]){ NULL }, T0, T0 + DAY);
	AUTO(certificate_free) struct certificate *c = NULL;

	cr_assert_eq(load(w.trust, w.ca, good), VH_OK);
	cr_expect_eq(load(w.trust, w.ca, crl), VH_ECONFIG);
	cr_assert_eq(judge(&w, leaf, NULL, &c), REFUSAL_NONE);
	cr_expect_eq(c->revoked_ms, T0, "the old list is gone");
	world_free(&w);
}

/* --- the bundle ------------------------------------------------------------
 */

static enum vh_err
load_text(struct trust *t, const char *ca, const char *crl)
{
	AUTO(buf_free) struct buf *why = buf_new(256);

	return trust_load(t, slice_text(ca), slice_text(crl), why);
}

Test(trust, a_bundle_that_is_none_changes_nothing)
{
	struct world w = world_new();
	AUTO(cert_free)
	struct cert *leaf = cert_issue(w.ca, &(struct cert_want){ 0 });
	AUTO(certificate_free) struct certificate *c = NULL;
	static const char *const bad[] = { "", "text",
		"-----BEGIN CERTIFICATE-----\n",
		("-----BEGIN CERTIFICATE-----\nAAAA\n"
		 "-----END CERTIFICATE-----\n") };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		cr_expect_eq(load_text(w.trust, bad[i], ""), VH_ECONFIG, "%zu",
		    i);
	cr_expect_eq(load(w.trust, leaf, NULL), VH_ECONFIG, "a leaf");
	cr_expect_eq(judge(&w, leaf, NULL, &c), REFUSAL_NONE);
	world_free(&w);
}

Test(trust, a_list_that_is_none_is_refused)
{
	struct world w = world_new();
	AUTO(buf_free) struct buf *pem = cert_pem(w.ca);

	buf_put_u8(pem, 0);
	cr_expect_eq(load_text(w.trust, (const char *)pem->p, "text"),
	    VH_ECONFIG);
	cr_expect_eq(load_text(w.trust, (const char *)pem->p, ""), VH_OK);
	world_free(&w);
}

Test(trust, all_of_a_bundle_are_believed_while_a_ca_is_replaced)
{
	struct world w = world_new();
	AUTO(cert_free) struct cert *new_ca = cert_ca("new CA", NULL);
	AUTO(cert_free)
	struct cert *old = cert_issue(w.ca, &(struct cert_want){ 0 });
	AUTO(cert_free)
	struct cert *new = cert_issue(new_ca, &(struct cert_want){ 0 });
	AUTO(buf_free) struct buf *pem = cert_pem(w.ca);
	AUTO(certificate_free) struct certificate *c = NULL;
	AUTO(certificate_free) struct certificate *d = NULL;

	cert_put_pem(pem, new_ca);
	cr_assert_eq(trust_load(w.trust, buf_slice(pem), slice_text(""), NULL),
	    VH_OK);
	cr_expect_eq(judge(&w, old, NULL, &c), REFUSAL_NONE);
	cr_expect_eq(judge(&w, new, NULL, &d), REFUSAL_NONE);
	world_free(&w);
}

/* --- who was here ----------------------------------------------------------
 */

static void
remember(struct trust *t, const char *node, const struct cert *c)
{
	AUTO(buf_free) struct buf *der = cert_der(c);
	struct slice one = buf_slice(der);

	cr_assert_eq(trust_remember(t, node, &one, 1), VH_OK);
}

static bool
allows(const struct world *w, const char *node, uint64_t now)
{
	return trust_allows_node(w->trust, node, (struct wall_ms){ now });
}

Test(trust, a_node_is_allowed_until_it_expires)
{
	struct world w = world_new();
	AUTO(cert_free)
	struct cert *leaf =
	    cert_issue(w.ca, &(struct cert_want){ .until = T0 + HOUR });

	cr_expect_not(allows(&w, "a", T0), "never met");
	remember(w.trust, "a", leaf);
	cr_expect(allows(&w, "a", T0));
	cr_expect_not(allows(&w, "b", T0));
	cr_expect_not(allows(&w, "a", T0 + HOUR + SECOND));
	world_free(&w);
}

Test(trust, a_node_is_not_allowed_once_revoked_or_of_a_former_ca)
{
	struct world w = world_new();
	AUTO(cert_free) struct cert *other = cert_ca("other CA", NULL);
	AUTO(cert_free)
	struct cert *leaf = cert_issue(w.ca, &(struct cert_want){ 0 });
	AUTO(cert_free)
	struct cert *new = cert_issue(w.ca, &(struct cert_want){ 0 });
	AUTO(buf_free)
	struct buf *crl =
	    cert_crl(w.ca, (const struct cert *[]){ leaf, NULL }, T0, T0 + DAY);

	remember(w.trust, "a", leaf);
	cr_assert_eq(load(w.trust, w.ca, crl), VH_OK);
	cr_expect_not(allows(&w, "a", T0));
	remember(w.trust, "a", new);
	cr_expect(allows(&w, "a", T0), "it has a new one");
	cr_assert_eq(load(w.trust, other, NULL), VH_OK);
	cr_expect_not(allows(&w, "a", T0));
	world_free(&w);
}

Test(trust, who_came_longest_ago_is_forgotten_first)
{
	struct world w = world_new();
	AUTO(cert_free)
	struct cert *leaf = cert_issue(w.ca, &(struct cert_want){ 0 });
	char name[16];

	for (unsigned i = 0; i <= TRUST_NODES_MAX; i++) {
		snprintf(name, sizeof name, "n%u", i);
		remember(w.trust, name, leaf);
	}
	cr_expect_not(allows(&w, "n0", T0));
	cr_expect(allows(&w, "n1", T0));
	cr_expect(allows(&w, name, T0));
	world_free(&w);
}
