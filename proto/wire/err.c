#include "wire/err.h"

#include "wire/base.h"

static const struct row {
	const char *name, *text;
	int http;
} rows[] = {
#define VH_ERR(name, wire, http, ckr, text) [wire] = { #name, text, http },
#include "wire/err.def"
};

/* The numbers have gaps. */
static bool
has_row(size_t wire)
{
	return wire < ARRAY_LEN(rows) && rows[wire].name != NULL;
}

static const struct row *
row_of(enum vh_err err)
{
	return &rows[has_row((size_t)err) ? err : VH_EINTERNAL];
}

const char *
err_name(enum vh_err err)
{
	return row_of(err)->name;
}

const char *
err_text(enum vh_err err)
{
	return row_of(err)->text;
}

int
err_http(enum vh_err err)
{
	return row_of(err)->http;
}

enum vh_err
err_of_wire(uint16_t wire)
{
	return has_row(wire) ? (enum vh_err)wire : VH_EINTERNAL;
}
