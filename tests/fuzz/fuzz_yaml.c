/* The input as a tree, as a key spec and as a configuration: refused with one
 * line that names a place in the file, or printed in a normal form that is its
 * own normal form. */
#include "check.h"
#include "keyspec/check.h"
#include "keyspec/config.h"
#include "keyspec/keyspec.h"

#define FILE_NAME "input.yaml"
#define WHY_ROOM  8192
#define TEXT_ROOM (4u * NODE_TEXT_MAX)

typedef enum vh_err (
    *print)(const struct reading *r, struct slice text, struct buf *normal);

static enum vh_err
print_spec(const struct reading *r, struct slice text, struct buf *normal)
{
	AUTO(keyspec_free) struct keyspec *spec = NULL;
	enum vh_err err = keyspec_parse(r, text, &spec);

	CHECK((spec != NULL) == (err == VH_OK));
	if (spec == NULL)
		return err;
	CHECK(spec->keys.count <= KEYSPEC_ENTRIES_MAX);
	keyspec_put(normal, spec);
	return buf_end(normal);
}

static enum vh_err
print_config(const struct reading *r, struct slice text, struct buf *normal)
{
	AUTO(config_free) struct config *config = NULL;
	enum vh_err err = config_parse(r, text, &config);

	CHECK((config != NULL) == (err == VH_OK));
	if (config == NULL)
		return err;
	CHECK(config->principals.count <= CONFIG_PRINCIPALS_MAX);
	config_put(normal, config);
	return buf_end(normal);
}

/* "input.yaml:LINE:COLUMN: ", then something. */
static void
check_place(const struct buf *why)
{
	char text[WHY_ROOM + 1];
	unsigned line, column;
	int used = 0;

	snprintf(text, sizeof text, "%.*s", (int)why->len,
	    (const char *)why->p);
	CHECK(sscanf(text, FILE_NAME ":%u:%u: %n", &line, &column, &used) == 2);
	CHECK(used > 0 && (size_t)used < why->len);
	CHECK(line >= 1 && column >= 1);
}

static enum vh_err
try_print(print as, struct slice text, struct buf *normal)
{
	AUTO(buf_free) struct buf *why = buf_new(WHY_ROOM);
	const struct reading r = { FILE_NAME, why };
	enum vh_err err = as(&r, text, normal);

	check_why(err, why);
	if (err != VH_OK) {
		CHECK(err == VH_ECONFIG);
		check_place(why);
	}
	return err;
}

static enum vh_err
try_stable(print as, struct slice text)
{
	AUTO(buf_free) struct buf *once = buf_new(TEXT_ROOM);
	AUTO(buf_free) struct buf *twice = buf_new(TEXT_ROOM);

	TRY(try_print(as, text, once));
	CHECK(try_print(as, buf_slice(once), twice) == VH_OK);
	CHECK(slice_eq(buf_slice(once), buf_slice(twice)));
	return VH_OK;
}

/* Children add up, stand in order, and nothing has a control character. */
static size_t
check_tree(const struct node *n, size_t depth)
{
	size_t count = 0, nodes = 1;

	CHECK(depth <= NODE_DEPTH_MAX);
	CHECK(n->kind != NODE_SCALAR || n->text != NULL);
	for (const char *c = n->text; c != NULL && *c != '\0'; c++)
		CHECK((unsigned char)*c >= 0x20 && *c != 0x7f);
	for (const struct node *c = n->first; c != NULL; c = c->next) {
		CHECK((n->kind == NODE_MAPPING) == (c->key != NULL));
		if (c->key != NULL)
			CHECK(node_get(n, c->key) == c);
		nodes += check_tree(c, depth + 1);
		count++;
	}
	CHECK(count == n->count && count <= NODE_ENTRIES_MAX);
	return nodes;
}

static enum vh_err
try_tree(struct slice text)
{
	AUTO(buf_free) struct buf *why = buf_new(WHY_ROOM);
	AUTO(node_free) struct node *root = NULL;
	const struct reading r = { FILE_NAME, why };
	enum vh_err err = node_parse(&r, text, &root);

	check_why(err, why);
	CHECK((root != NULL) == (err == VH_OK));
	if (root == NULL)
		check_place(why);
	else
		CHECK(check_tree(root, 0) <= NODE_COUNT_MAX + 1);
	return err;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_of(data, size);
	enum vh_err tree = try_tree(text);
	enum vh_err spec = try_stable(print_spec, text);
	enum vh_err config = try_stable(print_config, text);

	/* What is no tree is nothing else. */
	CHECK(tree == VH_OK || (spec != VH_OK && config != VH_OK));
	return 0;
}
