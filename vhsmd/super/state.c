#include "super/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/log.h"
#include "super/fd.h"

#define NEW_FILE STATE_FILE ".new"

struct state {
	int folder;
	struct buf *coming;   /* parts of a text, as they come */
	uint32_t next;        /* part */
	struct buf *unsaved;  /* NULL: all is on disk */
	struct mono_ns again; /* not before */
	int said; /* errno that was logged last; 0: none since a success */
};

enum vh_err
state_new(const char *folder, struct state **out)
{
	AUTO(state_free) struct state *s = calloc(1, sizeof *s);

	if (s == NULL)
		return VH_ENOMEM;
	s->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->folder < 0) {
		LOG(ERROR, "no-state", KV("path", folder), KV_ERRNO(errno));
		return VH_EIO;
	}
	*out = TAKE(s);
	return VH_OK;
}

void
state_set_aside(const struct state *s, struct slice why)
{
	char name[64];
	int bad = -1;

	for (unsigned n = 1; bad != 0 && n <= STATE_COPIES; n++) {
		(void)snprintf(name, sizeof name, STATE_FILE ".damaged-%u", n);
		/* The last one takes all that follow. */
		bad = renameat2(s->folder, STATE_FILE, s->folder, name,
		    n < STATE_COPIES ? RENAME_NOREPLACE : 0);
		if (bad != 0 && errno != EEXIST)
			break;
	}
	if (bad != 0)
		LOG(ERROR, "state-damaged", KV("file", STATE_FILE),
		    KV("why", why), KV_ERRNO(errno));
	else
		LOG(ERROR, "state-damaged", KV("file", STATE_FILE),
		    KV("why", why), KV("kept", (const char *)name));
}

int
state_open(const struct state *s)
{
	AUTO(fd_close)
	int fd = openat(s->folder, STATE_FILE,
	    O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	const char *wrong = NULL;
	struct stat st;

	if (fd < 0 && errno == ENOENT)
		return -1;
	if (fd < 0 || fstat(fd, &st) != 0)
		wrong = strerrorname_or(errno);
	else if (!S_ISREG(st.st_mode))
		wrong = "not a regular file";
	else if (st.st_size > (off_t)STATE_MAX)
		wrong = "more than 64 MiB";
	if (wrong == NULL)
		return fd_take(&fd);
	state_set_aside(s, slice_text(wrong));
	return -1;
}

/* All of it, on the disk.  Else errno. */
static bool
write_whole(int fd, struct slice text)
{
	while (text.len > 0) {
		ssize_t n = write(fd, text.p, text.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		text.p += n;
		text.len -= (size_t)n;
	}
	return fsync(fd) == 0;
}

static bool
replace(const struct state *s, struct slice text)
{
	AUTO(fd_close)
	int fd = openat(s->folder, NEW_FILE,
	    O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd >= 0 && fchmod(fd, 0600) == 0 && write_whole(fd, text) &&
	    renameat(s->folder, NEW_FILE, s->folder, STATE_FILE) == 0)
		return fsync(s->folder) == 0;
	int err = errno;

	(void)unlinkat(s->folder, NEW_FILE, 0); /* may not be there */
	errno = err;
	return false;
}

/* One line when it begins to fail, one when that changes. */
static enum vh_err
save(struct state *s, struct mono_ns now)
{
	if (replace(s, buf_slice(s->unsaved))) {
		if (s->said != 0)
			LOG(NOTICE, "state-saved", KV("file", STATE_FILE));
		s->said = 0;
		s->again = mono_after_ms(now, STATE_PAUSE_MS);
		buf_free(TAKE(s->unsaved));
		return VH_OK;
	}
	if (errno != s->said)
		LOG(ERROR, "state-not-saved", KV("file", STATE_FILE),
		    KV_ERRNO(errno), KV("again_ms", STATE_RETRY_MS));
	s->said = errno;
	s->again = mono_after_ms(now, STATE_RETRY_MS);
	return VH_EIO;
}

void
state_free(struct state *s)
{
	if (s == NULL)
		return;
	if (s->unsaved != NULL)
		(void)save(s, clock_mono()); /* the last chance; logged */
	fd_close(s->folder);
	buf_free(s->coming);
	buf_free(s->unsaved);
	free(s);
}

/* Appends a part; *whole once it is the last. */
static enum vh_err
gather(struct state *s, const struct fields *f, bool *whole)
{
	uint32_t index = fields_u32(f, VH_F_INDEX);
	uint32_t count =
	    fields_have(f, VH_F_COUNT) ? fields_u32(f, VH_F_COUNT) : 1;

	if (index == 0) {
		buf_free(s->coming);
		s->coming = buf_new(STATE_MAX);
		s->next = 0;
	}
	if (s->coming == NULL || index != s->next || index >= count)
		return VH_EFIELD;
	buf_put(s->coming, f->at[VH_F_DATA]);
	s->next++;
	*whole = s->next == count;
	return buf_end(s->coming);
}

enum vh_err
state_take(struct state *s, const struct fields *f, struct mono_ns now)
{
	bool whole = false;
	enum vh_err err = gather(s, f, &whole);

	if (err != VH_OK) {
		buf_free(TAKE(s->coming));
		return err;
	}
	if (!whole)
		return VH_OK;
	buf_free(s->unsaved);
	s->unsaved = TAKE(s->coming);
	return mono_passed(s->again, now) ? save(s, now) : VH_OK;
}

bool
state_waits(const struct state *s, struct mono_ns *until)
{
	*until = s->again;
	return s->unsaved != NULL;
}

void
state_retry(struct state *s, struct mono_ns now)
{
	if (s->unsaved != NULL)
		(void)save(s, now); /* logged, and tried again */
}
