#include "super/accounts.h"

#include <grp.h>
#include <pwd.h>

#include "base/log.h"
#include "keyspec/value.h"

static bool
number(const char *text, unsigned *out)
{
	uint64_t v;

	if (!number_of_text(text, 0, VH_ID_MAX, &v))
		return false;
	*out = (unsigned)v;
	return true;
}

enum vh_err
account_uid(const char *text, unsigned *uid)
{
	if (number(text, uid))
		return VH_OK;
	const struct passwd *user = getpwnam(text);

	if (user == NULL)
		return VH_ECONFIG;
	*uid = user->pw_uid;
	return VH_OK;
}

enum vh_err
account_gid(const char *text, unsigned *gid)
{
	if (number(text, gid))
		return VH_OK;
	const struct group *group = getgrnam(text);

	if (group == NULL)
		return VH_ECONFIG;
	*gid = group->gr_gid;
	return VH_OK;
}

static enum vh_err
use_fixed(const char *text, unsigned fixed, struct user *out)
{
	if (getpwuid(fixed) != NULL || getgrgid(fixed) != NULL) {
		LOG(ERROR, "no-such-user", KV("user", text),
		    KV("instead", fixed), KV("reason", "number is taken"));
		return VH_ECONFIG;
	}
	LOG(NOTICE, "no-such-user", KV("user", text), KV("instead", fixed));
	*out = (struct user){ fixed, fixed };
	return VH_OK;
}

enum vh_err
account_user(const char *text, unsigned fixed, struct user *out)
{
	unsigned uid;
	const struct passwd *user =
	    number(text, &uid) ? getpwuid(uid) : getpwnam(text);

	if (user == NULL && !number(text, &uid))
		return use_fixed(text, fixed, out);
	struct user found = { uid, uid };

	if (user != NULL)
		found = (struct user){ user->pw_uid, user->pw_gid };
	if (found.uid == 0 || found.gid == 0) {
		LOG(ERROR, "user-refused", KV("user", text),
		    KV("reason", "root, or in root's group"));
		return VH_ECONFIG;
	}
	*out = found;
	return VH_OK;
}

bool
account_is_among(const struct user *user, const struct user *others,
    size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (others[i].uid == user->uid)
			return true;
	return false;
}
