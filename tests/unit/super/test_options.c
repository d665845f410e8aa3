#include "super/options.h"

#include <criterion/criterion.h>

static char program[] = "vhsmd";

/* Up to three arguments, NULL for none. */
static enum vh_err
parse(const char *a, const char *b, const char *c, struct options *out,
    struct buf *why)
{
	/* argv is not const by tradition only. */
	char *argv[] = { program, (char *)(uintptr_t)a, (char *)(uintptr_t)b,
		(char *)(uintptr_t)c, NULL };
	int argc = 1;

	while (argv[argc] != NULL)
		argc++;
	return options_parse(argc, argv, out, why);
}

static bool
is_refused(const char *a, const char *b, const char *c)
{
	AUTO(buf_free) struct buf *why = buf_new(1024);
	struct options o = { .help = "untouched" };

	return parse(a, b, c, &o, why) == VH_ECONFIG &&
	       buf_slice(why).len > 0 && strcmp(o.help, "untouched") == 0;
}

Test(options, a_value_follows_or_is_joined)
{
	struct options o;

	cr_assert_eq(parse("--config", "a", "--keyspec=b", &o, NULL), VH_OK);
	cr_expect_str_eq(o.config, "a");
	cr_expect_str_eq(o.keyspec, "b");
	cr_expect_null(o.listen);
	cr_expect_null(o.help);
}

Test(options, none_is_a_command_line)
{
	struct options o = { .help = "x" };

	cr_assert_eq(parse(NULL, NULL, NULL, &o, NULL), VH_OK);
	cr_expect_null(o.help);
}

Test(options, one_without_value_is_an_empty_text)
{
	struct options o;

	cr_assert_eq(parse("--version", NULL, NULL, &o, NULL), VH_OK);
	cr_expect_str_eq(o.version, "");
}

Test(options, the_unknown_the_repeated_and_the_positional_are_refused)
{
	cr_expect(is_refused("--nonsense", NULL, NULL));
	cr_expect(is_refused("--conf", "a", NULL));
	cr_expect(is_refused("-h", NULL, NULL));
	cr_expect(is_refused("file", NULL, NULL));
	cr_expect(is_refused("--", NULL, NULL));
	cr_expect(is_refused("", NULL, NULL));
	cr_expect(is_refused("--config=a", "--config=b", NULL));
	cr_expect(is_refused("--help", "--help", NULL));
}

Test(options, a_missing_or_needless_value_is_refused)
{
	cr_expect(is_refused("--config", NULL, NULL));
	cr_expect(is_refused("--config=", NULL, NULL));
	cr_expect(is_refused("--help=yes", NULL, NULL));
}

Test(options, values_are_checked)
{
	static const char *const bad[][2] = {
		{ "--listen", "/run/x.sock" },
		{ "--listen", "ipc://relative" },
		{ "--operator", "tcp://127.0.0.1:1" },
		{ "--http", "localhost:80" },
		{ "--http", "127.0.0.1" },
		{ "--http", "127.0.0.1:65536" },
		{ "--log", "xml" },
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		cr_expect(is_refused(bad[i][0], bad[i][1], NULL), "%s %s",
		    bad[i][0], bad[i][1]);
}

Test(options, port_zero_and_both_address_families_are_fine)
{
	struct options o;

	cr_expect_eq(parse("--http", "127.0.0.1:0", NULL, &o, NULL), VH_OK);
	cr_expect_eq(parse("--http", "[::1]:8443", NULL, &o, NULL), VH_OK);
}

Test(options, the_help_names_every_option_once)
{
	AUTO(buf_free) struct buf *b = buf_new(8192);

	options_put_help(b);
	buf_put_u8(b, 0);
	cr_assert_eq(buf_end(b), VH_OK);
	const char *text = (const char *)buf_slice(b).p;

#define VH_OPTION(name, value, ok, help_)                                      \
	cr_expect_not_null(strstr(text, "\n  --" #name " "));
#include "super/options.def"
}
