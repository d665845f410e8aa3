/* The error type of all code and of the wire; the rows are err.def. */
#ifndef WIRE_ERR_H
#define WIRE_ERR_H

#include <stdint.h>

enum [[nodiscard]] vh_err{
#define VH_ERR(name, wire, http, ckr, text) VH_##name = wire,
#include "wire/err.def"
};

/* "ENOKEY"; "EINTERNAL" for a number no row has. */
const char *err_name(enum vh_err err);
/* "key not found": one line, no full stop, never secret. */
const char *err_text(enum vh_err err);
/* HTTP status code of the row. */
int err_http(enum vh_err err);
/* The row of a number off the wire; VH_EINTERNAL for an unknown one, so that a
 * newer node's errors stay errors. */
enum vh_err err_of_wire(uint16_t wire);

#endif
