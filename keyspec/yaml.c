#include "keyspec/yaml.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

/* A tree being built: the chain of open sequences and mappings, and the key
 * that the next node of a mapping gets. */
struct building {
	const struct reading *r;
	struct node *open[NODE_DEPTH_MAX];
	size_t depth, nodes;
	char *key;
	struct place key_at;
	struct node *root;
};

static void
building_free(struct building *t)
{
	free(t->key);
	node_free(t->root);
}

static inline void
event_end(yaml_event_t *event)
{
	yaml_event_delete(event);
}

static inline void
parser_end(yaml_parser_t *parser)
{
	yaml_parser_delete(parser);
}

#define SCOPED(fn) __attribute__((cleanup(fn)))

void
node_free(struct node *n)
{
	while (n != NULL) {
		struct node *next = n->next;

		node_free(n->first);
		free(n->key);
		free(n->text);
		free(n);
		n = next;
	}
}

const struct node *
node_get(const struct node *mapping, const char *key)
{
	for (const struct node *n = mapping->first; n != NULL; n = n->next)
		if (n->key != NULL && strcmp(n->key, key) == 0)
			return n;
	return NULL;
}

enum vh_err
refuse(const struct reading *r, struct place at, const char *format, ...)
{
	char message[1536];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(message, sizeof message, format, args);
	va_end(args);
	buf_clear(r->why);
	/* A file may be named anything; the line stays one line. */
	for (const char *p = r->file; *p != '\0'; p++)
		buf_put_u8(r->why,
		    (uint8_t)*p < ' ' || *p == 0x7f ? '?' : (uint8_t)*p);
	buf_format(r->why, ":%u:%u: %s", at.line, at.column, message);
	return VH_ECONFIG;
}

struct shown
shown_text(const char *text)
{
	struct shown s = { .text = "\"" };
	size_t n = 1;

	for (const char *p = text; *p != '\0'; p++) {
		if (n == sizeof s.text - 5) {
			memcpy(s.text + n, "...", 3);
			n += 3;
			break;
		}
		s.text[n++] = *p >= ' ' && *p < 0x7f ? *p : '?';
	}
	s.text[n++] = '"';
	s.text[n] = '\0';
	return s;
}

struct shown
shown(const struct node *n)
{
	static const char *const kinds[] = {
		[NODE_NOTHING] = "nothing",
		[NODE_SEQUENCE] = "a list",
		[NODE_MAPPING] = "a mapping",
	};
	struct shown s;

	if (n->kind == NODE_SCALAR)
		return shown_text(n->text);
	bool empty = n->kind != NODE_NOTHING && n->count == 0;

	(void)snprintf(s.text, sizeof s.text, "%s%s", kinds[n->kind],
	    empty ? " without entries" : "");
	return s;
}

static struct place
place_of(yaml_mark_t mark)
{
	return (
	    struct place){ (uint32_t)mark.line + 1, (uint32_t)mark.column + 1 };
}

/* Control characters, line and paragraph separators, marks that turn the
 * direction of writing, byte order marks: nothing a value needs, and some could
 * make a reviewer see other text than the machine does. */
static bool
is_unfit(const uint8_t *p, size_t left)
{
	if (p[0] < ' ' || p[0] == 0x7f)
		return true;
	if (left >= 2 && p[0] == 0xc2)
		return p[1] < 0xa0;
	if (left < 3)
		return false;
	if (p[0] == 0xe2 && p[1] == 0x80)
		return p[2] >= 0x8e && p[2] <= 0xae &&
		       !(p[2] > 0x8f && p[2] < 0xa8);
	if (p[0] == 0xe2 && p[1] == 0x81)
		return p[2] >= 0xa6 && p[2] <= 0xa9;
	return p[0] == 0xef && ((p[1] == 0xbb && p[2] == 0xbf) ||
				   (p[1] == 0xbf && p[2] >= 0xbe));
}

