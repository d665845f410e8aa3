/* Whether the vault's refusals can be told apart by their time (design,
 * invariant 6).
 *
 *   refusals ALG ENC SAMPLES [SEED [SIZE]]
 *   refusals ALG raw SAMPLES [SEED]           RSAES-OAEP without a JWE
 *
 * Each round makes new messages for one key, one of each class below, and
 * decrypts them in random order on one core; the thread's own time in
 * op_decrypt or op_raw_decrypt alone counts, so that a busy machine disturbs
 * less.  All messages have the same sizes and lie in the same memory while they
 * are decrypted.  Of all times together the slowest tenth, and in a second look
 * the slower half, is left out (interrupts, busy neighbours); then Welch's t is
 * computed for every pair of classes.  Prints JSON; "t" is the largest of all
 * pairs and both looks, which exceeds 4.5 about once in a thousand runs when
 * all classes cost the same. */
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include <openssl/rsa.h>

#include "base/pkey.h"
#include "vault/arena.h"
#include "vault/cek.h"
#include "vault/content.h"
#include "vault/context.h"
#include "vault/import.h"
#include "vault/random.h"

#define ARENA     (8u << 20)
#define PLAIN     64 /* bytes of a plaintext, unless SIZE says */
#define PLAIN_MAX (256u << 10)
#define FRAME     (PLAIN_MAX + 8192)

#define UNKNOWN_TAG ((enum vh_tag)60000)

enum class {
	OTHER_KEY, /* encrypted for another key */
	RANGE,     /* the encrypted key is no number below the modulus */
	CEK_SHORT,
	CEK_LONG,
	KEY_BIT,
	IV_BIT,
	CIPHERTEXT_BIT,
	TAG_BIT,
	HEADER_BIT,
	KEY_IV_BIT, /* of a key wrapped by AES-GCM */
	KEY_TAG_BIT,
	LABEL,      /* raw: sound, but for another label */
	FIRST_BYTE, /* raw: the first byte of what is encrypted is not 0 */
	CLASSES
};
static const char *const names[CLASSES] = { "other key", "out of range",
	"cek too short", "cek too long", "bit of the encrypted key",
	"bit of the iv", "bit of the ciphertext", "bit of the tag",
	"bit of a header value", "bit of the key's iv", "bit of the key's tag",
	"other label", "first byte" };

/* Which classes a kind of algorithm has besides those that all have. */
#define AS_BIT(class) (1u << (class))
#define WRAPPED       (AS_BIT(CEK_SHORT) | AS_BIT(CEK_LONG) | AS_BIT(KEY_BIT))

static const unsigned classes_of[] = {
	[VH_KIND_OAEP] = WRAPPED | AS_BIT(RANGE),
	[VH_KIND_RSA15] = WRAPPED | AS_BIT(RANGE),
	[VH_KIND_ECDH] = WRAPPED,
	[VH_KIND_KW] = WRAPPED,
	[VH_KIND_GCMKW] = WRAPPED | AS_BIT(KEY_IV_BIT) | AS_BIT(KEY_TAG_BIT),
	[VH_KIND_DIR] = 0,
};

struct bench {
	struct crypto *crypto;
	struct store *store;
	const struct alg *alg;
	const struct enc *enc, *shorter, *longer;
	struct key *key, *other;
	EVP_PKEY *to, *to_other; /* their public parts */
	uint64_t random;
	double *ns[CLASSES];
	size_t count, samples, plain;
	bool used[CLASSES], raw;
};

static void
must(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "refusals: %s\n", what);
	exit(2);
}

