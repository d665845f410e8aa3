/* Children that are not what they seem: processes of the test, with a link to
 * it, that do as told and say in one pipe what they were asked. */
#ifndef TEST_SUPER_FAKE_H
#define TEST_SUPER_FAKE_H

#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "super/super.h"
#include "temp.h"

struct fake {
	struct link *link;
	int says; /* one letter a request */
	char letter;
};

/* One answer, that of err. */
static inline void
fake_answer(const struct fake *me, const struct frame *q, enum vh_err err)
{
	AUTO(buf_free) struct buf *b = buf_new(4096);

	frame_put_error(b, q->op, q->id, err, "a test");
	if (link_send(me->link, buf_slice(b), -1) != VH_OK)
		_exit(9);
}

/* One request of peer's. */
static inline void
fake_ask(const struct fake *me, enum vh_op op, uint64_t id, enum vh_tag tag,
    const char *text)
{
	AUTO(buf_free) struct buf *b = buf_new(4096);
	size_t at = frame_request(b, op, id, 0);

	frame_put_text(b, tag, text);
	frame_close(b, at);
	if (link_send(me->link, buf_slice(b), -1) != VH_OK)
		_exit(9);
}

static inline void
fake_say(const struct fake *me, char letter)
{
	if (write(me->says, &letter, 1) != 1)
		_exit(9);
}

/* Answers everything, and says its letter; in lower case when its link ends,
 * which ends it. */
static inline void
fake_obey(const struct fake *me)
{
	struct frame q;

	while (link_wait(me->link, -1, &q) == VH_OK)
		if (!q.answer) {
			fake_say(me, me->letter);
			fake_answer(me, &q, VH_OK);
		}
	fake_say(me, (char)(me->letter + ('a' - 'A')));
}

/* A super with a plan of nothing, and no children. */
static inline struct super *
fake_super(bool clustered)
{
	struct super *s = calloc(1, sizeof *s);
	static const struct texts no_seeds = { 0 };

	cr_assert_not_null(s);
	s->plan = calloc(1, sizeof *s->plan);
	cr_assert_not_null(s->plan);
	s->plan->clustered = clustered;
	s->callers = s->operators = s->http = s->cluster = LISTENER_NONE;
	files_init(&s->files);
	for (size_t i = 0; i < PROCS; i++)
		s->programs.fd[i] = -1;
	s->seeds = clustered ? seeds_new(&no_seeds, NULL) : NULL;
	return s;
}

/* A new process at the other end of s's link to proc; it closes its own copy of
 * everything else. */
static inline void
fake_start(struct super *s, enum proc proc, char letter, int says,
    void (*run)(const struct fake *me))
{
	int pair[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair),
	    0);
	pid_t pid = fork();

	cr_assert_geq(pid, 0);
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		(void)close(pair[0]);
		for (size_t i = 0; i < PROCS; i++)
			if (s->child[i].link != NULL)
				(void)close(link_fd(s->child[i].link));
		const struct fake me = { link_new(pair[1], 32u << 20), says,
			letter };

		run(&me);
		_exit(0);
	}
	(void)close(pair[1]);
	s->child[proc] =
	    (struct child){ proc, pid, link_new(pair[0], SPAWN_FRAME_MAX) };
}

/* What was said until all who might speak have ended. */
static inline void
fake_heard(int pipe_out, char *text, size_t size)
{
	size_t len = 0;

	for (ssize_t n = 1; n > 0 && len < size - 1; len += (size_t)n)
		n = read(pipe_out, text + len, size - 1 - len);
	text[len] = '\0';
}

#endif
