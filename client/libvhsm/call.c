/* One request at a time: lend a connection, send, wait for the answer.
 *
 * A request that did not go out whole cannot have been carried out, so it is
 * sent once more over a new connection: that is how a handle gets over a
 * restart of the daemon.  Once it is out whole, a broken connection leaves the
 * outcome unknown, and only the caller can know whether doing it twice is
 * fine. */
#include "client/libvhsm/handle.h"
#include "client/libvhsm/request.h"

/* One request, with one answer; or many, in one message. */
struct call {
	const struct vhsm_request *requests;
	size_t many; /* how many; 0: one that is no batch */
	struct until until;
	uint32_t id;
	struct vhsm_answer **answers;
};

static void
put_request(struct buf *b, const struct call *call)
{
	uint32_t ms = until_left_ms(call->until);

	if (call->many == 0)
		request_put(b, call->requests, call->id, ms);
	else
		request_put_many(b, call->requests, call->many, call->id, ms);
}

/* What came in answer to a batch as a whole. */
static enum vh_err
read_many(struct slice body, const struct call *call)
{
	struct frame f;

	TRY(frame_parse(body, &f));
	if (!f.answer || f.id != call->id)
		return VH_EPARSE;
	TRY(f.err);
	return answer_parse_many(&f, call->requests, call->many, call->answers);
}

static enum vh_err
read_answer(struct slice body, const struct call *call)
{
	if (call->many > 0)
		return read_many(body, call);
	return answer_parse(body, call->requests->op, call->id, call->answers);
}

static enum vh_err
send_request(struct conn *c, struct call *call)
{
	call->id = conn_next_id(c);
	put_request(conn_out(c), call);
	TRY(buf_end(conn_out(c)));
	TRY(conn_flush(c));
	while (conn_unsent(c) > 0) {
		TRY(conn_wait(c, call->until));
		TRY(conn_flush(c));
	}
	return VH_OK;
}

/* Sends over a connection of the place, at the second try over a new one. */
static enum vh_err
send_over(struct vhsm *h, struct place *place, struct call *call, char *why)
{
	enum vh_err err = VH_ELOST;

	for (int i = 0; i < 2 && err == VH_ELOST; i++) {
		if (place->conn == NULL) {
			err = place_dial(place, &h->where, call->until);
			handle_why(h, err, why);
			TRY(err);
		}
		err = send_request(place->conn, call);
		if (err != VH_OK)
			place_hang_up(place);
	}
	return err;
}

static enum vh_err
receive(struct conn *c, const struct call *call)
{
	struct slice body;
	uint32_t id;

	for (;;) {
		TRY(conn_next(c, &id, &body));
		if (body.p != NULL && id == call->id)
			return read_answer(body, call);
		if (body.p != NULL)
			continue;
		TRY(conn_wait(c, call->until));
		TRY(conn_fill(c));
	}
}

static enum vh_err
exchange(struct vhsm *h, struct place *place, struct call *call, char *why)
{
	TRY(send_over(h, place, call, why));
	enum vh_err err = receive(place->conn, call);

	/* After any failure the stream may stand in the middle of a message, or
	 * hold one that nobody waits for. */
	if (err != VH_OK)
		place_hang_up(place);
	else
		conn_rest(place->conn);
	return err;
}

enum vhsm_error
vhsm_call(struct vhsm *h, const struct vhsm_request *request,
    struct vhsm_answer **out)
{
	AUTO(answer_drop) struct vhsm_answer *answer = NULL;
	struct call call = { .requests = request,
		.until = handle_until(h),
		.answers = &answer };
	char why[HANDLE_WHY] = "";
	const char *culprit;
	struct place *place;

	if (out != NULL)
		*out = NULL;
	enum vh_err err = request_check(request, &culprit);

	if (err != VH_OK)
		return handle_refuse(err, culprit, out);
	struct pool *pool = handle_pool(h);

	if (pool == NULL)
		return handle_fail(VH_ENOMEM, "", out);
	err = pool_take(pool, call.until, &place);
	if (err != VH_OK)
		return handle_fail(err, "all connections in use", out);
	err = exchange(h, place, &call, why);
	pool_put(pool, place);
	if (err != VH_OK)
		return handle_fail(err, why, out);
	enum vhsm_error error = answer->error;

	if (out != NULL)
		*out = TAKE(answer);
	return error;
}

static enum vh_err
check_many(const struct vhsm_request *requests, size_t count)
{
	const char *culprit;

	if (count == 0 || count > VHSM_MANY_MAX)
		return VH_EFIELD;
	for (size_t i = 0; i < count; i++)
		TRY(request_check(&requests[i], &culprit));
	return VH_OK;
}

enum vhsm_error
vhsm_call_many(struct vhsm *h, const struct vhsm_request *requests,
    size_t count, struct vhsm_answer **answers)
{
	struct call call = { .requests = requests,
		.many = count,
		.until = handle_until(h),
		.answers = answers };
	char why[HANDLE_WHY];
	struct place *place;

	for (size_t i = 0; i < count; i++)
		answers[i] = NULL;
	enum vh_err err = check_many(requests, count);

	if (err != VH_OK)
		return (enum vhsm_error)err;
	struct pool *pool = handle_pool(h);

	err = pool == NULL ? VH_ENOMEM : pool_take(pool, call.until, &place);
	if (err != VH_OK)
		return (enum vhsm_error)err;
	err = exchange(h, place, &call, why);
	pool_put(pool, place);
	if (err == VH_OK)
		return VHSM_OK;
	for (size_t i = 0; i < count; i++)
		vhsm_answer_free(TAKE(answers[i]));
	return (enum vhsm_error)err;
}
