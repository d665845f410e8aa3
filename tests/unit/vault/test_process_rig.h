/* The real vhsmd-vault, with a test as its supervisor, front and peer. */
#ifndef TEST_PROCESS_RIG_H
#define TEST_PROCESS_RIG_H

#include <sys/types.h>

#include "base/link.h"
#include "wire/alg.h"

#define VAULT_MS      60000 /* for any answer */
#define VAULT_QUEUE   4
#define VAULT_PAYLOAD (1u << 20)

/* The one of this test process. */
extern struct vault {
	pid_t pid;
	struct link *super, *front, *peer;
	char kid[64]; /* of the last key made */
	uint64_t id;  /* of the last request */
} vault;

void vault_spawn(void);
/* VSTART. */
enum vh_err vault_start(void);
/* The same with another number of places in each lane. */
enum vh_err vault_start_with(uint32_t queue);
/* For .fini. */
void vault_stop(void);
/* Waits for the end; negative: the signal. */
int vault_exit_status(void);

/* Opens a request in b. */
size_t vault_request(struct buf *b, enum vh_op op);
/* Sends it, and waits; b is empty then. */
enum vh_err vault_ask(struct link *l, struct buf *request, int fd,
    struct frame *answer);
/* A request without fields. */
enum vh_err vault_simple(struct link *l, enum vh_op op, struct frame *a);
/* VGENERATE of one key, whose kid is kept. */
enum vh_err vault_generate(enum vh_kty kty, enum vh_crv crv, unsigned bits,
    enum vh_use use, struct frame *a);
/* VGENERATE of so many P-256 keys for signatures; no kid is kept. */
enum vh_err vault_generate_many(uint32_t count, struct frame *a);
/* GIVE: a new front or peer, by role. */
enum vh_err vault_give(enum vh_role role, unsigned generation);

/* VSIGN of zeros by the key that is kept. */
void vault_put_sign(struct buf *b, enum vh_alg alg, uint32_t deadline,
    size_t bytes);
enum vh_err vault_sign(enum vh_alg alg, size_t bytes, struct frame *a);

#endif
