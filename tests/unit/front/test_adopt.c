/* FSETTINGS: what a front that serves takes over. */
#include "front/adopt.h"

#include <criterion/criterion.h>
#include <unistd.h>

#include "world.h"

static void
with_app(struct settings *s)
{
	char text[64];

	(void)snprintf(text, sizeof text, "app=uid:%u+in_flight:1", getuid());
	cr_assert_eq(settings_set_text(&s->principals, text), VH_OK);
}

/* A node with a key for app and one for b. */
static struct world *
world_of_two(void)
{
	static const struct key_says apps = { VH_USE_SIG, 0, NULL, "app" };
	static const struct key_says bs = { VH_USE_SIG, 0, NULL, "b" };
	struct directory *d = directory_new();

	key_add(d, KEY_ED25519, &apps);
	key_add(d, KEY_P256, &bs);
	directory_close(d);
	return world_new(d, with_app);
}

/* The supervisor says that they are so now, @ for our uid; what front answers.
 */
static enum vh_err
tell(struct world *w, const char *names, uint32_t per_principal)
{
	AUTO(buf_free) struct buf *text = buf_new(65536);
	AUTO(buf_free) struct buf *b = buf_new(65536);
	struct settings *s = settings_new();
	AUTO(buf_free) struct buf *principals = buf_new(256);
	struct frame f;

	for (; *names != '\0'; names++)
		if (*names == '@')
			buf_format(principals, "%u", getuid());
		else
			buf_put_u8(principals, (uint8_t)*names);
	buf_put_u8(principals, 0);
	cr_assert_eq(settings_set_text(&s->principals,
			 (const char *)principals->p),
	    VH_OK);
	s->per_principal = per_principal;
	s->deadline = 1234;
	settings_put(text, s);
	settings_free(s);
	size_t start = frame_request(b, VH_OP_FSETTINGS, 7, 0);

	frame_put(b, VH_F_CONFIG, buf_slice(text));
	frame_close(b, start);
	cr_assert_eq(link_send(w->super, buf_slice(b), -1), VH_OK);
	world_turn(w);
	cr_assert_eq(link_wait(w->super, 1000, &f), VH_OK);
	cr_assert(f.answer && f.op == VH_OP_FSETTINGS && f.id == 7);
	return f.err;
}

static void
sign(struct client *c, uint32_t id, const char *alg)
{
	struct buf *b = client_ask(VH_OP_SIGN, id, 0);

	frame_put_text(b, VH_F_DATA, "x");
	frame_put_text(b, VH_F_ALG, alg);
	client_send(c, id, b);
}

/* What is answered at once, or VH_OK when the vault is asked. */
static enum vh_err
outcome(struct world *w, struct client *c, struct frame *q)
{
	world_turn(w);
	if (vault_next(w, q))
		return VH_OK;
	cr_assert(client_read(c));
	return c->f.err;
}

static void
finish(struct world *w, struct client *c, const struct frame *q)
{
	vault_answer(w, q->id, VH_OP_VSIGN, VH_OK);
	world_turn(w);
	cr_assert(client_read(c));
	cr_expect_eq(c->f.err, VH_OK);
}

Test(adopt, names_change_for_connections_that_are_open)
{
	struct world *w = world_of_two();
	struct client *c = client_new(w, 0);
	struct frame q;

	sign(c, 1, "ES256");
	cr_expect_eq(outcome(w, c, &q), VH_ENOKEY);
	cr_expect_eq(tell(w, "b=uid:@", 64), VH_OK);
	sign(c, 2, "ES256");
	cr_assert_eq(outcome(w, c, &q), VH_OK);
	finish(w, c, &q);
	sign(c, 3, "EdDSA");
	cr_expect_eq(outcome(w, c, &q), VH_ENOKEY);
	cr_expect_eq(w->front->settings->deadline, 1234);
	client_free(c);
	world_free(w);
}

Test(adopt, work_under_way_counts_against_the_new_limits)
{
	struct world *w = world_of_two();
	struct client *c = client_new(w, 0);
	struct frame first, second, q;
	uint64_t ids[2];

	sign(c, 1, "EdDSA");
	cr_assert_eq(outcome(w, c, &first), VH_OK);
	ids[0] = first.id;
	sign(c, 2, "EdDSA");
	cr_expect_eq(outcome(w, c, &q), VH_EBUSY);
	cr_expect_eq(tell(w, "x=uid:1+rate:1;app=uid:@+in_flight:2", 64),
	    VH_OK);
	sign(c, 3, "EdDSA");
	cr_assert_eq(outcome(w, c, &second), VH_OK);
	ids[1] = second.id;
	sign(c, 4, "EdDSA");
	cr_expect_eq(outcome(w, c, &q), VH_EBUSY);
	for (size_t i = 0; i < 2; i++) {
		vault_answer(w, ids[i], VH_OP_VSIGN, VH_OK);
		world_turn(w);
		cr_assert(client_read(c));
		cr_expect_eq(c->f.err, VH_OK);
	}
	struct limit_state l;

	cr_assert(limits_at(w->front->limits, 1, &l));
	cr_expect_eq(l.in_flight, 0);
	client_free(c);
	world_free(w);
}

Test(adopt, per_principal_is_taken)
{
	struct world *w = world_of_two();
	struct client *c = client_new(w, 0);
	struct frame q;

	cr_expect_eq(tell(w, "app=uid:@", 1), VH_OK);
	sign(c, 1, "EdDSA");
	cr_assert_eq(outcome(w, c, &q), VH_OK);
	uint64_t id = q.id;

	sign(c, 2, "EdDSA");
	cr_expect_eq(outcome(w, c, &q), VH_EBUSY);
	q.id = id;
	finish(w, c, &q);
	client_free(c);
	world_free(w);
}

Test(adopt, what_is_not_understood_changes_nothing)
{
	struct world *w = world_of_two();
	struct client *c = client_new(w, 0);
	struct frame q;

	cr_expect_eq(tell(w, "b=uid:@+what:1", 64), VH_EPARSE);
	sign(c, 1, "EdDSA");
	cr_assert_eq(outcome(w, c, &q), VH_OK);
	finish(w, c, &q);
	client_free(c);
	world_free(w);
}
