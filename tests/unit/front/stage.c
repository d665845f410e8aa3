#include "stage.h"

#include <criterion/criterion.h>

void
stage_few_each(struct settings *s)
{
	s->per_principal = 3;
}

struct stage
stage_new(struct directory *own, void (*change)(struct settings *s))
{
	struct stage s = { .w = world_new(own, change) };

	s.c = client_new(s.w, 0);
	return s;
}

void
stage_end(struct stage *s)
{
	cr_expect_eq(pendings_count(s->w->front->pendings), 0);
	cr_expect_eq(s->w->front->work, 0);
	cr_expect_eq(s->w->front->quick, 0);
	client_free(s->c);
	world_free(s->w);
}
