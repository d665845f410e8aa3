#include "client/libvhsm/where.h"

#include <stdio.h>
#include <stdlib.h>

#define SCHEME "ipc://"

static enum vh_err
add_path(struct where *w, const char *folder, const char *path)
{
	int n = snprintf(w->path[w->count], sizeof w->path[0], "%s%s", folder,
	    path);

	if (n < 0 || (size_t)n >= sizeof w->path[0])
		return VH_ECONFIG;
	w->count++;
	return VH_OK;
}

static enum vh_err
add_url(struct where *w, const char *url)
{
	size_t scheme = strlen(SCHEME);

	if (strncmp(url, SCHEME, scheme) != 0)
		return VH_ECONFIG;
	/* A relative path would mean another daemon in another folder. */
	if (url[scheme] != '/' || url[scheme + 1] == '\0')
		return VH_ECONFIG;
	return add_path(w, "", url + scheme);
}

enum vh_err
where_of(const char *url, struct where *out)
{
	out->count = 0;
	if (url == NULL)
		url = secure_getenv("VHSM_SOCKET");
	if (url != NULL)
		return add_url(out, url);
	const char *runtime = secure_getenv("XDG_RUNTIME_DIR");

	if (runtime != NULL && runtime[0] == '/')
		TRY(add_path(out, runtime, "/vhsmd/vhsm.sock"));
	return add_path(out, "/run", "/vhsmd/vhsm.sock");
}
