#include "vault/registers.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>

#define EACH(op)                                                               \
	op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7) op(8) op(9) op(10)     \
	    op(11) op(12) op(13) op(14) op(15) op(16) op(17) op(18) op(19)     \
		op(20) op(21) op(22) op(23) op(24) op(25) op(26) op(27) op(28) \
		    op(29) op(30) op(31)
#define FILL(n) "vmovdqu64 (%0), %%zmm" #n "\n\t"
#define SAVE(n) "vmovdqu64 %%zmm" #n ", 64*" #n "(%0)\n\t"

/* Without AVX-512 there is nothing above xmm15 and ymm15, which vzeroall and
 * pxor clear by definition. */
#ifdef __SANITIZE_ADDRESS__
#define UNDER_ASAN true
#else
#define UNDER_ASAN false
#endif

static volatile uintptr_t deep;

/* Of the functions that clear, which overwrite their own. */
#define FRAMES 256

/* Leaves something from below those to near the end of what is cleared. */
static __attribute__((noinline)) void
leave_traces(void)
{
	volatile uint8_t local[STACK_TRACES - 1024];

	for (size_t i = 0; i < sizeof local - FRAMES; i++)
		local[i] = 0xa5;
	deep = (uintptr_t)local;
}

static __attribute__((noinline)) size_t
traces_left(void)
{
	size_t n = 0;

	for (size_t i = 0; i < STACK_TRACES - 1024 - FRAMES; i++)
		n += ((volatile const uint8_t *)deep)[i] == 0xa5;
	return n;
}

Test(registers, nothing_is_left_on_the_stack)
{
	if (UNDER_ASAN)
		cr_skip_test("ASan lets nobody look at a frame that has ended");
	leave_traces();
	cr_expect_gt(traces_left(), STACK_TRACES / 2, "they can be seen");
	leave_traces();
	traces_clear();
	cr_expect_eq(traces_left(), 0);
}

Test(registers, no_bit_of_a_wide_register_is_left)
{
	uint8_t pattern[64], found[32][64];

	if (!__builtin_cpu_supports("avx512f"))
		cr_skip_test("this processor has no AVX-512");
	memset(pattern, 0xa5, sizeof pattern);
	__asm__ volatile(EACH(FILL)::"r"(pattern)
			 : "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4",
			 "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",
			 "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
	registers_clear();
	__asm__ volatile(EACH(SAVE)::"r"(found) : "memory");
	for (size_t i = 0; i < sizeof found; i++)
		cr_assert_eq(((uint8_t *)found)[i], 0, "byte %zu of zmm%zu",
		    i % 64, i / 64);
}
