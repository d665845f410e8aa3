#include <criterion/criterion.h>

#include "client/libvhsm/answer.h"

static struct buf *
good(void)
{
	struct buf *b = buf_new(4096);
	size_t start = frame_answer(b, VH_OP_VERIFY, 5, VH_OK);

	frame_put(b, VH_F_DATA, slice_of("a\0b", 3));
	frame_put_text(b, VH_F_KID, "key");
	frame_put_text(b, VH_F_ALG, "ES256");
	frame_put_text(b, VH_F_HEADER, "{\"alg\":\"ES256\"}");
	frame_put_text(b, VH_F_JWK, "{}");
	frame_close(b, start);
	return b;
}

Test(answer, holds_all_that_came_and_null_for_the_rest)
{
	struct buf *b = good();
	struct vhsm_answer *a = NULL;

	cr_assert_eq(answer_parse(buf_slice(b), VHSM_VERIFY, 5, &a), VH_OK);
	buf_free(b);
	cr_expect_eq(a->error, VHSM_OK);
	cr_expect_str_eq(a->why, "");
	cr_expect_eq(a->data_len, 3);
	cr_expect_eq(memcmp(a->data, "a\0b", 4), 0, "with a NUL behind it");
	cr_expect_str_eq(a->kid, "key");
	cr_expect_str_eq(a->alg, "ES256");
	cr_expect_str_eq(a->header, "{\"alg\":\"ES256\"}");
	cr_expect_str_eq(a->jwk, "{}");
	cr_expect_null(a->token);
	cr_expect_null(a->jwks);
	cr_expect_null(a->json);
	vhsm_answer_free(a);
}

Test(answer, empty_data_is_not_null)
{
	struct buf *b = buf_new(4096);
	size_t start = frame_answer(b, VH_OP_DECRYPT, 5, VH_OK);
	struct vhsm_answer *a = NULL;

	frame_put(b, VH_F_DATA, slice_of(NULL, 0));
	frame_close(b, start);
	cr_assert_eq(answer_parse(buf_slice(b), VHSM_DECRYPT, 5, &a), VH_OK);
	cr_expect_not_null(a->data);
	cr_expect_eq(a->data_len, 0);
	vhsm_answer_free(a);
	buf_free(b);
}

Test(answer, every_prefix_is_refused)
{
	struct buf *b = good();
	struct vhsm_answer *a = NULL;

	for (size_t n = 0; n < b->len; n++)
		cr_expect_eq(answer_parse(slice_of(b->p, n), VHSM_VERIFY, 5,
				 &a),
		    VH_EPARSE, "%zu", n);
	cr_expect_null(a);
	buf_free(b);
}

Test(answer, one_byte_more_is_refused)
{
	struct buf *b = good();
	struct vhsm_answer *a = NULL;

	buf_put_u8(b, 0);
	cr_expect_eq(answer_parse(buf_slice(b), VHSM_VERIFY, 5, &a), VH_EPARSE);
	buf_free(b);
}

