#include "front/http_variants.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdlib.h>
#include <zlib.h>

static const char keys[] =
    "{\"keys\":[{\"kid\":\"a\",\"kty\":\"EC\",\"crv\":\"P-256\",\"use\":"
    "\"sig\"},"
    "{\"kid\":\"b\",\"kty\":\"RSA\",\"use\":\"sig\",\"alg\":\"PS256\"},"
    "{\"kid\":\"c\",\"kty\":\"RSA\",\"use\":\"enc\"},"
    "{\"kid\":\"d\",\"kty\":\"OKP\",\"crv\":\"X25519\",\"use\":\"enc\"},"
    "{\"kid\":\"e\",\"kty\":\"EC\",\"crv\":\"P-384\",\"use\":\"sig\"},"
    "{\"kid\":\"f\",\"kty\":\"RSA\",\"use\":\"enc\",\"alg\":\"RSA1_5\"}]}";

static const struct jwks_filter no_filter;

static struct published *
get(struct variants *v, struct published *set, const struct jwks_filter *f,
    bool gzip, bool *gzipped)
{
	struct published *p = NULL;

	cr_assert_eq(variants_get(v, set, f, gzip, &p, gzipped), VH_OK);
	return p;
}

/* The kids that a filter leaves. */
static void
expect_kids(const struct jwks_filter *f, const char *kids)
{
	AUTO(variants_free) struct variants *v = variants_new();
	AUTO(published_free)
	struct published *set = published_new(slice_text(keys));
	bool gzipped;
	AUTO(published_free)
	struct published *p = get(v, set, f, false, &gzipped);
	json_t *root = json_loadb(p->text, p->len, 0, NULL);
	const json_t *list = json_object_get(root, "keys");
	char found[8] = "";

	cr_assert_not_null(list);
	for (size_t i = 0; i < json_array_size(list); i++)
		strcat(found,
		    json_string_value(
			json_object_get(json_array_get(list, i), "kid")));
	cr_expect_str_eq(found, kids);
	json_decref(root);
}

Test(http_variants, a_filter_leaves_the_keys_that_fit_in_their_order)
{
	expect_kids(&no_filter, "abcdef");
	expect_kids(&(struct jwks_filter){ .use = VH_USE_SIG }, "abe");
	expect_kids(&(struct jwks_filter){ .kty = VH_KTY_RSA }, "bcf");
	expect_kids(&(struct jwks_filter){ .use = VH_USE_ENC,
			.kty = VH_KTY_EC },
	    "");
}

/* Not the alg member: what the key may do. */
Test(http_variants, an_algorithm_leaves_the_keys_that_may_run_it)
{
	static const struct {
		enum vh_alg alg;
		const char *kids;
	} rows[] = { { VH_ALG_ES256, "a" }, { VH_ALG_ES384, "e" },
		{ VH_ALG_PS256, "b" }, { VH_ALG_RS256, "" },
		{ VH_ALG_RSA_OAEP, "c" }, { VH_ALG_ECDH_ES, "d" },
		{ VH_ALG_RSA1_5, "f" } };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		expect_kids(&(struct jwks_filter){ .alg =
						       alg_by_id(rows[i].alg) },
		    rows[i].kids);
}

Test(http_variants, the_whole_set_is_the_published_text_itself)
{
	AUTO(variants_free) struct variants *v = variants_new();
	AUTO(published_free)
	struct published *set = published_new(slice_text(keys));
	bool gzipped;
	AUTO(published_free)
	struct published *p = get(v, set, &no_filter, false, &gzipped);

	cr_expect_eq(p, set);
	cr_expect_not(gzipped);
}

static struct published *
large_set(void)
{
	static char text[4096];

	memset(text, ' ', sizeof text);
	memcpy(text, keys, sizeof keys - 1);
	return published_new(slice_of(text, sizeof text));
}

Test(http_variants, a_compressed_form_inflates_to_the_plain_one)
{
	AUTO(variants_free) struct variants *v = variants_new();
	AUTO(published_free) struct published *set = large_set();
	bool gzipped;
	AUTO(published_free)
	struct published *p = get(v, set, &no_filter, true, &gzipped);
	char plain[8192];
	z_stream z = { .next_in = (Bytef *)p->text,
		.avail_in = (uInt)p->len,
		.next_out = (Bytef *)plain,
		.avail_out = sizeof plain };

	cr_expect(gzipped);
	cr_expect_lt(p->len, set->len / 2);
	cr_assert_eq(inflateInit2(&z, 15 + 16), Z_OK);
	cr_expect_eq(inflate(&z, Z_FINISH), Z_STREAM_END);
	cr_expect(slice_eq(slice_of(plain, z.total_out),
	    slice_of(set->text, set->len)));
	(void)inflateEnd(&z); /* nothing is left */
}

Test(http_variants, a_small_set_is_not_compressed)
{
	AUTO(variants_free) struct variants *v = variants_new();
	AUTO(published_free)
	struct published *set = published_new(slice_text("{\"keys\":[]}"));
	bool gzipped;
	AUTO(published_free)
	struct published *p = get(v, set, &no_filter, true, &gzipped);

	cr_expect_not(gzipped);
	cr_expect_eq(p, set);
}

Test(http_variants, every_form_has_a_tag_of_its_own)
{
	AUTO(variants_free) struct variants *v = variants_new();
	AUTO(published_free) struct published *set = large_set();
	const struct jwks_filter sig = { .use = VH_USE_SIG };
	bool gzipped;
	AUTO(published_free)
	struct published *zip = get(v, set, &no_filter, true, &gzipped);
	AUTO(published_free)
	struct published *some = get(v, set, &sig, false, &gzipped);

	cr_expect_str_neq(zip->etag, set->etag);
	cr_expect_str_neq(some->etag, set->etag);
	cr_expect_str_neq(some->etag, zip->etag);
	cr_expect(strstr(zip->etag, "-gzip\"") != NULL);
}

Test(http_variants, a_form_is_made_once_for_a_set)
{
	AUTO(variants_free) struct variants *v = variants_new();
	AUTO(published_free) struct published *set = large_set();
	AUTO(published_free) struct published *next = large_set();
	const struct jwks_filter sig = { .use = VH_USE_SIG };
	bool gzipped;
	AUTO(published_free)
	struct published *one = get(v, set, &sig, true, &gzipped);
	AUTO(published_free)
	struct published *two = get(v, set, &sig, true, &gzipped);
	AUTO(published_free)
	struct published *three = get(v, next, &sig, true, &gzipped);

	cr_expect_eq(one, two);
	cr_expect_neq(one, three);
}

Test(http_variants, more_filters_than_places_are_all_answered)
{
	AUTO(variants_free) struct variants *v = variants_new();
	AUTO(published_free) struct published *set = large_set();
	bool gzipped;

	for (int round = 0; round < 2; round++)
		for (size_t i = 0; alg_at(i) != NULL; i++)
			for (unsigned kty = 0; kty < 4; kty++) {
				const struct jwks_filter f = { .kty = kty,
					.alg = alg_at(i) };
				AUTO(published_free)
				struct published *p =
				    get(v, set, &f, false, &gzipped);

				cr_expect_gt(p->len, 0);
			}
}
