#include <criterion/criterion.h>
#include <stdlib.h>

#include "client/cli/args.h"

#define ARGS_MAX 16

struct parsed {
	bool ok;
	struct args args;
	char *err; /* what was complained, freed by parsed_end */
	char *argv[ARGS_MAX];
};

/* Parses words that end with NULL. */
static struct parsed
parse(const char *const *words)
{
	struct parsed p = { 0 };
	size_t size = 0;
	FILE *err = open_memstream(&p.err, &size);
	int argc = 0;

	p.argv[argc++] = strdup("vhsm");
	for (; *words != NULL; words++)
		p.argv[argc++] = strdup(*words);
	p.ok = args_parse(argc, p.argv, err, &p.args);
	fclose(err);
	return p;
}

static void
parsed_end(struct parsed *p)
{
	for (size_t i = 0; i < ARGS_MAX; i++)
		free(p->argv[i]);
	free(p->err);
}

#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void
expect_complaint(const char *const *words, const char *text)
{
	struct parsed p = parse(words);

	cr_expect(!p.ok);
	cr_expect_str_eq(p.err, text);
	parsed_end(&p);
}

Test(args, options_stand_before_and_behind_the_verb)
{
	struct parsed p = parse(WORDS("-s", "ipc:///x", "--json", "sign",
	    "--kid", "k", "--alg=ES256,RS256", "--timeout", "250", "file"));

	cr_assert(p.ok, "%s", p.err);
	cr_expect_str_eq(p.args.verb->name, "sign");
	cr_expect_str_eq(p.args.socket, "ipc:///x");
	cr_expect(p.args.json);
	cr_expect_str_eq(p.args.key.kid, "k");
	cr_expect_str_eq(p.args.key.alg, "ES256,RS256");
	cr_expect_eq(p.args.timeout, 250);
	cr_expect_str_eq(args_operand(&p.args), "file");
	cr_expect_null(p.args.key.name);
	parsed_end(&p);
}

Test(args, a_short_option_may_hold_its_value)
{
	struct parsed p = parse(WORDS("-sipc:///x", "status"));

	cr_assert(p.ok);
	cr_expect_str_eq(p.args.socket, "ipc:///x");
	parsed_end(&p);
}

Test(args, a_single_dash_and_what_follows_two_are_operands)
{
	struct parsed p = parse(WORDS("sign", "-")), q;

	cr_assert(p.ok);
	cr_expect_str_eq(args_operand(&p.args), "-");
	q = parse(WORDS("sign", "--", "--json"));
	cr_assert(q.ok);
	cr_expect_str_eq(args_operand(&q.args), "--json");
	cr_expect(!q.args.json);
	parsed_end(&p);
	parsed_end(&q);
}

Test(args, a_thumbprint_may_begin_with_a_dash)
{
	static const char *const kids[] = {
		"-e_hI9plsppbKk6Yf_cIUpq6Ik1pVXvZNJSdvZ3ouyI",
		"-sipc-plsppbKk6Yf_cIUpq6Ik1pVXvZNJSdvZ3ouyI",
		"--json-sppbKk6Yf_cIUpq6Ik1pVXvZNJSdvZ3ouyI-",
	};

	for (size_t i = 0; i < sizeof kids / sizeof *kids; i++) {
		struct parsed p = parse(WORDS("retire", kids[i]));

		cr_assert(p.ok, "%s", p.err);
		cr_expect_str_eq(args_operand(&p.args), kids[i]);
		cr_expect(!p.args.json && p.args.socket == NULL);
		parsed_end(&p);
	}
	expect_complaint(WORDS("retire",
			     "-e_hI9plsppbKk6Yf_cIUpq6Ik1pVXvZNJSdvZ3ouy"),
	    "vhsm: retire: unknown option -e; see vhsm help\n");
}

Test(args, an_option_with_one_value_is_given_once)
{
	struct parsed p = parse(WORDS("--json", "keys", "--json"));

	cr_expect(p.ok, "what takes no value may stand twice");
	parsed_end(&p);
	expect_complaint(WORDS("sign", "--alg", "ES256", "p", "--alg", "EdDSA"),
	    "vhsm: sign: --alg may be given once: A,B\n");
	expect_complaint(WORDS("keys", "--kid", "a", "--kid", "a"),
	    "vhsm: keys: --kid may be given once: KID\n");
	expect_complaint(WORDS("-s", "ipc:///x", "keys", "--socket=ipc:///y"),
	    "vhsm: keys: --socket may be given once: URL\n");
	expect_complaint(WORDS("--timeout", "1", "keys", "--timeout", "2"),
	    "vhsm: keys: --timeout may be given once: MS\n");
}

