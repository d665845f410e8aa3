/* A library context of libcrypto (OSSL_LIB_CTX) for each worker.  To sign with
 * ECDSA or EdDSA libcrypto fetches a digest each time, for which it takes some
 * locks of the context: threads that share one wait for each other's cache
 * lines.  Keys are used there as copies. */
#ifndef VAULT_LIBCTX_H
#define VAULT_LIBCTX_H

#include <stddef.h>

#include <openssl/types.h>

/* The context of worker index, which those from VH_LIBCTX_MAX on share: made at
 * the first call and never freed, with all in it that signing by the calling
 * thread takes of it: libcrypto does not get over a want of memory in the
 * middle of that.  NULL when there is no room. */
OSSL_LIB_CTX *libctx_of(size_t index);

#endif
