/* What the JSON serializations of JWS and JWE share (RFC 7515, 7.2; RFC 7516,
 * 7.2). */
#ifndef JOSE_FORMS_H
#define JOSE_FORMS_H

#include "jose/json.h"
#include "wire/ops.h"

#define FORM_PARTIES VH_PARTIES /* signatures or recipients of a message */

enum form { FORM_COMPACT, FORM_FLATTENED, FORM_GENERAL };

/* By name: "compact", "flattened", "general"; empty is compact.  VH_EFIELD. */
enum vh_err form_by_name(struct slice name, enum form *out, struct buf *why);

/* Members of a message, borrowed from it; *out is empty or NULL when absent,
 * VH_ETOKEN when of another type.  A text that is there must not be empty. */
enum vh_err form_text(const json_t *object, const char *name, struct slice *out,
    struct buf *why);
enum vh_err form_object(const json_t *object, const char *name,
    const json_t **out, struct buf *why);

/* The array name of a message, or NULL: then it is flattened, and the members
 * of a party are its own.  VH_ETOKEN for an empty array, one with other things
 * than objects, or members of a party beside it; VH_ETOOBIG past
 * FORM_PARTIES. */
enum vh_err form_parties(const json_t *message, const char *name,
    const char *const *members, const json_t **out, struct buf *why);

/* Appends ,"name":"text" and ,"name":object unless empty; from is where the
 * object began: the first member has no comma. */
void form_put_text(struct buf *b, size_t from, const char *name,
    struct slice text);
void form_put_object(struct buf *b, size_t from, const char *name,
    struct slice json);
/* The text is what bytes encode to. */
void form_put_bytes(struct buf *b, size_t from, const char *name,
    struct slice bytes);

/* Appends object as compact JSON; nothing for NULL. */
enum vh_err form_dump(const json_t *object, struct buf *b);

#endif
