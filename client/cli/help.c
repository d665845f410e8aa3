/* help: how the program, or a verb, is used. */
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
