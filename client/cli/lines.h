/* Many requests from the lines of one input, a message for each 64. */
#ifndef CLI_LINES_H
#define CLI_LINES_H

#include "client/cli/args.h"

/* Asks the same as q once for each line of the operand (a file, or standard
 * input), which is the data, and prints a line for each: what was made, or an
 * empty one after a line on standard error.  EXIT_DONE when all went well. */
int lines_run(const struct args *a, const struct vhsm_request *q);

#endif
