#include <criterion/criterion.h>

#include "peer/member_wire.h"
#include "wire/ops.h"

static const struct update self = {
	.state = MEMBER_ALIVE,
	.instance = 0x1122334455667788,
	.incarnation = 7,
	.digest = { 3, 4 },
	.name = { (const uint8_t *)"a", 1 },
	.address = { (const uint8_t *)"a.example:7600", 14 },
	.version = { (const uint8_t *)"1.0", 3 },
};
static const struct update other = {
	.state = MEMBER_SUSPECT,
	.instance = 2,
	.incarnation = 9,
	.age_s = 5,
	.name = { (const uint8_t *)"node-b.1_x", 10 },
	.address = { (const uint8_t *)"[fe80::1%eth0]:1", 16 },
	.by = { (const uint8_t *)"c", 1 },
};

/* The caller frees it. */
static struct buf *
written(enum message_kind kind, const struct update *first,
    const struct update *second)
{
	struct buf *b = buf_new(MEMBER_MESSAGE_MAX);
	size_t at = message_open(b, kind, 200,
	    kind == MESSAGE_PING_REQ ? slice_text("target") : slice_text(""));

	message_put(b, first);
	if (second != NULL)
		message_put(b, second);
	message_close(b, at, second == NULL ? 1 : 2);
	cr_assert_eq(buf_end(b), VH_OK);
	return b;
}

static void
expect_same(const struct update *a, const struct update *b)
{
	cr_expect_eq(a->state, b->state);
	cr_expect_eq(a->instance, b->instance);
	cr_expect_eq(a->incarnation, b->incarnation);
	cr_expect_eq(a->digest.epoch, b->digest.epoch);
	cr_expect_eq(a->digest.seq, b->digest.seq);
	cr_expect_eq(a->age_s, b->age_s);
	cr_expect(slice_eq(a->name, b->name));
	cr_expect(slice_eq(a->address, b->address));
	cr_expect(slice_eq(a->version, b->version));
	cr_expect(slice_eq(a->by, b->by));
}

Test(member_wire, what_is_written_is_read)
{
	AUTO(buf_free) struct buf *b = written(MESSAGE_PING_REQ, &self, &other);
	struct message m;
	struct update u;

	cr_assert_eq(message_parse(buf_slice(b), &m), VH_OK);
	cr_expect_eq(m.kind, MESSAGE_PING_REQ);
	cr_expect_eq(m.help_ms, 200);
	cr_expect(slice_is(m.target, "target"));
	expect_same(&m.sender, &self);
	cr_assert(message_next(&m.rest, &u));
	expect_same(&u, &other);
	cr_expect_not(message_next(&m.rest, &u));
}

/* The layout is frozen: nodes of different versions share a cluster. */
Test(member_wire, the_bytes_are_these)
{
	static const uint8_t want[] = { 1, 1, 0, 0, 0, 0, 0, 1, 0, 59, 1, 0x11,
		0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0, 0, 0, 0, 0, 0, 0,
		7, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0,
		1, 'a', 14, 'a', '.', 'e', 'x', 'a', 'm', 'p', 'l', 'e', ':',
		'7', '6', '0', '0', 3, '1', '.', '0', 0 };
	AUTO(buf_free) struct buf *b = written(MESSAGE_PING, &self, NULL);

	cr_expect(slice_eq(buf_slice(b), slice_of(want, sizeof want)));
}

Test(member_wire, every_prefix_and_a_trailing_byte_are_refused)
{
	static const enum message_kind kinds[] = { MESSAGE_PING,
		MESSAGE_PING_REQ };

	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		AUTO(buf_free) struct buf *b = written(kinds[k], &self, &other);
		struct message m;

		for (size_t n = 0; n < b->len; n++)
			cr_expect_eq(message_parse(slice_of(b->p, n), &m),
			    VH_EPARSE, "%zu", n);
		buf_put_u8(b, 0);
		cr_expect_eq(message_parse(buf_slice(b), &m), VH_EPARSE);
	}
}

