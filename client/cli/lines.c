#include "client/cli/lines.h"

#include <errno.h>
#include <stdlib.h>

#include "client/cli/output.h"
#include "client/cli/session.h"
#include "wire/ops.h"

/* Bytes of a message's requests: every node takes that, whatever payload its
 * limits allow. */
#define GROUP_BYTES (1u << 20)
#define OVERHEAD    2048u /* of a request: heads of fields, selector, typ */

struct line {
	char *text; /* len bytes, then perhaps a newline */
	size_t size, len;
};

/* Lines of one message. */
struct group {
	struct line lines[VHSM_MANY_MAX];
	struct vhsm_request requests[VHSM_MANY_MAX];
	struct vhsm_answer *answers[VHSM_MANY_MAX];
	size_t count;
	unsigned long first; /* number of its first line */
};

struct reading {
	const struct args *a;
	const struct vhsm_request *q;
	size_t fixed; /* bytes of a request without its line */
	FILE *from;
	int failed;        /* errno of reading it; 0: its end, or not yet */
	struct line ahead; /* was read, and is in no group yet */
	bool is_ahead;
	struct group g;
	int status;
};

static void
group_end(struct group *g)
{
	for (size_t i = 0; i < g->count; i++)
		vhsm_answer_free(TAKE(g->answers[i]));
	g->count = 0;
}

static void
line_end(const struct line *l)
{
	if (l->text != NULL)
		explicit_bzero(l->text, l->size);
	free(l->text);
}

static void
reading_end(struct reading *r)
{
	group_end(&r->g);
	for (size_t i = 0; i < VHSM_MANY_MAX; i++)
		line_end(&r->g.lines[i]);
	line_end(&r->ahead);
	if (r->from != NULL && r->from != stdin)
		(void)fclose(r->from); /* it was only read */
	free(r);
}
AUTO_FREE(struct reading, reading_end)

static size_t
text_size(const char *text)
{
	return text == NULL ? 0 : strlen(text);
}

static size_t
fixed_size(const struct vhsm_request *q)
{
	size_t sum = OVERHEAD + text_size(q->header) +
		     text_size(q->unprotected) + text_size(q->jwk) + q->aad_len;

	for (size_t i = 0; i < q->more_count; i++)
		sum += OVERHEAD + text_size(q->more[i].header) +
		       text_size(q->more[i].unprotected) +
		       text_size(q->more[i].jwk);
	return sum;
}

static bool
look_ahead(struct reading *r)
{
	struct line *l = &r->ahead;

	if (r->is_ahead)
		return true;
	ssize_t n = getline(&l->text, &l->size, r->from);

	if (n < 0) {
		r->failed = feof(r->from) ? 0 : errno;
		return false;
	}
	l->len = (size_t)n - (n > 0 && l->text[n - 1] == '\n');
	r->is_ahead = true;
	return true;
}

static void
take_ahead(struct reading *r)
{
	struct group *g = &r->g;
	struct line free_one = g->lines[g->count];

	g->lines[g->count] = r->ahead;
	r->ahead = free_one;
	r->is_ahead = false;
	g->requests[g->count] = *r->q;
	g->requests[g->count].data = g->lines[g->count].text;
	g->requests[g->count].data_len = g->lines[g->count].len;
	g->count++;
}

/* A line that is too long for any group is one of its own. */
static void
fill(struct reading *r)
{
	size_t bytes = 0;

	while (r->g.count < VHSM_MANY_MAX && look_ahead(r)) {
		bytes += r->fixed + r->ahead.len;
		if (r->g.count > 0 && bytes > GROUP_BYTES)
			return;
		take_ahead(r);
	}
}

static void
refuse_line(struct reading *r, size_t i, const char *text, const char *why)
{
	char line[1024];

	(void)snprintf(line, sizeof line, "line %lu: %s%s%s%s", r->g.first + i,
	    text, why[0] == '\0' ? "" : " (", why, why[0] == '\0' ? "" : ")");
	r->status = fail_text(r->a, line);
	fputc('\n', stdout);
}

static void
print_json(const struct vhsm_answer *answer)
{
	AUTO(json_decref) json_t *object = json_object();

	put_text(object, "token", answer->token);
	if (answer->data != NULL)
		put_payload(object, answer->data, answer->data_len);
	put_text(object, "kid", answer->kid);
	put_text(object, "alg", answer->alg);
	/* What goes wrong shows in output_end. */
	(void)json_dumpf(object, stdout, JSON_COMPACT);
	fputc('\n', stdout);
}

static void
print_line(struct reading *r, size_t i)
{
	const struct vhsm_answer *answer = r->g.answers[i];

	if (answer->error != VHSM_OK)
		refuse_line(r, i, vhsm_strerror(answer->error), answer->why);
	else if (r->a->json)
		print_json(answer);
	else if (answer->token != NULL)
		puts(answer->token);
	else if (memchr(answer->data, '\n', answer->data_len) != NULL)
		refuse_line(r, i, "the plaintext has a newline", "use --json");
	else {
		(void)fwrite(answer->data, 1, answer->data_len, stdout);
		fputc('\n', stdout);
	}
}

static enum vhsm_error
run_group(struct reading *r, struct vhsm *h)
{
	struct group *g = &r->g;
	enum vhsm_error err =
	    vhsm_call_many(h, g->requests, g->count, g->answers);

	/* More lines than one are never too much for a message. */
	if (err == VHSM_ETOOBIG && g->count == 1) {
		refuse_line(r, 0, vhsm_strerror(err), "");
		err = VHSM_OK;
	} else {
		for (size_t i = 0; err == VHSM_OK && i < g->count; i++)
			print_line(r, i);
	}
	g->first += g->count;
	group_end(g);
	return err;
}

static FILE *
open_input(const struct args *a)
{
	const char *file = args_operand(a);

	if (file == NULL || strcmp(file, "-") == 0)
		return stdin;
	FILE *from = fopen(file, "re");

	if (from == NULL)
		(void)fail_file(a, file, strerror(errno));
	return from;
}

int
lines_run(const struct args *a, const struct vhsm_request *q)
{
	AUTO(session_close) struct vhsm *h = session_open(a);
	AUTO(reading_end) struct reading *r = calloc(1, sizeof *r);

	if (h == NULL)
		return EXIT_USAGE;
	if (r == NULL)
		return fail_with(a, VHSM_ENOMEM, NULL);
	*r = (struct reading){ .a = a,
		.q = q,
		.fixed = fixed_size(q),
		.from = open_input(a) };
	r->g.first = 1;
	if (r->from == NULL)
		return EXIT_FAILED;
	for (fill(r); r->g.count > 0; fill(r)) {
		enum vhsm_error err = run_group(r, h);

		if (err != VHSM_OK)
			return fail_with(a, err, NULL);
	}
	if (r->failed != 0)
		return fail_file(a,
		    r->from == stdin ? "standard input" : args_operand(a),
		    strerror(r->failed));
	int end = output_end(a);

	return end != EXIT_DONE ? end : r->status;
}
