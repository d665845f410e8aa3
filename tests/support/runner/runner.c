/* Runs unit tests without Criterion: each test in a process of its own, one
 * after the other.
 *
 *   unit-base [PART]      the tests whose suite/name has PART in it
 *   unit-base -PART       all others
 *
 * Prints a line for each test that failed or was skipped, and at the end the
 * counts in Criterion's form.  A sanitizer that ends the process fails the
 * test. */
#include <criterion/criterion.h>

#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define TIMEOUT   600 /* seconds of a test that names none */
#define SLOWER    20  /* times that a sanitizer may cost */
#define EXIT_FAIL 1
#define EXIT_SKIP 77

extern const struct runner_test *const __start_runner_tests[],
    *const __stop_runner_tests[];

/* Whether an expectation of this process's one test did not hold. */
static _Atomic bool failed;

/* ThreadSanitizer needs larger stacks than the vault gives its workers; so they
 * get libc's (link with --wrap=pthread_attr_setstack). */
int __wrap_pthread_attr_setstack(pthread_attr_t *attr, void *p, size_t size);
int
__wrap_pthread_attr_setstack(pthread_attr_t *attr, void *p, size_t size)
{
	(void)attr;
	(void)p;
	(void)size;
	return 0;
}

void
runner_failed(const char *file, int line, const char *what, const char *format,
    ...)
{
	va_list args;

	failed = true;
	va_start(args, format);
	printf("  %s:%d: does not hold: %s;", file, line, what);
	vprintf(format, args);
	printf("\n");
	va_end(args);
}

/* The vault's threads never end: exit would pull the floor from under them. */
static _Noreturn void
leave(int status)
{
	fflush(NULL);
	_exit(status);
}

void
runner_abort(void)
{
	leave(EXIT_FAIL);
}

void
runner_skip(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	printf("  [SKIP]");
	vprintf(format, args);
	printf("\n");
	va_end(args);
	leave(EXIT_SKIP);
}

void
runner_say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vprintf(format, args);
	printf("\n");
	va_end(args);
}

static const struct runner_terms *
suite_terms(const char *suite)
{
	static const struct runner_terms none;

	for (const struct runner_test *const *t = __start_runner_tests;
	     t < __stop_runner_tests; t++)
		if ((*t)->name == NULL && strcmp((*t)->suite, suite) == 0)
			return &(*t)->terms;
	return &none;
}

static _Noreturn void
run_here(const struct runner_test *t, const struct runner_terms *of)
{
	double timeout = t->terms.timeout > 0 ? t->terms.timeout : of->timeout;
	void (*init)(void) = t->terms.init ? t->terms.init : of->init;
	void (*fini)(void) = t->terms.fini ? t->terms.fini : of->fini;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(timeout > 0 ? (unsigned)timeout * SLOWER : TIMEOUT);
	if (init != NULL)
		init();
	t->body();
	if (fini != NULL)
		fini();
	leave(failed ? EXIT_FAIL : EXIT_SUCCESS);
}

/* Its exit status as a shell has it. */
static int
run_apart(const struct runner_test *t)
{
	const struct runner_terms *of = suite_terms(t->suite);
	int status;

	fflush(NULL);
	pid_t pid = fork();

	if (pid == 0)
		run_here(t, of);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return 127;
	if (!WIFSIGNALED(status))
		return t->terms.signal == 0 ? WEXITSTATUS(status) : EXIT_FAIL;
	return WTERMSIG(status) == t->terms.signal ? EXIT_SUCCESS
						   : 128 + WTERMSIG(status);
}

static bool
is_wanted(const char *name, const char *part)
{
	return part[0] == '-' ? strstr(name, part + 1) == NULL
			      : strstr(name, part) != NULL;
}

int
main(int argc, char **argv)
{
	const char *part = argc > 1 ? argv[1] : "";
	unsigned tested = 0, failing = 0, skipped = 0;
	char name[512];

	for (const struct runner_test *const *t = __start_runner_tests;
	     t < __stop_runner_tests; t++) {
		if ((*t)->name == NULL)
			continue;
		snprintf(name, sizeof name, "%s/%s", (*t)->suite, (*t)->name);
		if (!is_wanted(name, part))
			continue;
		int status = run_apart(*t);

		tested++;
		if (status == EXIT_SKIP)
			skipped++;
		else if (status != EXIT_SUCCESS)
			failing++;
		if (status != EXIT_SUCCESS)
			printf("%s %s (status %d)\n",
			    status == EXIT_SKIP ? "[SKIP]" : "[FAIL]", name,
			    status);
	}
	printf("Tested: %u | Passing: %u | Failing: %u | Crashing: 0\n", tested,
	    tested - failing, failing);
	return failing == 0 && tested > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
