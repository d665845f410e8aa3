/* A server of HTTP in this process, and a client that shows every byte. */
#ifndef TEST_HTTP_CLIENT_H
#define TEST_HTTP_CLIENT_H

#include <netinet/in.h>

#include "front/http.h"

#define JWKS        "/.well-known/jwks.json"
#define SET         "{\"keys\":[]}"
#define ANSWER_MAX  65536
#define PATIENCE_MS 20000

#define GET(path, more)                                                        \
	"GET " path " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" more "\r"  \
	"\n"

struct server {
	struct settings *settings;
	struct shared *shared;
	struct http *http;
	in_port_t port;
};

/* A listening socket on a port of the kernel's choice. */
int listen_anywhere(in_port_t *port);
/* A ready server that publishes SET. */
void server_start(struct server *s, uint32_t connections, uint32_t timeout);
void server_stop(struct server *s);

int dial(const struct server *s);
/* False when the other end has gone: it may answer before it has read all. */
bool put(int fd, const char *text);
/* Everything until the other end closes, NUL-terminated; its length.  Fails the
 * test when that takes too long. */
size_t read_to_end(int fd, char answer[static ANSWER_MAX]);
/* One connection, one request, the whole answer: valid until the next. */
char *ask(const struct server *s, const char *request);

unsigned status_of(const char *answer);
bool has_header(const char *answer, const char *line);
const char *body_of(const char *answer);

#endif
