/* audit verify: reads the files of an audit trail, oldest first. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "client/cli/audit_check.h"
#include "client/cli/input.h"
#include "client/cli/output.h"
#include "client/cli/verbs.h"

#define TRUST_MAX (1u << 20)

struct reading {
	const struct args *args;
	struct audit_trust *trust;
	struct audit_reader reader;
	uint64_t lines, first, checks, checked; /* checked: seq of the last */
	bool from_start; /* nothing came before the first line */
	const char *file;
	uint64_t number; /* of the line in its file */
};

static void
close_file_auto(FILE *const *file)
{
	if (*file != NULL)
		(void)fclose(*file); /* was only read */
}

static void
free_text_auto(char *const *text)
{
	free(*text);
}

static int
fail_line(const struct reading *r, uint64_t number, const char *what)
{
	char text[1024];

	(void)snprintf(text, sizeof text, "%s:%" PRIu64 ": %s", r->file, number,
	    what);
	return fail_text(r->args, text);
}

static int
fail_fault(const struct reading *r, enum audit_fault fault)
{
	char text[512];
	bool before = fault == AUDIT_BAD && r->number > 1;

	(void)snprintf(text, sizeof text, "this line %s",
	    audit_fault_text(fault));
	return fail_line(r, before ? r->number - 1 : r->number, text);
}

static bool
is_zero(const uint8_t hash[static AUDIT_HASH])
{
	static const uint8_t zeros[AUDIT_HASH];

	return slice_eq(slice_of(hash, AUDIT_HASH),
	    slice_of(zeros, AUDIT_HASH));
}

static int
take_line(struct reading *r, struct slice line)
{
	struct audit_chain before = r->reader.chain;
	bool begun = r->reader.begun;
	enum audit_fault fault = audit_read(&r->reader, line);

	if (fault == AUDIT_TORN)
		return EXIT_DONE;
	if (fault != AUDIT_SOUND)
		return fail_fault(r, fault);
	r->lines++;
	if (!begun) {
		char zeros[AUDIT_HASH_B64 + 1];

		audit_hash_text(before.hash, zeros); /* those of no line */
		r->first = r->reader.chain.seq;
		r->from_start = is_zero(before.hash) &&
				slice_is(audit_member(line, "prev"), zeros);
		return EXIT_DONE;
	}
	if (!slice_is(audit_member(line, "op"), "checkpoint"))
		return EXIT_DONE;
	const char *wrong = audit_check(r->trust, line, &before);

	r->checks++;
	r->checked = r->reader.chain.seq;
	return wrong == NULL ? EXIT_DONE : fail_line(r, r->number, wrong);
}

static int
read_file(struct reading *r, const char *name)
{
	__attribute__((cleanup(close_file_auto))) FILE *file =
	    fopen(name, "re");
	__attribute__((cleanup(free_text_auto))) char *text = NULL;
	size_t room = 0;
	ssize_t n;
	int status = EXIT_DONE;

	r->file = name;
	r->number = 0;
	if (file == NULL)
		return fail_with(r->args, VHSM_EIO, name);
	while (status == EXIT_DONE && (n = getline(&text, &room, file)) > 0) {
		r->number++;
		if (text[n - 1] != '\n')
			return fail_fault(r, AUDIT_TORN);
		status = take_line(r, slice_of(text, (size_t)n - 1));
	}
	if (status == EXIT_DONE && ferror(file))
		return fail_with(r->args, VHSM_EIO, name);
	return status;
}

static int
report(const struct reading *r, bool trusts)
{
	char chain[AUDIT_HASH_B64 + 1];
	uint64_t last = r->reader.chain.seq;
	uint64_t unsigned_ = last - (trusts ? r->checked : 0);

	audit_hash_text(r->reader.chain.hash, chain);
	AUTO(json_decref)
	json_t *json = json_pack("{s:I, s:I, s:I, s:s, s:b, s:I, s:b, s:I}",
	    "lines", (json_int_t)r->lines, "first", (json_int_t)r->first, "seq",
	    (json_int_t)last, "chain", chain, "from_start", r->from_start,
	    "checkpoints", (json_int_t)r->checks, "signed", trusts,
	    "checked_seq", (json_int_t)(trusts ? r->checked : 0));

	if (r->args->json)
		return output_json(r->args, json);
	printf("%" PRIu64 " lines, %" PRIu64 " to %" PRIu64
	       ", none changed, missing or out of order\nchain %s\n",
	    r->lines, r->first, last, chain);
	if (!r->from_start)
		printf("what came before line %" PRIu64 " was not given\n",
		    r->first);
	printf("%" PRIu64 " checkpoints, %s\n", r->checks,
	    trusts ? "all signed as they must be"
		   : "signatures not checked: no --ca or --jwks");
	if (unsigned_ > 0)
		printf("nothing signed vouches for the last %" PRIu64
		       " lines: compare seq and chain with vhsm status\n",
		    r->first > last - unsigned_ ? r->lines : unsigned_);
	return output_end(r->args);
}

static int
finish(const struct reading *r, bool trusts)
{
	char text[256];
	uint64_t seq = r->reader.chain.seq;

	if (r->reader.torn > 0)
		return fail_fault(r, AUDIT_TORN);
	if (r->lines == 0)
		return fail_text(r->args, "no line in these files");
	if (r->args->expect_seq == 0 || seq >= r->args->expect_seq)
		return report(r, trusts);
	(void)snprintf(text, sizeof text,
	    "ends with line %" PRIu64 ", expected %u: its end was cut off", seq,
	    r->args->expect_seq);
	return fail_text(r->args, text);
}

static bool
read_trust(const struct args *a, const char *file, struct buf **out)
{
	if (file == NULL)
		return true;
	*out = input_read(a, file, TRUST_MAX);
	return *out != NULL;
}

int
verb_audit_verify(const struct args *a)
{
	AUTO(buf_free) struct buf *ca = NULL;
	AUTO(buf_free) struct buf *jwks = NULL;
	AUTO(audit_trust_free) struct audit_trust *trust = NULL;
	const char *why = NULL;
	int status = EXIT_DONE;

	if (!read_trust(a, a->roots, &ca) || !read_trust(a, a->jwks, &jwks))
		return EXIT_FAILED;
	trust = audit_trust_new(ca == NULL ? slice_of(NULL, 0) : buf_slice(ca),
	    jwks == NULL ? slice_of(NULL, 0) : buf_slice(jwks), &why);
	if (trust == NULL)
		return fail_text(a, why);
	struct reading r = { .args = a, .trust = trust };

	for (size_t i = 0; status == EXIT_DONE && i < a->operands.n; i++)
		status = read_file(&r, a->operands.at[i]);
	return status == EXIT_DONE ? finish(&r, ca != NULL || jwks != NULL)
				   : status;
}
