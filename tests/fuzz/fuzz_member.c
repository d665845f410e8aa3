/* A membership message that parses is printed from what was understood; the
 * print parses to the same, and is printed to the same bytes. */
#include "check.h"
#include "peer/member_wire.h"

static void
check_update(const struct update *u)
{
	CHECK(u->state >= MEMBER_ALIVE && u->state <= UPDATE_TWIN);
	CHECK(u->instance != 0);
	CHECK(u->incarnation <= MEMBER_INCARNATION_MAX);
	CHECK(message_name_ok(u->name));
	CHECK(message_address_ok(u->address));
	CHECK(message_version_ok(u->version));
	CHECK(u->by.len == 0 || message_name_ok(u->by));
}

static void
check_message(const struct message *m)
{
	CHECK((m->kind == MESSAGE_PING_REQ) == (m->target.len > 0));
	CHECK(m->kind == MESSAGE_PING_REQ || m->help_ms == 0);
	CHECK(
	    m->sender.state == MEMBER_ALIVE || m->sender.state == MEMBER_LEFT);
	check_update(&m->sender);
}

/* The caller's. */
static struct buf *
print(const struct message *m)
{
	struct buf *b = buf_new(MEMBER_MESSAGE_MAX);
	struct slice rest = m->rest;
	struct update u;
	uint32_t count = 1;

	CHECK(b != NULL);
	size_t at = message_open(b, m->kind, m->help_ms, m->target);

	message_put(b, &m->sender);
	while (message_next(&rest, &u)) {
		check_update(&u);
		message_put(b, &u);
		count++;
	}
	CHECK(rest.len == 0);
	CHECK(count <= MEMBER_MAX + 4);
	message_close(b, at, count);
	CHECK(buf_end(b) == VH_OK);
	return b;
}

static void
check_same(const struct update *a, const struct update *b)
{
	CHECK(a->state == b->state && a->age_s == b->age_s);
	CHECK(a->instance == b->instance && a->incarnation == b->incarnation);
	CHECK(a->digest.epoch == b->digest.epoch);
	CHECK(a->digest.seq == b->digest.seq);
	CHECK(slice_eq(a->name, b->name) && slice_eq(a->address, b->address));
	CHECK(slice_eq(a->version, b->version) && slice_eq(a->by, b->by));
}

static void
check_again(const struct message *m, const struct message *again)
{
	struct slice left = m->rest, right = again->rest;
	struct update a, b;

	CHECK(m->kind == again->kind && m->help_ms == again->help_ms);
	CHECK(slice_eq(m->target, again->target));
	check_same(&m->sender, &again->sender);
	while (message_next(&left, &a)) {
		CHECK(message_next(&right, &b));
		check_same(&a, &b);
	}
	CHECK(!message_next(&right, &b));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct message m, again;

	if (message_parse(slice_of(data, size), &m) != VH_OK)
		return 0;
	check_message(&m);
	AUTO(buf_free) struct buf *first = print(&m);

	/* A newer node's tails are gone from it, nothing is new. */
	CHECK(first->len <= size);
	CHECK(message_parse(buf_slice(first), &again) == VH_OK);
	check_again(&m, &again);
	AUTO(buf_free) struct buf *second = print(&again);

	CHECK(slice_eq(buf_slice(first), buf_slice(second)));
	return 0;
}
