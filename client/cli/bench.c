/* bench: how many operations a second, and how long one takes. */
#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "client/cli/load.h"
#include "client/cli/output.h"
#include "client/cli/session.h"
#include "client/cli/verbs.h"
#include "client/libvhsm/request.h"
#include "wire/alg.h"

#define DEFAULT_SECONDS 5
#define DEFAULT_PAYLOAD 256
#define DEFAULT_TIMEOUT 5000
#define DEFAULT_ENC     "A256GCM"
#define THREADS_MAX     16
#define FILES_SPARE     64 /* descriptors beside connections */

struct worker {
	pthread_t thread;
	const struct load *load;
	uint32_t clients;
	struct load_result *result;
};

struct bench {
	struct load load;
	const char *alg;
	bool decrypts;
	uint32_t payload;
	unsigned threads;
	struct worker workers[THREADS_MAX];
};

static void
bench_free(struct bench *b)
{
	if (b == NULL)
		return;
	for (size_t i = 0; i < b->load.message_count; i++)
		buf_free(b->load.messages[i]);
	for (unsigned i = 0; i < b->threads; i++)
		free(b->workers[i].result);
	free(b);
}
AUTO_FREE(struct bench, bench_free)

static uint32_t
or_default(uint32_t given, uint32_t preset)
{
	return given == 0 ? preset : given;
}

/* One thread suffices to keep a few processors busy; a quarter of them is for
 * the load, the rest for the daemon. */
static unsigned
thread_count(uint32_t clients)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned n = processors < 8 ? 1 : (unsigned)processors / 4;

	if (n > THREADS_MAX)
		n = THREADS_MAX;
	return n > clients ? clients : n;
}

/* Each client is a descriptor here, too. */
static bool
make_room_for_clients(uint32_t clients)
{
	const rlim_t need = clients + FILES_SPARE;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= need)
		return true; /* else it would be seen later */
	limit.rlim_cur = limit.rlim_max < need ? limit.rlim_max : need;
	return setrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur == need;
}

/* What is wrong with the options, or NULL. */
static const char *
bench_set(struct bench *b, const struct args *a)
{
	const struct alg *alg =
	    a->key.alg == NULL ? NULL : alg_by_name(slice_text(a->key.alg));

	if (alg == NULL)
		return "--alg wants one JOSE algorithm of the daemon";
	b->alg = alg->name;
	b->decrypts = alg->use == VH_USE_ENC;
	b->payload = or_default(a->payload, DEFAULT_PAYLOAD);
	b->load.clients = or_default(a->clients, 1);
	b->load.batch = or_default(a->batch, 1);
	b->load.pack = or_default(a->pack, 1);
	b->load.seconds = or_default(a->seconds, DEFAULT_SECONDS);
	b->load.timeout_ms = or_default(a->timeout, DEFAULT_TIMEOUT);
	if (b->load.clients > LOAD_CLIENTS_MAX)
		return "too many --clients";
	if (!make_room_for_clients(b->load.clients))
		return "more --clients than the limit on open files allows "
		       "(ulimit -n)";
	if (b->load.batch > LOAD_BATCH_MAX)
		return "too large a --batch";
	if (b->load.pack > VHSM_MANY_MAX)
		return "too large a --pack";
	if (b->payload > VH_DATA_MAX)
		return "too large a --payload";
	if (where_of(a->socket, &b->load.where) != VH_OK)
		return "the socket must be ipc:///absolute/path";
	return NULL;
}

static enum vhsm_error
add_message(struct bench *b, const struct vhsm_request *q)
{
	AUTO(buf_free) struct buf *m = buf_new(FRAME_BODY_MAX);
	struct vhsm_request many[VHSM_MANY_MAX];

	for (uint32_t i = 0; i < b->load.pack; i++)
		many[i] = *q;
	if (b->load.pack == 1)
		request_put(m, q, 1, b->load.timeout_ms);
	else
		request_put_many(m, many, b->load.pack, 1, b->load.timeout_ms);
	enum vh_err err = buf_end(m);

	if (err == VH_OK)
		b->load.messages[b->load.message_count++] = TAKE(m);
	return (enum vhsm_error)err;
}

/* A request once made as the load will make it, so that what is wrong shows
 * before the measurement. */
static enum vhsm_error
try_and_add(struct bench *b, struct vhsm *h, const struct vhsm_request *q,
    struct vhsm_answer **answer)
{
	enum vhsm_error err = vhsm_call(h, q, answer);

	return err == VHSM_OK ? add_message(b, q) : err;
}

static enum vhsm_error
prepare_sign(struct bench *b, struct vhsm *h, const struct args *a,
    const void *payload, struct vhsm_answer **answer)
{
	struct vhsm_request q = { .op = VHSM_SIGN,
		.key = a->key,
		.data = payload,
		.data_len = b->payload };

	return try_and_add(b, h, &q, answer);
}

/* One JWE of the daemon's own, to be decrypted. */
static enum vhsm_error
prepare_decrypt(struct bench *b, struct vhsm *h, const struct args *a,
    const void *payload, struct vhsm_answer **answer)
{
	AUTO(answer_free) struct vhsm_answer *made = NULL;
	const struct vhsm_encrypt_options options = {
		.enc = a->enc == NULL ? DEFAULT_ENC : a->enc
	};
	enum vhsm_error err =
	    vhsm_encrypt(h, &a->key, payload, b->payload, &options, &made);

	if (err != VHSM_OK) {
		*answer = TAKE(made);
		return err;
	}
	struct vhsm_request q = { .op = VHSM_DECRYPT,
		.data = made->token,
		.data_len = made->token_len };

	return try_and_add(b, h, &q, answer);
}

