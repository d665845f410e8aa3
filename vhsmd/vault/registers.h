/* Idle threads keep no secrets in their registers. */
#ifndef VAULT_REGISTERS_H
#define VAULT_REGISTERS_H

/* Clears every register a called function may leave data in: the vector, mask
 * and x87 registers and the call-clobbered general ones.  After each job. */
void registers_clear(void);

#endif
