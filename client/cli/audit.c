/* audit verify: reads the files of an audit trail, oldest first. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "client/cli/audit_check.h"
#include "client/cli/audit_span.h"
#include "client/cli/input.h"
#include "client/cli/output.h"
#include "client/cli/verbs.h"

#define TRUST_MAX (1u << 20)

#define TEXT_MAX 1024
#define NODE_MAX 512 /* 64 characters, each escaped */

struct reading {
	const struct args *args;
	struct audit_trust *trust;
	bool trusts; /* it can tell who signed */
	struct audit_reader reader;
	struct audit_span span;
	uint64_t checks, checked; /* checked: seq of the last */
	/* Lines before a start that no checkpoint had reached; and the last. */
	uint64_t adopted, adopted_last;
	char node[NODE_MAX]; /* whose lines these are, as it is written */
	bool from_start;     /* nothing came before the first line */
	const char *file;
	uint64_t number; /* of the line in its file */
	/* Where a torn line is, which the next one may repair. */
	const char *torn_file;
	uint64_t torn_number;
	/* A fault that stands unless the next file has the lines again. */
	char fault[TEXT_MAX];
	unsigned damaged; /* files whose end does not matter for that */
};

static void
close_file_auto(FILE *const *file)
{
	if (*file != NULL && *file != stdin)
		(void)fclose(*file); /* was only read */
}

static void
free_text_auto(char *const *text)
{
	free(*text);
}

static int
fail_line(const struct reading *r, const char *what)
{
	char text[TEXT_MAX];

	(void)snprintf(text, sizeof text, "%s:%" PRIu64 ": %s", r->file,
	    r->number, what);
	return fail_text(r->args, text);
}

static void
note_fault(struct reading *r, enum audit_fault fault)
{
	bool torn = fault == AUDIT_BAD || fault == AUDIT_TORN;

	(void)snprintf(r->fault, sizeof r->fault,
	    "%s:%" PRIu64 ": this line %s", torn ? r->torn_file : r->file,
	    torn ? r->torn_number : r->number, audit_fault_text(fault));
}

static bool
is_zero(const uint8_t hash[static AUDIT_HASH])
{
	static const uint8_t zeros[AUDIT_HASH];

	return slice_eq(slice_of(hash, AUDIT_HASH),
	    slice_of(zeros, AUDIT_HASH));
}

static void
note_first(struct reading *r, struct slice line)
{
	const struct audit_reader *a = &r->reader;
	bool again = a->again_last > 0;
	char zeros[AUDIT_HASH_B64 + 1];

	audit_hash_text((uint8_t[AUDIT_HASH]){ 0 }, zeros); /* of no line */
	r->from_start = again ? is_zero(a->again.hash)
			      : slice_is(audit_member(line, "prev"), zeros);
}

/* A node's name changes where it starts, if at all. */
static const char *
judge_node(struct reading *r, struct slice line, bool starts)
{
	struct slice node = audit_member(line, "node");

	if (!starts && !slice_is(node, r->node))
		return "this line is of another node than those before it";
	if (node.len >= sizeof r->node)
		return "the name of its node is too long";
	memcpy(r->node, node.p, node.len);
	r->node[node.len] = '\0';
	return NULL;
}

/* The vault cannot know what lines it finds; its next checkpoint comes behind
 * them all the same. */
static void
note_start(struct reading *r)
{
	uint64_t first = r->reader.first, last = r->reader.before.seq;
	uint64_t from = r->checked < first ? first : r->checked + 1;

	if (from > last)
		return;
	r->adopted += last - from + 1;
	r->adopted_last = last;
}

/* A sound line: as a checkpoint, or how long there was none. */
static const char *
judge(struct reading *r, struct slice line, bool follows, bool again)
{
	bool check = slice_is(audit_member(line, "op"), "checkpoint");
	bool starts = slice_is(audit_member(line, "op"), "start");
	const char *wrong = NULL;

	if (!again || !follows)
		wrong = judge_node(r, line, starts || !follows);
	if (starts && follows && !again)
		note_start(r);
	if (wrong == NULL && check && follows)
		wrong = audit_check(r->trust, line, &r->reader.before);
	if (wrong != NULL || again)
		return wrong;
	if (!check || !follows)
		return r->trusts ? audit_span_add(&r->span, line) : NULL;
	audit_span_end(&r->span, line);
	if (r->reader.before.seq + 1 > r->checked) {
		r->checks++;
		r->checked = r->reader.before.seq + 1;
	}
	return NULL;
}

static int
take_line(struct reading *r, struct slice line)
{
	bool begun = r->reader.begun;
	uint64_t repeated = r->reader.repeated;
	enum audit_fault fault = audit_read(&r->reader, line);

	if (fault == AUDIT_TORN) {
		r->torn_file = r->file;
		r->torn_number = r->number;
		return EXIT_DONE;
	}
	if (fault != AUDIT_SOUND) {
		note_fault(r, fault);
		return EXIT_DONE;
	}
	if (!begun)
		note_first(r, line);
	const char *wrong =
	    judge(r, line, begun, r->reader.repeated > repeated);

	return wrong == NULL ? EXIT_DONE : fail_line(r, wrong);
}

