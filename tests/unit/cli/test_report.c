#include <criterion/criterion.h>
#include <stdlib.h>

#include "client/cli/report.h"

static void
expect_report(const char *json, const char *want)
{
	json_t *object = json_loads(json, 0, NULL);
	char *text = NULL;
	size_t size = 0;
	FILE *to = open_memstream(&text, &size);

	cr_assert_not_null(object);
	report_print(to, object);
	fclose(to);
	cr_expect_str_eq(text, want);
	free(text);
	json_decref(object);
}

Test(report, aligns_values)
{
	expect_report("{\"node\":\"a\",\"keys\":6,\"ready\":true,\"x\":null}",
	    "node   a\nkeys   6\nready  true\nx      -\n");
}

Test(report, indents_sections)
{
	expect_report("{\"arena\":{\"size\":1,\"protection\":\"mlock\"}}",
	    "arena\n  size        1\n  protection  mlock\n");
}

Test(report, makes_tables_of_lists_of_objects)
{
	expect_report("{\"algs\":[{\"alg\":\"ES256\",\"ok\":10},"
		      "{\"alg\":\"x\",\"ok\":7}]}",
	    "algs\n  alg    ok\n  ES256  10\n  x       7\n");
}

Test(report, makes_tables_of_objects_of_objects)
{
	expect_report("{\"algs\":{\"ES256\":{\"ok\":10,\"how\":\"a\"},"
		      "\"x\":{\"ok\":7}}}",
	    "algs\n  name   ok  how\n  ES256  10  a\n  x       7  -\n");
}

Test(report, puts_a_list_of_texts_into_one_cell)
{
	expect_report("{\"keys\":[{\"kid\":\"a\",\"ops\":[\"sign\",\"verify\"]}"
		      ","
		      "{\"kid\":\"b\",\"ops\":[]}]}",
	    "keys\n  kid  ops\n  a    sign,verify\n  b    -\n");
	expect_report("{\"a\":[\"x,y\",\"z\"],\"b\":[1,2]}",
	    "a  [\"x,y\",\"z\"]\nb  [1,2]\n");
}

Test(report, shows_what_is_empty)
{
	expect_report("{\"a\":{},\"bc\":[]}", "a   -\nbc  -\n");
}

Test(report, lets_no_control_byte_through)
{
	expect_report("{\"node\":\"a\\u001b[2Jb\\u0085\"}", "node  a?[2Jb??\n");
}

Test(report, ends_at_some_depth)
{
	char json[4096] = "";

	for (int i = 0; i < 100; i++)
		strcat(json, "{\"a\":");
	strcat(json, "1");
	for (int i = 0; i < 100; i++)
		strcat(json, "}");
	json_t *object = json_loads(json, 0, NULL);
	FILE *to = fopen("/dev/null", "w");

	report_print(to, object);
	fclose(to);
	json_decref(object);
}
