/* vhsmd-vault: private keys and nothing else.  Started by vhsmd, which speaks
 * first on descriptor 3. */
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/sandbox.h"
#include "vault/arena.h"
#include "vault/random.h"
#include "vault/serve.h"

#define SUPER_FD  3
#define FRAME_MAX (1u << 20) /* of the supervisor */
#define START_MS  10000

/* The main thread never sees a key: it sets up, then sleeps. */
static enum vh_err
start(struct link *super, const struct frame *q)
{
	const struct fields *f = &q->f;
	size_t workers = fields_u32(f, VH_F_WORKERS);
	struct pool *pool = NULL;

	if (workers < 2 || workers > VH_WORKERS_MAX)
		return VH_EFIELD;
	TRY(arena_open(fields_u64(f, VH_F_ARENA)));
	TRY(sandbox_drop_capabilities()); /* that was what they were for */
	TRY(arena_adopt_libraries());
	TRY(random_adopt());
	if (sodium_init() < 0)
		return VH_EINTERNAL;
	json_object_seed(0); /* now: it opens /dev/urandom */
	struct serve *s = serve_new(super, fields_u32(f, VH_F_PAYLOAD));

	if (s == NULL)
		return VH_ENOMEM;
	TRY(pool_start(workers, fields_u32(f, VH_F_QUEUE), serve_run, s,
	    &pool));
	TRY(serve_use(s, pool));
	pool_on_blocked(pool, serve_wake, s);
	TRY(sandbox_enter(SANDBOX_KEYS));
	AUTO(buf_free) struct buf *answer = buf_new(FRAME_MAX);
	size_t at = frame_answer(answer, q->op, q->id, VH_OK);

	frame_put_text(answer, VH_F_PROTECTION, arena_protection());
	frame_close(answer, at);
	TRY(link_send(super, buf_slice(answer), -1));
	pool_open(pool);
	return VH_OK;
}

int
main(void)
{
	struct frame q;

	log_init_inherited("vault");
	if (sandbox_begin(true) != VH_OK)
		return EXIT_FAILURE;
	/* A file at its limit is an error to answer, not an end. */
	if (signal(SIGXFSZ, SIG_IGN) == SIG_ERR)
		return EXIT_FAILURE;
	struct link *super = link_new(SUPER_FD, FRAME_MAX);
	enum vh_err err =
	    super == NULL ? VH_ENOMEM : link_wait(super, START_MS, &q);

	if (err == VH_OK)
		err = frame_check(&q, VH_WHO_SUPER);
	if (err == VH_OK && q.op != VH_OP_VSTART)
		err = VH_EOP;
	if (err == VH_OK)
		err = start(super, &q);
	if (err != VH_OK) {
		LOG(ERROR, "not-started", KV_ERR(err));
		return EXIT_FAILURE;
	}
	for (;;)
		(void)poll(NULL, 0, -1); /* the threads are the vault now */
}
