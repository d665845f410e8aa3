#include "front/http_tls.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"

static void
free_text(const char *text)
{
	char *own = (char *)(uintptr_t)text;

	if (own == NULL)
		return;
	sodium_memzero(own, strlen(own));
	free(own);
}

void
http_tls_free(struct http_tls *tls)
{
	if (tls == NULL)
		return;
	free_text(tls->cert);
	free_text(tls->key);
	free(tls);
}

/* The whole file as a text of its own at *out, even on failure: one buffer of
 * full size, so that no copy of a key stays behind by growing. */
static enum vh_err
read_text(int fd, const char **out)
{
	char *text = calloc(1, HTTP_PEM_MAX + 2);
	size_t len = 0;
	ssize_t n;

	*out = text;
	if (text == NULL)
		return VH_ENOMEM;
	do {
		n = read(fd, text + len, HTTP_PEM_MAX + 1 - len);
		len += n > 0 ? (size_t)n : 0;
	} while (n > 0 || (n < 0 && errno == EINTR));
	if (n < 0)
		return VH_EIO;
	if (len > HTTP_PEM_MAX)
		return VH_ETOOBIG;
	return len == 0 || strlen(text) != len ? VH_ECONFIG : VH_OK;
}

enum vh_err
http_tls_read(int cert_fd, int key_fd, struct http_tls **out)
{
	AUTO(http_tls_free) struct http_tls *tls = calloc(1, sizeof *tls);
	enum vh_err cert = VH_ENOMEM, key = VH_ENOMEM;

	if (tls != NULL) {
		cert = read_text(cert_fd, &tls->cert);
		key = read_text(key_fd, &tls->key);
	}
	(void)close(cert_fd); /* read-only */
	(void)close(key_fd);
	if (cert != VH_OK || key != VH_OK) {
		LOG(ERROR, "tls_files_refused", KV("cert", err_name(cert)),
		    KV("key", err_name(key)));
		return cert != VH_OK ? cert : key;
	}
	*out = TAKE(tls);
	return VH_OK;
}
