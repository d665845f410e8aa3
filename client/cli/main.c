/* vhsm: the command line of vhsmd. */
#include "client/cli/output.h"
#include "client/cli/verbs.h"

int
verb_help(const struct args *a)
{
	const struct verb *verb =
	    a->operand == NULL ? NULL : verb_by_name(a->operand);

	if (a->operand != NULL && verb == NULL) {
		fprintf(stderr, "vhsm: help: unknown verb %s\n", a->operand);
		return EXIT_USAGE;
	}
	args_usage(stdout, verb);
	return output_end(a);
}

int
main(int argc, char **argv)
{
	struct args a;

	if (!args_parse(argc, argv, stderr, &a))
		return EXIT_USAGE;
	if (a.version) {
		printf("vhsm %s\n", vhsm_version());
		return output_end(&a);
	}
	if (a.help) {
		args_usage(stdout, a.verb);
		return output_end(&a);
	}
	return a.verb->run(&a);
}
