/* HTTPS, with the openssl command as the other end. */
#include "front/http_tls.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/sandbox.h"

/* Self-signed for localhost, for a hundred years; guards nothing. */
static const char cert[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBfjCCASWgAwIBAgIUUnMwNCNSqjFCAORYs0GMlyZJzuswCgYIKoZIzj0EAwIw\n"
    "FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMTAzMDU0NFoYDzIxMjYxMDI4\n"
    "MDMwNTQ0WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO\n"
    "PQMBBwNCAATClsqwIfJOY5cFj6QXHPtaz8FzRbtWKFQ0tynnGgabludnZrJS5bag\n"
    "aCM/rbYrZmkAtFU9thJYkhoQU8/k8sO2o1MwUTAdBgNVHQ4EFgQUhT4B2gxSKvXH\n"
    "5221pezp8OPxL4owHwYDVR0jBBgwFoAUhT4B2gxSKvXH5221pezp8OPxL4owDwYD\n"
    "VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNHADBEAiBWmxDJWtslUGw6m1fGcgh+\n"
    "PsIlXC8T5jWRyX8PaB3dCQIgXpo9razLz7XlMPppxF3hvBWqJw+lgtJtfGMm1+9P\n"
    "Vd0=\n"
    "-----END CERTIFICATE-----\n";
static const char cert_key[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgLUbSR6OFIFWvjH4c\n"
    "HkjRVZApYmbbCgxe9Y+du2iXKXqhRANCAATClsqwIfJOY5cFj6QXHPtaz8FzRbtW\n"
    "KFQ0tynnGgabludnZrJS5bagaCM/rbYrZmkAtFU9thJYkhoQU8/k8sO2\n"
    "-----END PRIVATE KEY-----\n";
static const char other_key[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg+mdoptqPUewK1HrZ\n"
    "dY1GZjWMptcYfj5myl7zuPfKTcGhRANCAASBVSceEUHwe4OfasSvTBTfHS4zYnOi\n"
    "2cglQ5NgMl0urNfuaDRxxFkE7Kn/ZlM2WyDc3MsPUpl5dhpw38kb7qGa\n"
    "-----END PRIVATE KEY-----\n";

struct server {
	struct settings *settings;
	struct shared *shared;
	struct http *http;
	unsigned port;
	int fd;
};

static void
set_up(struct server *s)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof a;

	*s = (struct server){ .settings = settings_new(),
		.shared = shared_new(),
		.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
	cr_assert(s->settings != NULL && s->shared != NULL);
	cr_assert_eq(bind(s->fd, (struct sockaddr *)&a, sizeof a), 0);
	cr_assert_eq(listen(s->fd, 64), 0);
	cr_assert_eq(getsockname(s->fd, (struct sockaddr *)&a, &len), 0);
	s->port = ntohs(a.sin_port);
}

static enum vh_err
start(struct server *s, const char *key)
{
	set_up(s);
	return http_start_tls(s->fd, s->settings, s->shared,
	    &(struct http_tls){ cert, key }, &s->http);
}

static void
stop(struct server *s)
{
	http_stop(s->http);
	shared_free(s->shared);
	settings_free(s->settings);
}

/* What `openssl s_client OPTIONS` prints of an answer from /healthz. */
static void
ask(const struct server *s, const char *options, char *out, size_t size)
{
	char command[512];

	(void)snprintf(command, sizeof command,
	    "printf 'GET /healthz HTTP/1.1\\r\\nHost: a\\r\\n"
	    "Connection: close\\r\\n\\r\\n' | "
	    "timeout 20 openssl s_client -quiet -connect 127.0.0.1:%u %s "
	    "2>&1",
	    s->port, options);
	FILE *p = popen(command, "r");

	cr_assert_not_null(p);
	out[fread(out, 1, size - 1, p)] = '\0';
	(void)pclose(p); /* the output says how it went */
}

Test(http_tls, it_answers_over_tls_1_2_and_1_3)
{
	static const char *const versions[] = { "-tls1_2", "-tls1_3" };
	char out[8192];
	struct server s;

	cr_assert_eq(start(&s, cert_key), VH_OK);
	for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
		ask(&s, versions[i], out, sizeof out);
		cr_expect_not_null(strstr(out, "HTTP/1.1 200"), "%s: %s",
		    versions[i], out);
	}
	stop(&s);
}

Test(http_tls, older_versions_are_refused)
{
	static const char *const versions[] = {
		"-tls1_1 -cipher ALL:@SECLEVEL=0",
		"-tls1 -cipher ALL:@SECLEVEL=0"
	};
	char out[8192];
	struct server s;

	cr_assert_eq(start(&s, cert_key), VH_OK);
	for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
		ask(&s, versions[i], out, sizeof out);
		cr_expect_null(strstr(out, "HTTP/1.1"), "%s", versions[i]);
		cr_expect_not_null(strstr(out, "error:"), "%s", out);
	}
	ask(&s, "", out, sizeof out);
	cr_expect_not_null(strstr(out, "HTTP/1.1 200"));
	stop(&s);
}

Test(http_tls, a_key_of_another_certificate_is_refused)
{
	struct server s;

	cr_expect_eq(start(&s, other_key), VH_ECONFIG);
	cr_expect_null(s.http);
	cr_expect_eq(fcntl(s.fd, F_GETFD), -1, "the socket was taken over");
	stop(&s);
}

Test(http_tls, what_is_no_pem_is_refused)
{
	struct server s;

	cr_expect_eq(start(&s, "no key"), VH_ECONFIG);
	cr_expect_null(s.http);
	cr_expect_eq(fcntl(s.fd, F_GETFD), -1);
	stop(&s);
}

/* In a process sandboxed as front is, which ends when told or orphaned. */
static pid_t
serve_in_sandbox(struct server *s)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (http_start_tls(s->fd, s->settings, s->shared,
		&(struct http_tls){ cert, cert_key }, &s->http) != VH_OK ||
	    sandbox_enter(SANDBOX_NET) != VH_OK)
		_exit(1);
	for (;;)
		(void)poll(NULL, 0, -1);
}