Test(args, each_party_has_its_options_once)
{
	expect_complaint(WORDS("sign", "--kid", "a", "--also", "--kid", "b",
			     "--also", "--kid", "c", "--kid", "d"),
	    "vhsm: sign: --kid may be given once: KID\n");
	expect_complaint(WORDS("sign", "--format", "general", "--also",
			     "--format", "x"),
	    "vhsm: sign: --format may be given once: F\n");
}

Test(args, an_option_may_be_cut_short_where_it_is_unique)
{
	struct parsed p = parse(WORDS("drain", "--of"));

	cr_assert(p.ok, "%s", p.err);
	cr_expect(p.args.off);
	parsed_end(&p);
	expect_complaint(WORDS("sign", "--k", "x"),
	    "vhsm: sign: option --k is ambiguous: --kid --kty\n");
}

Test(args, a_whole_name_is_never_ambiguous)
{
	struct parsed p = parse(WORDS("encrypt", "--jwk", "f"));

	cr_assert(p.ok, "%s", p.err);
	cr_expect_str_eq(p.args.jwk, "f");
	parsed_end(&p);
}

Test(args, what_is_wrong_takes_one_line)
{
	expect_complaint(WORDS("sign", "--jwks", "f"),
	    "vhsm: sign: unknown option --jwks; see vhsm help\n");
	expect_complaint(WORDS("-x"),
	    "vhsm: unknown option -x; see vhsm help\n");
	expect_complaint(WORDS("--kid", "k", "sign"),
	    "vhsm: unknown option --kid; see vhsm help\n");
	expect_complaint(WORDS("fly"),
	    "vhsm: unknown verb fly; see vhsm help\n");
	expect_complaint(WORDS("--json"), "vhsm: which verb? see vhsm help\n");
	expect_complaint(WORDS("status", "x"),
	    "vhsm: status: superfluous argument x\n");
	expect_complaint(WORDS("sign", "a", "b"),
	    "vhsm: sign: superfluous argument b\n");
	expect_complaint(WORDS("sign", "--kid"),
	    "vhsm: sign: --kid wants a value: KID\n");
	expect_complaint(WORDS("status", "--json=1"),
	    "vhsm: status: --json takes no value\n");
}

Test(args, a_count_is_a_plain_positive_number)
{
	static const char *const bad[] = { "", "0", "-1", "1x", " 1",
		"99999999999999999999", "2147483648" };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct parsed p = parse(WORDS("bench", "--clients", bad[i]));

		cr_expect(!p.ok, "%s", bad[i]);
		parsed_end(&p);
	}
	expect_complaint(WORDS("status", "--timeout", "0"),
	    "vhsm: status: --timeout wants a number from 1 to 2147483647, "
	    "not 0\n");
	struct parsed p = parse(WORDS("bench", "--clients", "2147483647"));

	cr_expect(p.ok);
	cr_expect_eq(p.args.clients, INT32_MAX);
	parsed_end(&p);
}

Test(args, help_and_version_need_no_verb)
{
	struct parsed p = parse(WORDS("--help")), q = parse(WORDS("-V"));

	cr_expect(p.ok && p.args.help);
	cr_expect(q.ok && q.args.version);
	parsed_end(&p);
	parsed_end(&q);
}

Test(args, usage_names_every_verb_and_its_options)
{
	char *text = NULL;
	size_t size = 0;
	FILE *to = open_memstream(&text, &size);

	args_usage(to, NULL, NULL);
	args_usage(to, verb_by_name("encrypt"), NULL);
	fclose(to);
	for (size_t i = 0; verb_at(i) != NULL; i++)
		cr_expect_not_null(strstr(text, verb_at(i)->name));
	cr_expect_not_null(strstr(text, "--jwk FILE"));
	cr_expect_not_null(strstr(text, "-s, --socket URL"));
	free(text);
}

Test(args, a_verb_may_have_two_words)
{
	struct parsed p = parse(WORDS("--json", "cluster", "issue", "a", "--ca",
	    "x", "--san", "b", "--dev", "--san=c", "--out", "y"));

	cr_assert(p.ok, "%s", p.err);
	cr_expect_str_eq(p.args.verb->name, "cluster issue");
	cr_expect_str_eq(args_operand(&p.args), "a");
	cr_expect_str_eq(p.args.ca, "x");
	cr_expect_str_eq(p.args.out, "y");
	cr_expect(p.args.dev);
	cr_assert_eq(p.args.sans.n, 2);
	cr_expect_str_eq(p.args.sans.at[0], "b");
	cr_expect_str_eq(p.args.sans.at[1], "c");
	parsed_end(&p);
}

