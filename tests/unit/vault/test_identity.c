#include "vault/identity.h"

#include <criterion/criterion.h>
#include <openssl/pem.h>
#include <unistd.h>

#include "test_cluster_help.h"
#include "test_crypto_rig.h"
#include "vault/certificate.h"

TestSuite(identity, .init = rig_arena, .timeout = 60);

struct tried {
	enum vh_err err;
	char why[1001];
};

/* fd is spent. */
static struct tried
try_identity(int fd, const struct identity_terms *terms)
{
	AUTO(crypto_free) struct crypto *c = crypto_new(0);
	AUTO(identity_free) struct identity *id = NULL;
	AUTO(buf_free) struct buf *why = buf_new(1000);
	struct tried t = { 0 };

	t.err = identity_new(fd, terms, clock_wall(), c, &id, why);
	(void)close(fd); /* only read from */
	cr_assert_eq(id != NULL, t.err == VH_OK);
	memcpy(t.why, why->p == NULL ? (const uint8_t *)"" : why->p, why->len);
	cr_assert((why->len > 0) == (t.err != VH_OK), "%s", t.why);
	return t;
}

static struct tried
try_key(EVP_PKEY *key, struct slice chain)
{
	struct identity_terms terms = good_terms(chain);

	return try_identity(fd_with_key(key), &terms);
}

static struct tried
try_wish(const struct wish *w)
{
	AUTO(pkey_free) EVP_PKEY *key = rig_make("P-256");
	AUTO(buf_free) struct buf *chain = buf_new(65536);

	put_certificate_pem(chain, key, w);
	return try_key(key, buf_slice(chain));
}

static void
expect(struct tried t, enum vh_err err, const char *says)
{
	cr_expect_eq(t.err, err, "%s, %s: \"%s\"", says, err_name(t.err),
	    t.why);
	cr_expect_not_null(strstr(t.why, says), "\"%s\", expected \"%s\"",
	    t.why, says);
}

Test(identity, takes_a_key_and_its_record_certificate)
{
	cr_expect_eq(try_wish(&(struct wish){ 0 }).err, VH_OK);
	cr_expect_eq(try_wish(&(struct wish){ .key_usage = "" }).err, VH_OK);
	cr_expect_eq(try_wish(&(struct wish){ .constraints = "" }).err, VH_OK);
}

