/* sign, verify, encrypt, decrypt. */
#include "client/cli/form.h"
#include "client/cli/input.h"
#include "client/cli/lines.h"
#include "client/cli/output.h"
#include "client/cli/session.h"
#include "client/cli/verbs.h"
#include "wire/ops.h"

/* How a verb shows its answer. */
typedef int (*show_fn)(const struct args *a, const struct vhsm_answer *answer);

/* A compact token with nothing between its dots, and no other payload. */
static bool
lacks_payload(const struct vhsm_request *q)
{
	struct slice token = slice_of(q->data, q->data_len);

	return q->op == VHSM_VERIFY && q->payload == NULL && token.len > 0 &&
	       token.p[0] != '{' && memmem(token.p, token.len, "..", 2) != NULL;
}

static int
run(const struct args *a, const struct vhsm_request *q, show_fn show)
{
	AUTO(session_close) struct vhsm *h = session_open(a);
	AUTO(answer_free) struct vhsm_answer *answer = NULL;

	if (h == NULL)
		return EXIT_USAGE;
	enum vhsm_error err = vhsm_call(h, q, &answer);

	if (err == VHSM_EVERIFY && lacks_payload(q))
		return fail_with(a, err,
		    "the token has no payload: if it is detached, --payload is "
		    "missing");
	if (err != VHSM_OK)
		return fail_answer(a, err, answer);
	return show(a, answer);
}

/* What is said of each of several signatures or keys. */
static void
put_signatures(json_t *object, const struct vhsm_answer *answer, bool judged)
{
	json_t *list = json_array();

	for (size_t i = 0; i < answer->signature_count; i++) {
		const struct vhsm_signature *from = &answer->signatures[i];
		json_t *one = json_object();

		if (judged)
			put_text(one, "outcome", vhsm_strerror(from->error));
		put_text(one, "kid", from->kid);
		put_text(one, "alg", from->alg);
		put_json(one, "header", from->header);
		put_json(one, "unprotected", from->unprotected);
		put_json(one, "jwk", from->jwk);
		(void)json_array_append_new(list, one);
	}
	if (answer->signature_count > 0)
		(void)json_object_set(object, "signatures", list);
	json_decref(list);
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
	put_signatures(object, answer, false);
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
	put_json(object, "unprotected", answer->unprotected);
	if (answer->aad != NULL)
		put_bytes(object, "aad", answer->aad, answer->aad_len);
	put_json(object, "jwk", answer->jwk);
	put_signatures(object, answer, true);
	return output_json(a, object);
}

/* A request of the options of a and the bytes of in. */
static int
run_form(const struct args *a, struct vhsm_request *q)
{
	struct form_texts texts = { .aad = NULL };
	AUTO(buf_free) struct buf *in = NULL;
	int status = form_fill(a, &texts, q);

	if (status == EXIT_DONE && a->lines) {
		status = lines_run(a, q);
		form_end(&texts);
		return status;
	}
	if (status == EXIT_DONE) {
		in = input_read(a, args_operand(a), VH_DATA_MAX);
		status = in == NULL ? EXIT_FAILED : EXIT_DONE;
	}
	if (status == EXIT_DONE) {
		q->data = in->p;
		q->data_len = in->len;
		status = run(a, q, show_token);
	}
	form_end(&texts);
	return status;
}

int
verb_sign(const struct args *a)
{
	return run_form(a,
	    &(struct vhsm_request){ .op = VHSM_SIGN, .key = a->key });
}

int
verb_verify(const struct args *a)
{
	AUTO(buf_free) struct buf *in = NULL;
	AUTO(buf_free) struct buf *jwks = NULL;
	AUTO(buf_free) struct buf *payload = NULL;

	if (a->payload_file != NULL) {
		payload = input_read(a, a->payload_file, VH_DATA_MAX);
		if (payload == NULL)
			return EXIT_FAILED;
	}
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
		.jwks = jwks == NULL ? NULL : (const char *)jwks->p,
		.payload = payload == NULL ? NULL : payload->p,
		.payload_len = payload == NULL ? 0 : payload->len,
		.all = a->all },
	    show_payload);
}

int
verb_encrypt(const struct args *a)
{
	if (a->key.alg == NULL || a->enc == NULL)
		return fail_usage(a, "--alg and --enc are needed");
	return run_form(a, &(struct vhsm_request){ .op = VHSM_ENCRYPT,
			       .key = a->key,
			       .enc = a->enc });
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
