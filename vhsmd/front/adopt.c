#include "front/adopt.h"

#include <utlist.h>

#include "base/log.h"

/* Who a connection is, is worked out once; so it is again. */
static void
tell_conns(struct front *f)
{
	struct conn *c;

	DL_FOREACH(f->conns.all, c)
	{
		if (c->who == VH_WHO_CALLER)
			c->limits = limits_of(f->limits, &c->caller);
		c->principals[0] = '\0';
	}
}

static void
carry_places(struct front *f, const struct limits *before)
{
	struct pending *p;

	DL_FOREACH(pendings_first(f->pendings), p)
	p->limits = limits_carry(f->limits, before, &p->limits);
}

/* Nobody holds the policy from one request to the next. */
static enum vh_err
change_policy(struct front *f, const char *principals)
{
	struct policy *fresh = NULL, *old = f->policy;
	struct limits *before = f->limits;

	TRY(policy_parse(principals, &fresh));
	struct limits *l = limits_new_again(fresh, before, f->now);

	if (l == NULL) {
		policy_free(fresh);
		return VH_ENOMEM;
	}
	f->policy = fresh;
	f->limits = l;
	carry_places(f, before);
	tell_conns(f);
	limits_free(before);
	policy_free(old);
	return VH_OK;
}

enum vh_err
adopt_settings(struct front *f, struct slice config)
{
	struct settings *now = f->settings, *parsed = NULL;

	TRY(settings_parse(config, &parsed));
	AUTO(settings_free) struct settings *s = parsed;

	if (strcmp(s->principals, now->principals) != 0) {
		char *was = now->principals;

		TRY(change_policy(f, s->principals));
		now->principals = s->principals;
		s->principals = was;
	}
	now->per_principal = s->per_principal;
	now->deadline = s->deadline;
	f->shared->max_age = s->max_age;
	quotas_set_most(f->quotas, s->per_principal);
	LOG(NOTICE, "settings-taken", KV("per_principal", s->per_principal),
	    KV("deadline_ms", s->deadline));
	return VH_OK;
}