/* splitmix64. */
static uint64_t
next(struct bench *b)
{
	uint64_t z = b->random += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/* --- messages ------------------------------------------------------------- */

static void
flip(struct bench *b, uint8_t *p, size_t len)
{
	size_t bit = next(b) % (8 * len);

	p[bit / 8] ^= (uint8_t)(1 << bit % 8);
}

struct message {
	uint8_t header[96], iv[16], tag[32], text[PLAIN_MAX + 16], key[1024];
	uint8_t key_iv[VH_GCMKW_IV], key_tag[VH_GCMKW_TAG];
	size_t key_len;
	struct pub epk;
	uint8_t x[256], y[256];
};

static struct slice
copied(uint8_t *to, size_t room, struct slice from)
{
	must(from.len <= room, "a number too long");
	if (from.len > 0)
		memcpy(to, from.p, from.len);
	return slice_of(to, from.len);
}

/* The content key of enc as key's holder would get it. */
static struct parcel *
wrap(struct bench *b, struct message *m, const struct key *key, EVP_PKEY *to,
    const struct enc *enc)
{
	const struct agreement a = { .alg = b->alg, .enc = enc };
	const struct addressee whom = { to, key->pub, key->oct };
	struct parcel *p;

	must(cek_wrap(b->crypto, &whom, &a, NULL, &p) == VH_OK, "wrap");
	m->key_len = copied(m->key, sizeof m->key, buf_slice(p->encrypted)).len;
	memcpy(m->key_iv, p->iv, sizeof m->key_iv);
	memcpy(m->key_tag, p->tag, sizeof m->key_tag);
	m->epk = p->epk;
	m->epk.x = copied(m->x, sizeof m->x, p->epk.x);
	m->epk.y = copied(m->y, sizeof m->y, p->epk.y);
	return p;
}

static void
seal(struct bench *b, struct message *m, const struct parcel *p)
{
	static uint8_t plain[PLAIN_MAX];
	struct content c = { b->enc, p->cek, slice_of(m->iv, b->enc->iv),
		slice_of(m->header, sizeof m->header) };

	for (size_t i = 0; i < b->plain; i++)
		plain[i] = (uint8_t)next(b);
	for (size_t i = 0; i < sizeof m->iv; i++)
		m->iv[i] = (uint8_t)next(b);
	for (size_t i = 0; i < sizeof m->header; i++)
		m->header[i] = (uint8_t)('a' + next(b) % 26);
	must(content_seal(b->crypto, &c, slice_of(plain, b->plain), m->text,
		 m->tag) == VH_OK,
	    "seal");
}

static void
prepare(const struct bench *b, EVP_PKEY_CTX *ctx, enum class class)
{
	char *label = class == LABEL ? OPENSSL_strdup("another") : NULL;
	bool done = EVP_PKEY_encrypt_init(ctx) == 1 &&
		    EVP_PKEY_CTX_set_rsa_padding(ctx,
			class == FIRST_BYTE ? RSA_NO_PADDING
					    : RSA_PKCS1_OAEP_PADDING) == 1;

	if (done && class != FIRST_BYTE)
		done = EVP_PKEY_CTX_set_rsa_oaep_md_name(ctx, b->alg->digest,
			   NULL) == 1 &&
		       EVP_PKEY_CTX_set_rsa_mgf1_md_name(ctx, b->alg->digest,
			   NULL) == 1;
	if (done && label != NULL)
		done = EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, label,
			   (int)strlen(label)) == 1;
	must(done, "encryption");
}

/* What the number below the modulus is of: Manger asks for its first byte. */
static void
make_raw(struct bench *b, struct message *m, enum class class)
{
	uint8_t in[256];
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL,
	    class == OTHER_KEY ? b->to_other : b->to, NULL);

	for (size_t i = 0; i < sizeof in; i++)
		in[i] = (uint8_t)next(b);
	in[0] = (uint8_t)(1 + next(b) % 127);
	prepare(b, ctx, class);
	m->key_len = sizeof in;
	must(EVP_PKEY_encrypt(ctx, m->key, &m->key_len, in,
		 class == FIRST_BYTE ? sizeof in : 32) == 1,
	    "encrypt");
	EVP_PKEY_CTX_free(ctx);
	if (class == RANGE)
		memset(m->key, 0xff, m->key_len);
	if (class == KEY_BIT)
		flip(b, m->key, m->key_len);
}

