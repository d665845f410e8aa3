/* vhsmd-front: the callers' process.  Started by vhsmd, which gives it its
 * sockets and its link to the vault on descriptor 3, then its settings. */
#include <openssl/crypto.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/log.h"
#include "base/sandbox.h"
#include "base/urgent.h"
#include "front/loop.h"
#include "front/start.h"
#include "jose/json.h"

#define SUPER_FRAME_MAX (1u << 20)

/* Whatever opens a file when it is first used does so now. */
static enum vh_err
prepare_libraries(void)
{
	if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1 ||
	    sodium_init() < 0)
		return VH_EINTERNAL;
	json_setup();
	return VH_OK;
}

/* One descriptor a connection; what is asked for may still be refused, and then
 * accept(2) says so. */
static void
raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		LOG(NOTICE, "descriptors-not-raised",
		    KV("limit", (unsigned long)limit.rlim_cur));
}

/* *out stays NULL when there is nothing to run. */
static enum vh_err
start(struct link **super, struct given *given, struct shared *shared,
    struct http **http, struct front **out)
{
	struct settings *settings = NULL;
	uint64_t id;

	TRY(start_receive(*super, given, &settings, &id));
	enum vh_err err =
	    start_front(super, given, settings, shared, http, out);

	if (err != VH_OK) {
		/* It is an error already. */
		(void)start_answer(*super, id, err, NULL);
		return err;
	}
	urgent_thread();
	TRY(sandbox_enter(SANDBOX_NET));
	return start_answer((*out)->super, id, VH_OK, (*out)->settings);
}

static int
run(struct shared *shared)
{
	AUTO(link_free)
	struct link *super = link_new(SANDBOX_PARENT_FD, SUPER_FRAME_MAX);
	AUTO(front_free) struct front *f = NULL;
	AUTO(http_stop) struct http *http = NULL;
	struct given given;

	given_init(&given);
	if (super == NULL)
		return EXIT_FAILURE;
	enum vh_err err = start(&super, &given, shared, &http, &f);

	given_close(&given);
	if (err != VH_OK) {
		LOG(ERROR, "not-started", KV_ERR(err));
		return EXIT_FAILURE;
	}
	return loop_run(f);
}

int
main(void)
{
	log_init_inherited("front");
	if (sandbox_begin(true) != VH_OK || prepare_libraries() != VH_OK)
		return EXIT_FAILURE;
	raise_descriptors();
	AUTO(shared_free) struct shared *shared = shared_new();

	return shared == NULL ? EXIT_FAILURE : run(shared);
}
