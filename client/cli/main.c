/* vhsm: the command line of vhsmd. */
#include "client/cli/output.h"
#include "client/cli/verbs.h"

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
		args_usage(stdout, a.verb, a.group);
		return output_end(&a);
	}
	return a.verb->run(&a);
}