static void
make(struct bench *b, struct message *m, enum class class)
{
	if (b->raw) {
		make_raw(b, m, class);
		return;
	}
	bool other = class == OTHER_KEY;
	AUTO(parcel_free)
	struct parcel *p = wrap(b, m, other ? b->other : b->key,
	    other ? b->to_other : b->to, b->enc);
	AUTO(parcel_free) struct parcel *odd = NULL;

	seal(b, m, p);
	if (class == CEK_SHORT || class == CEK_LONG)
		odd = wrap(b, m, b->key, b->to,
		    class == CEK_SHORT ? b->shorter : b->longer);
	if (class == RANGE)
		memset(m->key, 0xff, m->key_len);
	if (class == KEY_BIT)
		flip(b, m->key, m->key_len);
	if (class == IV_BIT)
		flip(b, m->iv, b->enc->iv);
	if (class == CIPHERTEXT_BIT)
		flip(b, m->text, b->plain);
	if (class == TAG_BIT)
		flip(b, m->tag, b->enc->tag);
	if (class == HEADER_BIT)
		flip(b, m->header, sizeof m->header);
	if (class == KEY_IV_BIT)
		flip(b, m->key_iv, sizeof m->key_iv);
	if (class == KEY_TAG_BIT)
		flip(b, m->key_tag, sizeof m->key_tag);
}

/* --- measuring ------------------------------------------------------------ */

static uint64_t
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void
put_box(const struct bench *b, struct buf *frame, const struct message *m)
{
	frame_put_u32(frame, VH_F_ENC_ID, b->enc->id);
	frame_put(frame, VH_F_PROTECTED, slice_of(m->header, sizeof m->header));
	frame_put(frame, VH_F_ENCRYPTED_KEY, slice_of(m->key, m->key_len));
	frame_put(frame, VH_F_IV, slice_of(m->iv, b->enc->iv));
	frame_put(frame, VH_F_CIPHERTEXT,
	    slice_of(m->text, content_size(b->enc, b->plain)));
	frame_put(frame, VH_F_TAG, slice_of(m->tag, b->enc->tag));
	if (m->epk.kty != 0)
		pub_put_fields(frame, &m->epk);
	if (b->alg->kind == VH_KIND_GCMKW) {
		frame_put(frame, VH_F_KEY_IV,
		    slice_of(m->key_iv, sizeof m->key_iv));
		frame_put(frame, VH_F_KEY_TAG,
		    slice_of(m->key_tag, sizeof m->key_tag));
	}
}

static double
decrypt(struct bench *b, struct message *m, enum vh_err want)
{
	enum vh_err (*op)(struct crypto *, const struct store *,
	    const struct frame *, struct buf *) =
	    b->raw ? op_raw_decrypt : op_decrypt;
	static struct buf *frame, *answer;
	static const uint8_t filler[64];
	struct frame q;

	if (frame == NULL) {
		frame = buf_new(FRAME);
		answer = buf_new(FRAME);
		must(buf_reserve(frame, FRAME) && buf_reserve(answer, FRAME),
		    "memory");
	}
	buf_clear(frame);
	buf_clear(answer);
	size_t at = frame_request(frame,
	    b->raw ? VH_OP_VRAWDECRYPT : VH_OP_VDECRYPT, 1, 0);

	/* Skipped.  Fields behind an encrypted key of another length lie at
	 * other addresses, which can be worth some ns, too. */
	frame_put(frame, UNKNOWN_TAG,
	    slice_of(filler, next(b) % sizeof filler));
	frame_put_text(frame, VH_F_KID, b->key->kid);
	frame_put_u32(frame, VH_F_ALG_ID, b->alg->id);
	if (b->raw)
		frame_put(frame, VH_F_DATA, slice_of(m->key, m->key_len));
	else
		put_box(b, frame, m);
	frame_close(frame, at);
	must(frame_parse(buf_slice(frame), &q) == VH_OK, "frame");
	uint64_t start = now();
	enum vh_err err = op(b->crypto, b->store, &q, answer);
	uint64_t end = now();

	must(err == want, err_name(err));
	return (double)(end - start);
}

static void
shuffle(struct bench *b, enum class order[static CLASSES])
{
	for (size_t i = 0; i < CLASSES; i++)
		order[i] = (enum class)i;
	for (size_t i = CLASSES - 1; i > 0; i--) {
		size_t k = next(b) % (i + 1);
		enum class swap = order[i];

		order[i] = order[k];
		order[k] = swap;
	}
}

