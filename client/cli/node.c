/* status, keys, drain, revoke, cluster status. */
#include "client/cli/report.h"
#include "client/cli/session.h"
#include "client/cli/verbs.h"

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

int
verb_keys(const struct args *a)
{
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
