/* Private keys as PEM (RFC 7468).  A reader of our own: libcrypto's skips what
 * it cannot read, and a file whose second key is cut off would count as one
 * with one key, and be deleted; and base64 is decoded in constant time here. */
#include "vault/import_parts.h"

#define BEGIN "-----BEGIN "
#define END   "-----END "
#define DASH  "-----"

/* What a block of each label is to us. */
static const struct label {
	const char *name;
	enum { PEM_KEY, PEM_SKIP, PEM_CERTIFICATE, PEM_REFUSE } what;
	const char *why;
} labels[] = {
	{ "PRIVATE KEY", PEM_KEY, NULL },
	{ "RSA PRIVATE KEY", PEM_KEY, NULL },
	{ "EC PRIVATE KEY", PEM_KEY, NULL },
	{ "EC PARAMETERS", PEM_SKIP, NULL },
	{ "CERTIFICATE", PEM_CERTIFICATE, NULL },
	{ "X509 CERTIFICATE", PEM_CERTIFICATE, NULL },
	{ "TRUSTED CERTIFICATE", PEM_CERTIFICATE, NULL },
	{ "PUBLIC KEY", PEM_REFUSE, "public key only, private key expected" },
	{ "RSA PUBLIC KEY", PEM_REFUSE,
	    "public key only, private key expected" },
	{ "ENCRYPTED PRIVATE KEY", PEM_KEY, NULL },
};

struct lines {
	struct slice rest;
	size_t number; /* of the line cut off last, from 1 */
};

/* Cuts off the next line, without what ends it and white space before that;
 * false at the end. */
static bool
next_line(struct lines *l, struct slice *line)
{
	if (l->rest.len == 0)
		return false;
	const uint8_t *end = memchr(l->rest.p, '\n', l->rest.len);
	size_t len = end == NULL ? l->rest.len : (size_t)(end - l->rest.p);
	size_t used = end == NULL ? len : len + 1;

	*line = slice_of(l->rest.p, len);
	l->rest = slice_of(l->rest.p + used, l->rest.len - used);
	l->number++;
	while (line->len > 0 && (line->p[line->len - 1] == ' ' ||
				    line->p[line->len - 1] == '\t' ||
				    line->p[line->len - 1] == '\r'))
		line->len--;
	return true;
}

/* Whether line is head, a label and five dashes. */
static bool
boundary(struct slice line, const char *head, struct slice *label)
{
	size_t before = strlen(head), after = strlen(DASH);

	if (line.len <= before + after || memcmp(line.p, head, before) != 0 ||
	    memcmp(line.p + line.len - after, DASH, after) != 0)
		return false;
	*label = slice_of(line.p + before, line.len - before - after);
	return true;
}

struct block {
	struct slice label, body;
	size_t line; /* of its start */
};

enum found { FOUND_BLOCK, FOUND_END, FOUND_CUT };

/* The next whole block.  Text between blocks is skipped, but no line of it may
 * start with a dash: that would be a damaged boundary. */
static enum found
next_block(struct lines *l, struct block *out)
{
	struct slice line, label;

	for (;;) {
		if (!next_line(l, &line))
			return FOUND_END;
		if (boundary(line, BEGIN, &out->label))
			break;
		if (line.len > 0 && line.p[0] == '-')
			return FOUND_CUT;
	}
	out->line = l->number;
	out->body = slice_of(l->rest.p, 0);
	while (next_line(l, &line)) {
		if (boundary(line, END, &label))
			return slice_eq(label, out->label) ? FOUND_BLOCK
							   : FOUND_CUT;
		if (line.len > 0 && line.p[0] == '-')
			return FOUND_CUT;
		out->body.len = (size_t)(l->rest.p - out->body.p);
	}
	return FOUND_CUT;
}

static const struct label *
label_find(struct slice name)
{
	for (size_t i = 0; i < ARRAY_LEN(labels); i++)
		if (slice_is(name, labels[i].name))
			return &labels[i];
	return NULL;
}

static bool
has_text(struct slice body, const char *text)
{
	return memmem(body.p, body.len, text, strlen(text)) != NULL;
}

static enum vh_err
add_key(const struct import *in, struct slice body)
{
	AUTO(secret_free) struct secret *der = NULL;

	if (has_text(body, "ENCRYPTED"))
		return import_encrypted_pem(in, body);
	if (has_text(body, ":"))
		return REFUSE(in->why, VH_EKEY,
		    "PEM header not supported, expected base64 only");
	enum vh_err err = base64_to_secret(body, &der, in->why);

	if (err == VH_EKEY)
		return REFUSE(in->why, VH_EKEY,
		    "malformed base64 in PEM, expected whole padded groups");
	TRY(err);
	return import_der(in, secret_ro(der));
}

static enum vh_err
add_block(const struct import *in, const struct block *block, size_t *keys,
    bool *certificate)
{
	const struct label *label = label_find(block->label);
	size_t mark = buf_slice(in->why).len;

	buf_format(in->why, "line %zu: ", block->line);
	if (label == NULL)
		return REFUSE(in->why, VH_EKEY,
		    "PEM label \"%s\" not supported, expected PRIVATE KEY, "
		    "RSA PRIVATE KEY or EC PRIVATE KEY",
		    shown_of(block->label).text);
	if (label->what == PEM_REFUSE)
		return REFUSE(in->why, VH_EKEY, "%s", label->why);
	if (label->what == PEM_CERTIFICATE)
		*certificate = true;
	if (label->what == PEM_KEY) {
		TRY(add_key(in, block->body));
		++*keys;
	}
	buf_trim(in->why, mark);
	return VH_OK;
}

enum vh_err
import_pem(const struct import *in, struct slice text)
{
	struct lines l = { text, 0 };
	struct block block;
	bool certificate = false;
	size_t keys = 0;

	for (;;) {
		enum found found = next_block(&l, &block);

		if (found == FOUND_CUT)
			return REFUSE(in->why, VH_EKEY,
			    "line %zu: malformed or cut off PEM, expected "
			    "whole blocks from BEGIN to END",
			    l.number);
		if (found == FOUND_END)
			break;
		if (keys == IMPORT_KEYS_MAX)
			return REFUSE(in->why, VH_ETOOBIG,
			    "more than %d keys in one file", IMPORT_KEYS_MAX);
		TRY(add_block(in, &block, &keys, &certificate));
	}
	if (keys > 0)
		return VH_OK;
	return REFUSE(in->why, VH_EKEY, "%s",
	    certificate
		? "public key only (a certificate), private key expected"
		: "no private key in this PEM file");
}
