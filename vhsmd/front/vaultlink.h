/* Front's link to the vault. */
#ifndef FRONT_VAULTLINK_H
#define FRONT_VAULTLINK_H

#include "front/front.h"

/* Takes over fd.  NULL: no memory, and fd is closed. */
struct link *vault_open(int fd);

/* Before the loop: asks for all keys, blocking; adds them to d and closes it.
 * What link_call and directory_add say; VH_EPARSE for a list without end. */
enum vh_err vault_list(struct link *vault, struct directory *d);

/* Starts to watch the link. */
enum vh_err vault_watch(struct front *f);
/* Reads and handles answers that are there. */
void vault_read(struct front *f);
/* Sends what the round has gathered. */
void vault_flush(struct front *f);

/* Opens a request to the vault on behalf of p, with p's remaining time.  Fields
 * are put into what it returns; frame_close(b, *start) ends it. */
struct buf *vault_ask(struct front *f, struct pending *p, enum vh_op op,
    size_t *start);
/* Its answer has come, or is not waited for any more; also when it asked peer,
 * or nobody. */
void vault_asked(struct front *f, struct pending *p);

#endif
