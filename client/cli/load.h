/* The load of vhsm bench: many clients, each a connection of its own with a
 * fixed number of requests in flight, driven by few threads so that the daemon
 * keeps the processors. */
#ifndef CLI_LOAD_H
#define CLI_LOAD_H

#include <stdatomic.h>

#include "client/cli/latency.h"
#include "client/libvhsm/where.h"
#include "wire/buf.h"

#define LOAD_MESSAGES    8
#define LOAD_CLIENTS_MAX 16384
#define LOAD_BATCH_MAX   1024

struct load {
	struct where where;
	struct buf *messages[LOAD_MESSAGES]; /* request_put, to be renumbered */
	size_t message_count;
	uint32_t clients, batch, seconds, timeout_ms;
	uint32_t pack; /* requests of a message: above 1 they are BATCHes */
};

/* What one thread did; only ok and errors are read while it runs. */
struct load_result {
	_Atomic uint64_t ok, errors;
	uint64_t ns;      /* how long it measured */
	enum vh_err stop; /* why it ended early, or VH_OK */
	enum vh_err last; /* the latest error of a request */
	struct latency latency;
};

/* Connects clients of the load; when all are connected the time begins, and
 * they are kept busy until it is up.  A lost connection counts its requests as
 * errors and is made again.  Runs in the calling thread; VH_OK, or what made it
 * end early, which is also in result->stop. */
enum vh_err load_run(const struct load *load, uint32_t clients,
    struct load_result *result);

#endif
