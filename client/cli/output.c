#include "client/cli/output.h"

#include <errno.h>

#include "wire/b64.h"

void
print_safely(FILE *to, const char *text)
{
	for (const char *c = text; *c != '\0'; c++)
		fputc(*c >= ' ' && *c <= '~' ? *c : '?', to);
}

static void
begin_line(const struct args *a)
{
	(void)fflush(stdout);
	fprintf(stderr, "vhsm: %s: ", a->verb == NULL ? "" : a->verb->name);
}

int
fail_with(const struct args *a, enum vhsm_error err, const char *why)
{
	begin_line(a);
	fputs(vhsm_strerror(err), stderr);
	if (why != NULL && why[0] != '\0') {
		fputs(" (", stderr);
		print_safely(stderr, why);
		fputc(')', stderr);
	}
	fputc('\n', stderr);
	return err == VHSM_ENODAEMON ? EXIT_NODAEMON : EXIT_FAILED;
}

int
fail_text(const struct args *a, const char *text)
{
	begin_line(a);
	print_safely(stderr, text);
	fputc('\n', stderr);
	return EXIT_FAILED;
}

int
fail_usage(const struct args *a, const char *text)
{
	(void)fail_text(a, text);
	return EXIT_USAGE;
}

int
fail_file(const struct args *a, const char *file, const char *what)
{
	begin_line(a);
	print_safely(stderr, file);
	fputs(": ", stderr);
	print_safely(stderr, what);
	fputc('\n', stderr);
	return EXIT_FAILED;
}

static void
describe_selector(const struct args *a, char *out, size_t size)
{
	const struct {
		const char *name, *value;
	} parts[] = {
		{ "kid", a->key.kid },
		{ "name", a->key.name },
		{ "alg", a->key.alg },
		{ "kty", a->key.kty },
		{ "crv", a->key.crv },
		{ "use", a->key.use },
	};
	size_t at = 0;

	out[0] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		if (parts[i].value == NULL || at >= size)
			continue;
		int n = snprintf(out + at, size - at, "%s%s \"%s\"",
		    at == 0 ? "" : ", ", parts[i].name, parts[i].value);

		at += n < 0 ? size : (size_t)n;
	}
}

int
fail_answer(const struct args *a, enum vhsm_error err,
    const struct vhsm_answer *answer)
{
	char selector[512] = "";
	const char *why = answer == NULL ? "" : answer->why;

	if (err == VHSM_ENOKEY && why[0] == '\0') {
		describe_selector(a, selector, sizeof selector);
		why = selector;
	}
	return fail_with(a, err, why);
}

int
output_end(const struct args *a)
{
	errno = 0;
	if (fflush(stdout) == 0 && !ferror(stdout))
		return EXIT_DONE;
	return fail_with(a, VHSM_EIO,
	    errno == 0 ? "standard output" : strerror(errno));
}

int
output_bytes(const struct args *a, const uint8_t *p, size_t len)
{
	if (len > 0)
		(void)fwrite(p, 1, len, stdout);
	return output_end(a);
}

int
output_line(const struct args *a, const char *text)
{
	fputs(text, stdout);
	fputc('\n', stdout);
	return output_end(a);
}

int
output_json(const struct args *a, const json_t *object)
{
	if (json_dumpf(object, stdout, JSON_COMPACT) != 0)
		return fail_with(a, VHSM_EIO, "standard output");
	fputc('\n', stdout);
	return output_end(a);
}

void
put_text(json_t *object, const char *name, const char *text)
{
	/* Out of memory leaves the member out. */
	if (text != NULL)
		(void)json_object_set_new(object, name, json_string(text));
}

void
put_json(json_t *object, const char *name, const char *text)
{
	if (text == NULL)
		return;
	json_t *value = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

	if (value == NULL)
		value = json_string(text);
	(void)json_object_set_new(object, name, value);
}

void
put_b64u(json_t *object, const char *name, const uint8_t *p, size_t len)
{
	AUTO(buf_free) struct buf *b = buf_new(b64_size(len) + 1);

	b64_put(b, slice_of(p, len));
	buf_put_u8(b, 0);
	if (buf_end(b) == VH_OK)
		put_text(object, name, (const char *)b->p);
}

void
put_bytes(json_t *object, const char *name, const uint8_t *p, size_t len)
{
	char encoded[32];
	json_t *text = json_stringn((const char *)p, len);

	if (text != NULL) {
		(void)json_object_set_new(object, name, text);
		return;
	}
	(void)snprintf(encoded, sizeof encoded, "%s_b64u", name);
	put_b64u(object, encoded, p, len);
}

void
put_payload(json_t *object, const uint8_t *p, size_t len)
{
	put_bytes(object, "payload", p, len);
}