static void
expect_sound(const struct update *u)
{
	cr_expect(message_name_ok(u->name));
	cr_expect(message_address_ok(u->address));
	cr_expect(message_version_ok(u->version));
	cr_expect(u->by.len == 0 || message_name_ok(u->by));
	cr_expect_leq(u->incarnation, MEMBER_INCARNATION_MAX);
	cr_expect_neq(u->instance, 0);
}

Test(member_wire, with_a_flipped_bit_it_is_refused_or_still_sound)
{
	AUTO(buf_free) struct buf *b = written(MESSAGE_PING_REQ, &self, &other);
	struct message m;
	struct update u;

	for (size_t i = 0; i < b->len * 8; i++) {
		b->p[i / 8] ^= (uint8_t)(1 << i % 8);
		if (message_parse(buf_slice(b), &m) == VH_OK) {
			expect_sound(&m.sender);
			while (message_next(&m.rest, &u))
				expect_sound(&u);
		}
		b->p[i / 8] ^= (uint8_t)(1 << i % 8);
	}
}

Test(member_wire, what_a_newer_node_adds_to_an_entry_is_skipped)
{
	AUTO(buf_free) struct buf *b = written(MESSAGE_PING, &self, NULL);
	struct message m;

	b->p[9] += 3; /* of the entry's length */
	buf_put(b, slice_text("new"));
	cr_assert_eq(message_parse(buf_slice(b), &m), VH_OK);
	expect_same(&m.sender, &self);
}

Test(member_wire, another_format_and_an_unknown_kind_are_named_so)
{
	AUTO(buf_free) struct buf *b = written(MESSAGE_PING, &self, NULL);
	struct message m;

	b->p[1] = 9;
	cr_expect_eq(message_parse(buf_slice(b), &m), VH_EOP);
	b->p[0] = 2;
	cr_expect_eq(message_parse(buf_slice(b), &m), VH_EVERSION);
}

Test(member_wire, nobody_calls_itself_dead)
{
	AUTO(buf_free) struct buf *b = written(MESSAGE_PING, &other, NULL);
	struct message m;

	cr_expect_eq(message_parse(buf_slice(b), &m), VH_EPARSE);
}

Test(member_wire, a_message_of_no_entries_or_too_many_is_refused)
{
	AUTO(buf_free) struct buf *b = buf_new(MEMBER_MESSAGE_MAX);
	size_t at = message_open(b, MESSAGE_PING, 0, slice_text(""));
	struct message m;

	message_close(b, at, 0);
	cr_expect_eq(message_parse(buf_slice(b), &m), VH_EPARSE);
	for (size_t i = 0; i < MEMBER_MAX + 5; i++)
		message_put(b, &self);
	message_close(b, at, MEMBER_MAX + 5);
	cr_expect_eq(message_parse(buf_slice(b), &m), VH_EPARSE);
}

Test(member_wire, the_largest_table_fits_a_message)
{
	size_t entry = 2 + 37 + 4 + 2 * MEMBER_NAME_MAX + MEMBER_ADDRESS_MAX +
		       MEMBER_VERSION_MAX;

	cr_expect_leq(entry, UPDATE_BYTES);
	cr_expect_lt((MEMBER_MAX + 4) * entry + 128, MEMBER_MESSAGE_MAX);
	cr_expect_leq(MEMBER_MESSAGE_MAX, field_row(VH_F_GOSSIP)->max);
}

Test(member_wire, only_names_and_addresses_that_are_safe_in_a_url_pass)
{
	static const char long_name[] =
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaaaa";
	static const char *const names[] = { "", "-a", ".", "a b", "a/b",
		"\xc3", "a\n", long_name };
	static const char *const addresses[] = { "", "a", ":1", "a:", "a:0",
		"a:65536", "a:1234567", "a:1x", "a/b:1", "a@b:1", "a?:1",
		"a :1" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		cr_expect_not(message_name_ok(slice_text(names[i])), "%zu", i);
	for (size_t i = 0; i < ARRAY_LEN(addresses); i++)
		cr_expect_not(message_address_ok(slice_text(addresses[i])),
		    "%zu", i);
	cr_expect(message_address_ok(slice_text("10.0.0.1:65535")));
	cr_expect(message_address_ok(slice_text("[::1]:7600")));
}
