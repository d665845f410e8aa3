/* One request at a time: lend a connection, send, wait for the answer.
 *
 * A request that did not go out whole cannot have been carried out, so it is
 * sent once more over a new connection: that is how a handle gets over a
 * restart of the daemon.  Once it is out whole, a broken connection leaves the
 * outcome unknown, and only the caller can know whether doing it twice is
 * fine. */
#include "client/libvhsm/handle.h"
#include "client/libvhsm/request.h"

struct call {
	const struct vhsm_request *request;
	struct until until;
	uint32_t id;
};

static enum vh_err
send_request(struct conn *c, struct call *call)
{
	call->id = conn_next_id(c);
	request_put(conn_out(c), call->request, call->id,
	    until_left_ms(call->until));
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
receive(struct conn *c, const struct call *call, struct vhsm_answer **answer)
{
	struct slice body;
	uint32_t id;

	for (;;) {
		TRY(conn_next(c, &id, &body));
		if (body.p != NULL && id == call->id)
			return answer_parse(body, call->request->op, id,
			    answer);
		if (body.p != NULL)
			continue;
		TRY(conn_wait(c, call->until));
		TRY(conn_fill(c));
	}
}

static enum vh_err
exchange(struct vhsm *h, struct place *place, struct call *call,
    struct vhsm_answer **answer, char *why)
{
	TRY(send_over(h, place, call, why));
	enum vh_err err = receive(place->conn, call, answer);

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
	struct call call = { .request = request, .until = handle_until(h) };
	AUTO(answer_drop) struct vhsm_answer *answer = NULL;
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
	err = exchange(h, place, &call, &answer, why);
	pool_put(pool, place);
	if (err != VH_OK)
		return handle_fail(err, why, out);
	enum vhsm_error error = answer->error;

	if (out != NULL)
		*out = TAKE(answer);
	return error;
}
