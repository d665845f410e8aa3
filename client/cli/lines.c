#include "client/cli/lines.h"

#include <errno.h>
#include <stdlib.h>

#include "client/cli/output.h"
#include "client/cli/session.h"
#include "wire/ops.h"

/* Lines of one message; lengths are without the newline. */
struct group {
	char *line[VHSM_MANY_MAX];
	size_t size[VHSM_MANY_MAX]; /* of memory */
	struct vhsm_request requests[VHSM_MANY_MAX];
	struct vhsm_answer *answers[VHSM_MANY_MAX];
	size_t count;
	unsigned long first; /* number of its first line */
};

struct reading {
	const struct args *a;
	const struct vhsm_request *q;
	FILE *from;
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
reading_end(struct reading *r)
{
	group_end(&r->g);
	for (size_t i = 0; i < VHSM_MANY_MAX; i++) {
		if (r->g.line[i] != NULL)
			explicit_bzero(r->g.line[i], r->g.size[i]);
		free(r->g.line[i]);
	}
	if (r->from != NULL && r->from != stdin)
		(void)fclose(r->from); /* it was only read */
	free(r);
}
AUTO_FREE(struct reading, reading_end)

static void
fill(struct reading *r)
{
	struct group *g = &r->g;

	while (g->count < VHSM_MANY_MAX) {
		size_t i = g->count;
		ssize_t n = getline(&g->line[i], &g->size[i], r->from);

		if (n < 0)
			return;
		if (n > 0 && g->line[i][n - 1] == '\n')
			n--;
		g->requests[i] = *r->q;
		g->requests[i].data = g->line[i];
		g->requests[i].data_len = (size_t)n;
		g->count++;
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

	for (size_t i = 0; err == VHSM_OK && i < g->count; i++)
		print_line(r, i);
	g->first += g->count;
	group_end(g);
	return err;
}

static FILE *
open_input(const struct args *a)
{
	const char *file = args_operand(a);
	char why[512];

	if (file == NULL || strcmp(file, "-") == 0)
		return stdin;
	FILE *from = fopen(file, "re");

	if (from != NULL)
		return from;
	(void)snprintf(why, sizeof why, "%s: %s", file, strerror(errno));
	(void)fail_text(a, why);
	return NULL;
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
	*r = (struct reading){ .a = a, .q = q, .from = open_input(a) };
	r->g.first = 1;
	if (r->from == NULL)
		return EXIT_FAILED;
	for (fill(r); r->g.count > 0; fill(r)) {
		enum vhsm_error err = run_group(r, h);

		if (err != VHSM_OK)
			return fail_with(a, err, NULL);
	}
	if (ferror(r->from))
		return fail_with(a, VHSM_EIO, "input");
	int end = output_end(a);

	return end != EXIT_DONE ? end : r->status;
}
