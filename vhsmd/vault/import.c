#include "vault/import.h"

#include <errno.h>
#include <unistd.h>

#include "base/log.h"
#include "vault/import_parts.h"

#define READ_FIRST 8192 /* bytes; doubled until the file fits */

/* The same bytes in twice the room, but in no more than the largest file and
 * one byte take. */
static enum vh_err
grow(struct secret **s)
{
	size_t room = 2 * secret_len(*s);
	struct secret *more =
	    secret_new(room > IMPORT_FILE_MAX ? IMPORT_FILE_MAX + 1 : room);

	if (more == NULL)
		return VH_ENOMEM;
	memcpy(secret_rw(more), secret_ro(*s).p, secret_len(*s));
	secret_free(*s);
	*s = more;
	return VH_OK;
}

/* Asks nothing of fd but read: it may be a pipe. */
static enum vh_err
read_all(int fd, struct secret **out, struct buf *why)
{
	AUTO(secret_free) struct secret *s = secret_new(READ_FIRST);
	size_t len = 0;

	if (s == NULL)
		return check_full(why);
	for (;;) {
		if (len > IMPORT_FILE_MAX)
			return REFUSE(why, VH_ETOOBIG,
			    "key file has more than %u bytes", IMPORT_FILE_MAX);
		if (len == secret_len(s) && grow(&s) != VH_OK)
			return check_full(why);
		ssize_t n = read(fd, secret_rw(s) + len, secret_len(s) - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return REFUSE(why, VH_EIO, "cannot read: %s",
			    strerrorname_or(errno));
		if (n == 0)
			break;
		len += (size_t)n;
	}
	secret_trim(s, len);
	*out = TAKE(s);
	return VH_OK;
}

static struct slice
skip_space(struct slice s)
{
	while (s.len > 0 && strchr(" \t\r\n", s.p[0]) != NULL && s.p[0] != 0)
		s = slice_of(s.p + 1, s.len - 1);
	return s;
}

static enum vh_err
import_base64(const struct import *in, struct slice text)
{
	AUTO(secret_free) struct secret *der = NULL;
	enum vh_err err = base64_to_secret(text, &der, in->why);

	if (err == VH_EKEY)
		return REFUSE(in->why, VH_EKEY,
		    "unknown format, expected PEM, DER, base64 of DER, a JWK "
		    "or "
		    "a JWK Set");
	TRY(err);
	return import_der(in, secret_ro(der));
}

/* A DER key starts with the tag of a SEQUENCE, which is the character 0; its
 * base64 starts with M. */
static enum vh_err
import_text(const struct import *in, struct slice text)
{
	static const char begin[] = "-----BEGIN ";
	struct slice start = skip_space(text);

	if (start.len == 0)
		return REFUSE(in->why, VH_EKEY, "key file is empty");
	if (start.p[0] == '{')
		return import_jwk(in, start);
	if (memmem(text.p, text.len, begin, sizeof begin - 1) != NULL)
		return import_pem(in, text);
	if (text.p[0] == '0')
		return import_der(in, text);
	return import_base64(in, start);
}

enum vh_err
import_fd(int fd, const struct key_terms *terms, size_t workers,
    const struct store *known, struct store *to, struct buf *why)
{
	AUTO(secret_free) struct secret *text = NULL;
	const struct import in = { terms, workers, known, to, why };

	TRY(read_all(fd, &text, why));
	return import_text(&in, secret_ro(text));
}

enum vh_err
import_passphrase(int fd, struct secret **out, struct buf *why)
{
	AUTO(secret_free) struct secret *text = NULL;

	TRY(read_all(fd, &text, why));
	struct slice s = secret_ro(text);

	if (s.len > 0 && s.p[s.len - 1] == '\n')
		s.len--;
	if (s.len > 0 && s.p[s.len - 1] == '\r')
		s.len--;
	if (s.len == 0 || s.len > IMPORT_PASSPHRASE_MAX ||
	    memchr(s.p, '\n', s.len) != NULL || memchr(s.p, 0, s.len) != NULL)
		return REFUSE(why, VH_EKEY,
		    "no passphrase, expected one line of at most %d bytes",
		    IMPORT_PASSPHRASE_MAX);
	secret_trim(text, s.len);
	*out = TAKE(text);
	return VH_OK;
}
