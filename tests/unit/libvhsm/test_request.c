#include <criterion/criterion.h>
#include <stdlib.h>

#include "client/libvhsm/request.h"
#include "wire/sp.h"

static const struct vhsm_request full = { .op = VHSM_ENCRYPT,
	.key = { "k", "n", "a", "t", "c", "u" },
	.data = "data",
	.data_len = 4,
	.header = "{}",
	.typ = "JWT",
	.enc = "A128GCM",
	.jwk = "{}",
	.apu = "pu",
	.apu_len = 2,
	.apv = "pv",
	.apv_len = 2 };

static const char *culprit;

/* The frame of a request, which stays in b. */
static struct frame
frame_of(struct buf *b, const struct vhsm_request *q, uint32_t id)
{
	struct slice body;
	struct frame f;
	uint32_t got;
	size_t size;

	cr_assert_eq(request_check(q, &culprit), VH_OK, "%s", culprit);
	request_put(b, q, id, 1234);
	cr_assert_eq(buf_end(b), VH_OK);
	cr_assert_eq(sp_size(b->p, b->len, 1 << 20, &size), VH_OK);
	cr_assert_eq(size, b->len);
	cr_assert_eq(sp_parse(buf_slice(b), &got, &body), VH_OK);
	cr_assert_eq(got, id);
	cr_assert_eq(frame_parse(body, &f), VH_OK);
	cr_assert_eq(f.id, id);
	return f;
}

Test(request, carries_every_member)
{
	static const struct {
		enum vh_tag tag;
		const char *value;
	} want[] = { { VH_F_KID, "k" }, { VH_F_NAME, "n" }, { VH_F_ALG, "a" },
		{ VH_F_KTY, "t" }, { VH_F_CRV, "c" }, { VH_F_USE, "u" },
		{ VH_F_DATA, "data" }, { VH_F_HEADER, "{}" },
		{ VH_F_TYP, "JWT" }, { VH_F_ENC, "A128GCM" },
		{ VH_F_JWK, "{}" }, { VH_F_APU, "pu" }, { VH_F_APV, "pv" } };
	struct buf *b = buf_new(1 << 20);
	struct frame f = frame_of(b, &full, 7);

	cr_expect_eq(f.op, VH_OP_ENCRYPT);
	cr_expect_eq(f.deadline_ms, 1234);
	cr_expect_eq(frame_check(&f, VH_WHO_CALLER), VH_OK);
	for (size_t i = 0; i < ARRAY_LEN(want); i++)
		cr_expect(slice_is(f.f.at[want[i].tag], want[i].value), "%s",
		    field_row(want[i].tag)->name);
	buf_free(b);
}

Test(request, every_op_has_a_form_that_the_daemon_accepts)
{
	static const enum vhsm_op ops[] = { VHSM_SIGN, VHSM_DECRYPT,
		VHSM_VERIFY, VHSM_KEYS, VHSM_STATUS, VHSM_CLUSTER, VHSM_DRAIN };

	for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
		struct buf *b = buf_new(1 << 20);
		struct frame f =
		    frame_of(b, &(struct vhsm_request){ .op = ops[i] }, 1);

		cr_expect_eq(frame_check(&f, VH_WHO_OPERATOR), VH_OK);
		buf_free(b);
	}
}

Test(request, drain_is_taken_back_with_off)
{
	struct vhsm_request q = { .op = VHSM_DRAIN, .off = 1 };
	struct buf *b = buf_new(1 << 20);
	struct frame f = frame_of(b, &q, 1);

	cr_expect_eq(fields_u32(&f.f, VH_F_OFF), 1);
	buf_free(b);
}

Test(request, revoke_names_a_kid_and_only_that)
{
	struct vhsm_request q = { .op = VHSM_REVOKE, .key.kid = "k" };
	struct buf *b = buf_new(1 << 20);
	struct frame f = frame_of(b, &q, 1);

	cr_expect_eq(frame_check(&f, VH_WHO_OPERATOR), VH_OK);
	cr_expect_eq(frame_check(&f, VH_WHO_CALLER), VH_EFORBIDDEN);
	cr_expect(slice_is(f.f.at[VH_F_KID], "k"));
	q.key.name = "n";
	cr_expect_eq(request_check(&q, &culprit), VH_EFIELD);
	cr_expect_str_eq(culprit, "NAME");
	q = (struct vhsm_request){ .op = VHSM_REVOKE };
	cr_expect_eq(request_check(&q, &culprit), VH_EFIELD);
	cr_expect_str_eq(culprit, "KID");
	buf_free(b);
}

