/* A front in this process: its loop is turned by hand, the test is its vault,
 * its supervisor and its clients. */
#ifndef TEST_FRONT_WORLD_H
#define TEST_FRONT_WORLD_H

#include "front/front.h"
#include "keys.h"

struct world {
	struct shared *shared;
	struct front *front;
	struct link *vault; /* the vault's end */
	struct link *super; /* the supervisor's end */
	int listener[2];    /* callers, operators: to find their addresses */
};

/* A client's end of a connection, and a frame it has read. */
struct client {
	int fd;
	struct buf *in, *last;
	struct frame f; /* in last */
	uint32_t sp_id;
};

/* A node with the keys of d, which is taken over.  change may alter settings;
 * NULL: none. */
struct world *world_new(struct directory *d,
    void (*change)(struct settings *s));
void world_free(struct world *w);
/* A few rounds: all that is there is handled. */
void world_turn(struct world *w);

/* Connects; client_new also sends the hello.  who: 0 callers, 1 operators. */
struct client *client_connect(struct world *w, int who);
struct client *client_new(struct world *w, int who);
void client_free(struct client *c);
/* Sends bytes as they are. */
void client_send_raw(struct client *c, struct slice bytes);
/* Opens a request in a fresh buffer; client_send sends and frees it. */
struct buf *client_ask(enum vh_op op, uint64_t id, uint32_t deadline_ms);
void client_send(struct client *c, uint32_t sp_id, struct buf *b);
/* The next answer in c->f (valid until the next call); false: none is there,
 * or the connection is closed. */
bool client_read(struct client *c);
bool client_is_closed(struct client *c);
/* SIGN with Ed25519 of the given id and payload. */
void client_sign(struct client *c, uint32_t id, const char *payload);

/* The vault's next request, in *q; false when there is none. */
bool vault_next(struct world *w, struct frame *q);
/* Answers with a signature, or an error. */
void vault_answer(struct world *w, uint64_t id, uint16_t op, enum vh_err err);
/* Answers q with that field. */
void vault_gives(struct world *w, const struct frame *q, enum vh_tag tag,
    struct slice value);

#endif