static int
prepare(struct bench *b, const struct args *a)
{
	AUTO(session_close) struct vhsm *h = session_open(a);
	AUTO(buf_free) struct buf *payload = buf_new(b->payload);
	uint8_t *p = buf_extend(payload, b->payload);
	size_t count = b->decrypts ? LOAD_MESSAGES : 1;

	if (h == NULL)
		return EXIT_USAGE;
	if (p == NULL)
		return fail_with(a, VHSM_ENOMEM, NULL);
	memset(p, 'x', b->payload);
	for (size_t i = 0; i < count; i++) {
		AUTO(answer_free) struct vhsm_answer *answer = NULL;
		enum vhsm_error err = b->decrypts
					  ? prepare_decrypt(b, h, a, p, &answer)
					  : prepare_sign(b, h, a, p, &answer);

		if (err != VHSM_OK)
			return fail_answer(a, err, answer);
	}
	return EXIT_DONE;
}

static void *
work(void *arg)
{
	struct worker *w = arg;

	/* The result holds the error. */
	(void)load_run(w->load, w->clients, w->result);
	return NULL;
}

static enum vhsm_error
start(struct bench *b)
{
	unsigned threads = thread_count(b->load.clients);

	for (unsigned i = 0; i < threads; i++) {
		struct worker *w = &b->workers[i];
		uint32_t share = b->load.clients / threads;

		w->load = &b->load;
		w->clients = share + (i < b->load.clients % threads);
		w->result = calloc(1, sizeof *w->result);
		if (w->result == NULL)
			return VHSM_ENOMEM;
		if (pthread_create(&w->thread, NULL, work, w) != 0) {
			free(TAKE(w->result));
			return VHSM_EIO;
		}
		b->threads++;
	}
	return VHSM_OK;
}

static void
show_progress(const struct bench *b)
{
	uint64_t before = 0;

	if (!isatty(STDERR_FILENO))
		return;
	for (uint32_t s = 1; s <= b->load.seconds; s++) {
		uint64_t now = 0;

		sleep(1);
		for (unsigned i = 0; i < b->threads; i++)
			now += atomic_load_explicit(&b->workers[i].result->ok,
			    memory_order_relaxed);
		fprintf(stderr, "\r%4u s of %u %12llu operations/s ", s,
		    b->load.seconds, (unsigned long long)(now - before));
		before = now;
	}
	fputs("\r\033[K", stderr);
}

static void
finish(struct bench *b, struct load_result *all)
{
	for (unsigned i = 0; i < b->threads; i++) {
		struct load_result *r = b->workers[i].result;

		pthread_join(b->workers[i].thread, NULL);
		all->ok += r->ok;
		all->errors += r->errors;
		if (r->ns > all->ns)
			all->ns = r->ns;
		if (r->stop != VH_OK)
			all->stop = r->stop;
		if (r->last != VH_OK)
			all->last = r->last;
		latency_merge(&all->latency, &r->latency);
	}
}

static double
quantile_us(const struct load_result *r, double q)
{
	return (double)latency_quantile(&r->latency, q) / 1000;
}

static double
per_second(const struct load_result *r)
{
	return r->ns == 0 ? 0 : (double)r->ok * 1e9 / (double)r->ns;
}

static int
report_json(const struct args *a, const struct bench *b,
    const struct load_result *r)
{
	printf("{\"alg\":\"%s\",\"clients\":%u,\"batch\":%u,"
	       "\"pack\":%u,\"ops_per_second\":%.1f,\"p50_us\":%.1f,\"p99_us\":"
	       "%.1f,"
	       "\"p999_us\":%.1f,\"errors\":%llu}\n",
	    b->alg, b->load.clients, b->load.batch, b->load.pack, per_second(r),
	    quantile_us(r, 0.5), quantile_us(r, 0.99), quantile_us(r, 0.999),
	    (unsigned long long)r->errors);
	return output_end(a);
}

static int
report_table(const struct args *a, const struct bench *b,
    const struct load_result *r)
{
	printf("%-14s %7s %5s %12s %10s %10s %10s %8s\n", "alg", "clients",
	    "batch", "operations/s", "p50 us", "p99 us", "p99.9 us", "errors");
	printf("%-14s %7u %5u %12.0f %10.1f %10.1f %10.1f %8llu\n", b->alg,
	    b->load.clients, b->load.batch, per_second(r), quantile_us(r, 0.5),
	    quantile_us(r, 0.99), quantile_us(r, 0.999),
	    (unsigned long long)r->errors);
	return output_end(a);
}

int
verb_bench(const struct args *a)
{
	AUTO(bench_free) struct bench *b = calloc(1, sizeof *b);

	if (b == NULL)
		return fail_with(a, VHSM_ENOMEM, NULL);
	const char *wrong = bench_set(b, a);

	if (wrong != NULL)
		return fail_usage(a, wrong);
	int status = prepare(b, a);

	if (status != EXIT_DONE)
		return status;
	struct load_result *all = calloc(1, sizeof *all);

	if (all == NULL)
		return fail_with(a, VHSM_ENOMEM, NULL);
	enum vhsm_error err = start(b);

	if (err == VHSM_OK)
		show_progress(b);
	finish(b, all);
	if (err == VHSM_OK)
		err = (enum vhsm_error)(all->ok > 0 ? VH_OK : all->stop);
	if (err == VHSM_OK && all->ok == 0)
		err = (enum vhsm_error)all->last;
	status = err != VHSM_OK ? fail_with(a, err, NULL)
		 : a->json      ? report_json(a, b, all)
				: report_table(a, b, all);
	free(all);
	return status;
}
