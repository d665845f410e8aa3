/* What the tests of this folder share: files of the tree, texts, readings. */
#ifndef TEST_READING_H
#define TEST_READING_H

#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>

#include "keyspec/check.h"
#include "keyspec/config.h"
#include "keyspec/keyspec.h"

#define WHY_ROOM 8192

/* A file below the root of the tree, whole; the caller frees it. */
static inline struct buf *
tree_file(const char *path)
{
	const char *root = getenv("VHSM_ROOT");
	char name[4096];
	struct buf *b = buf_new(2 * NODE_TEXT_MAX);
	uint8_t chunk[4096];
	size_t n;

	(void)snprintf(name, sizeof name, "%s/%s", root == NULL ? "." : root,
	    path);
	FILE *f = fopen(name, "rb");

	cr_assert(f != NULL, "cannot open %s", name);
	while ((n = fread(chunk, 1, sizeof chunk, f)) > 0)
		buf_put(b, slice_of(chunk, n));
	fclose(f);
	return b;
}

/* The normal form of a configuration or key spec, or the line that says what
 * is wrong with it. */
static inline enum vh_err
normal_form(enum text_kind kind, const char *file, struct slice text,
    struct buf *normal, struct buf *why)
{
	struct reading r = { file, why };
	AUTO(config_free) struct config *config = NULL;
	AUTO(keyspec_free) struct keyspec *spec = NULL;

	if (kind == TEXT_CONFIG) {
		TRY(config_parse(&r, text, &config));
		config_put(normal, config);
	} else {
		TRY(keyspec_parse(&r, text, &spec));
		keyspec_put(normal, spec);
	}
	return buf_end(normal);
}

/* What must hold for any bytes at all: they are refused with one line, or
 * their normal form is its own normal form. */
static inline void
expect_sane(enum text_kind kind, struct slice text, const char *what, size_t i)
{
	AUTO(buf_free) struct buf *why = buf_new(WHY_ROOM);
	AUTO(buf_free) struct buf *once = buf_new(NODE_TEXT_MAX);
	AUTO(buf_free) struct buf *twice = buf_new(NODE_TEXT_MAX);
	enum vh_err err = normal_form(kind, "f", text, once, why);

	if (err != VH_OK) {
		struct slice line = buf_slice(why);

		cr_expect_eq(err, VH_ECONFIG, "%s %zu", what, i);
		cr_expect(line.len > 2 && memcmp(line.p, "f:", 2) == 0 &&
			      memchr(line.p, '\n', line.len) == NULL,
		    "%s %zu", what, i);
		return;
	}
	cr_expect_eq(normal_form(kind, "f", buf_slice(once), twice, why), VH_OK,
	    "%s %zu", what, i);
	cr_expect(slice_eq(buf_slice(once), buf_slice(twice)), "%s %zu", what,
	    i);
}

/* Every prefix, and every bit flipped. */
static inline void
expect_sane_near(enum text_kind kind, struct slice text)
{
	AUTO(buf_free) struct buf *copy = buf_new(NODE_TEXT_MAX);

	for (size_t n = 0; n <= text.len; n++)
		expect_sane(kind, slice_of(text.p, n), "prefix", n);
	buf_put(copy, text);
	for (size_t i = 0; i < text.len * 8; i++) {
		copy->p[i / 8] ^= (uint8_t)(1u << i % 8);
		expect_sane(kind, buf_slice(copy), "bit", i);
		copy->p[i / 8] ^= (uint8_t)(1u << i % 8);
	}
}

#endif