static enum vh_err
check_scalar(struct building *t, const yaml_event_t *event)
{
	struct place at = place_of(event->start_mark);
	const uint8_t *p = event->data.scalar.value;
	size_t len = event->data.scalar.length;

	for (size_t i = 0; i < len; i++)
		if (is_unfit(p + i, len - i))
			return refuse(t->r, at,
			    "a control character in a text, expected printable "
			    "characters only");
	return VH_OK;
}

static bool
is_nothing(const yaml_event_t *event)
{
	static const char *const words[] = { "", "~", "null", "Null", "NULL" };
	const char *text = (const char *)event->data.scalar.value;

	if (event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strcmp(text, words[i]) == 0)
			return true;
	return false;
}

static bool
wants_key(const struct building *t)
{
	return t->depth > 0 && t->key == NULL &&
	       t->open[t->depth - 1]->kind == NODE_MAPPING;
}

static enum vh_err
take_key(struct building *t, const yaml_event_t *event)
{
	struct place at = place_of(event->start_mark);

	if (event->type != YAML_SCALAR_EVENT || is_nothing(event))
		return refuse(t->r, at,
		    "a key that is not a word, expected a word and a colon");
	TRY(check_scalar(t, event));
	const char *text = (const char *)event->data.scalar.value;
	const struct node *same = node_get(t->open[t->depth - 1], text);

	if (same != NULL)
		return refuse(t->r, at,
		    "key %s given twice, expected it only at line %u",
		    shown_text(text).text, same->key_at.line);
	t->key = strdup(text);
	t->key_at = at;
	return t->key == NULL ? VH_ENOMEM : VH_OK;
}

static void
append(struct building *t, struct node *n)
{
	struct node *parent = t->depth == 0 ? NULL : t->open[t->depth - 1];

	n->key = TAKE(t->key);
	n->key_at = t->key_at;
	if (parent == NULL) {
		t->root = n;
		return;
	}
	if (parent->last == NULL)
		parent->first = n;
	else
		parent->last->next = n;
	parent->last = n;
	parent->count++;
}

static enum vh_err
add_node(struct building *t, const yaml_event_t *event, enum node_kind kind)
{
	struct place at = place_of(event->start_mark);

	if (t->depth > 0 && t->open[t->depth - 1]->count == NODE_ENTRIES_MAX)
		return refuse(t->r, at, "too many entries, expected at most %d",
		    NODE_ENTRIES_MAX);
	if (t->nodes == NODE_COUNT_MAX)
		return refuse(t->r, at,
		    "too many values in the file, expected at most %d",
		    NODE_COUNT_MAX);
	if (kind != NODE_SCALAR && t->depth == NODE_DEPTH_MAX)
		return refuse(t->r, at,
		    "nested too deeply, expected at most %d levels",
		    NODE_DEPTH_MAX);
	AUTO(node_free) struct node *n = calloc(1, sizeof *n);

	if (n == NULL)
		return VH_ENOMEM;
	n->kind = kind;
	n->at = at;
	if (kind == NODE_SCALAR) {
		TRY(check_scalar(t, event));
		if (is_nothing(event))
			n->kind = NODE_NOTHING;
		n->text = strdup((const char *)event->data.scalar.value);
		if (n->text == NULL)
			return VH_ENOMEM;
	}
	t->nodes++;
	append(t, n);
	if (kind != NODE_SCALAR)
		t->open[t->depth++] = n;
	TAKE(n);
	return VH_OK;
}

/* Anchor and tag of the events that may have one. */
static enum vh_err
check_plain(struct building *t, const yaml_event_t *event)
{
	const uint8_t *anchor = NULL, *tag = NULL;

	if (event->type == YAML_SCALAR_EVENT) {
		anchor = event->data.scalar.anchor;
		tag = event->data.scalar.tag;
	} else if (event->type == YAML_SEQUENCE_START_EVENT) {
		anchor = event->data.sequence_start.anchor;
		tag = event->data.sequence_start.tag;
	} else if (event->type == YAML_MAPPING_START_EVENT) {
		anchor = event->data.mapping_start.anchor;
		tag = event->data.mapping_start.tag;
	}
	struct place at = place_of(event->start_mark);

	if (event->type == YAML_ALIAS_EVENT || anchor != NULL)
		return refuse(t->r, at,
		    "an anchor or alias, expected the value itself");
	if (tag != NULL)
		return refuse(t->r, at, "a tag, expected a value without one");
	return VH_OK;
}

