#include "wire/audit.h"

#include <criterion/criterion.h>

#define ZERO "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static struct buf *text;
static struct audit_chain chain;

static void
put_line(const char *who, const char *op, bool anchor)
{
	struct audit_entry e = { .time_ms = UINT64_C(1709210096789),
		.node = slice_text("a"),
		.who = slice_text(who),
		.op = slice_text(op),
		.kid = slice_text("k"),
		.outcome = slice_text("ok"),
		.anchor = anchor };

	cr_assert_eq(audit_put(text, &chain, &e), VH_OK);
}

static void
put_three(void)
{
	text = buf_new(1u << 20);
	put_line("vault", "start", true);
	put_line("uid:1", "sign", false);
	put_line("uid:2", "sign", false);
}

static void
drop(void)
{
	buf_free(text);
}

TestSuite(audit, .init = put_three, .fini = drop);

/* Reads lines until one is not sound; *at is its number, from 1. */
static enum audit_fault
read_all(struct slice all, size_t *at)
{
	struct audit_reader r = { .torn = 0 };
	enum audit_fault fault = AUDIT_SOUND;

	for (*at = 0; all.len > 0 && fault <= AUDIT_TORN;) {
		const uint8_t *end = memchr(all.p, '\n', all.len);
		size_t len = end == NULL ? all.len : (size_t)(end - all.p);
		size_t used = len + (end != NULL);

		++*at;
		fault = audit_read(&r, slice_of(all.p, len));
		all = slice_of(all.p + used, all.len - used);
	}
	return fault;
}

Test(audit, a_line_is_as_its_format_says)
{
	const char wanted[] =
	    "{\"seq\":1,\"prev\":\"" ZERO "\",\"time\":\"2024-02-29T12:34:56."
	    "789Z\",\"node\":\"a\",\"who\":\"vault\",\"op\":\"start\",\"kid\":"
	    "\"k\",\"outcome\":\"ok\",\"chain\":\"";

	cr_assert_gt(text->len, sizeof wanted);
	cr_expect_arr_eq(text->p, wanted, sizeof wanted - 1);
	cr_expect_eq(chain.seq, 3);
}

Test(audit, what_was_written_is_sound)
{
	size_t at;

	cr_expect_eq(read_all(buf_slice(text), &at), AUDIT_SOUND);
	cr_expect_eq(at, 3);
}

Test(audit, every_flipped_bit_is_found)
{
	for (size_t i = 0; i < text->len * 8; i++) {
		size_t at;

		text->p[i / 8] ^= (uint8_t)(1u << i % 8);
		cr_expect_neq(read_all(buf_slice(text), &at), AUDIT_SOUND,
		    "bit %zu", i);
		text->p[i / 8] ^= (uint8_t)(1u << i % 8);
	}
}

Test(audit, no_name_ends_a_string_or_a_line)
{
	size_t lines = 0, at;

	put_line("\",\"op\":\"x\\\n\t\x01\x7f\xff", "sign", false);
	for (size_t i = 0; i < text->len; i++) {
		lines += text->p[i] == '\n';
		cr_expect(text->p[i] == '\n' ||
			      (text->p[i] >= 0x20 && text->p[i] < 0x7f),
		    "%zu", i);
	}
	cr_expect_eq(lines, 4);
	cr_expect_eq(read_all(buf_slice(text), &at), AUDIT_SOUND);
	cr_expect_not_null(memmem(text->p, text->len,
	    "\\u0022,\\u0022op\\u0022:\\u0022x\\u005c\\u000a\\u0009\\u0001"
	    "\\u007f\\u00ff",
	    strlen("\\u0022,\\u0022op\\u0022:\\u0022x\\u005c\\u000a\\u0009"
		   "\\u0001\\u007f\\u00ff")));
}

Test(audit, a_line_too_long_changes_nothing)
{
	static char who[AUDIT_LINE_MAX];
	struct audit_entry e = { .who = slice_of(who, sizeof who) };
	struct audit_chain before = chain;
	size_t len = text->len;

	cr_expect_eq(audit_put(text, &chain, &e), VH_ETOOBIG);
	cr_expect_eq(text->len, len);
	cr_expect_eq(chain.seq, before.seq);
	cr_expect_arr_eq(chain.hash, before.hash, AUDIT_HASH);
}

Test(audit, resumes_where_it_ended)
{
	struct audit_chain c = { .seq = 0 };
	struct slice torn;

	buf_put_text(text, "{\"seq\":4");
	cr_expect_eq(audit_resume(buf_slice(text), true, &c, &torn), VH_OK);
	cr_expect_eq(c.seq, 3);
	cr_expect_arr_eq(c.hash, chain.hash, AUDIT_HASH);
	cr_expect(slice_is(torn, "{\"seq\":4"));
}

Test(audit, does_not_resume_after_a_line_that_was_changed)
{
	struct audit_chain c = { .seq = 0 };
	uint8_t *last = memrchr(text->p, '\n', text->len - 1);
	struct slice torn;

	for (uint8_t *p = last + 1; p < text->p + text->len - 1; p++) {
		*p ^= 1;
		cr_expect_eq(audit_resume(buf_slice(text), true, &c, &torn),
		    VH_EVERIFY, "%zu", (size_t)(p - last));
		*p ^= 1;
	}
	cr_expect_eq(c.seq, 0);
}

Test(audit, does_not_resume_without_a_whole_line)
{
	struct audit_chain c = { .seq = 0 };
	struct slice torn;

	cr_expect_eq(audit_resume(slice_text("{\"seq\":1"), true, &c, &torn),
	    VH_EPARSE);
	cr_expect_eq(audit_resume(slice_of(NULL, 0), true, &c, &torn),
	    VH_EPARSE);
}

Test(audit, a_member_is_found_by_name)
{
	struct slice line = slice_text(
	    "{\"seq\":7,\"who\":\"a\\u0022,b\",\"op\":\"sign\",\"count\":12}");

	cr_expect(slice_is(audit_member(line, "op"), "sign"));
	cr_expect(slice_is(audit_member(line, "who"), "a\\u0022,b"));
	cr_expect(slice_is(audit_member(line, "count"), "12"));
	cr_expect_eq(audit_member(line, "kid").len, 0);
}
