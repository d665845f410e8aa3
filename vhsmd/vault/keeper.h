/* Who keeps the keys: carries out what their life (life.h) asks for.  It alone
 * changes the store once the node serves.  All of it runs on the intake, but
 * for the making and reading of keys, which are errands to the pool: what comes
 * of them is taken up by the next keeper_tick. */
#ifndef VAULT_KEEPER_H
#define VAULT_KEEPER_H

#include "vault/life.h"
#include "vault/load.h"
#include "vault/pool.h"

#define KEEPER_KEYS_MAX         131072 /* in all states */
#define KEEPER_CLUSTER_KEYS_MAX 4096   /* what receivers take of one node */
/* Bytes of the arena that keys which are made or loaded while the node serves
 * leave alone: those that are there need them for their work. */
#define KEEPER_ROOM (512u << 10)

struct keeper;

/* Whom the keeper tells what; on the intake. */
struct keeper_ears {
	void *of;
	/* Keys have changed; kid: or that one is to be announced, and then
	 * activated. */
	void (*changed)(void *of, const char *kid);
	/* Any thread: call keeper_tick. */
	void (*wake)(void *of);
};

struct keeper_counts {
	uint64_t made, failed; /* rotations */
	size_t failing;        /* lines that cannot have a new key now */
	uint64_t next_ms;      /* wall time of the next rotation; 0: none */
};

/* Everything is borrowed for good.  NULL when out of memory. */
struct keeper *keeper_new(struct pool *pool, struct load *load,
    const struct keeper_ears *ears);

/* Once all keys of the start are in load: they begin their lives.  VH_ENOMEM.
 */
enum vh_err keeper_begin(struct keeper *k);

/* Does what is due.  Cheap when nothing is. */
void keeper_tick(struct keeper *k);
/* Milliseconds until keeper_tick is worth a call, as poll takes them. */
int keeper_wait_ms(const struct keeper *k);

/* Bytes of the arena that more keys may take. */
size_t keeper_room(void);

/* VLIFE: rotate, rotate-now, retire, destroy; answers a KEY for each, or the
 * error that is returned. */
enum vh_err keeper_act(struct keeper *k, const struct frame *q,
    struct buf *out);
/* Some keys have become active by VACTIVATE. */
void keeper_activated(struct keeper *k);

/* A reload, as the supervisor asks for it: VBEGIN, VKEEP, VCOMMIT, VROLLBACK.
 * Only VCOMMIT changes anything. */
void keeper_reload(struct keeper *k, const struct frame *q, struct buf *out);
/* VLOAD and VGENERATE of a reload; fd (or -1) is taken over.  VH_EBUSY,
 * VH_EFORBIDDEN without VBEGIN, VH_ENOMEM: nothing answers. */
enum vh_err keeper_stage(struct keeper *k, struct outlet *from,
    struct slice message, const struct frame *q, int fd);

/* Appends what people want to know of a key's life: NOT_BEFORE_MS and so on. */
void keeper_put_life(const struct keeper *k, struct buf *b,
    const struct key *key);
struct keeper_counts keeper_counts(const struct keeper *k);

#endif
