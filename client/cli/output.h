/* What the verbs print: results to standard output, one line of error to
 * standard error. */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include <jansson.h>

#include "client/cli/args.h"

AUTO_FREE(json_t, json_decref)

/* Prints "vhsm: VERB: text (why)" and gives the exit status for err.  why may
 * be NULL or "". */
int fail_with(const struct args *a, enum vhsm_error err, const char *why);
/* The same with what the answer, perhaps NULL, says; an absent key is
 * described by the selector when the daemon did not. */
int fail_answer(const struct args *a, enum vhsm_error err,
    const struct vhsm_answer *answer);
/* Print "vhsm: VERB: text"; give EXIT_FAILED and EXIT_USAGE. */
int fail_text(const struct args *a, const char *text);
int fail_usage(const struct args *a, const char *text);
/* Prints "vhsm: VERB: FILE: what"; gives EXIT_FAILED. */
int fail_file(const struct args *a, const char *file, const char *what);

/* Prints text with every byte that could steer a terminal as '?'. */
void print_safely(FILE *to, const char *text);

/* Print and end output: EXIT_DONE, or EXIT_FAILED when standard output does
 * not take it all. */
int output_line(const struct args *a, const char *text);
int output_bytes(const struct args *a, const uint8_t *p, size_t len);
int output_json(const struct args *a, const json_t *object);
int output_end(const struct args *a);

/* Members of an answer as members of an object; an absent text adds nothing,
 * and text that is no JSON is added as a string. */
void put_text(json_t *object, const char *name, const char *text);
void put_json(json_t *object, const char *name, const char *text);
/* Member name, or name_b64u when the bytes are not UTF-8. */
void put_bytes(json_t *object, const char *name, const uint8_t *p, size_t len);
/* As base64url, always. */
void put_b64u(json_t *object, const char *name, const uint8_t *p, size_t len);
/* "payload", or "payload_b64u" when the bytes are not UTF-8. */
void put_payload(json_t *object, const uint8_t *p, size_t len);

#endif
