#include "keyspec/check.h"

#include "keyspec/config.h"
#include "keyspec/keyspec.h"

enum text_kind
text_kind(const struct node *root)
{
	const struct node *keys = node_get(root, "keys");

	if (node_get(root, "version") != NULL ||
	    node_get(root, "defaults") != NULL)
		return TEXT_KEYSPEC;
	return keys != NULL && keys->kind == NODE_SEQUENCE ? TEXT_KEYSPEC
							   : TEXT_CONFIG;
}

static enum vh_err
check_keyspec(const struct reading *r, struct slice text, struct buf *normal)
{
	AUTO(keyspec_free) struct keyspec *spec = NULL;

	TRY(keyspec_parse(r, text, &spec));
	keyspec_put(normal, spec);
	return buf_end(normal);
}

static enum vh_err
check_config(const struct reading *r, struct slice text, struct buf *normal)
{
	AUTO(config_free) struct config *config = NULL;

	TRY(config_parse(r, text, &config));
	config_put(normal, config);
	return buf_end(normal);
}

enum vh_err
check_text(const struct reading *r, struct slice text, struct buf *normal)
{
	AUTO(node_free) struct node *root = NULL;

	TRY(node_parse(r, text, &root));
	return text_kind(root) == TEXT_KEYSPEC ? check_keyspec(r, text, normal)
					       : check_config(r, text, normal);
}