Test(http_tls, it_lives_in_the_sandbox_of_front)
{
	static const char *const options[] = { "-tls1_2", "-tls1_3", "-tls1_1",
		"-tls1_2 -cipher AES128-SHA", "-tls1_3 -groups P-384" };
	char out[8192];
	struct server s;
	int state;

	set_up(&s);
	pid_t pid = serve_in_sandbox(&s);

	cr_assert_gt(pid, 0);
	cr_expect_eq(close(s.fd), 0);
	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		ask(&s, options[i], out, sizeof out);
	ask(&s, "", out, sizeof out);
	cr_expect_not_null(strstr(out, "HTTP/1.1 200"), "%s", out);
	cr_expect_eq(waitpid(pid, &state, WNOHANG), 0, "it died");
	cr_expect_eq(kill(pid, SIGKILL), 0);
	cr_expect_eq(waitpid(pid, &state, 0), pid);
	stop(&s);
}

/* A descriptor that gives these bytes. */
static int
file_of(const void *bytes, size_t len)
{
	int fd = memfd_create("pem", MFD_CLOEXEC);

	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, bytes, len), (ssize_t)len);
	cr_assert_eq(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

Test(http_tls, files_are_read_whole_and_closed)
{
	AUTO(http_tls_free) struct http_tls *tls = NULL;
	int a = file_of(cert, strlen(cert)), b = file_of("key", 3);

	cr_assert_eq(http_tls_read(a, b, &tls), VH_OK);
	cr_expect_str_eq(tls->cert, cert);
	cr_expect_str_eq(tls->key, "key");
	cr_expect_eq(fcntl(a, F_GETFD), -1);
	cr_expect_eq(fcntl(b, F_GETFD), -1);
}

Test(http_tls, files_that_are_no_text_are_refused_and_closed)
{
	static const char big[HTTP_PEM_MAX + 1] = { [0 ... HTTP_PEM_MAX] =
							'a' };
	const struct {
		struct slice bytes;
		enum vh_err err;
	} bad[] = { { slice_of("", 0), VH_ECONFIG },
		{ slice_of("a\0b", 3), VH_ECONFIG },
		{ slice_of("a\0", 2), VH_ECONFIG },
		{ slice_of(big, sizeof big), VH_ETOOBIG } };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct http_tls *tls = NULL;
		int a = file_of("cert", 4),
		    b = file_of(bad[i].bytes.p, bad[i].bytes.len);

		cr_expect_eq(http_tls_read(a, b, &tls), bad[i].err, "%zu", i);
		cr_expect_null(tls);
		cr_expect_eq(fcntl(a, F_GETFD), -1);
		cr_expect_eq(fcntl(b, F_GETFD), -1);
	}
}