Test(request, what_is_missing_is_named)
{
	struct vhsm_request q = full;

	q.enc = NULL;
	cr_expect_eq(request_check(&q, &culprit), VH_EFIELD);
	cr_expect_str_eq(culprit, "ENC");
	q = full;
	q.key.alg = NULL;
	cr_expect_eq(request_check(&q, &culprit), VH_EFIELD);
	cr_expect_str_eq(culprit, "ALG");
	q = full;
	q.data = NULL;
	cr_expect_eq(request_check(&q, &culprit), VH_EFIELD);
	cr_expect_str_eq(culprit, "DATA");
}

Test(request, what_does_not_belong_is_named)
{
	struct vhsm_request q = full;

	q.jwks = "{}";
	cr_expect_eq(request_check(&q, &culprit), VH_EFIELD);
	cr_expect_str_eq(culprit, "JWKS");
	q = (struct vhsm_request){ .op = VHSM_STATUS, .key.kid = "k" };
	cr_expect_eq(request_check(&q, &culprit), VH_EFIELD);
	cr_expect_str_eq(culprit, "KID");
}

Test(request, what_is_too_long_is_named)
{
	char *kid = calloc(1, 1000);
	struct vhsm_request q = full;

	memset(kid, 'k', field_row(VH_F_KID)->max);
	q.key.kid = kid;
	cr_expect_eq(request_check(&q, &culprit), VH_OK);
	kid[field_row(VH_F_KID)->max] = 'k';
	cr_expect_eq(request_check(&q, &culprit), VH_ETOOBIG);
	cr_expect_str_eq(culprit, "KID");
	free(kid);
	q = full;
	q.data_len = VH_DATA_MAX + 1;
	cr_expect_eq(request_check(&q, &culprit), VH_ETOOBIG);
}

Test(request, operations_of_other_processes_are_refused)
{
	for (int op = -3; op < 70000; op++) {
		struct vhsm_request q = { .op = (enum vhsm_op)op };
		const struct op_row *row = op < 0 ? NULL : op_row((unsigned)op);
		bool public =
		    row != NULL &&
		    (row->who & (VH_WHO_CALLER | VH_WHO_OPERATOR)) != 0;

		cr_expect_eq(request_check(&q, &culprit) != VH_EOP, public,
		    "%d", op);
	}
	cr_expect_eq(request_check(NULL, &culprit), VH_EOP);
}

Test(request, a_message_takes_another_number)
{
	struct buf *a = buf_new(1 << 20), *b = buf_new(1 << 20);

	request_put(a, &full, 1, 9);
	request_put(b, &full, 0x7ffefdfc, 9);
	request_renumber(a->p, 0x7ffefdfc);
	cr_expect(slice_eq(buf_slice(a), buf_slice(b)));
	buf_free(a);
	buf_free(b);
}

/* --- forms ---------------------------------------------------------------- */

Test(request, each_party_has_a_field_of_its_own)
{
	static const struct vhsm_party more[] = {
		{ .key = { .name = "n", .alg = "ES256" },
		    .header = "{\"x\":1}",
		    .typ = "t",
		    .unprotected = "{}" },
		{ .jwk = "{}",
		    .apu = "u",
		    .apu_len = 1,
		    .apv = "",
		    .apv_len = 0 },
	};
	const struct vhsm_request q = { .op = VHSM_SIGN,
		.data = "x",
		.data_len = 1,
		.format = VHSM_GENERAL,
		.unprotected = "{\"u\":1}",
		.detached = 1,
		.unencoded = 1,
		.more = more,
		.more_count = ARRAY_LEN(more) };
	struct buf *b = buf_new(1 << 20);
	struct frame f = frame_of(b, &q, 1);
	struct slice rest = f.f.body, body;
	struct fields party[2];
	size_t count = 0;
	unsigned tag;

	cr_expect_eq(frame_check(&f, VH_WHO_CALLER), VH_OK);
	cr_expect(slice_is(f.f.at[VH_F_FORMAT], "general"));
	cr_expect(slice_is(f.f.at[VH_F_UNPROTECTED], "{\"u\":1}"));
	cr_expect_eq(fields_u32(&f.f, VH_F_DETACHED), 1);
	cr_expect_eq(fields_u32(&f.f, VH_F_UNENCODED), 1);
	while (fields_next(&rest, &tag, &body))
		if (tag == VH_F_PARTY) {
			cr_assert_lt(count, 2);
			cr_assert_eq(fields_parse(body, &party[count++]),
			    VH_OK);
		}
	cr_assert_eq(count, 2);
	cr_expect(slice_is(party[0].at[VH_F_NAME], "n"));
	cr_expect(slice_is(party[0].at[VH_F_ALG], "ES256"));
	cr_expect(slice_is(party[0].at[VH_F_HEADER], "{\"x\":1}"));
	cr_expect(slice_is(party[0].at[VH_F_TYP], "t"));
	cr_expect(slice_is(party[0].at[VH_F_UNPROTECTED], "{}"));
	cr_expect_not(fields_have(&party[0], VH_F_JWK));
	cr_expect(slice_is(party[1].at[VH_F_JWK], "{}"));
	cr_expect(slice_is(party[1].at[VH_F_APU], "u"));
	cr_expect(fields_have(&party[1], VH_F_APV), "empty, but there");
	cr_expect_not(fields_have(&party[1], VH_F_KID));
	buf_free(b);
}

