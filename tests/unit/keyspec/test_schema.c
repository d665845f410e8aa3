#include "reading.h"

#include <dirent.h>

static const struct folder {
	const char *path;
	enum text_kind kind;
} folders[] = {
	{ "tests/golden/keyspec", TEXT_KEYSPEC },
	{ "tests/golden/config", TEXT_CONFIG },
};

/* Calls back for every NAME.yaml of a folder, and gives how many there were. */
static size_t
each_yaml(const struct folder *folder,
    void (*see)(const struct folder *folder, const char *name, void *with),
    void *with)
{
	const char *root = getenv("VHSM_ROOT");
	char path[4096];
	size_t seen = 0;

	(void)snprintf(path, sizeof path, "%s/%s", root == NULL ? "." : root,
	    folder->path);
	DIR *dir = opendir(path);

	cr_assert(dir != NULL, "cannot open %s", path);
	for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
		char *dot = strrchr(e->d_name, '.');

		if (dot == NULL || strcmp(dot, ".yaml") != 0)
			continue;
		*dot = '\0';
		see(folder, e->d_name, with);
		seen++;
	}
	closedir(dir);
	return seen;
}

static bool
tree_has(const char *path)
{
	const char *root = getenv("VHSM_ROOT");
	char name[4096];

	(void)snprintf(name, sizeof name, "%s/%s", root == NULL ? "." : root,
	    path);
	FILE *f = fopen(name, "rb");

	if (f != NULL)
		fclose(f);
	return f != NULL;
}

static void
see_golden(const struct folder *folder, const char *name, void *)
{
	AUTO(buf_free) struct buf *why = buf_new(WHY_ROOM);
	AUTO(buf_free) struct buf *normal = buf_new(NODE_TEXT_MAX);
	char path[4096], file[512];

	(void)snprintf(path, sizeof path, "%s/%s.yaml", folder->path, name);
	(void)snprintf(file, sizeof file, "%s.yaml", name);
	AUTO(buf_free) struct buf *text = tree_file(path);
	enum vh_err err =
	    normal_form(folder->kind, file, buf_slice(text), normal, why);

	(void)snprintf(path, sizeof path, "%s/%s.ok", folder->path, name);
	bool good = tree_has(path);

	if (!good)
		(void)snprintf(path, sizeof path, "%s/%s.err", folder->path,
		    name);
	AUTO(buf_free) struct buf *golden = tree_file(path);

	buf_put_text(why, "\n");
	struct buf *got = err == VH_OK ? normal : why;

	cr_expect_eq(err, good ? VH_OK : VH_ECONFIG, "%s: %.*s", path,
	    (int)got->len, (const char *)got->p);
	cr_expect(slice_eq(buf_slice(got), buf_slice(golden)), "%s: got\n%.*s",
	    path, (int)got->len, (const char *)got->p);
}

Test(schema, every_golden_file_gives_its_golden_answer)
{
	for (size_t i = 0; i < ARRAY_LEN(folders); i++)
		cr_expect_gt(each_yaml(&folders[i], see_golden, NULL), 50);
}

static void
see_stable(const struct folder *folder, const char *name, void *)
{
	char path[4096];

	(void)snprintf(path, sizeof path, "%s/%s.yaml", folder->path, name);
	AUTO(buf_free) struct buf *text = tree_file(path);

	expect_sane(folder->kind, buf_slice(text), path, 0);
}

Test(schema, what_is_printed_parses_to_the_same)
{
	for (size_t i = 0; i < ARRAY_LEN(folders); i++)
		each_yaml(&folders[i], see_stable, NULL);
}

static void
gather(const struct folder *folder, const char *name, void *with)
{
	static const char *const endings[] = { "ok", "err" };
	char path[4096];

	for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
		(void)snprintf(path, sizeof path, "%s/%s.%s", folder->path,
		    name, endings[i]);
		if (!tree_has(path))
			continue;
		AUTO(buf_free) struct buf *text = tree_file(path);

		buf_put(with, buf_slice(text));
	}
}

static bool
holds(const struct buf *all, const char *before, const char *text,
    const char *after)
{
	char wanted[256];

	(void)snprintf(wanted, sizeof wanted, "%s%s%s", before, text, after);
	return memmem(all->p, all->len, wanted, strlen(wanted)) != NULL;
}

static const struct {
	const char *key, *answer;
} keys[] = {
#define VH_ROW(scope, key, type, preset, needed) { #key, ": " },
#define VH_LATER(scope, key)                                                   \
	{ #key, ": not supported by this version, expected" },
#include "keyspec/schema.def"
};

Test(schema, every_key_has_a_golden_file)
{
	AUTO(buf_free) struct buf *all = buf_new(NODE_TEXT_MAX);

	for (size_t i = 0; i < ARRAY_LEN(folders); i++)
		each_yaml(&folders[i], gather, all);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		cr_expect(holds(all, "", keys[i].key, keys[i].answer) ||
			      holds(all, "", keys[i].key, ":\n"),
		    "%s", keys[i].key);
}

Test(schema, every_key_is_in_a_man_page)
{
	AUTO(buf_free) struct buf *all = tree_file("deploy/man/keyspec.5");
	AUTO(buf_free) struct buf *more = tree_file("deploy/man/vhsmd.yaml.5");

	buf_put(all, buf_slice(more));
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		cr_expect(holds(all, "Cm ", keys[i].key, " ") ||
			      holds(all, "Cm ", keys[i].key, "\n") ||
			      holds(all, "Ss ", keys[i].key, "\n"),
		    "%s", keys[i].key);
}
