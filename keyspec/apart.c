#include "keyspec/apart.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

struct path {
	char text[PATH_MAX]; /* without empty parts and "." */
	const char *folder, *name;
};

/* Cuts text behind its folder. */
static bool
split(const char *path, struct path *out)
{
	size_t len = 0;

	if (strlen(path) >= sizeof out->text)
		return false;
	for (const char *p = path; *p != '\0';) {
		size_t part = strcspn(p, "/");
		bool skipped = part == 0 || (part == 1 && *p == '.');

		if (!skipped && (p > path && (len > 0 || *path == '/')))
			out->text[len++] = '/';
		for (size_t i = 0; i < part && !skipped; i++)
			out->text[len++] = p[i];
		p += part + (p[part] == '/');
	}
	out->text[len] = '\0';
	char *slash = strrchr(out->text, '/');

	out->name = slash == NULL ? out->text : slash + 1;
	out->folder = slash == NULL        ? "."
		      : slash == out->text ? "/"
					   : out->text;
	if (slash != NULL)
		*slash = '\0';
	return true;
}

static bool
same_folder(const char *a, const char *b)
{
	struct stat one, other;

	if (strcmp(a, b) == 0)
		return true;
	return stat(a, &one) == 0 && stat(b, &other) == 0 &&
	       one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

/* What the trail appends to its file's name: .new, .N and .damaged-N. */
static bool
is_suffix(const char *text)
{
	const char *const damaged = ".damaged-";

	if (strcmp(text, "") == 0 || strcmp(text, ".new") == 0)
		return true;
	if (strncmp(text, damaged, strlen(damaged)) == 0)
		text += strlen(damaged);
	else if (*text++ != '.')
		return false;
	return *text != '\0' && text[strspn(text, "0123456789")] == '\0';
}

/* Whether other is the trail's file or one that it makes beside it. */
static bool
takes(const struct path *trail, const char *other)
{
	size_t len = strlen(trail->name);
	struct path o;

	return split(other, &o) && strncmp(o.name, trail->name, len) == 0 &&
	       is_suffix(o.name + len) && same_folder(trail->folder, o.folder);
}

/* The node's saved state, or what it makes beside that. */
static bool
is_state(const struct path *trail, const char *state)
{
	size_t len = strlen(CONFIG_STATE_FILE);
	char saved[2 * PATH_MAX];
	struct path s;

	(void)snprintf(saved, sizeof saved, "%s/" CONFIG_STATE_FILE, state);
	return strncmp(trail->name, CONFIG_STATE_FILE, len) == 0 &&
	       is_suffix(trail->name + len) && split(saved, &s) &&
	       same_folder(trail->folder, s.folder);
}

static void
free_path(char *path)
{
	free(path);
}
AUTO_FREE(char, free_path)

/* Whether it takes a file that a configuration names. */
static bool
takes_beside(const struct path *trail, const char *file, const char *other)
{
	AUTO(free_path) char *path = NULL;

	return other != NULL && path_beside(file, other, &path) == VH_OK &&
	       takes(trail, path);
}

/* What the trail would take; NULL: nothing. */
static const char *
find_taken(const struct path *trail, const struct reading *r,
    const struct config *c, const struct apart *used)
{
	const struct {
		const char *path, *what;
	} all[] = {
		{ used->callers, "the callers' socket" },
		{ used->operators, "the operators' socket" },
		{ used->spec, "the key spec" },
		{ r->file, "this file" },
	}, beside[] = {
		{ c->keys, "the key spec" },
		{ c->http.tls.cert, "the certificate of http" },
		{ c->http.tls.key, "the key of http" },
		{ c->cluster.ca, "the ca of cluster" },
		{ c->cluster.crl, "the crl of cluster" },
		{ c->cluster.tls.cert, "the tls certificate of cluster" },
		{ c->cluster.tls.key, "the tls key of cluster" },
		{ c->cluster.record.cert, "the record certificate of cluster" },
		{ c->cluster.record.key, "the record key of cluster" },
	};

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (all[i].path != NULL && takes(trail, all[i].path))
			return all[i].what;
	for (size_t i = 0; i < ARRAY_LEN(beside); i++)
		if (takes_beside(trail, r->file, beside[i].path))
			return beside[i].what;
	return NULL;
}

enum vh_err
apart_check(const struct reading *r, const struct config *c,
    const struct apart *used)
{
	const char *file = c->audit.file, *what = NULL;
	const char *state = used->state == NULL ? "." : used->state;
	char path[2 * PATH_MAX];
	struct path trail;

	if (file == NULL)
		return VH_OK;
	(void)snprintf(path, sizeof path, "%s%s%s", *file == '/' ? "" : state,
	    *file == '/' ? "" : "/", file);
	if (!split(path, &trail))
		return VH_OK; /* too long for a file, too */
	if (is_state(&trail, state))
		what = "what the node saves in state";
	else if (*file == '/' || used->state != NULL)
		what = find_taken(&trail, r, c, used);
	if (what == NULL)
		return VH_OK;
	return refuse(r, c->audit.at,
	    "file: found %s, expected a file of its own, but it or one beside "
	    "it is %s",
	    shown_text(file).text, what);
}
