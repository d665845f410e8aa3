/* nng's SP over Unix sockets ("SP/IPC"), as far as one REQ/REP pair needs it.
 *
 * Each end first sends 8 bytes: 0 'S' 'P' 0, its protocol (u16), 0 0.
 * Then messages: u8 1, u64 size, and size bytes.  Of those the first four are
 * the request id with its top bit set; an answer repeats it.  Numbers are
 * big-endian.  (SP: draft-sustrik "Scalability Protocols"; the leading type
 * byte is what nng's ipc transport sends.) */
#ifndef WIRE_SP_H
#define WIRE_SP_H

#include "wire/base.h"

#define SP_HELLO 8
#define SP_HEAD  9 /* type and size */
#define SP_ID    4

enum sp_protocol { SP_REQ = 0x30, SP_REP = 0x31 };

void sp_hello(uint8_t out[static SP_HELLO], enum sp_protocol own);
/* VH_EPARSE unless it is the hello of the given protocol. */
enum vh_err sp_hello_check(const uint8_t in[static SP_HELLO],
    enum sp_protocol want);

/* Head and request id of a message whose body, after the id, has size bytes. */
void sp_head(uint8_t out[static SP_HEAD + SP_ID], size_t size, uint32_t id);

/* The message at p: *size is 0 while its head is not complete, else all its
 * bytes, head included.  VH_EPARSE for a wrong type or one too short for an id,
 * VH_ETOOBIG when its body has more than max bytes after the id. */
enum vh_err sp_size(const uint8_t *p, size_t len, size_t max, size_t *size);
/* Request id and body of a whole message; VH_EPARSE when the id lacks its top
 * bit (a message that passed a device, which we do not route). */
enum vh_err sp_parse(struct slice message, uint32_t *id, struct slice *body);

#endif
