/* The part of Criterion that the unit tests use, for builds in which Criterion
 * cannot start (ThreadSanitizer).  The same test bodies compile against it; see
 * runner.c. */
#ifndef RUNNER_CRITERION_H
#define RUNNER_CRITERION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h> /* as the original does */
#include <string.h>

struct runner_terms {
	int line;
	void (*init)(void), (*fini)(void);
	double timeout; /* seconds; 0: the suite's, or the runner's */
	int signal;     /* that ends the test; 0: none */
};

struct runner_test {
	const char *suite, *name; /* name NULL: terms of the whole suite */
	void (*body)(void);
	struct runner_terms terms;
};

/* Pointers to all of them, gathered by the linker. */
#define RUNNER_ADD(test)                                                       \
	static const struct runner_test *const test##_at                       \
	    __attribute__((section("runner_tests"), used)) = &test

#define TestSuite(suite_, ...)                                                 \
	static const struct runner_test suite_##_suite = { #suite_, NULL,      \
		NULL, { .line = __LINE__ __VA_OPT__(, ) __VA_ARGS__ } };       \
	RUNNER_ADD(suite_##_suite)

#define Test(suite_, name_, ...)                                               \
	static void suite_##_##name_##_body(void);                             \
	static const struct runner_test suite_##_##name_##_test = { #suite_,   \
		#name_, suite_##_##name_##_body,                               \
		{ .line = __LINE__ __VA_OPT__(, ) __VA_ARGS__ } };             \
	RUNNER_ADD(suite_##_##name_##_test);                                   \
	static void suite_##_##name_##_body(void)

__attribute__((format(printf, 4, 5))) void runner_failed(const char *file,
    int line, const char *what, const char *format, ...);
_Noreturn void runner_abort(void);
__attribute__((format(printf, 1, 2))) _Noreturn void runner_skip(const char
								     *format,
    ...);
__attribute__((format(printf, 1, 2))) void runner_say(const char *format, ...);

#define RUNNER_EXPECT(ok, what, ...)                                           \
	((ok) ? (void)0                                                        \
	      : runner_failed(__FILE__, __LINE__, what, " " __VA_ARGS__))
#define RUNNER_ASSERT(ok, what, ...)                                           \
	((ok) ? (void)0                                                        \
	      : (runner_failed(__FILE__, __LINE__, what, " " __VA_ARGS__),     \
		    runner_abort()))

#define cr_expect(a, ...)          RUNNER_EXPECT(a, #a, __VA_ARGS__)
#define cr_expect_not(a, ...)      RUNNER_EXPECT(!(a), "not " #a, __VA_ARGS__)
#define cr_expect_null(a, ...)     RUNNER_EXPECT((a) == NULL, #a, __VA_ARGS__)
#define cr_expect_not_null(a, ...) RUNNER_EXPECT((a) != NULL, #a, __VA_ARGS__)
#define cr_expect_eq(a, b, ...)                                                \
	RUNNER_EXPECT((a) == (b), #a " == " #b, __VA_ARGS__)
#define cr_expect_neq(a, b, ...)                                               \
	RUNNER_EXPECT((a) != (b), #a " != " #b, __VA_ARGS__)
#define cr_expect_lt(a, b, ...)                                                \
	RUNNER_EXPECT((a) < (b), #a " < " #b, __VA_ARGS__)
#define cr_expect_leq(a, b, ...)                                               \
	RUNNER_EXPECT((a) <= (b), #a " <= " #b, __VA_ARGS__)
#define cr_expect_gt(a, b, ...)                                                \
	RUNNER_EXPECT((a) > (b), #a " > " #b, __VA_ARGS__)
#define cr_expect_geq(a, b, ...)                                               \
	RUNNER_EXPECT((a) >= (b), #a " >= " #b, __VA_ARGS__)
#define cr_expect_str_eq(a, b, ...)                                            \
	RUNNER_EXPECT(strcmp(a, b) == 0, #a " is " #b, __VA_ARGS__)
#define cr_expect_str_neq(a, b, ...)                                           \
	RUNNER_EXPECT(strcmp(a, b) != 0, #a " is not " #b, __VA_ARGS__)
#define cr_expect_arr_eq(a, b, n, ...)                                         \
	RUNNER_EXPECT(memcmp(a, b, n) == 0, #a " is " #b, __VA_ARGS__)
#define cr_expect_arr_neq(a, b, n, ...)                                        \
	RUNNER_EXPECT(memcmp(a, b, n) != 0, #a " is not " #b, __VA_ARGS__)

#define cr_assert_fail(...)                                                    \
	(runner_failed(__FILE__, __LINE__, "never here", " " __VA_ARGS__),     \
	    runner_abort())
#define cr_assert(a, ...)          RUNNER_ASSERT(a, #a, __VA_ARGS__)
#define cr_assert_not(a, ...)      RUNNER_ASSERT(!(a), "not " #a, __VA_ARGS__)
#define cr_assert_null(a, ...)     RUNNER_ASSERT((a) == NULL, #a, __VA_ARGS__)
#define cr_assert_not_null(a, ...) RUNNER_ASSERT((a) != NULL, #a, __VA_ARGS__)
#define cr_assert_eq(a, b, ...)                                                \
	RUNNER_ASSERT((a) == (b), #a " == " #b, __VA_ARGS__)
#define cr_assert_neq(a, b, ...)                                               \
	RUNNER_ASSERT((a) != (b), #a " != " #b, __VA_ARGS__)
#define cr_assert_lt(a, b, ...)                                                \
	RUNNER_ASSERT((a) < (b), #a " < " #b, __VA_ARGS__)
#define cr_assert_leq(a, b, ...)                                               \
	RUNNER_ASSERT((a) <= (b), #a " <= " #b, __VA_ARGS__)
#define cr_assert_gt(a, b, ...)                                                \
	RUNNER_ASSERT((a) > (b), #a " > " #b, __VA_ARGS__)
#define cr_assert_geq(a, b, ...)                                               \
	RUNNER_ASSERT((a) >= (b), #a " >= " #b, __VA_ARGS__)
#define cr_assert_str_eq(a, b, ...)                                            \
	RUNNER_ASSERT(strcmp(a, b) == 0, #a " is " #b, __VA_ARGS__)
#define cr_assert_str_neq(a, b, ...)                                           \
	RUNNER_ASSERT(strcmp(a, b) != 0, #a " is not " #b, __VA_ARGS__)
#define cr_assert_arr_eq(a, b, n, ...)                                         \
	RUNNER_ASSERT(memcmp(a, b, n) == 0, #a " is " #b, __VA_ARGS__)
#define cr_assert_arr_neq(a, b, n, ...)                                        \
	RUNNER_ASSERT(memcmp(a, b, n) != 0, #a " is not " #b, __VA_ARGS__)

#define cr_skip_test(...) runner_skip(" " __VA_ARGS__)
#define cr_log_warn(...)  runner_say(" " __VA_ARGS__)

#endif
