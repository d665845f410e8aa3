#include <criterion/criterion.h>
#include <openssl/pem.h>

#include "client/cli/cluster_csr.h"

/* A request in the making, and what became of it. */
struct draft {
	EVP_PKEY *key;
	X509_REQ *req;
	STACK_OF(X509_EXTENSION) * x;
	struct csr *csr;
	char why[256];
};

static struct draft
draft_new(const char *name)
{
	struct draft d = { .req = X509_REQ_new(),
		.x = sk_X509_EXTENSION_new_null() };
	AUTO(X509_NAME_free) X509_NAME *subject = x509_name_of(name);

	cr_assert_eq(x509_key_new(&d.key), VH_OK);
	cr_assert_eq(X509_REQ_set_subject_name(d.req, subject), 1);
	cr_assert_eq(X509_REQ_set_pubkey(d.req, d.key), 1);
	return d;
}

static void
draft_end(struct draft *d)
{
	csr_free(d->csr);
	sk_X509_EXTENSION_pop_free(d->x, X509_EXTENSION_free);
	X509_REQ_free(d->req);
	EVP_PKEY_free(d->key);
}

static void
ask_for(struct draft *d, int nid, const char *value)
{
	X509_EXTENSION *x = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	cr_assert_not_null(x);
	sk_X509_EXTENSION_push(d->x, x);
}

static void
ask_for_kind(struct draft *d, enum cert_kind kind)
{
	AUTO(EXTENDED_KEY_USAGE_free)
	EXTENDED_KEY_USAGE *ekus = x509_ekus_of(kind);

	cr_assert_eq(X509V3_add1_i2d(&d->x, NID_ext_key_usage, ekus, 0, 0), 1);
}

static enum vh_err
parse_request(struct draft *d)
{
	AUTO(BIO_free_all) BIO *pem = x509_pem_of_request(d->req);
	AUTO(buf_free) struct buf *why = buf_new(sizeof d->why);
	enum vh_err err = csr_parse(x509_bytes(pem), &d->csr, why);

	memcpy(d->why, buf_slice(why).len == 0 ? "" : (char *)why->p,
	    buf_slice(why).len);
	return err;
}

static enum vh_err
sign_and_parse(struct draft *d)
{
	if (sk_X509_EXTENSION_num(d->x) > 0)
		cr_assert_eq(X509_REQ_add_extensions(d->req, d->x), 1);
	cr_assert_gt(X509_REQ_sign(d->req, d->key, EVP_sha256()), 0);
	return parse_request(d);
}

Test(cluster_csr, what_is_made_is_accepted)
{
	for (int kind = 0; kind < CERT_KINDS; kind++) {
		struct draft d = draft_new("unused");
		struct sans sans = { 0 };

		cr_assert_eq(sans_add_node(&sans, slice_text("n.1_-")), VH_OK);
		cr_assert_eq(sans_add(&sans, slice_text("::1")), VH_OK);
		X509_REQ_free(d.req);
		d.req = csr_make(d.key, (enum cert_kind)kind, "n.1_-", &sans);
		cr_assert_eq(parse_request(&d), VH_OK, "%s", d.why);
		cr_expect_eq(d.csr->kind, (enum cert_kind)kind);
		cr_expect_str_eq(d.csr->name, "n.1_-");
		cr_expect_eq(d.csr->sans.n, kind == CERT_TLS ? 2 : 0);
		cr_expect_eq(EVP_PKEY_eq(d.csr->key, d.key), 1);
		draft_end(&d);
	}
}

Test(cluster_csr, the_nodes_name_leads_its_alternative_names)
{
	struct draft d = draft_new("a");

	ask_for_kind(&d, CERT_TLS);
	ask_for(&d, NID_subject_alt_name, "DNS:b.example,IP:10.0.0.1,DNS:a");
	cr_assert_eq(sign_and_parse(&d), VH_OK, "%s", d.why);
	cr_assert_eq(d.csr->sans.n, 3);
	cr_expect_str_eq(d.csr->sans.at[0], "a");
	cr_expect_str_eq(d.csr->sans.at[1], "b.example");
	cr_expect_str_eq(d.csr->sans.at[2], "10.0.0.1");
	draft_end(&d);
}