Test(request, parties_are_bounded_and_only_where_they_belong)
{
	static const struct vhsm_party more[VHSM_PARTIES_MAX];
	struct vhsm_request q = { .op = VHSM_SIGN,
		.data = "x",
		.format = VHSM_GENERAL,
		.more = more,
		.more_count = VHSM_PARTIES_MAX - 1 };

	cr_expect_eq(request_check(&q, &culprit), VH_OK);
	q.more_count++;
	cr_expect_eq(request_check(&q, &culprit), VH_ETOOBIG);
	cr_expect_str_eq(culprit, "PARTY");
	q.more = NULL;
	q.more_count = 1;
	cr_expect_eq(request_check(&q, &culprit), VH_EFIELD);
	q = (struct vhsm_request){ .op = VHSM_VERIFY,
		.data = "x",
		.more = more,
		.more_count = 1 };
	cr_expect_eq(request_check(&q, &culprit), VH_EFIELD);
	cr_expect_str_eq(culprit, "PARTY");
}

Test(request, what_a_party_has_too_long_is_refused)
{
	size_t size = field_row(VH_F_HEADER)->max + 2;
	char *header = calloc(1, size);
	const struct vhsm_party more[] = { { .header = header },
		{ .apu = NULL, .apu_len = 1 } };
	struct vhsm_request q = { .op = VHSM_SIGN,
		.data = "x",
		.format = VHSM_GENERAL,
		.more = more,
		.more_count = 1 };

	memset(header, ' ', size - 2);
	cr_expect_eq(request_check(&q, &culprit), VH_OK);
	header[size - 2] = ' ';
	cr_expect_eq(request_check(&q, &culprit), VH_ETOOBIG);
	q.more = more + 1;
	cr_expect_eq(request_check(&q, &culprit), VH_EFIELD, "no bytes");
	free(header);
}

Test(request, a_format_that_vhsm_h_does_not_have_is_refused)
{
	struct vhsm_request q = { .op = VHSM_SIGN,
		.data = "x",
		.format = (enum vhsm_format)3 };

	cr_expect_eq(request_check(&q, &culprit), VH_EFIELD);
	cr_expect_str_eq(culprit, "FORMAT");
	q.format = (enum vhsm_format) - 1;
	cr_expect_eq(request_check(&q, &culprit), VH_EFIELD);
}

Test(request, a_report_of_what_is_mine_is_a_flag)
{
	struct vhsm_request q = { .op = VHSM_KEYS,
		.mine = 1,
		.state = VHSM_STATE_ACTIVE };
	struct buf *b = buf_new(1 << 20);
	struct frame f = frame_of(b, &q, 1);

	cr_expect_eq(fields_u32(&f.f, VH_F_FLAGS), VH_KEYS_MINE);
	cr_expect_eq(fields_u32(&f.f, VH_F_STATE), VH_KEY_ACTIVE);
	q = (struct vhsm_request){ .op = VHSM_STATUS, .mine = 1 };
	cr_expect_eq(request_check(&q, &culprit), VH_EFIELD);
	buf_free(b);
}

Test(request, a_detached_payload_and_all_go_with_a_verification)
{
	struct vhsm_request q = { .op = VHSM_VERIFY,
		.data = "t",
		.data_len = 1,
		.payload = "p\0q",
		.payload_len = 3,
		.all = 1 };
	struct buf *b = buf_new(1 << 20);
	struct frame f = frame_of(b, &q, 1);

	cr_expect(slice_is(f.f.at[VH_F_TOKEN], "t"));
	cr_expect(slice_eq(f.f.at[VH_F_DATA], slice_of("p\0q", 3)));
	cr_expect_eq(fields_u32(&f.f, VH_F_ALL), 1);
	q.op = VHSM_SIGN;
	cr_expect_eq(request_check(&q, &culprit), VH_EFIELD);
	buf_free(b);
}
