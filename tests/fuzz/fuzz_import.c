/* The input as a key file of the vault.  The first byte says which terms the
 * key spec gives: the use, whether an algorithm is pinned, and, with its
 * highest bit, the passphrase "fuzz".  What is accepted is usable: every key
 * works with every algorithm it may run; one with a public part has its kid,
 * and is the same when the file is read again. */
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "check.h"
#include "vault/crypto.h"
#include "vault/import.h"

#define ARENA (64u << 20)

static void
check_public_part(const struct key *key)
{
	AUTO(buf_free) struct buf *b = buf_new(1u << 16);
	char kid[VH_KID_SIZE + 1];
	struct fields f;
	struct pub pub;

	key_put(b, key);
	CHECK(buf_end(b) == VH_OK);
	CHECK(fields_parse(buf_slice(b), &f) == VH_OK);
	CHECK(pub_of_fields(&f, &pub) == VH_OK && pub_check(&pub) == VH_OK);
	CHECK(pub_thumbprint(&pub, kid) == VH_OK && strcmp(kid, key->kid) == 0);
}

static void
check_key(struct crypto *c, const struct store *s, const struct key *key)
{
	AUTO(buf_free) struct buf *why = buf_new(1024);

	CHECK(store_get(s, slice_text(key->kid)) == key);
	CHECK(key->use == VH_USE_SIG || key->use == VH_USE_ENC);
	if (key->pin != NULL)
		CHECK(key_check_alg(key, key->pin) == VH_OK);
	if (key->oct == NULL)
		check_public_part(key);
	CHECK(crypto_selftest(c, key, why) == VH_OK);
}

static enum vh_err
read_file(struct slice file, const struct key_terms *terms, struct store *to)
{
	AUTO(buf_free) struct buf *why = buf_new(1024);
	int fd = memfd_create("key", MFD_CLOEXEC);

	CHECK(fd >= 0);
	CHECK(write(fd, file.p, file.len) == (ssize_t)file.len);
	CHECK(lseek(fd, 0, SEEK_SET) == 0);
	enum vh_err err = import_fd(fd, terms, 1, NULL, to, why);

	CHECK(close(fd) == 0);
	check_why(err, why);
	return err;
}

/* Once: the arena, and a log that is silent about dropped kids. */
static struct crypto *
ready(void)
{
	static struct crypto *crypto;

	if (crypto != NULL)
		return crypto;
	log_init("fuzz", LOG_LOGFMT, LOG_ERROR);
	CHECK(arena_open(ARENA) == VH_OK);
	crypto = crypto_new(0);
	CHECK(crypto != NULL);
	return crypto;
}

static struct key_terms
terms_of(uint8_t first)
{
	static const enum vh_use uses[] = { 0, VH_USE_SIG, VH_USE_ENC };

	uint8_t rest = first & 0x7f;

	return (struct key_terms){ .use = uses[rest % 3],
		.pin = alg_by_id(rest / 3),
		.passphrase = slice_text(first == rest ? "" : "fuzz") };
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct crypto *crypto = ready();

	if (size == 0)
		return 0;
	AUTO(store_free) struct store *store = store_new();
	struct slice file = slice_of(data + 1, size - 1);
	const struct key_terms terms = terms_of(data[0]);

	if (read_file(file, &terms, store) != VH_OK)
		return 0;
	size_t count = store_count(store);

	CHECK(count > 0);
	for (size_t i = 0; i < count; i++)
		check_key(crypto, store, store_at(store, i));
	CHECK(read_file(file, &terms, store) == VH_OK);
	CHECK(store_count(store) == count);
	return 0;
}