/* Chance says where each class has its message and when it is made, too: an
 * address can be worth some ns. */
static void
measure_round(struct bench *b)
{
	static struct message good, messages[CLASSES];
	enum class order[CLASSES];

	shuffle(b, order);
	make(b, &good, CLASSES);
	for (size_t i = 0; i < CLASSES; i++)
		if (b->used[order[i]])
			make(b, &messages[i], order[i]);
	(void)decrypt(b, &good, VH_OK); /* and warms what making left cold */
	for (size_t i = 0; i < CLASSES; i++)
		if (b->used[order[i]])
			b->ns[order[i]][b->count] =
			    decrypt(b, &messages[i], VH_EDECRYPT);
	b->count++;
}

/* --- what the times say ----------------------------------------------------
 */

static int
by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The times that the two looks go up to. */
static const double kept[] = { 0.5, 0.9 };

static void
limits_of(const struct bench *b, double limit[static ARRAY_LEN(kept)])
{
	double *all = calloc(b->count * CLASSES, sizeof *all);
	size_t n = 0;

	must(all != NULL, "memory");
	for (size_t i = 0; i < CLASSES; i++)
		for (size_t k = 0; b->used[i] && k < b->count; k++)
			all[n++] = b->ns[i][k];
	qsort(all, n, sizeof *all, by_size);
	for (size_t i = 0; i < ARRAY_LEN(kept); i++)
		limit[i] = all[(size_t)((double)n * kept[i])];
	free(all);
}

struct sample {
	double n, mean, variance;
};

static struct sample
sample_of(const struct bench *b, size_t class, double limit)
{
	double n = 0, sum = 0, squares = 0;

	for (size_t k = 0; k < b->count; k++)
		if (b->ns[class][k] <= limit) {
			n++;
			sum += b->ns[class][k];
		}
	for (size_t k = 0; k < b->count; k++)
		if (b->ns[class][k] <= limit)
			squares += (b->ns[class][k] - sum / n) *
				   (b->ns[class][k] - sum / n);
	if (n < 2) /* all of it was slow: this look says nothing of it */
		return (struct sample){ n, 0, 0 };
	return (struct sample){ n, sum / n, squares / (n - 1) };
}

static double
welch(struct sample a, struct sample b)
{
	return fabs(a.mean - b.mean) /
	       sqrt(a.variance / a.n + b.variance / b.n);
}

struct worst {
	double t;
	size_t a, b;
};

static void
look(const struct bench *b, double limit, struct worst *worst)
{
	struct sample of[CLASSES];

	for (size_t i = 0; i < CLASSES; i++) {
		if (!b->used[i])
			continue;
		of[i] = sample_of(b, i, limit);
		printf("%s\"%s\": [%.0f, %.2f, %.2f]", i == 0 ? "" : ", ",
		    names[i], of[i].n, of[i].mean, sqrt(of[i].variance));
		for (size_t k = 0; k < i; k++)
			if (b->used[k] && of[i].n > 1 && of[k].n > 1 &&
			    welch(of[i], of[k]) > worst->t)
				*worst =
				    (struct worst){ welch(of[i], of[k]), k, i };
	}
}

static void
report(const struct bench *b)
{
	struct worst worst = { 0, 0, 0 };
	double limit[ARRAY_LEN(kept)];

	limits_of(b, limit);
	printf("{\"samples\": %zu", b->count);
	for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
		printf(", \"fastest %.0f %%\": {", kept[i] * 100);
		look(b, limit[i], &worst);
		printf("}");
	}
	printf(", \"pair\": [\"%s\", \"%s\"], \"t\": %.2f}\n", names[worst.a],
	    names[worst.b], worst.t);
}

/* --- */

static void
stay_on_one_core(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((unsigned)sched_getcpu(), &set);
	must(sched_setaffinity(0, sizeof set, &set) == 0, "affinity");
	(void)setpriority(PRIO_PROCESS, 0, -20); /* where it is allowed */
}

