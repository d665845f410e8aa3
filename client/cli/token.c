/* sign, verify, encrypt, decrypt. */
#include "client/cli/input.h"
#include "client/cli/lines.h"
#include "client/cli/output.h"
#include "client/cli/session.h"
#include "client/cli/verbs.h"
#include "wire/ops.h"

/* How a verb shows its answer. */
typedef int (*show_fn)(const struct args *a, const struct vhsm_answer *answer);

static int
run(const struct args *a, const struct vhsm_request *q, show_fn show)
{
	AUTO(session_close) struct vhsm *h = session_open(a);
	AUTO(answer_free) struct vhsm_answer *answer = NULL;

	if (h == NULL)
		return EXIT_USAGE;
	enum vhsm_error err = vhsm_call(h, q, &answer);

	if (err != VHSM_OK)
		return fail_answer(a, err, answer);
	return show(a, answer);
}

static int
show_token(const struct args *a, const struct vhsm_answer *answer)
{
	AUTO(json_decref) json_t *object = NULL;

	if (!a->json)
		return output_line(a, answer->token);
	object = json_object();
	put_text(object, "token", answer->token);
	put_text(object, "kid", answer->kid);
	put_text(object, "alg", answer->alg);
	put_json(object, "jwk", answer->jwk);
	return output_json(a, object);
}

static int
show_payload(const struct args *a, const struct vhsm_answer *answer)
{
	AUTO(json_decref) json_t *object = NULL;

	if (!a->json)
		return output_bytes(a, answer->data, answer->data_len);
	object = json_object();
	put_payload(object, answer->data, answer->data_len);
	put_text(object, "kid", answer->kid);
	put_text(object, "alg", answer->alg);
	put_json(object, "header", answer->header);
	put_json(object, "jwk", answer->jwk);
	return output_json(a, object);
}

int
verb_sign(const struct args *a)
{
	AUTO(buf_free) struct buf *in = NULL;
	struct vhsm_request q = { .op = VHSM_SIGN,
		.key = a->key,
		.header = a->header,
		.typ = a->typ };

	if (a->lines)
		return lines_run(a, &q);
	in = input_read(a, args_operand(a), VH_DATA_MAX);
	if (in == NULL)
		return EXIT_FAILED;
	q.data = in->p;
	q.data_len = in->len;
	return run(a, &q, show_token);
}

int
verb_verify(const struct args *a)
{
	AUTO(buf_free) struct buf *in = NULL;
	AUTO(buf_free) struct buf *jwks = NULL;

	if (a->jwks != NULL) {
		jwks = input_read_text(a, a->jwks, VH_DATA_MAX);
		if (jwks == NULL)
			return EXIT_FAILED;
	}
	in = input_read_text(a, args_operand(a), VH_TOKEN_MAX);
	if (in == NULL)
		return EXIT_FAILED;
	return run(a,
	    &(struct vhsm_request){ .op = VHSM_VERIFY,
		.key = a->key,
		.data = in->p,
		.data_len = in->len,
		.jwks = jwks == NULL ? NULL : (const char *)jwks->p },
	    show_payload);
}

int
verb_encrypt(const struct args *a)
{
	AUTO(buf_free) struct buf *in = NULL;
	AUTO(buf_free) struct buf *jwk = NULL;

	if (a->key.alg == NULL || a->enc == NULL)
		return fail_usage(a, "--alg and --enc are needed");
	if (a->jwk != NULL) {
		jwk = input_read_text(a, a->jwk, field_row(VH_F_JWK)->max);
		if (jwk == NULL)
			return EXIT_FAILED;
	}
	in = input_read(a, args_operand(a), VH_DATA_MAX);
	if (in == NULL)
		return EXIT_FAILED;
	return run(a,
	    &(struct vhsm_request){ .op = VHSM_ENCRYPT,
		.key = a->key,
		.data = in->p,
		.data_len = in->len,
		.enc = a->enc,
		.jwk = jwk == NULL ? NULL : (const char *)jwk->p,
		.header = a->header,
		.typ = a->typ },
	    show_token);
}

int
verb_decrypt(const struct args *a)
{
	AUTO(buf_free) struct buf *in = NULL;
	struct vhsm_request q = { .op = VHSM_DECRYPT, .key = a->key };

	if (a->lines)
		return lines_run(a, &q);
	in = input_read_text(a, args_operand(a), VH_TOKEN_MAX);
	if (in == NULL)
		return EXIT_FAILED;
	q.data = in->p;
	q.data_len = in->len;
	return run(a, &q, show_payload);
}
