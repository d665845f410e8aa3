#include "front/stream.h"

#include <criterion/criterion.h>

#define MAX 100

/* A hello, then messages with bodies of these sizes. */
static const size_t sizes[] = { 0, 1, 24, 99, MAX, 5, 37 };

static void
put_message(struct buf *b, size_t size, uint32_t id)
{
	uint8_t head[SP_HEAD + SP_ID];

	sp_head(head, size, id);
	buf_put(b, slice_of(head, sizeof head));
	for (size_t i = 0; i < size; i++)
		buf_put_u8(b, (uint8_t)(id * 31 + i));
}

static struct buf *
hello(void)
{
	struct buf *b = buf_new(1u << 20);
	uint8_t h[SP_HELLO];

	sp_hello(h, SP_REQ);
	buf_put(b, slice_of(h, sizeof h));
	return b;
}

static struct buf *
sample(void)
{
	struct buf *b = hello();

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		put_message(b, sizes[i], (uint32_t)i);
	return b;
}

static void
expect_message(struct slice m, size_t i)
{
	AUTO(buf_free) struct buf *want = buf_new(1000);

	cr_assert_lt(i, ARRAY_LEN(sizes));
	put_message(want, sizes[i], (uint32_t)i);
	cr_expect(slice_eq(m, buf_slice(want)), "message %zu", i);
}

/* Feeds a piece; *count goes on. */
static void
feed(struct stream *s, struct slice piece, size_t *count)
{
	struct slice m;

	for (;;) {
		cr_assert_eq(stream_next(s, &piece, &m), VH_OK);
		if (m.len == 0)
			break;
		expect_message(m, (*count)++);
	}
	cr_expect_eq(piece.len, 0);
}

Test(stream, every_split_in_two_gives_the_same_messages)
{
	AUTO(buf_free) struct buf *all = sample();

	for (size_t cut = 0; cut <= all->len; cut++) {
		struct stream s = { .max = MAX };
		size_t count = 0;

		feed(&s, slice_of(all->p, cut), &count);
		feed(&s, slice_of(all->p + cut, all->len - cut), &count);
		cr_expect_eq(count, ARRAY_LEN(sizes), "cut at %zu", cut);
		stream_end(&s);
	}
}

Test(stream, pieces_of_every_size_give_the_same_messages)
{
	AUTO(buf_free) struct buf *all = sample();

	for (size_t piece = 1; piece <= all->len; piece++) {
		struct stream s = { .max = MAX };
		size_t count = 0;

		for (size_t at = 0; at < all->len; at += piece) {
			size_t n = all->len - at;

			feed(&s, slice_of(all->p + at, n < piece ? n : piece),
			    &count);
		}
		cr_expect_eq(count, ARRAY_LEN(sizes), "pieces of %zu", piece);
		cr_expect_not(stream_has(&s));
		stream_end(&s);
	}
}

/* As a connection does whose requests must wait. */
Test(stream, kept_bytes_come_before_new_ones)
{
	AUTO(buf_free) struct buf *all = sample();

	for (size_t cut = 0; cut <= all->len; cut++) {
		struct stream s = { .max = MAX };
		struct slice first = slice_of(all->p, cut), m;
		size_t count = 0;

		cr_assert_eq(stream_next(&s, &first, &m), VH_OK);
		if (m.len > 0)
			expect_message(m, count++);
		cr_assert_eq(stream_keep(&s, first), VH_OK);
		cr_assert_eq(stream_keep(&s, slice_of(NULL, 0)), VH_OK);
		feed(&s, slice_of(all->p + cut, all->len - cut), &count);
		cr_expect_eq(count, ARRAY_LEN(sizes), "cut at %zu", cut);
		stream_end(&s);
	}
}

Test(stream, an_unread_message_comes_again)
{
	AUTO(buf_free) struct buf *all = sample();

	for (size_t cut = 0; cut <= all->len; cut++) {
		struct stream s = { .max = MAX };
		struct slice piece[2] = { slice_of(all->p, cut),
			slice_of(all->p + cut, all->len - cut) };
		size_t count = 0;

		for (size_t i = 0; i < 2; i++) {
			struct slice m;

			cr_assert_eq(stream_next(&s, &piece[i], &m), VH_OK);
			if (m.len > 0) {
				stream_unread(&s, &piece[i], m);
				cr_assert_eq(stream_keep(&s, piece[i]), VH_OK);
				piece[i].len = 0;
			}
			feed(&s, piece[i], &count);
		}
		cr_expect_eq(count, ARRAY_LEN(sizes), "cut at %zu", cut);
		stream_end(&s);
	}
}

