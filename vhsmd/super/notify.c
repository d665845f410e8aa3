#include "super/notify.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/log.h"
#include "super/fd.h"

#define STATUS_MAX 512

void
notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t len = path == NULL ? 0 : strlen(path);

	if (len == 0)
		return;
	if (len >= sizeof to.sun_path || (*path != '/' && *path != '@')) {
		LOG(ERROR, "notify-failed", KV("socket", path));
		return;
	}
	memcpy(to.sun_path, path, len);
	if (*path == '@')
		to.sun_path[0] = '\0'; /* the abstract namespace */
	AUTO(fd_close) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t size =
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);

	if (fd < 0 || sendto(fd, state, strlen(state), MSG_NOSIGNAL,
			  (const struct sockaddr *)&to, size) < 0)
		LOG(ERROR, "notify-failed", KV("socket", path),
		    KV_ERRNO(errno));
}

void
notify_ready(const char *cluster, const char *trouble)
{
	char text[STATUS_MAX];

	(void)snprintf(text, sizeof text, "READY=1\nSTATUS=serving%s%s%s%s",
	    cluster[0] == '\0' ? "" : "; cluster ", cluster,
	    trouble == NULL ? "" : "; ", trouble == NULL ? "" : trouble);
	notify(text);
}
