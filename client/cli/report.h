/* A JSON report for people: names and values in columns. */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include "client/cli/output.h"

/* Prints an object; objects in it become indented sections, arrays of objects
 * tables. */
void report_print(FILE *to, const json_t *object);

#endif
