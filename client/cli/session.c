#include "client/cli/session.h"

#include <stdlib.h>
#include <unistd.h>

#include "client/cli/output.h"

#define OPERATOR "vhsmd/operator.sock"

static struct vhsm *
open_url(const struct args *a, const char *url)
{
	struct vhsm *h = NULL;
	enum vhsm_error err = vhsm_open(url, &h);

	if (err == VHSM_ECONFIG)
		(void)fail_usage(a, "the socket must be ipc:///absolute/path");
	else if (err != VHSM_OK)
		(void)fail_with(a, err, NULL);
	else
		vhsm_set_timeout_ms(h, a->timeout);
	return h;
}

struct vhsm *
session_open(const struct args *a)
{
	return open_url(a, a->socket);
}

struct vhsm *
session_open_operator(const struct args *a)
{
	const char *runtime = secure_getenv("XDG_RUNTIME_DIR");
	char url[256];

	if (a->socket != NULL)
		return open_url(a, a->socket);
	if (runtime != NULL &&
	    (size_t)snprintf(url, sizeof url, "ipc://%s/" OPERATOR, runtime) <
		sizeof url &&
	    access(url + strlen("ipc://"), F_OK) == 0)
		return open_url(a, url);
	return open_url(a, "ipc:///run/" OPERATOR);
}
