/* The threads of the vault under ThreadSanitizer, which Criterion cannot start
 * under: the arena hammered from many threads, then the whole vault (without
 * its sandbox) between a supervisor and fronts that come, ask, read or do not,
 * and go.  Exit status 0, or what TSAN_OPTIONS says of a race. */
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vault/arena.h"
#include "vault/random.h"
#include "vault/serve.h"

#define ARENA   (16u << 20)
#define WORKERS 2
#define QUEUE   512
#define PAYLOAD (1u << 16)
#define THREADS 6
#define ROUNDS  20000 /* of the arena */
#define FRONTS  100
#define BURST   300 /* requests a front asks at once */
#define WAIT_MS 60000

/* ThreadSanitizer needs larger stacks than the vault gives its workers; so they
 * get libc's (link with --wrap=pthread_attr_setstack). */
int __wrap_pthread_attr_setstack(pthread_attr_t *attr, void *p, size_t size);
int
__wrap_pthread_attr_setstack(pthread_attr_t *attr, void *p, size_t size)
{
	(void)attr;
	(void)p;
	(void)size;
	return 0;
}

static void
must(bool holds, const char *what)
{
	if (holds)
		return;
	(void)fprintf(stderr, "failed: %s\n", what);
	_exit(1);
}

/* --- the arena ------------------------------------------------------------ */

static void *
hammer(void *arg)
{
	uint32_t random = (uint32_t)(uintptr_t)arg * 2654435761u + 1;
	uint8_t *held[32] = { NULL };

	for (unsigned i = 0; i < ROUNDS; i++) {
		random = random * 1664525 + 1013904223;
		uint8_t **at = &held[random >> 27];
		size_t size = 1u << (random >> 13) % 14;

		arena_free(*at);
		*at = arena_alloc(size);
		if (*at != NULL)
			(*at)[0] = (*at)[size - 1] = 1;
		if (i % 16 == 0)
			*at = arena_realloc(*at, 2 * size);
		if (i % 1024 == 0)
			must(arena_unused() <= arena_size(), "unused");
	}
	for (size_t i = 0; i < ARRAY_LEN(held); i++)
		arena_free(held[i]);
	return NULL;
}

static void
hammer_arena(void)
{
	pthread_t thread[THREADS];

	for (size_t i = 0; i < THREADS; i++)
		must(pthread_create(&thread[i], NULL, hammer, (void *)i) == 0,
		    "thread");
	for (size_t i = 0; i < THREADS; i++)
		must(pthread_join(thread[i], NULL) == 0, "join");
}

/* --- the vault ------------------------------------------------------------ */

/* The keys, by what is asked of them. */
static struct {
	enum vh_kty kty;
	enum vh_crv crv;
	unsigned bits;
	enum vh_use use;
	enum vh_alg alg;
	char kid[64];
} keys[] = {
	{ VH_KTY_EC, VH_CRV_P256, 0, VH_USE_SIG, VH_ALG_ES256, "" },
	{ VH_KTY_OKP, VH_CRV_ED25519, 0, VH_USE_SIG, VH_ALG_EDDSA, "" },
	{ VH_KTY_RSA, 0, 2048, VH_USE_SIG, VH_ALG_PS256, "" },
	{ VH_KTY_EC, VH_CRV_P256, 0, VH_USE_ENC, VH_ALG_ECDH_ES, "" },
};

static void
ask(struct link *l, struct buf *b, int fd, struct frame *a)
{
	enum vh_err err = link_call(l, buf_slice(b), fd, WAIT_MS, a);

	must(err == VH_OK, err_name(err));
	buf_clear(b);
}