static void
expect_refused(struct draft *d, enum vh_err err, const char *why)
{
	cr_expect_eq(sign_and_parse(d), err, "%s", d->why);
	cr_expect_not_null(strstr(d->why, why), "%s", d->why);
	cr_expect_null(d->csr);
	draft_end(d);
}

Test(cluster_csr, any_other_extension_is_refused)
{
	static const struct {
		int nid;
		const char *value, *why;
	} rows[] = {
		{ NID_basic_constraints, "CA:TRUE", "Basic Constraints" },
		{ NID_basic_constraints, "CA:FALSE", "Basic Constraints" },
		{ NID_key_usage, "keyCertSign", "Key Usage" },
		{ NID_netscape_comment, "x", "Comment" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct draft d = draft_new("a");

		ask_for_kind(&d, CERT_TLS);
		ask_for(&d, rows[i].nid, rows[i].value);
		expect_refused(&d, VH_EFIELD, rows[i].why);
	}
}

Test(cluster_csr, the_key_usage_is_exactly_that_of_one_kind)
{
	static const char *const wrong[] = { "serverAuth", "clientAuth",
		"serverAuth,clientAuth,codeSigning",
		"serverAuth,clientAuth,1.3.6.1.4.1.58270.1.1",
		"serverAuth,1.3.6.1.4.1.58270.1.1", "serverAuth,serverAuth",
		"1.3.6.1.4.1.58270.1.2", "anyExtendedKeyUsage" };
	struct draft none = draft_new("a");

	expect_refused(&none, VH_EFIELD, "extended key usage");
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct draft d = draft_new("a");

		ask_for(&d, NID_ext_key_usage, wrong[i]);
		expect_refused(&d, VH_EFIELD, "extended key usage");
	}
	struct draft twice = draft_new("a");

	ask_for(&twice, NID_ext_key_usage, "1.3.6.1.4.1.58270.1.1");
	ask_for(&twice, NID_ext_key_usage, "1.3.6.1.4.1.58270.1.1");
	expect_refused(&twice, VH_EFIELD, "extended key usage");
}

Test(cluster_csr, strange_alternative_names_are_refused)
{
	static const char *const wrong[] = { "DNS:*.example", "DNS:a b",
		"email:x@example", "URI:http://a/", "RID:1.2.3",
		"otherName:1.2.3;UTF8:x" };

	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct draft d = draft_new("a");

		ask_for_kind(&d, CERT_TLS);
		ask_for(&d, NID_subject_alt_name, wrong[i]);
		expect_refused(&d, VH_EFIELD, "alternative names");
	}
	struct draft twice = draft_new("a");

	ask_for_kind(&twice, CERT_TLS);
	ask_for(&twice, NID_subject_alt_name, "DNS:b");
	ask_for(&twice, NID_subject_alt_name, "DNS:c");
	expect_refused(&twice, VH_EFIELD, "there twice");
	struct draft record = draft_new("a");

	ask_for_kind(&record, CERT_RECORD);
	ask_for(&record, NID_subject_alt_name, "DNS:a");
	expect_refused(&record, VH_EFIELD, "no alternative names");
}

Test(cluster_csr, the_subject_is_one_node_name)
{
	static const char *const wrong[] = { "a b", "../a", "a/b", "*" };

	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct draft d = draft_new(wrong[i]);

		ask_for_kind(&d, CERT_RECORD);
		expect_refused(&d, VH_EFIELD, "subject");
	}
	struct draft two = draft_new("a");
	X509_NAME *name = X509_REQ_get_subject_name(two.req);

	X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
	    (const unsigned char *)"b", -1, -1, 0);
	ask_for_kind(&two, CERT_RECORD);
	expect_refused(&two, VH_EFIELD, "subject");
	struct draft other = draft_new("a");

	name = X509_REQ_get_subject_name(other.req);
	X509_NAME_ENTRY_free(X509_NAME_delete_entry(name, 0));
	X509_NAME_add_entry_by_NID(name, NID_organizationName, MBSTRING_UTF8,
	    (const unsigned char *)"a", -1, -1, 0);
	ask_for_kind(&other, CERT_RECORD);
	expect_refused(&other, VH_EFIELD, "subject");
	struct draft none = draft_new("a");

	name = X509_REQ_get_subject_name(none.req);
	X509_NAME_ENTRY_free(X509_NAME_delete_entry(name, 0));
	ask_for_kind(&none, CERT_RECORD);
	expect_refused(&none, VH_EFIELD, "subject");
}