/* What was wrong at the end of the file before is made good by this line, the
 * first of the next one, or not. */
static int
make_good(struct reading *r, struct slice line)
{
	bool wrong = r->fault[0] != '\0' || r->reader.torn > 0;

	if (!wrong || r->number > 1)
		return EXIT_DONE;
	if (audit_comes_again(&r->reader, line)) {
		r->fault[0] = '\0';
		r->reader.torn = 0;
		r->damaged++;
		return EXIT_DONE;
	}
	return r->fault[0] == '\0' ? EXIT_DONE : fail_text(r->args, r->fault);
}

static int
read_lines(struct reading *r, FILE *file)
{
	__attribute__((cleanup(free_text_auto))) char *text = NULL;
	size_t room = 0;
	ssize_t n = 0;
	int status = EXIT_DONE;

	while (status == EXIT_DONE && (n = getline(&text, &room, file)) > 0) {
		bool whole = text[n - 1] == '\n';
		struct slice line = slice_of(text, (size_t)n - whole);

		r->number++;
		status = make_good(r, line);
		if (status == EXIT_DONE)
			status = take_line(r, line);
		if (r->fault[0] != '\0')
			break;
	}
	return n < 0 && !feof(file)
		   ? fail_file(r->args, r->file, strerror(errno))
		   : status;
}

static int
read_file(struct reading *r, const char *name)
{
	bool standard = strcmp(name, "-") == 0;
	__attribute__((cleanup(close_file_auto))) FILE *file =
	    standard ? stdin : fopen(name, "re");

	r->file = standard ? "standard input" : name;
	r->number = 0;
	return file == NULL ? fail_file(r->args, name, strerror(errno))
			    : read_lines(r, file);
}

static int
report(const struct reading *r)
{
	bool trusts = r->trusts;
	char chain[AUDIT_HASH_B64 + 1];
	uint64_t first = r->reader.first, last = r->reader.chain.seq;
	uint64_t lines = last - first + 1;
	uint64_t unsigned_ = last - (trusts ? r->checked : 0);

	audit_hash_text(r->reader.chain.hash, chain);
	AUTO(json_decref)
	json_t *json =
	    json_pack("{s:s, s:I, s:I, s:I, s:s, s:b, s:I, s:b, s:I, s:I, "
		      "s:I, s:I}",
		"node", r->node, "lines", (json_int_t)lines, "first",
		(json_int_t)first, "seq", (json_int_t)last, "chain", chain,
		"from_start", r->from_start, "checkpoints",
		(json_int_t)r->checks, "signed", trusts, "checked_seq",
		(json_int_t)(trusts ? r->checked : 0), "adopted",
		(json_int_t)(trusts ? r->adopted : 0), "repeated",
		(json_int_t)r->reader.repeated, "damaged",
		(json_int_t)r->damaged);

	if (r->args->json)
		return output_json(r->args, json);
	printf("%" PRIu64 " lines, %" PRIu64 " to %" PRIu64
	       ", none changed, missing or out of order\nnode %s\nchain %s\n",
	    lines, first, last, r->node, chain);
	if (!r->from_start)
		printf("what came before line %" PRIu64 " was not given\n",
		    first);
	if (r->reader.repeated > 0 || r->damaged > 0)
		printf("a disk failed: %" PRIu64 " lines came twice, %u files "
		       "have a damaged end whose lines came again\n",
		    r->reader.repeated, r->damaged);
	printf("%" PRIu64 " checkpoints, %s\n", r->checks,
	    trusts ? "all signed as they must be"
		   : "signatures not checked: no --ca or --jwks");
	if (trusts && r->adopted > 0)
		printf("%" PRIu64 " lines up to line %" PRIu64
		       " were there when the node started, and no checkpoint\n"
		       "of their own time has them: whoever could write the "
		       "file then may have made them up\n",
		    r->adopted, r->adopted_last);
	if (unsigned_ > 0)
		printf("nothing signed vouches for the last %" PRIu64
		       " lines: compare seq and chain with vhsm status\n",
		    first > last - unsigned_ ? lines : unsigned_);
	return output_end(r->args);
}

static int
finish(struct reading *r)
{
	char text[256];
	uint64_t seq = r->reader.chain.seq;
	enum audit_fault fault = audit_end(&r->reader);

	if (r->fault[0] == '\0' && fault != AUDIT_SOUND)
		note_fault(r, fault);
	if (r->fault[0] != '\0')
		return fail_text(r->args, r->fault);
	if (!r->reader.begun)
		return fail_text(r->args, "no line in these files");
	if (r->trusts && r->checks == 0)
		return fail_text(r->args,
		    "no checkpoint: nothing in these files is signed");
	if (r->args->expect_seq == 0 || seq >= r->args->expect_seq)
		return report(r);
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
	struct reading r = { .args = a,
		.trust = trust,
		.trusts = ca != NULL || jwks != NULL };

	for (size_t i = 0; status == EXIT_DONE && i < a->operands.n; i++)
		status = read_file(&r, a->operands.at[i]);
	return status == EXIT_DONE ? finish(&r) : status;
}
