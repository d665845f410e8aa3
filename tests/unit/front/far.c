#include "far.h"

#include <criterion/criterion.h>

#include "front/loop.h"

const struct key_says far_sig = { VH_USE_SIG, 0, "k", NULL };
const struct key_says far_enc = { VH_USE_ENC, 0, NULL, NULL };

/* d: the own keys; boxes: who holds the X25519. */
static struct far
far_of(struct directory *d, const struct key_says *says, const char *holders,
    const char *boxes)
{
	struct far s;

	directory_close(d);
	s.c = cluster_new(d);
	cluster_list(s.c, KEY_P256, &far_sig, VH_KEY_ACTIVE, "a");
	cluster_list(s.c, KEY_ED25519, says, VH_KEY_ACTIVE, holders);
	cluster_list(s.c, KEY_X25519, &far_enc, VH_KEY_ACTIVE, boxes);
	cluster_tell(s.c);
	/* Peer came long ago. */
	cluster_age(s.c, 10000);
	cr_assert_null(cluster_next(s.c));
	s.k = client_new(s.c->w, 0);
	return s;
}

struct far
far_with(const struct key_says *says, const char *holders)
{
	struct directory *d = directory_new();

	key_add(d, KEY_P256, &far_sig);
	return far_of(d, says, holders, holders);
}

struct far
far_new(const char *holders)
{
	return far_with(&far_sig, holders);
}

struct far
far_beside(const char *holders)
{
	struct directory *d = directory_new();
	AUTO(buf_free) struct buf *boxes = buf_new(64);

	key_add(d, KEY_P256, &far_sig);
	key_add(d, KEY_X25519, &far_enc);
	buf_format(boxes, "a,%s", holders);
	buf_put_u8(boxes, 0);
	cr_assert_eq(buf_end(boxes), VH_OK);
	return far_of(d, &far_sig, holders, (const char *)buf_slice(boxes).p);
}

void
far_end(struct far *s)
{
	struct front *f = s->c->w->front;

	cr_expect_eq(pendings_count(f->pendings), 0);
	cr_expect_eq(forwards_count(f->forwards), 0);
	cr_expect_eq(f->work, 0);
	cr_expect_eq(f->quick, 0);
	client_free(s->k);
	cluster_free(s->c);
}

struct question *
far_sign(struct far *s)
{
	client_sign(s->k, 1, "hello");
	return cluster_next(s->c);
}

enum vh_err
far_answer(struct far *s)
{
	world_turn(s->c->w);
	cr_assert(client_read(s->k));
	return s->k->f.err;
}

uint64_t
far_counted(const struct far *s, enum count which)
{
	return s->c->w->shared->counts[which];
}

struct slice
far_got(const struct far *s, enum vh_tag tag)
{
	return s->k->f.f.at[tag];
}

bool
far_has_text(struct slice in, const char *text)
{
	return memmem(in.p, in.len, text, strlen(text)) != NULL;
}