Test(answer, every_flipped_bit_is_refused_or_leaves_a_whole_answer)
{
	struct buf *b = good();

	for (size_t bit = 0; bit < b->len * 8; bit++) {
		struct vhsm_answer *a = NULL;

		b->p[bit / 8] ^= (uint8_t)(1 << bit % 8);
		enum vh_err err =
		    answer_parse(buf_slice(b), VHSM_VERIFY, 5, &a);

		cr_expect_eq(err == VH_OK, a != NULL);
		if (a != NULL && a->error == VHSM_OK)
			cr_expect_not_null(a->data);
		vhsm_answer_free(a);
		b->p[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	buf_free(b);
}

Test(answer, of_another_request_or_op_is_refused)
{
	struct buf *b = good();
	struct vhsm_answer *a = NULL;

	cr_expect_eq(answer_parse(buf_slice(b), VHSM_VERIFY, 6, &a), VH_EPARSE);
	cr_expect_eq(answer_parse(buf_slice(b), VHSM_DECRYPT, 5, &a),
	    VH_EPARSE);
	buf_free(b);
}

Test(answer, a_newer_error_is_an_internal_one)
{
	struct buf *b = buf_new(4096);
	struct vhsm_answer *a = NULL;

	frame_put_error(b, VH_OP_SIGN, 5, (enum vh_err)999, "new");
	cr_assert_eq(answer_parse(buf_slice(b), VHSM_SIGN, 5, &a), VH_OK);
	cr_expect_eq(a->error, VHSM_EINTERNAL);
	cr_expect_str_eq(a->why, "new");
	vhsm_answer_free(a);
	vhsm_answer_free(NULL);
	buf_free(b);
}

/* --- signatures ----------------------------------------------------------- */

static void
put_party(struct buf *b, const char *kid, enum vh_err outcome)
{
	size_t nest = frame_nest(b, VH_F_PARTY);

	frame_put_u32(b, VH_F_OUTCOME, outcome);
	frame_put_text(b, VH_F_KID, kid);
	frame_put_text(b, VH_F_UNPROTECTED, "{\"u\":1}");
	frame_nest_close(b, nest);
}

/* An answer about count signatures. */
static struct buf *
several(size_t count)
{
	struct buf *b = buf_new(1 << 16);
	size_t start = frame_answer(b, VH_OP_VERIFY, 5, VH_OK);

	frame_put_text(b, VH_F_DATA, "x");
	for (size_t i = 0; i < count; i++)
		put_party(b, i == 0 ? "first" : "next",
		    i == 0 ? VH_OK : VH_EVERIFY);
	frame_put_text(b, VH_F_KID, "first");
	frame_close(b, start);
	return b;
}

Test(answer, tells_of_each_signature)
{
	struct buf *b = several(3);
	struct vhsm_answer *a = NULL;

	cr_assert_eq(answer_parse(buf_slice(b), VHSM_VERIFY, 5, &a), VH_OK);
	buf_free(b);
	cr_assert_eq(a->signature_count, 3);
	cr_expect_eq(a->signatures[0].error, VHSM_OK);
	cr_expect_str_eq(a->signatures[0].kid, "first");
	cr_expect_str_eq(a->signatures[0].unprotected, "{\"u\":1}");
	cr_expect_null(a->signatures[0].alg);
	cr_expect_eq(a->signatures[2].error, VHSM_EVERIFY);
	cr_expect_str_eq(a->signatures[2].kid, "next");
	cr_expect_str_eq(a->kid, "first");
	vhsm_answer_free(a);
}

Test(answer, without_signatures_there_is_no_list)
{
	struct buf *b = several(0);
	struct vhsm_answer *a = NULL;

	cr_assert_eq(answer_parse(buf_slice(b), VHSM_VERIFY, 5, &a), VH_OK);
	cr_expect_eq(a->signature_count, 0);
	cr_expect_null(a->signatures);
	vhsm_answer_free(a);
	buf_free(b);
}

Test(answer, of_more_signatures_than_there_can_be_the_first_count)
{
	struct buf *b = several(VHSM_PARTIES_MAX + 4);
	struct vhsm_answer *a = NULL;

	cr_assert_eq(answer_parse(buf_slice(b), VHSM_VERIFY, 5, &a), VH_OK);
	cr_expect_eq(a->signature_count, VHSM_PARTIES_MAX);
	cr_expect_str_eq(a->signatures[VHSM_PARTIES_MAX - 1].kid, "next");
	vhsm_answer_free(a);
	buf_free(b);
}

Test(answer, every_flipped_bit_of_signatures_leaves_texts_that_end)
{
	struct buf *b = several(2);

	for (size_t bit = 0; bit < b->len * 8; bit++) {
		struct vhsm_answer *a = NULL;
		size_t total = 0;

		b->p[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (answer_parse(buf_slice(b), VHSM_VERIFY, 5, &a) == VH_OK)
			for (size_t i = 0; i < a->signature_count; i++)
				if (a->signatures[i].kid != NULL)
					total += strlen(a->signatures[i].kid);
		cr_expect_leq(total, b->len);
		vhsm_answer_free(a);
		b->p[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	buf_free(b);
}
