/* help: how the program, or a verb, is used. */
#include "client/cli/output.h"
#include "client/cli/verbs.h"

int
verb_help(const struct args *a)
{
	const struct words *words = &a->operands;
	const struct verb *verb = NULL;
	char name[64] = "";

	if (words->n > 0)
		(void)snprintf(name, sizeof name, "%s%s%s", words->at[0],
		    words->n == 1 ? "" : " ",
		    words->n == 1 ? "" : words->at[1]);
	verb = verb_by_name(name);
	if (verb == NULL && words->n > 0 && !verb_is_group(name)) {
		fprintf(stderr, "vhsm: help: unknown verb %s\n", name);
		return EXIT_USAGE;
	}
	args_usage(stdout, verb, words->n == 0 ? NULL : name);
	return output_end(a);
}