Test(cluster_csr, a_request_signed_by_another_key_is_refused)
{
	struct draft d = draft_new("a");

	ask_for_kind(&d, CERT_RECORD);
	EVP_PKEY_free(d.key);
	cr_assert_eq(x509_key_new(&d.key), VH_OK);
	expect_refused(&d, VH_EKEY, "signature");
}

static void
expect_key_refused(EVP_PKEY *key)
{
	struct draft d = draft_new("a");

	ask_for_kind(&d, CERT_RECORD);
	EVP_PKEY_free(d.key);
	d.key = key;
	cr_assert_eq(X509_REQ_set_pubkey(d.req, key), 1);
	expect_refused(&d, VH_EKEY, "not EC P-256");
}

Test(cluster_csr, other_keys_are_refused)
{
	EVP_PKEY *explicit = EVP_EC_gen("P-256"), *small = EVP_EC_gen("P-256");

	expect_key_refused(EVP_EC_gen("P-384"));
	expect_key_refused(EVP_RSA_gen(2048));
	cr_assert_eq(EVP_PKEY_set_utf8_string_param(explicit, "encoding",
			 "explicit"),
	    1);
	expect_key_refused(explicit);
	cr_assert_eq(EVP_PKEY_set_utf8_string_param(small, "point-format",
			 "compressed"),
	    1);
	expect_key_refused(small);
}

Test(cluster_csr, no_prefix_and_no_flipped_bit_is_accepted)
{
	struct draft d = draft_new("a");
	AUTO(buf_free) struct buf *why = buf_new(1 << 20);
	unsigned char *der = NULL;

	ask_for_kind(&d, CERT_RECORD);
	cr_assert_eq(sign_and_parse(&d), VH_OK);
	int len = i2d_X509_REQ(d.req, &der);

	for (int bit = 0; bit < len * 8; bit++) {
		struct csr *c = NULL;
		const unsigned char *p = der;

		der[bit / 8] ^= (unsigned char)(1 << bit % 8);
		X509_REQ *bad = d2i_X509_REQ(NULL, &p, len);
		BIO *pem = bad == NULL ? NULL : x509_pem_of_request(bad);

		if (pem != NULL)
			cr_expect_neq(csr_parse(x509_bytes(pem), &c, why),
			    VH_OK, "%d", bit);
		csr_free(c);
		BIO_free_all(pem);
		X509_REQ_free(bad);
		der[bit / 8] ^= (unsigned char)(1 << bit % 8);
	}
	BIO *pem = x509_pem_of_request(d.req);
	struct slice text = x509_bytes(pem);

	for (size_t n = 0; n + 1 < text.len; n++) {
		struct csr *c = NULL;

		cr_expect_neq(csr_parse(slice_of(text.p, n), &c, why), VH_OK,
		    "%zu", n);
	}
	BIO_free_all(pem);
	OPENSSL_free(der);
	draft_end(&d);
}

Test(cluster_csr, junk_is_refused)
{
	static const char *const junk[] = { "", "x",
		"-----BEGIN CERTIFICATE REQUEST-----\n"
		"-----END CERTIFICATE REQUEST-----\n",
		"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n"
		"-----END CERTIFICATE REQUEST-----\n" };
	AUTO(buf_free) struct buf *why = buf_new(1024);
	struct csr *c = NULL;

	for (size_t i = 0; i < ARRAY_LEN(junk); i++)
		cr_expect_eq(csr_parse(slice_text(junk[i]), &c, why),
		    VH_EPARSE);
	cr_expect_null(c);
}