Test(stream, whole_messages_are_not_copied)
{
	AUTO(buf_free) struct buf *all = sample();
	struct stream s = { .max = MAX };
	size_t count = 0;

	feed(&s, buf_slice(all), &count);
	cr_expect_eq(stream_weight(&s), 0);
	stream_end(&s);
}

Test(stream, another_hello_ends_it)
{
	AUTO(buf_free) struct buf *all = sample();

	for (size_t bit = 0; bit < SP_HELLO * 8; bit++) {
		struct stream s = { .max = MAX };
		struct slice bytes = buf_slice(all), m;

		all->p[bit / 8] ^= (uint8_t)(1 << bit % 8);
		cr_expect_eq(stream_next(&s, &bytes, &m), VH_EPARSE);
		cr_expect_eq(m.len, 0);
		all->p[bit / 8] ^= (uint8_t)(1 << bit % 8);
		stream_end(&s);
	}
}

Test(stream, another_type_or_a_message_without_id_ends_it)
{
	static const uint8_t bad[][SP_HEAD] = {
		{ 0, 0, 0, 0, 0, 0, 0, 0, 9 },
		{ 2, 0, 0, 0, 0, 0, 0, 0, 9 },
		{ 1, 0, 0, 0, 0, 0, 0, 0, 3 },
		{ 1, 0, 0, 0, 0, 0, 0, 0, 0 },
		{ 1, 0x80, 0, 0, 0, 0, 0, 0, 0 },
		{ 1, 0, 0, 0, 1, 0, 0, 0, 0 },
		{ 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff },
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO(buf_free) struct buf *b = hello();
		struct stream s = { .max = MAX };
		struct slice m;

		buf_put(b, slice_of(bad[i], SP_HEAD));
		struct slice bytes = buf_slice(b);

		cr_expect_eq(stream_next(&s, &bytes, &m), VH_EPARSE, "head %zu",
		    i);
		stream_end(&s);
	}
}

/* The message after one that is too long is found, wherever bytes are cut. */
Test(stream, a_message_too_long_is_passed_over)
{
	AUTO(buf_free) struct buf *all = hello();

	put_message(all, MAX + 1, 7);
	put_message(all, 1, 1);
	for (size_t cut = 0; cut <= all->len; cut++) {
		struct stream s = { .max = MAX };
		struct slice piece[2] = { slice_of(all->p, cut),
			slice_of(all->p + cut, all->len - cut) };
		size_t small = 0, big = 0;

		for (size_t i = 0; i < 2; i++) {
			for (;;) {
				struct slice m;
				enum vh_err err =
				    stream_next(&s, &piece[i], &m);

				if (err == VH_ETOOBIG) {
					cr_expect_eq(m.len, STREAM_CUT);
					big++;
					continue;
				}
				cr_assert_eq(err, VH_OK, "cut at %zu", cut);
				if (m.len == 0)
					break;
				expect_message(m, 1);
				small++;
			}
		}
		cr_expect_eq(big, 1, "cut at %zu", cut);
		cr_expect_eq(small, 1, "cut at %zu", cut);
		stream_end(&s);
	}
}

Test(stream, memory_of_a_large_message_is_given_back)
{
	AUTO(buf_free) struct buf *all = hello();
	struct stream s = { .max = 1u << 19 };
	struct slice m, bytes;

	put_message(all, 1u << 19, 1);
	bytes = slice_of(all->p, all->len - 1);
	cr_assert_eq(stream_next(&s, &bytes, &m), VH_OK);
	cr_expect_eq(m.len, 0);
	cr_expect_geq(stream_weight(&s), 1u << 19);
	bytes = slice_of(all->p + all->len - 1, 1);
	cr_assert_eq(stream_next(&s, &bytes, &m), VH_OK);
	cr_expect_eq(m.len, SP_HEAD + SP_ID + (1u << 19));
	cr_assert_eq(stream_next(&s, &bytes, &m), VH_OK);
	cr_expect_eq(m.len, 0);
	cr_expect_eq(stream_weight(&s), 0);
	stream_end(&s);
}