static enum vh_err
take_event(struct building *t, const yaml_event_t *event)
{
	struct place at = place_of(event->start_mark);

	TRY(check_plain(t, event));
	if (event->type == YAML_SEQUENCE_END_EVENT ||
	    event->type == YAML_MAPPING_END_EVENT) {
		t->depth--;
		return VH_OK;
	}
	if (event->type == YAML_DOCUMENT_START_EVENT) {
		if (t->root != NULL)
			return refuse(t->r, at,
			    "a second document, expected one in a file");
		return VH_OK;
	}
	if (event->type != YAML_SCALAR_EVENT &&
	    event->type != YAML_SEQUENCE_START_EVENT &&
	    event->type != YAML_MAPPING_START_EVENT)
		return VH_OK;
	if (wants_key(t))
		return take_key(t, event);
	if (event->type == YAML_SCALAR_EVENT)
		return add_node(t, event, NODE_SCALAR);
	return add_node(t, event,
	    event->type == YAML_MAPPING_START_EVENT ? NODE_MAPPING
						    : NODE_SEQUENCE);
}

/* The place of a byte; columns count characters. */
static struct place
place_of_offset(struct slice text, size_t offset)
{
	struct place at = { 1, 1 };

	for (size_t i = 0; i < offset && i < text.len; i++) {
		if (text.p[i] == '\n')
			at = (struct place){ at.line + 1, 1 };
		else if ((text.p[i] & 0xc0) != 0x80)
			at.column++;
	}
	return at;
}

static enum vh_err
refuse_syntax(const struct reading *r, struct slice text,
    const yaml_parser_t *parser)
{
	struct place at = place_of(parser->problem_mark);

	if (parser->error == YAML_MEMORY_ERROR)
		return VH_ENOMEM;
	if (parser->error == YAML_READER_ERROR)
		at = place_of_offset(text, parser->problem_offset);
	return refuse(r, at, "not YAML (%s), expected one document",
	    parser->problem == NULL ? "unknown problem" : parser->problem);
}

static enum vh_err
take_events(struct building *t, struct slice text, yaml_parser_t *parser)
{
	for (;;) {
		SCOPED(event_end) yaml_event_t event = { 0 };

		if (yaml_parser_parse(parser, &event) == 0)
			return refuse_syntax(t->r, text, parser);
		TRY(take_event(t, &event));
		if (event.type == YAML_STREAM_END_EVENT)
			return VH_OK;
	}
}

/* No document, or one of comments only: everything has its default. */
static enum vh_err
give_root(struct building *t, struct node **out)
{
	if (t->root == NULL)
		t->root = calloc(1, sizeof *t->root);
	if (t->root == NULL)
		return VH_ENOMEM;
	if (t->root->kind == NODE_NOTHING) {
		t->root->kind = NODE_MAPPING;
		if (t->root->at.line == 0)
			t->root->at = (struct place){ 1, 1 };
	}
	*out = TAKE(t->root);
	return VH_OK;
}

enum vh_err
node_parse(const struct reading *r, struct slice text, struct node **out)
{
	SCOPED(building_free) struct building t = { .r = r };
	SCOPED(parser_end) yaml_parser_t parser = { 0 };

	if (text.len > NODE_TEXT_MAX)
		return refuse(r, (struct place){ 1, 1 },
		    "a file of %zu bytes, expected at most %u", text.len,
		    NODE_TEXT_MAX);
	if (yaml_parser_initialize(&parser) == 0)
		return VH_ENOMEM;
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser,
	    text.len == 0 ? (const uint8_t *)"" : text.p, text.len);
	TRY(take_events(&t, text, &parser));
	return give_root(&t, out);
}
