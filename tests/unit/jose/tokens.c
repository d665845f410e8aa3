#include "tokens.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

bool
why_has(const struct buf *why, const char *text)
{
	struct slice s = buf_slice(why);

	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] < 0x20 || s.p[i] > 0x7e)
			return false;
	return s.len > 0 && memmem(s.p, s.len, text, strlen(text)) != NULL;
}

static void
put_zeros(struct buf *b, size_t size)
{
	AUTO(buf_free) struct buf *zeros = buf_new(size + 1);
	uint8_t *p = buf_extend(zeros, size);

	if (size > 0)
		memset(p, 0, size);
	b64_put(b, buf_slice(zeros));
}

struct buf *
jws_of(const char *header, size_t payload, size_t signature)
{
	struct buf *b = buf_new(1u << 26);

	b64_put(b, slice_text(header));
	buf_put_u8(b, '.');
	put_zeros(b, payload);
	buf_put_u8(b, '.');
	put_zeros(b, signature);
	cr_assert_eq(buf_end(b), VH_OK);
	return b;
}

struct buf *
jwe_of(const char *header, size_t key, size_t iv, size_t ciphertext, size_t tag)
{
	const size_t sizes[] = { key, iv, ciphertext, tag };
	struct buf *b = buf_new(1u << 26);

	b64_put(b, slice_text(header));
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		buf_put_u8(b, '.');
		put_zeros(b, sizes[i]);
	}
	cr_assert_eq(buf_end(b), VH_OK);
	return b;
}

json_t *
vector(const char *name)
{
	const char *folder = getenv("VHSM_VECTORS");
	AUTO(buf_free) struct buf *path = buf_new(4096);
	json_error_t error;

	if (folder == NULL)
		folder = "../shared/vectors";
	if (access(folder, R_OK) != 0) {
		fprintf(stderr,
		    "SKIPPED: no test vectors at %s; set VHSM_VECTORS\n",
		    folder);
		cr_skip_test("no test vectors");
	}
	buf_format(path, "%s/jose-cookbook/%s", folder, name);
	buf_put_u8(path, 0);
	json_t *json = json_load_file((const char *)path->p, 0, &error);

	cr_assert_not_null(json, "%s: %s", name, error.text);
	return json;
}

const json_t *
at(const json_t *json, const char *path)
{
	char name[64];

	while (*path != '\0' && json != NULL) {
		size_t len = strcspn(path, ".");

		cr_assert_lt(len, sizeof name);
		memcpy(name, path, len);
		name[len] = '\0';
		json = json_object_get(json, name);
		path += len + (path[len] == '.');
	}
	return json;
}

struct slice
text_at(const json_t *json, const char *path)
{
	const json_t *text = at(json, path);

	return slice_of(json_string_value(text), json_string_length(text));
}
