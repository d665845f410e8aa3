/* status, keys, drain, revoke, cluster status. */
#include "client/cli/report.h"
#include "client/cli/session.h"
#include "client/cli/verbs.h"

#define RELOAD_MS 60000 /* new RSA keys take their time */

/* A report of the daemon: as it came, or for people. */
static int
show_report(const struct args *a, const char *text)
{
	AUTO(json_decref) json_t *report = NULL;

	if (a->json)
		return output_line(a, text);
	report = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(report))
		return fail_with(a, VHSM_EJSON, "the daemon's report");
	report_print(stdout, report);
	return output_end(a);
}

int
verb_status(const struct args *a)
{
	AUTO(session_close) struct vhsm *h = session_open(a);
	AUTO(answer_free) struct vhsm_answer *answer = NULL;

	if (h == NULL)
		return EXIT_USAGE;
	enum vhsm_error err = vhsm_status(h, &answer);

	if (err != VHSM_OK)
		return fail_answer(a, err, answer);
	return show_report(a, answer->json);
}

static int
report_keys(const struct args *a, enum vhsm_key_state state)
{
	AUTO(session_close) struct vhsm *h = session_open(a);
	AUTO(answer_free) struct vhsm_answer *answer = NULL;
	const struct vhsm_request q = { .op = VHSM_KEYS,
		.key = a->key,
		.state = state,
		.mine = a->mine };

	if (h == NULL)
		return EXIT_USAGE;
	enum vhsm_error err = vhsm_call(h, &q, &answer);

	if (err != VHSM_OK)
		return fail_answer(a, err, answer);
	return show_report(a, answer->json);
}

/* 0 for an unknown word. */
static enum vhsm_key_state
state_of(const char *word)
{
	static const char *const words[] = { [VHSM_STATE_ANY] = "any",
		[VHSM_STATE_PUBLISHED] = "published",
		[VHSM_STATE_ACTIVE] = "active",
		[VHSM_STATE_RETIRED] = "retired" };

	for (size_t i = VHSM_STATE_ANY; i < ARRAY_LEN(words); i++)
		if (strcmp(word, words[i]) == 0)
			return (enum vhsm_key_state)i;
	return 0;
}

int
verb_keys(const struct args *a)
{
	enum vhsm_key_state state = 0;

	if (a->state != NULL) {
		state = state_of(a->state);
		if (state == 0)
			return fail_usage(a,
			    "the state must be any, published, active or "
			    "retired");
	}
	if (state != 0 || a->mine)
		return report_keys(a, state);
	AUTO(session_close) struct vhsm *h = session_open(a);
	AUTO(answer_free) struct vhsm_answer *answer = NULL;

	if (h == NULL)
		return EXIT_USAGE;
	enum vhsm_error err = vhsm_keys(h, &a->key, &answer);

	if (err != VHSM_OK)
		return fail_answer(a, err, answer);
	return output_line(a, answer->jwks);
}

int
verb_drain(const struct args *a)
{
	AUTO(session_close) struct vhsm *h = session_open_operator(a);
	AUTO(answer_free) struct vhsm_answer *answer = NULL;

	if (h == NULL)
		return EXIT_USAGE;
	enum vhsm_error err = vhsm_drain(h, a->off, &answer);

	if (err != VHSM_OK)
		return fail_answer(a, err, answer);
	return show_report(a, answer->json);
}

int
verb_revoke(const struct args *a)
{
	AUTO(session_close) struct vhsm *h = session_open_operator(a);
	AUTO(answer_free) struct vhsm_answer *answer = NULL;
	struct args asked = *a;

	if (h == NULL)
		return EXIT_USAGE;
	asked.key.kid = args_operand(a);
	enum vhsm_error err = vhsm_revoke(h, asked.key.kid, &answer);

	if (err != VHSM_OK)
		return fail_answer(&asked, err, answer);
	return show_report(a, answer->json);
}

/* What an operator asks for: a report, or why not. */
static int
operate(const struct args *a, const struct vhsm_request *q, uint32_t timeout)
{
	AUTO(session_close) struct vhsm *h = session_open_operator(a);
	AUTO(answer_free) struct vhsm_answer *answer = NULL;
	struct args asked = *a;

	if (h == NULL)
		return EXIT_USAGE;
	if (a->timeout == 0 && timeout > 0)
		vhsm_set_timeout_ms(h, timeout);
	asked.key = q->key;
	enum vhsm_error err = vhsm_call(h, q, &answer);

	if (err != VHSM_OK)
		return fail_answer(&asked, err, answer);
	return show_report(a, answer->json);
}

int
verb_rotate(const struct args *a)
{
	const struct vhsm_request q = { .op = VHSM_ROTATE,
		.key = { .kid = args_operand(a), .name = a->key.name },
		.now = a->now };

	if ((q.key.kid == NULL) == (q.key.name == NULL))
		return fail_usage(a, "either a KID or --name NAME is needed");
	return operate(a, &q, 0);
}

int
verb_retire(const struct args *a)
{
	const struct vhsm_request q = { .op = VHSM_RETIRE,
		.key = { .kid = args_operand(a) } };

	return operate(a, &q, 0);
}

int
verb_destroy(const struct args *a)
{
	const struct vhsm_request q = { .op = VHSM_DESTROY,
		.key = { .kid = args_operand(a) } };

	if (!a->yes)
		return fail_usage(a,
		    "a destroyed key cannot come back: say --yes");
	return operate(a, &q, 0);
}

int
verb_reload(const struct args *a)
{
	const struct vhsm_request q = { .op = VHSM_RELOAD };

	return operate(a, &q, RELOAD_MS);
}

int
verb_cluster_status(const struct args *a)
{
	AUTO(session_close) struct vhsm *h = session_open(a);
	AUTO(answer_free) struct vhsm_answer *answer = NULL;

	if (h == NULL)
		return EXIT_USAGE;
	enum vhsm_error err = vhsm_cluster(h, &answer);

	if (err != VHSM_OK)
		return fail_answer(a, err, answer);
	return show_report(a, answer->json);
}
