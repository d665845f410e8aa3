/* Idle threads keep no secrets in their registers, nor on their stacks. */
#ifndef VAULT_REGISTERS_H
#define VAULT_REGISTERS_H

/* Bytes of a stack that libcrypto may leave something in: at most 20 KiB were
 * seen, of RSA with AVX-512 and of key generation, and 8 of work of the fast
 * lane. */
#define STACK_TRACES       (32u << 10)
#define STACK_TRACES_SHORT (12u << 10)

/* Clears every register a called function may leave data in: the vector, mask
 * and x87 registers and the call-clobbered general ones.  After each job. */
void registers_clear(void);
/* Clears these and STACK_TRACES of the stack below the caller's frame, where
 * libcrypto leaves half an RSA exponent, among other things.  Before a thread
 * goes idle. */
void traces_clear(void);
void traces_clear_short(void); /* STACK_TRACES_SHORT */

#endif
