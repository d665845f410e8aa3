/* raw sign, raw decrypt, raw derive: keys without JOSE around them. */
#include "client/cli/input.h"
#include "client/cli/output.h"
#include "client/cli/session.h"
#include "client/cli/verbs.h"
#include "wire/ops.h"

/* What comes of it is bytes, whatever they look like. */
static int
show(const struct args *a, const struct vhsm_answer *answer)
{
	AUTO(json_decref) json_t *object = NULL;

	if (!a->json)
		return output_bytes(a, answer->data, answer->data_len);
	object = json_object();
	put_b64u(object, "data_b64u", answer->data, answer->data_len);
	put_text(object, "kid", answer->kid);
	put_text(object, "alg", answer->alg);
	put_json(object, "jwk", answer->jwk);
	return output_json(a, object);
}

static int
run(const struct args *a, const struct vhsm_request *q)
{
	AUTO(session_close) struct vhsm *h = session_open(a);
	AUTO(answer_free) struct vhsm_answer *answer = NULL;

	if (h == NULL)
		return EXIT_USAGE;
	enum vhsm_error err = vhsm_call(h, q, &answer);

	return err == VHSM_OK ? show(a, answer) : fail_answer(a, err, answer);
}

static int
run_input(const struct args *a, struct vhsm_request *q)
{
	AUTO(buf_free)
	struct buf *in = input_read(a, args_operand(a), VH_DATA_MAX);

	if (in == NULL)
		return EXIT_FAILED;
	q->data = in->p;
	q->data_len = in->len;
	return run(a, q);
}

int
verb_raw_sign(const struct args *a)
{
	if (a->key.alg == NULL)
		return fail_usage(a, "--alg is needed");
	return run_input(a, &(struct vhsm_request){ .op = VHSM_RAW_SIGN,
				.key = a->key,
				.prehashed = a->prehashed });
}

int
verb_raw_decrypt(const struct args *a)
{
	if (a->key.kid == NULL || a->key.alg == NULL)
		return fail_usage(a, "--kid and --alg are needed");
	return run_input(a,
	    &(struct vhsm_request){ .op = VHSM_RAW_DECRYPT,
		.key = a->key,
		.label = a->label,
		.label_len = a->label == NULL ? 0 : strlen(a->label) });
}

int
verb_raw_derive(const struct args *a)
{
	AUTO(buf_free) struct buf *jwk = NULL;

	if (a->key.kid == NULL || a->peer == NULL)
		return fail_usage(a, "--kid and --jwk are needed");
	jwk = input_read_text(a, a->peer, field_row(VH_F_JWK)->max);
	if (jwk == NULL)
		return EXIT_FAILED;
	return run(a, &(struct vhsm_request){ .op = VHSM_RAW_DERIVE,
			  .key = a->key,
			  .jwk = (const char *)jwk->p });
}
