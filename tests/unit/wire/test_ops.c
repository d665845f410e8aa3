#include "wire/ops.h"

#include <criterion/criterion.h>

Test(ops, every_row_names_known_fields_only)
{
	for (unsigned op = 0; op < 256; op++) {
		const struct op_row *row = op_row(op);

		if (row == NULL)
			continue;
		cr_expect_neq(row->who, 0, "%s", row->name);
		for (unsigned tag = 0; tag < VH_TAGS; tag++)
			if ((row->needs | row->may | row->answers) >> tag & 1)
				cr_expect_not_null(field_row(tag), "%s %u",
				    row->name, tag);
	}
}

Test(ops, unknown_numbers_have_no_row)
{
	cr_expect_null(op_row(0));
	cr_expect_null(op_row(65535));
	cr_expect_null(field_row(0));
	cr_expect_null(field_row(VH_TAGS));
	cr_expect_null(field_row(65535));
	cr_expect_str_eq(op_name(65535), "unknown");
	cr_expect_str_eq(op_name(VH_OP_SIGN), "SIGN");
}

Test(ops, numbers_have_the_size_of_their_type)
{
	for (unsigned tag = 0; tag < VH_TAGS; tag++) {
		const struct field_row *row = field_row(tag);

		if (row == NULL)
			continue;
		if (row->type == VH_U32)
			cr_expect_eq(row->max, 4, "%s", row->name);
		if (row->type == VH_U64)
			cr_expect_eq(row->max, 8, "%s", row->name);
	}
}
