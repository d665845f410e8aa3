/* vhsmd-peer: the cluster's process.  Started by vhsmd, which gives it its
 * links and certificates on descriptor 3, then its settings. */
#include <openssl/crypto.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "base/sandbox.h"
#include "base/together.h"
#include "base/urgent.h"
#include "jose/json.h"
#include "peer/loop.h"
#include "peer/start.h"

#define DESCRIPTORS 4096 /* net.h bounds connections; this bounds nng */

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

static void
bound_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	if (limit.rlim_max > DESCRIPTORS)
		limit.rlim_max = DESCRIPTORS;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		LOG(NOTICE, "descriptors-not-bounded",
		    KV("limit", (unsigned long)limit.rlim_cur));
}

static enum vh_err
start(struct peer *p)
{
	uint64_t id = 0;

	TRY(start_receive(p, &id));
	enum vh_err err = start_prepare(p);

	urgent_thread();
	if (err == VH_OK)
		err = sandbox_enter(SANDBOX_PEER);
	if (err == VH_OK)
		err = start_serve(p, id);
	if (err != VH_OK)
		start_fail(p, id, err);
	return err;
}

static int
run(void)
{
	struct peer *p =
	    NULL; /* never freed: nng's threads go with the process */
	struct together kept = { .on = false };

	together_on_one_cpu(&kept); /* nng's threads, too */
	enum vh_err err = peer_new(SANDBOX_PARENT_FD, &p);

	if (err == VH_OK)
		err = start(p);
	if (err == VH_OK)
		return loop_run(p);
	LOG(ERROR, "not-started", KV_ERR(err));
	return EXIT_FAILURE;
}

/* VHSM_LOG is "FORMAT,LEVEL", from the supervisor. */
static void
open_log(void)
{
	struct slice rest = slice_text(getenv("VHSM_LOG")), format, level;
	enum log_level most = LOG_NOTICE;

	if (!slice_next_item(&rest, &format))
		format = rest;
	if (slice_next_item(&rest, &level)) {
		most = slice_is(level, "error") ? LOG_ERROR : most;
		most = slice_is(level, "debug") ? LOG_DEBUG : most;
	}
	log_init("peer", slice_is(format, "json") ? LOG_JSON : LOG_LOGFMT,
	    most);
}

int
main(void)
{
	open_log();
	if (sandbox_begin(true) != VH_OK || prepare_libraries() != VH_OK)
		return EXIT_FAILURE;
	bound_descriptors();
	/* Not exit: it would run while nng's threads do. */
	_exit(run());
}
