/* x86-64 System V: rbx, rbp and r12 to r15 are restored by whoever used them;
 * everything else is cleared here. */
#include "vault/registers.h"

#include <stdint.h>
#include <string.h>

#ifndef __x86_64__
#error "write registers_clear for this processor"
#endif

#define EACH_HIGH(op)                                                          \
	op(16) op(17) op(18) op(19) op(20) op(21) op(22) op(23) op(24) op(25)  \
	    op(26) op(27) op(28) op(29) op(30) op(31)
#define CLEAR_ZMM(n) "vpxord %%zmm" #n ", %%zmm" #n ", %%zmm" #n "\n\t"
/* Clears all 512 bits, too.  One instruction that is 512 bits wide makes some
 * processors run slower for most of a millisecond: 15 % of every signature. */
#define CLEAR_HIGH(n) "vpxord %%xmm" #n ", %%xmm" #n ", %%xmm" #n "\n\t"
#define EACH_MASK(op) op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7)
#define CLEAR_MASK(n) "kxorw %%k" #n ", %%k" #n ", %%k" #n "\n\t"
#define EACH_LOW(op)                                                           \
	op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7) op(8) op(9) op(10)     \
	    op(11) op(12) op(13) op(14) op(15)
#define CLEAR_XMM(n) "pxor %%xmm" #n ", %%xmm" #n "\n\t"
#define LOW_VECTORS                                                            \
	"xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",        \
	    "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14",       \
	    "xmm15"

static void
clear_vectors(void)
{
	if (__builtin_cpu_supports("avx512vl"))
		__asm__ volatile(EACH_HIGH(CLEAR_HIGH) EACH_MASK(CLEAR_MASK)::
				     : "memory");
	else if (__builtin_cpu_supports("avx512f"))
		__asm__ volatile(EACH_HIGH(CLEAR_ZMM) EACH_MASK(CLEAR_MASK)::
				     : "memory");
	if (__builtin_cpu_supports("avx"))
		__asm__ volatile("vzeroall" ::: "memory", LOW_VECTORS);
	else
		__asm__ volatile(EACH_LOW(CLEAR_XMM)::: "memory", LOW_VECTORS);
}

void
registers_clear(void)
{
	clear_vectors();
	/* Eight loads overwrite the x87 stack, which aliases MMX. */
	__asm__ volatile("fninit\n\tfldz\n\tfldz\n\tfldz\n\tfldz\n\tfldz\n\t"
			 "fldz\n\tfldz\n\tfldz\n\tfninit" ::
			     : "memory", "st", "st(1)", "st(2)", "st(3)",
			 "st(4)", "st(5)", "st(6)", "st(7)");
	__asm__ volatile("xor %%eax, %%eax\n\txor %%ecx, %%ecx\n\t"
			 "xor %%edx, %%edx\n\txor %%esi, %%esi\n\t"
			 "xor %%edi, %%edi\n\txor %%r8d, %%r8d\n\t"
			 "xor %%r9d, %%r9d\n\txor %%r10d, %%r10d\n\t"
			 "xor %%r11d, %%r11d" ::
			     : "memory", "cc", "rax", "rcx", "rdx", "rsi",
			 "rdi", "r8", "r9", "r10", "r11");
}

/* A frame of its own, which comes to lie where those of libcrypto were. */
#define CLEAR_BELOW(name, size)                                                \
	static __attribute__((noinline)) void name(void)                       \
	{                                                                      \
		uint8_t below[size];                                           \
                                                                               \
		explicit_bzero(below, sizeof below);                           \
	}
CLEAR_BELOW(clear_stack, STACK_TRACES)
CLEAR_BELOW(clear_top_of_stack, STACK_TRACES_SHORT)

void
traces_clear(void)
{
	clear_stack();
	registers_clear();
}

void
traces_clear_short(void)
{
	clear_top_of_stack();
	registers_clear();
}
