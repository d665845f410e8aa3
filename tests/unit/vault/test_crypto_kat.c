#include "test_crypto_kat.h"

#include <criterion/criterion.h>
#include <criterion/logging.h>
#include <stdio.h>
#include <stdlib.h>

#include "wire/b64.h"

json_t *
kat_load(const char *name)
{
	char path[128];
	json_error_t error;

	(void)snprintf(path, sizeof path, "tests/kat/%s.json", name);
	json_t *rows = json_load_file(path, JSON_REJECT_DUPLICATES, &error);

	cr_assert_not_null(rows, "%s: %s", path, error.text);
	cr_assert_gt(json_array_size(rows), 0);
	return rows;
}

json_t *
kat_cookbook(const char *path)
{
	const char *folder = getenv("VHSM_VECTORS");
	char full[512];

	(void)snprintf(full, sizeof full, "%s/jose-cookbook/%s",
	    folder == NULL ? "../shared/vectors" : folder, path);
	json_t *found = json_load_file(full, 0, NULL);

	if (found == NULL)
		(void)fprintf(stderr,
		    "SKIPPED: no test vectors at %s; set VHSM_VECTORS\n", full);
	return found;
}

struct slice
kat_text(const json_t *row, const char *member)
{
	const json_t *v = json_object_get(row, member);

	cr_assert(json_is_string(v), "no member %s", member);
	return slice_of(json_string_value(v), json_string_length(v));
}

struct buf *
kat_bytes(const json_t *row, const char *member)
{
	struct buf *b = buf_new(1u << 20);

	cr_assert_eq(b64_decode(kat_text(row, member), b), VH_OK, "%s", member);
	return b;
}

const struct alg *
kat_alg(const json_t *row)
{
	const struct alg *alg = alg_by_name(kat_text(row, "alg"));

	cr_assert_not_null(alg);
	return alg;
}

const struct enc *
kat_enc(const json_t *row)
{
	const struct enc *enc = enc_by_name(kat_text(row, "enc"));

	cr_assert_not_null(enc);
	return enc;
}

struct key *
kat_key(struct rig *r, const json_t *row, enum vh_use use)
{
	static const char *const members[] = { "kty", "crv", "n", "e", "d", "p",
		"q", "dp", "dq", "qi", "x", "y", "k" };
	AUTO(kat_free) json_t *only = json_object();
	const json_t *from = json_object_get(row, "key");

	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		if (json_object_get(from, members[i]) != NULL)
			(void)json_object_set(only, members[i],
			    json_object_get(from, members[i]));
	char *text = json_dumps(only, 0);
	const struct alg *alg =
	    json_object_get(row, "alg") == NULL ? NULL : kat_alg(row);
	struct key *key = rig_import(r, slice_text(text), use,
	    alg != NULL && alg_needs_pin(alg) ? alg : NULL);

	free(text);
	return key;
}

/* Decodes a member, if there, and sets it. */
static void
set_bytes(struct ask *a, enum vh_tag tag, const json_t *from,
    const char *member, struct buf *keep)
{
	const json_t *v = json_object_get(from, member);
	size_t at = buf_slice(keep).len;

	if (v == NULL)
		return;
	cr_assert_eq(b64_decode(kat_text(from, member), keep), VH_OK);
	ask_set(a, tag, slice_of(keep->p + at, keep->len - at));
}

void
kat_ask_params(struct ask *a, const json_t *header, struct buf *keep)
{
	const json_t *epk = json_object_get(header, "epk");

	cr_assert(buf_reserve(keep, 4096));
	set_bytes(a, VH_F_APU, header, "apu", keep);
	set_bytes(a, VH_F_APV, header, "apv", keep);
	set_bytes(a, VH_F_KEY_IV, header, "iv", keep);
	set_bytes(a, VH_F_KEY_TAG, header, "tag", keep);
	if (epk == NULL)
		return;
	ask_u32(a, VH_F_KTY_ID, kty_by_name(kat_text(epk, "kty")));
	ask_u32(a, VH_F_CRV_ID, crv_by_name(kat_text(epk, "crv"))->id);
	set_bytes(a, VH_F_PUB_X, epk, "x", keep);
	set_bytes(a, VH_F_PUB_Y, epk, "y", keep);
}

void
kat_ask_header(struct ask *a, struct slice protected, struct buf *keep)
{
	AUTO(buf_free) struct buf *text = buf_new(VH_HEADER_MAX);

	cr_assert_eq(b64_decode(protected, text), VH_OK);
	AUTO(kat_free)
	json_t *header = json_loadb((const char *)text->p, text->len,
	    JSON_REJECT_DUPLICATES, NULL);

	cr_assert_not_null(header, "%.*s", (int)text->len,
	    (const char *)text->p);
	kat_ask_params(a, header, keep);
}

static struct slice
next_part(struct slice *rest)
{
	const uint8_t *dot =
	    rest->len == 0 ? NULL : memchr(rest->p, '.', rest->len);
	size_t len = dot == NULL ? rest->len : (size_t)(dot - rest->p);
	struct slice part = slice_of(rest->p, len);

	*rest = dot == NULL ? slice_of(NULL, 0)
			    : slice_of(dot + 1, rest->len - len - 1);
	return part;
}

struct ask *
kat_ask_jwe(const struct key *key, const struct alg *alg, const struct enc *enc,
    struct slice compact, struct buf *keep)
{
	static const enum vh_tag parts[] = { VH_F_ENCRYPTED_KEY, VH_F_IV,
		VH_F_CIPHERTEXT, VH_F_TAG };
	struct ask *a = ask_new(key->kid, alg);
	struct slice protected = next_part(&compact);

	/* No reallocation once slices point into it. */
	cr_assert(buf_reserve(keep, compact.len + 8192));
	ask_u32(a, VH_F_ENC_ID, enc->id);
	ask_set(a, VH_F_PROTECTED, protected);
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		size_t at = keep->len;

		cr_assert_eq(b64_decode(next_part(&compact), keep), VH_OK);
		if (keep->len > at)
			ask_set(a, parts[i],
			    slice_of(keep->p + at, keep->len - at));
	}
	kat_ask_header(a, protected, keep);
	return a;
}