Test(identity, each_wrong_certificate_is_refused_with_its_reason)
{
	const struct {
		struct wish wish;
		const char *says;
	} rows[] = {
		{ { .cn = "b.example" }, "not the name of this node" },
		{ { .cn = "A.example" }, "not the name of this node" },
		{ { .cn = "" }, "not the name of this node" },
		{ { .cn_two = NODE }, "not the name of this node" },
		{ { .usage = "" }, "not for records" },
		{ { .usage = "serverAuth,clientAuth" }, "not for records" },
		{ { .usage = CERTIFICATE_USAGE ",clientAuth" },
		    "not for records" },
		{ { .usage = CERTIFICATE_USAGE ",serverAuth" },
		    "not for records" },
		{ { .usage = "anyExtendedKeyUsage" }, "not for records" },
		{ { .usage = CERTIFICATE_USAGE ".1" }, "not for records" },
		{ { .key_usage = "keyAgreement" }, "forbids" },
		{ { .constraints = "CA:TRUE" }, "certificate of a CA" },
		{ { .from_days = 1 }, "not valid yet" },
		{ { .from_days = -3, .to_days = -1 }, "expired" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		expect(try_wish(&rows[i].wish), VH_EKEY, rows[i].says);
}

Test(identity, a_certificate_that_its_own_key_signed_is_refused)
{
	AUTO(pkey_free) EVP_PKEY *key = rig_make("P-256");
	AUTO(buf_free) struct buf *chain = buf_new(65536);

	put_certificate_pem(chain, key,
	    &(struct wish){ .issuer_key = key, .issuer = NODE });
	expect(try_key(key, buf_slice(chain)), VH_EKEY, "self-signed");
}

Test(identity, a_key_that_is_not_the_certificates_is_refused)
{
	AUTO(pkey_free) EVP_PKEY *key = rig_make("P-256");
	AUTO(pkey_free) EVP_PKEY *other = rig_make("P-256");
	AUTO(buf_free) struct buf *chain = buf_new(65536);

	put_certificate_pem(chain, other, &(struct wish){ 0 });
	put_certificate_pem(chain, key, &(struct wish){ 0 });
	expect(try_key(key, buf_slice(chain)), VH_EKEY,
	    "not the key of the first certificate");
}

Test(identity, only_p256_signs_records)
{
	static const char *const kinds[] = { "P-384", "RSA", "ED25519" };

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		AUTO(pkey_free) EVP_PKEY *key = rig_make(kinds[i]);
		AUTO(buf_free) struct buf *chain = buf_new(65536);

		if (strcmp(kinds[i], "ED25519") == 0)
			put_ca_pem(chain);
		else
			put_certificate_pem(chain, key, &(struct wish){ 0 });
		expect(try_key(key, buf_slice(chain)), VH_EALG,
		    "alg \"ES256\" does not fit");
	}
}

Test(identity, a_file_with_two_keys_is_refused)
{
	AUTO(pkey_free) EVP_PKEY *key = rig_make("P-256");
	AUTO(pkey_free) EVP_PKEY *second = rig_make("P-256");
	AUTO(buf_free) struct buf *chain = buf_new(65536);
	struct identity_terms terms = good_terms((struct slice){ 0 });
	uint8_t text[8192];
	int one = fd_with_key(key), two = fd_with_key(second);
	ssize_t n = read(one, text, 4096), m = read(two, text + n, 4096);

	(void)close(one); /* only read from */
	(void)close(two);
	put_certificate_pem(chain, key, &(struct wish){ 0 });
	terms.chain = buf_slice(chain);
	expect(try_identity(fd_with(slice_of(text, (size_t)(n + m))), &terms),
	    VH_EKEY, "2 keys");
}

Test(identity, malformed_terms_are_refused)
{
	AUTO(pkey_free) EVP_PKEY *key = rig_make("P-256");
	char name[66];
	const struct {
		enum { NAME, WHERE, WHICH } what;
		const char *text, *says;
	} rows[] = {
		{ NAME, "", "node name malformed" },
		{ NAME, ".a", "node name malformed" },
		{ NAME, "a\"b", "node name malformed" },
		{ NAME, "a b", "node name malformed" },
		{ NAME, "\xc3\xa4", "node name malformed" },
		{ NAME, name, "node name malformed" },
		{ WHERE, "", "address malformed" },
		{ WHERE, "a:1\n", "address malformed" },
		{ WHERE, "a\\:1", "address malformed" },
		{ WHICH, "1\n", "version malformed" },
		{ WHICH, name, "version malformed" },
	};

	memset(name, 'a', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct identity_terms t = good_terms(slice_text("x"));
		struct slice *const to[] = { &t.node, &t.address, &t.version };

		*to[rows[i].what] = slice_text(rows[i].text);
		expect(try_identity(fd_with_key(key), &t), VH_EFIELD,
		    rows[i].says);
	}
}

Test(identity, malformed_chains_are_refused)
{
	AUTO(pkey_free) EVP_PKEY *key = rig_make("P-256");
	AUTO(buf_free) struct buf *good = buf_new(65536);

	put_certificate_pem(good, key, &(struct wish){ 0 });
	expect(try_key(key, slice_text("")), VH_EKEY, "no certificate");
	expect(try_key(key, slice_text("hello")), VH_EKEY, "no certificate");
	expect(try_key(key, slice_of(good->p, good->len / 2)), VH_EKEY,
	    "malformed certificate");
	good->p[60] = '!';
	expect(try_key(key, buf_slice(good)), VH_EKEY, "malformed certificate");
	/* Nobody is asked for a password. */
	expect(try_key(key, slice_text("-----BEGIN CERTIFICATE-----\n"
				       "Proc-Type: 4,ENCRYPTED\n"
				       "DEK-Info: AES-128-CBC,"
				       "00000000000000000000000000000000\n\n"
				       "AAAAAAAAAAAAAAAAAAAAAA==\n"
				       "-----END CERTIFICATE-----\n")),
	    VH_EKEY, "malformed certificate");
}

/* A good certificate with more of the same behind it. */
static struct tried
try_chain(size_t count, const char *usage)
{
	AUTO(pkey_free) EVP_PKEY *key = rig_make("P-256");
	AUTO(buf_free) struct buf *chain = buf_new(65536);

	put_certificate_pem(chain, key, &(struct wish){ 0 });
	for (size_t i = 1; i < count; i++)
		put_certificate_pem(chain, key,
		    &(struct wish){ .usage = usage });
	return try_key(key, buf_slice(chain));
}

Test(identity, a_chain_that_hellos_cannot_carry_is_refused)
{
	char usages[3001] = "";

	cr_expect_eq(try_chain(4, "").err, VH_OK);
	expect(try_chain(5, ""), VH_ETOOBIG, "more than 4 certificates");
	for (size_t i = 0; i + 8 < sizeof usages; i += 8)
		memcpy(usages + i, i == 0 ? "1.2.3.45" : ",1.2.3.4", 8);
	expect(try_chain(4, usages), VH_ETOOBIG, "or 6144 bytes");
}

Test(identity, every_flipped_bit_of_a_certificate_is_survived)
{
	AUTO(crypto_free) struct crypto *c = crypto_new(0);
	AUTO(identity_free) struct identity *id = make_identity(c);
	AUTO(pkey_free) EVP_PKEY *key = rig_make("P-256");
	AUTO(buf_free) struct buf *chain = buf_new(65536);
	const struct certificate_want want = { .node = slice_text(NODE),
		.pub = &id->key->pub,
		.now = clock_wall() };

	put_certificate_pem(chain, key, &(struct wish){ 0 });
	for (size_t bit = 0; bit < chain->len * 8; bit++) {
		AUTO(buf_free) struct buf *x5c = buf_new(1u << 16);

		chain->p[bit / 8] ^= (uint8_t)(1u << bit % 8);
		cr_expect_neq(certificate_chain(buf_slice(chain), &want, x5c,
				  NULL),
		    VH_OK);
		chain->p[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

/* --- what it signs ---------------------------------------------------------
 */

Test(identity, signs_a_compact_jws_that_its_certificate_verifies)
{
	AUTO(crypto_free) struct crypto *c = crypto_new(0);
	AUTO(identity_free) struct identity *id = make_identity(c);
	AUTO(buf_free) struct buf *jws = buf_new(65536);

	cr_assert_eq(identity_sign(id, c, "vhsm-hello", slice_text("{\"a\":1}"),
			 jws),
	    VH_OK);
	AUTO(opened_free) struct opened *o = open_jws(buf_slice(jws));

	cr_expect_eq(json_object_size(o->header), 3);
	cr_expect_str_eq(text_of(o->header, "alg"), "ES256");
	cr_expect_str_eq(text_of(o->header, "typ"), "vhsm-hello");
	cr_expect_eq(json_array_size(json_object_get(o->header, "x5c")), 1);
	cr_expect_eq(number_of(o->payload, "a"), 1);
	cr_expect_eq(X509_verify(o->certificate, ca_key()), 1);
}

Test(identity, the_chain_goes_along_without_the_ca)
{
	AUTO(crypto_free) struct crypto *c = crypto_new(0);
	AUTO(identity_free) struct identity *id = NULL;
	AUTO(pkey_free) EVP_PKEY *key = rig_make("P-256");
	AUTO(pkey_free) EVP_PKEY *middle = rig_make("P-256");
	AUTO(buf_free) struct buf *chain = buf_new(65536);
	AUTO(buf_free) struct buf *jws = buf_new(65536);
	int fd = fd_with_key(key);

	put_certificate_pem(chain, key,
	    &(struct wish){ .issuer_key = middle, .issuer = "middle" });
	put_certificate_pem(chain, middle,
	    &(struct wish){ .cn = "middle", .constraints = "CA:TRUE" });
	put_ca_pem(chain);
	struct identity_terms terms = good_terms(buf_slice(chain));

	cr_assert_eq(identity_new(fd, &terms, clock_wall(), c, &id, NULL),
	    VH_OK);
	(void)close(fd); /* only read from */
	cr_assert_eq(identity_sign(id, c, "t", slice_text("{}"), jws), VH_OK);
	AUTO(opened_free) struct opened *o = open_jws(buf_slice(jws));

	cr_expect_eq(json_array_size(json_object_get(o->header, "x5c")), 2);
	cr_expect_eq(X509_verify(o->certificate, middle), 1);
}

Test(identity, signs_on_any_worker)
{
	AUTO(crypto_free) struct crypto *first = crypto_new(0);
	AUTO(crypto_free) struct crypto *c = crypto_new(200);
	AUTO(identity_free) struct identity *id = make_identity(first);
	AUTO(buf_free) struct buf *jws = buf_new(65536);

	cr_assert_eq(identity_sign(id, c, "t", slice_text("{}"), jws), VH_OK);
	AUTO(opened_free) struct opened *o = open_jws(buf_slice(jws));

	cr_expect_eq(json_object_size(o->payload), 0);
}

Test(identity, plain_text_becomes_a_json_string)
{
	AUTO(buf_free) struct buf *b = buf_new(64);

	put_json_text(b, slice_text("a\"b\\c d~"));
	cr_expect(slice_is(buf_slice(b), "\"a\\\"b\\\\c d~\""));
	cr_expect(is_plain(slice_text("a\"b\\c d~")));
	cr_expect(is_plain(slice_text("")));
	cr_expect_not(is_plain(slice_text("a\n")));
	cr_expect_not(is_plain(slice_text("\x7f")));
	cr_expect_not(is_plain(slice_text("\xc3\xa4")));
	cr_expect_not(is_plain(slice_of("a\0b", 3)));
}