static void
generate(struct link *super, struct buf *b, size_t i)
{
	struct frame a;
	struct fields key;
	size_t at = frame_request(b, VH_OP_VGENERATE, i + 1, 0);

	frame_put_u32(b, VH_F_KTY_ID, keys[i].kty);
	frame_put_u32(b, VH_F_CRV_ID, keys[i].crv);
	frame_put_u32(b, VH_F_BITS, keys[i].bits);
	frame_put_u32(b, VH_F_USE_ID, keys[i].use);
	frame_put_u32(b, VH_F_COUNT, 1);
	frame_close(b, at);
	ask(super, b, -1, &a);
	must(fields_parse(a.f.at[VH_F_KEY], &key) == VH_OK, "key");
	(void)snprintf(keys[i].kid, sizeof keys[i].kid, "%.*s",
	    (int)key.at[VH_F_KID].len, (const char *)key.at[VH_F_KID].p);
}

static struct link *
pair_with(int *other)
{
	int fd[2];

	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) == 0,
	    "socketpair");
	*other = fd[1];
	return link_new(fd[0], 16u << 20);
}

static struct link *
give_front(struct link *super, struct buf *b, uint32_t generation)
{
	int theirs;
	struct frame a;
	struct link *front = pair_with(&theirs);
	size_t at = frame_request(b, VH_OP_GIVE, 1000, 0);

	frame_put_u32(b, VH_F_ROLE, VH_ROLE_FRONT);
	frame_put_u32(b, VH_F_GENERATION, generation);
	frame_close(b, at);
	ask(super, b, theirs, &a);
	(void)close(theirs); /* the vault has its own */
	return front;
}

static void
put_request(struct buf *b, unsigned i)
{
	size_t k = i % ARRAY_LEN(keys);
	bool signs = keys[k].use == VH_USE_SIG;
	size_t at =
	    frame_request(b, signs ? VH_OP_VSIGN : VH_OP_VENCRYPT, i, i % 7);

	frame_put_text(b, VH_F_KID, keys[k].kid);
	frame_put_u32(b, VH_F_ALG_ID, keys[k].alg);
	frame_put(b, VH_F_DATA, slice_text("some payload"));
	if (!signs) {
		frame_put_u32(b, VH_F_ENC_ID, VH_ENC_A128GCM);
		frame_put_text(b, VH_F_HEADER, "{}");
	}
	frame_close(b, at);
	if (i % 5 == 0)
		frame_close(b, frame_request(b, VH_OP_VSTATS, i, 0));
	if (i % 2 == 0)
		frame_close(b, frame_request(b, VH_OP_VLIST, i, 0));
}

/* Asks much at once; every third front leaves without its answers. */
static void
be_front(struct link *front, struct buf *b, uint32_t generation)
{
	struct frame a;

	for (unsigned i = 0; i < BURST; i++)
		put_request(b, i);
	must(link_send(front, buf_slice(b), -1) == VH_OK, "send");
	buf_clear(b);
	for (unsigned i = 0; generation % 3 != 0 && i < BURST; i++)
		must(link_wait(front, WAIT_MS, &a) == VH_OK, "answer");
}

static void
run_vault(void)
{
	int theirs;
	struct link *super = pair_with(&theirs);
	AUTO(buf_free) struct buf *b = buf_new(4u << 20);
	struct serve *s = serve_new(link_new(theirs, 1u << 20), PAYLOAD);
	struct link *front = NULL;
	struct pool *pool;
	struct frame a;

	must(s != NULL && b != NULL, "serve_new");
	must(pool_start(WORKERS, QUEUE, serve_run, s, &pool) == VH_OK, "pool");
	must(serve_use(s, pool) == VH_OK, "serve_use");
	pool_on_blocked(pool, serve_wake, s);
	pool_open(pool);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		generate(super, b, i);
	frame_close(b, frame_request(b, VH_OP_VCOMMIT, 999, 0));
	ask(super, b, -1, &a);
	for (uint32_t i = 1; i <= FRONTS; i++) {
		struct link *next = give_front(super, b, i);

		link_free(front);
		front = next;
		be_front(front, b, i);
	}
}

int
main(void)
{
	must(arena_open(ARENA) == VH_OK, "arena");
	must(arena_adopt_libraries() == VH_OK, "libraries");
	must(random_adopt() == VH_OK, "random");
	json_object_seed(0);
	hammer_arena();
	run_vault();
	(void)printf("done\n");
	(void)fflush(stdout);
	_exit(0); /* the vault's threads never end */
}
