/* Wire numbers are frozen: tests/golden/wire-numbers.txt holds them all.  A new
 * row is added to that file in the commit that adds it. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "wire/pub.h"

#define GOLDEN "tests/golden/wire-numbers.txt"

static const struct {
	const char *name;
	unsigned number;
} errors[] = {
#define VH_ERR(name, wire, http, ckr, text) { #name, wire },
#include "wire/err.def"
};

static const struct {
	const char *name, *what;
	unsigned number;
} named[] = {
#define VH_KTY(sym, id, name) { name, "kty", id },
#include "wire/alg.def"
#define VH_CRV(sym, id, name, kty, size, sig, agrees, lib) { name, "crv", id },
#include "wire/alg.def"
#define VH_ALG(sym, id, name, kind, kty, crv, digest, size) { name, "alg", id },
#include "wire/alg.def"
#define VH_ENC(sym, id, name, cek, iv, tag, lib, mac) { name, "enc", id },
#include "wire/alg.def"
	{ "sig", "use", VH_USE_SIG },
	{ "enc", "use", VH_USE_ENC },
	{ "CALLERS", "role", VH_ROLE_CALLERS },
	{ "OPERATORS", "role", VH_ROLE_OPERATORS },
	{ "HTTP", "role", VH_ROLE_HTTP },
	{ "VAULT", "role", VH_ROLE_VAULT },
	{ "FRONT", "role", VH_ROLE_FRONT },
	{ "TLS_KEY", "role", VH_ROLE_TLS_KEY },
	{ "TLS_CERT", "role", VH_ROLE_TLS_CERT },
	{ "PEER", "role", VH_ROLE_PEER },
	{ "NODE_CERT", "role", VH_ROLE_NODE_CERT },
	{ "NODE_KEY", "role", VH_ROLE_NODE_KEY },
	{ "CA", "role", VH_ROLE_CA },
	{ "CRL", "role", VH_ROLE_CRL },
	{ "STATE", "role", VH_ROLE_STATE },
};

static const char *const types[] = { [VH_BYTES] = "BYTES",
	[VH_TEXT] = "TEXT",
	[VH_U32] = "U32",
	[VH_U64] = "U64",
	[VH_NEST] = "NEST" };

static struct buf *
numbers(void)
{
	struct buf *b = buf_new(1u << 16);

	for (size_t i = 0; i < ARRAY_LEN(errors); i++)
		buf_format(b, "err %u %s\n", errors[i].number, errors[i].name);
	for (unsigned i = 0; i < VH_TAGS; i++)
		if (field_row(i) != NULL)
			buf_format(b, "field %u %s %s\n", i, field_row(i)->name,
			    types[field_row(i)->type]);
	for (unsigned i = 0; i < 256; i++)
		if (op_row(i) != NULL)
			buf_format(b, "op %u %s\n", i, op_row(i)->name);
	for (size_t i = 0; i < ARRAY_LEN(named); i++)
		buf_format(b, "%s %u %s\n", named[i].what, named[i].number,
		    named[i].name);
	cr_assert_eq(buf_end(b), VH_OK);
	return b;
}

static struct buf *
golden(void)
{
	struct buf *b = buf_new(1u << 16);
	FILE *file = fopen(GOLDEN, "re");
	char line[256];

	cr_assert_not_null(file, "run from the root of the sources: " GOLDEN);
	while (fgets(line, sizeof line, file) != NULL)
		if (line[0] != '#')
			buf_put_text(b, line);
	cr_assert_eq(fclose(file), 0);
	cr_assert_eq(buf_end(b), VH_OK);
	return b;
}

/* Whether text holds this line. */
static bool
holds(struct slice text, struct slice line)
{
	return memmem(text.p, text.len, line.p, line.len) != NULL;
}

static void
expect_all_lines_in(struct slice text, struct slice lines, const char *what)
{
	while (lines.len > 0) {
		const uint8_t *end = memchr(lines.p, '\n', lines.len);

		cr_assert_not_null(end);
		struct slice line =
		    slice_of(lines.p, (size_t)(end - lines.p) + 1);

		cr_expect(holds(text, line), "%s: %.*s", what,
		    (int)line.len - 1, (const char *)line.p);
		lines = slice_of(line.p + line.len, lines.len - line.len);
	}
}

Test(golden, no_number_has_changed)
{
	AUTO(buf_free) struct buf *now = numbers();
	AUTO(buf_free) struct buf *then = golden();

	expect_all_lines_in(buf_slice(now), buf_slice(then), "gone");
}

Test(golden, new_numbers_are_written_down)
{
	AUTO(buf_free) struct buf *now = numbers();
	AUTO(buf_free) struct buf *then = golden();

	expect_all_lines_in(buf_slice(then), buf_slice(now), "not in " GOLDEN);
}