/* As long as alg wants it; one for dir is the content key itself. */
static size_t
bits_of(const struct bench *b)
{
	if (b->alg->kty == VH_KTY_RSA)
		return 2048;
	if (b->alg->kty == VH_KTY_OCT)
		return 8 * (b->alg->size > 0 ? b->alg->size : b->enc->cek);
	return 0;
}

static struct key *
make_key(struct bench *b, EVP_PKEY **to)
{
	const struct key_terms terms = { .use = VH_USE_ENC,
		.pin = b->alg,
		.ops = b->raw ? VH_KEY_RAW : 0 };
	AUTO(buf_free) struct buf *why = buf_new(1024);
	AUTO(generator_free) struct generator *g = NULL;
	struct key *key = NULL;
	enum vh_err err = generator_new(b->alg->kty,
	    b->alg->kty == VH_KTY_EC ? VH_CRV_P256 : 0, bits_of(b), &g, why);

	if (err == VH_OK)
		err = generator_make(g, &terms, 1, &key, why);
	must(err == VH_OK, (const char *)why->p);
	must(store_add(b->store, key) == VH_OK, "store");
	must(key->oct != NULL || pkey_of_pub(&key->pub, to) == VH_OK, "public");
	return key;
}

static bool
is_used(const struct bench *b, enum class class)
{
	const unsigned all = AS_BIT(OTHER_KEY) | AS_BIT(IV_BIT) |
			     AS_BIT(CIPHERTEXT_BIT) | AS_BIT(TAG_BIT) |
			     AS_BIT(HEADER_BIT);

	if (b->raw)
		return ((AS_BIT(OTHER_KEY) | AS_BIT(RANGE) | AS_BIT(KEY_BIT) |
			    AS_BIT(LABEL) | AS_BIT(FIRST_BYTE)) &
			   AS_BIT(class)) != 0;
	/* What is agreed on is not wrapped. */
	return ((all | (b->alg->size == 0 && b->alg->kind == VH_KIND_ECDH
			       ? 0
			       : classes_of[b->alg->kind])) &
		   AS_BIT(class)) != 0;
}

static void
set_up(struct bench *b, char **argv)
{
	stay_on_one_core();
	must(arena_open(ARENA) == VH_OK, "arena");
	must(arena_adopt_libraries() == VH_OK, "libraries");
	must(random_adopt() == VH_OK, "random");
	b->alg = alg_by_name(slice_text(argv[1]));
	b->enc = enc_by_name(slice_text(argv[2]));
	b->samples = strtoul(argv[3], NULL, 10);
	b->raw = strcmp(argv[2], "raw") == 0;
	must(b->alg != NULL && (b->enc != NULL || b->raw) && b->samples > 1 &&
		 (!b->raw || b->alg->kind == VH_KIND_OAEP),
	    "arguments");
	b->shorter = enc_by_id(VH_ENC_A128GCM);
	b->longer = enc_by_id(VH_ENC_A256CBC_HS512);
	must(b->raw || (b->enc->cek > b->shorter->cek &&
			   b->enc->cek < b->longer->cek),
	    "an enc with 24 to 48 bytes");
	b->store = store_new();
	b->crypto = crypto_new(0);
	must(b->store != NULL && b->crypto != NULL, "vault");
	b->key = make_key(b, &b->to);
	b->other = make_key(b, &b->to_other);
	for (size_t i = 0; i < CLASSES; i++) {
		b->ns[i] = calloc(b->samples, sizeof *b->ns[i]);
		must(b->ns[i] != NULL, "memory");
		b->used[i] = is_used(b, (enum class)i);
	}
}

int
main(int argc, char **argv)
{
	static struct bench b;

	must(argc >= 4, "usage: refusals ALG ENC SAMPLES [SEED [SIZE]]");
	b.random = argc > 4 ? strtoul(argv[4], NULL, 0) : now();
	b.plain = argc > 5 ? strtoul(argv[5], NULL, 0) : PLAIN;
	must(b.plain > 0 && b.plain <= PLAIN_MAX, "SIZE out of range");
	set_up(&b, argv);
	while (b.count < b.samples)
		measure_round(&b);
	report(&b);
	return 0;
}