Test(args, one_name_may_be_two_options)
{
	struct parsed p = parse(WORDS("cluster", "init", "--name", "CA", "d"));
	struct parsed q = parse(WORDS("sign", "--name", "k"));

	cr_assert(p.ok && q.ok);
	cr_expect_str_eq(p.args.title, "CA");
	cr_expect_null(p.args.key.name);
	cr_expect_str_eq(q.args.key.name, "k");
	cr_expect_null(q.args.title);
	parsed_end(&p);
	parsed_end(&q);
}

Test(args, the_second_word_is_needed_and_known)
{
	expect_complaint(WORDS("cluster"),
	    "vhsm: cluster: which verb? see vhsm help cluster\n");
	expect_complaint(WORDS("cluster", "cluster"),
	    "vhsm: cluster: unknown verb cluster; see vhsm help cluster\n");
	expect_complaint(WORDS("cluster", "init"),
	    "vhsm: cluster init: DIR is missing\n");
}

Test(args, operands_are_counted)
{
	struct parsed p = parse(WORDS("cluster", "sign", "a", "--", "-b", "c"));
	struct parsed help = parse(WORDS("revoke", "--help"));

	cr_assert(p.ok, "%s", p.err);
	cr_expect_eq(p.args.operands.n, 3);
	cr_expect_str_eq(p.args.operands.at[1], "-b");
	cr_expect(help.ok);
	expect_complaint(WORDS("revoke"), "vhsm: revoke: KID is missing\n");
	expect_complaint(WORDS("revoke", "a", "b"),
	    "vhsm: revoke: superfluous argument b\n");
	expect_complaint(WORDS("cluster", "init", "a", "b"),
	    "vhsm: cluster init: superfluous argument b\n");
	parsed_end(&p);
	parsed_end(&help);
}

/* --- several parties ------------------------------------------------------ */

Test(args, options_behind_also_are_the_next_partys)
{
	struct parsed p = parse(
	    WORDS("sign", "--alg", "ES256", "--format", "general", "--also",
		"--kid", "b", "--typ", "t", "--also", "--name", "c", "file"));

	cr_assert(p.ok, "%s", p.err);
	cr_assert_eq(p.args.more_count, 2);
	cr_expect_str_eq(p.args.key.alg, "ES256");
	cr_expect_null(p.args.key.kid);
	cr_expect_null(p.args.typ);
	cr_expect_str_eq(p.args.more[0].key.kid, "b");
	cr_expect_str_eq(p.args.more[0].typ, "t");
	cr_expect_null(p.args.more[0].key.alg, "no party has another's");
	cr_expect_str_eq(p.args.more[1].key.name, "c");
	cr_expect_null(p.args.more[1].typ);
	cr_expect_str_eq(p.args.format, "general");
	cr_expect_str_eq(args_operand(&p.args), "file");
	parsed_end(&p);
}

Test(args, what_is_no_partys_may_stand_behind_also)
{
	struct parsed p =
	    parse(WORDS("encrypt", "--also", "--jwk", "f", "--enc", "A128GCM"));

	cr_assert(p.ok, "%s", p.err);
	cr_assert_eq(p.args.more_count, 1);
	cr_expect_null(p.args.jwk);
	cr_expect_str_eq(p.args.more[0].jwk, "f");
	cr_expect_str_eq(p.args.enc, "A128GCM");
	parsed_end(&p);
}

/* vhsm sign with that many --also. */
static struct parsed
parse_also(size_t count)
{
	static char vhsm[] = "vhsm", sign[] = "sign", also[] = "--also";
	char *argv[VHSM_PARTIES_MAX + 4] = { vhsm, sign };
	struct parsed p = { 0 };
	size_t size = 0;
	FILE *err = open_memstream(&p.err, &size);

	for (size_t i = 0; i < count; i++)
		argv[i + 2] = also;
	p.ok = args_parse((int)count + 2, argv, err, &p.args);
	fclose(err);
	return p;
}

Test(args, there_are_at_most_sixteen_parties)
{
	struct parsed p = parse_also(VHSM_PARTIES_MAX - 1);

	cr_expect(p.ok, "%s", p.err);
	cr_expect_eq(p.args.more_count, VHSM_PARTIES_MAX - 1);
	parsed_end(&p);
	p = parse_also(VHSM_PARTIES_MAX);
	cr_expect_not(p.ok);
	cr_expect_str_eq(p.err, "vhsm: sign: --also may be given 15 times\n");
	parsed_end(&p);
}

Test(args, who_verifies_names_no_parties)
{
	expect_complaint(WORDS("verify", "--also"),
	    "vhsm: verify: unknown option --also; see vhsm help\n");
	expect_complaint(WORDS("sign", "--also=x"),
	    "vhsm: sign: --also takes no value\n");
}
