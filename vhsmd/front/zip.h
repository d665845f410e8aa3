/* zip DEF of a JWE: raw DEFLATE (RFC 7516, 4.1.3; RFC 1951). */
#ifndef FRONT_ZIP_H
#define FRONT_ZIP_H

#include "wire/buf.h"

#define ZIP_MAX (256u << 10) /* bytes of a plaintext, unpacked */

/* Appends what packed, one whole stream and nothing more, unpacks to; stops at
 * max bytes and ZIP_MAX.  VH_EDECRYPT for anything else, VH_ENOMEM. */
enum vh_err zip_unpack(struct slice packed, size_t max, struct buf *b);

/* Appends plain, packed.  VH_ETOOBIG past ZIP_MAX, which no receiver of ours
 * would unpack; VH_ENOMEM. */
enum vh_err zip_pack(struct slice plain, struct buf *b);

#endif
