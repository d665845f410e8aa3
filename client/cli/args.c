#include "client/cli/args.h"

#include <ctype.h>

#include "client/cli/verbs.h"
#include "wire/pub.h"

#define O(sym)   (UINT64_C(1) << OPTION_##sym)
#define SELECTOR (O(KID) | O(NAME) | O(ALG) | O(KTY) | O(CRV) | O(USE))
#define FORM     (O(ALSO) | O(FORMAT) | O(UNPROT))
#define ALWAYS   (O(SOCKET) | O(JSON) | O(TIMEOUT) | O(HELP) | O(VERSION))

enum option_type { TEXT, COUNT, FLAG, LIST, NEXT };
_Static_assert(OPTION_COUNT <= 64, "a verb's options are bits");

static const struct option {
	const char *name;
	char letter;
	enum option_type type;
	size_t offset;
	const char *value, *what;
} options[] = {
#define VH_OPTION(sym, name, letter, type, member, value, what)                \
	{ name, letter, type, offsetof(struct args, member), value, what },
#include "client/cli/options.def"
};

static const struct verb verbs[] = {
#define VH_VERB(name, run, options, operand, least, most, what)                \
	{ name, run, options, operand, least, most, what },
#include "client/cli/verbs.def"
};

struct parser {
	int argc, at;
	char **argv;
	bool only_operands; /* behind -- */
	FILE *err;
	struct args *out;
};

const struct verb *
verb_at(size_t i)
{
	return i < ARRAY_LEN(verbs) ? &verbs[i] : NULL;
}

const struct verb *
verb_by_name(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

bool
args_takes(const struct verb *verb, enum option_id option)
{
	return ((verb->options | ALWAYS) >> option & 1) != 0;
}

/* Whether name is the group's first word and one more. */
static bool
is_in_group(const char *name, const char *group)
{
	size_t len = strlen(group);

	return strncmp(name, group, len) == 0 && name[len] == ' ';
}

bool
verb_is_group(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		if (is_in_group(verbs[i].name, name))
			return true;
	return false;
}

/* Starts an error line; the caller ends it. */
static FILE *
complain(const struct parser *p)
{
	fputs("vhsm: ", p->err);
	if (p->out->verb != NULL)
		fprintf(p->err, "%s: ", p->out->verb->name);
	else if (p->out->group != NULL)
		fprintf(p->err, "%s: ", p->out->group);
	return p->err;
}

static bool
is_allowed(const struct parser *p, size_t option)
{
	uint64_t allowed =
	    ALWAYS | (p->out->verb == NULL ? 0 : p->out->verb->options);

	return (allowed >> option & 1) != 0;
}

static bool
begins(const char *name, const char *typed, size_t len)
{
	return strncmp(name, typed, len) == 0;
}

static const struct option *
complain_ambiguous(const struct parser *p, const char *typed, size_t len)
{
	fprintf(complain(p), "option --%.*s is ambiguous:", (int)len, typed);
	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		if (is_allowed(p, i) && begins(options[i].name, typed, len))
			fprintf(p->err, " --%s", options[i].name);
	fputc('\n', p->err);
	return NULL;
}

static const struct option *
find_long(const struct parser *p, const char *typed, size_t len)
{
	const struct option *found = NULL;
	bool ambiguous = false;

	for (size_t i = 0; i < ARRAY_LEN(options); i++) {
		if (!is_allowed(p, i) || !begins(options[i].name, typed, len))
			continue;
		if (options[i].name[len] == '\0')
			return &options[i];
		ambiguous = found != NULL;
		found = &options[i];
	}
	if (ambiguous)
		return complain_ambiguous(p, typed, len);
	if (found == NULL || len == 0) {
		fprintf(complain(p), "unknown option --%.*s; see vhsm help\n",
		    (int)len, typed);
		return NULL;
	}
	return found;
}

static const struct option *
find_short(const struct parser *p, char letter)
{
	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		if (is_allowed(p, i) && options[i].letter == letter)
			return &options[i];
	fprintf(complain(p), "unknown option -%c; see vhsm help\n", letter);
	return NULL;
}

static bool
number_of(const char *text, uint32_t *out)
{
	uint64_t v = 0;

	for (const char *c = text; *c != '\0'; c++) {
		if (!isdigit((unsigned char)*c))
			return false;
		v = v * 10 + (uint64_t)(*c - '0');
		if (v > INT32_MAX)
			return false;
	}
	*out = (uint32_t)v;
	return v > 0;
}

static bool
add_word(struct words *w, const char *word)
{
	if (w->n == WORDS_MAX)
		return false;
	w->at[w->n++] = word;
	return true;
}

static bool
takes_value(const struct option *o)
{
	return o->type != FLAG && o->type != NEXT;
}

/* The parties in the order of the command line: the first has the members of
 * struct args, and the one being typed stands there until the end. */
static void
swap_party(struct args *a, struct party *p)
{
	struct party held = { a->key, a->header, a->typ, a->unprotected,
		a->jwk };

	a->key = p->key;
	a->header = p->header;
	a->typ = p->typ;
	a->unprotected = p->unprotected;
	a->jwk = p->jwk;
	*p = held;
}

static bool
begin_party(const struct parser *p)
{
	struct args *a = p->out;

	if (a->more_count == ARRAY_LEN(a->more)) {
		fprintf(complain(p), "--also may be given %zu times\n",
		    ARRAY_LEN(a->more));
		return false;
	}
	a->more[a->more_count] = (struct party){ .typ = NULL };
	swap_party(a, &a->more[a->more_count++]);
	return true;
}

/* Until here more[0] has the first, more[1] the second, and so on. */
static void
end_parties(struct args *a)
{
	for (uint32_t i = a->more_count; i > 0; i--)
		swap_party(a, &a->more[i - 1]);
}

/* Whether the member of an option with one value has it: each party has its
 * own. */
static bool
is_given(const struct option *o, const char *member)
{
	const char *text;
	uint32_t number;

	if (o->type == TEXT) {
		memcpy(&text, member, sizeof text);
		return text != NULL;
	}
	memcpy(&number, member, sizeof number);
	return number != 0;
}

static bool
set_option(struct parser *p, const struct option *o, const char *value)
{
	char *member = (char *)p->out + o->offset;
	uint32_t number;

	if (o->type == LIST &&
	    !add_word((struct words *)(void *)member, value)) {
		fprintf(complain(p), "--%s may be given %d times\n", o->name,
		    WORDS_MAX);
		return false;
	}
	if (o->type == LIST)
		return true;
	if (o->type == NEXT)
		return begin_party(p);
	if (takes_value(o) && is_given(o, member)) {
		fprintf(complain(p), "--%s may be given once: %s\n", o->name,
		    o->value);
		return false;
	}
	if (o->type == FLAG) {
		memcpy(member, &(bool){ true }, sizeof(bool));
	} else if (o->type == TEXT) {
		memcpy(member, &value, sizeof value);
	} else if (number_of(value, &number)) {
		memcpy(member, &number, sizeof number);
	} else {
		fprintf(complain(p),
		    "--%s wants a number from 1 to %d, not %s\n", o->name,
		    INT32_MAX, value);
		return false;
	}
	return true;
}

/* attached: the value in the same word, or NULL. */
static bool
take_option(struct parser *p, const struct option *o, const char *attached)
{
	const char *value = attached;

	if (o == NULL)
		return false;
	if (!takes_value(o) && attached != NULL) {
		fprintf(complain(p), "--%s takes no value\n", o->name);
		return false;
	}
	if (takes_value(o) && attached == NULL) {
		if (p->at == p->argc) {
			fprintf(complain(p), "--%s wants a value: %s\n",
			    o->name, o->value);
			return false;
		}
		value = p->argv[p->at++];
	}
	return set_option(p, o, value);
}

static bool
take_long(struct parser *p, const char *typed)
{
	const char *equals = strchr(typed, '=');
	size_t len = equals == NULL ? strlen(typed) : (size_t)(equals - typed);

	return take_option(p, find_long(p, typed, len),
	    equals == NULL ? NULL : equals + 1);
}

static bool
take_short(struct parser *p, const char *typed)
{
	return take_option(p, find_short(p, typed[0]),
	    typed[1] == '\0' ? NULL : typed + 1);
}

static bool
take_verb(struct parser *p, const char *word)
{
	struct args *a = p->out;
	char name[64];

	if (a->group == NULL && verb_is_group(word)) {
		a->group = word;
		return true;
	}
	(void)snprintf(name, sizeof name, "%s%s%s",
	    a->group == NULL ? "" : a->group, a->group == NULL ? "" : " ",
	    word);
	a->verb = verb_by_name(name);
	if (a->verb == NULL)
		fprintf(complain(p), "unknown verb %s; see vhsm help%s%s\n",
		    word, a->group == NULL ? "" : " ",
		    a->group == NULL ? "" : a->group);
	return a->verb != NULL;
}

static bool
take_word(struct parser *p, const char *word)
{
	struct args *a = p->out;

	if (a->verb == NULL)
		return take_verb(p, word);
	if (a->operands.n < a->verb->most && add_word(&a->operands, word))
		return true;
	fprintf(complain(p), "superfluous argument %s\n", word);
	return false;
}

/* Every 64th thumbprint begins with '-'; no option looks like all of one. */
static bool
is_thumbprint(const char *word)
{
	return strlen(word) == VH_KID_SIZE &&
	       strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwx"
			    "yz0123456789-_") == VH_KID_SIZE;
}

static bool
take_next(struct parser *p)
{
	const char *word = p->argv[p->at++];

	if (p->only_operands || word[0] != '-' || word[1] == '\0' ||
	    is_thumbprint(word))
		return take_word(p, word);
	if (word[1] != '-')
		return take_short(p, word + 1);
	if (word[2] != '\0')
		return take_long(p, word + 2);
	p->only_operands = true;
	return true;
}

bool
args_parse(int argc, char **argv, FILE *err, struct args *out)
{
	struct parser p = { argc, 1, argv, false, err, out };

	*out = (struct args){ 0 };
	while (p.at < argc)
		if (!take_next(&p))
			return false;
	end_parties(out);
	if (out->help || out->version)
		return true;
	if (out->verb == NULL) {
		fprintf(complain(&p), "which verb? see vhsm help%s%s\n",
		    out->group == NULL ? "" : " ",
		    out->group == NULL ? "" : out->group);
		return false;
	}
	if (out->operands.n < out->verb->least) {
		fprintf(complain(&p), "%s is missing\n", out->verb->operand);
		return false;
	}
	return true;
}

static void
print_options(FILE *to, uint64_t mask)
{
	char left[32];

	for (size_t i = 0; i < ARRAY_LEN(options); i++) {
		const struct option *o = &options[i];

		if ((mask >> i & 1) == 0)
			continue;
		(void)snprintf(left, sizeof left, "--%s%s%s", o->name,
		    o->value == NULL ? "" : " ",
		    o->value == NULL ? "" : o->value);
		if (o->letter != 0)
			fprintf(to, "  -%c, %-20s %s\n", o->letter, left,
			    o->what);
		else
			fprintf(to, "      %-20s %s\n", left, o->what);
	}
}

static void
print_verb(FILE *to, const struct verb *verb)
{
	fprintf(to, "usage: vhsm %s [options]%s%s\n%s\n", verb->name,
	    verb->operand == NULL ? "" : " ",
	    verb->operand == NULL ? "" : verb->operand, verb->what);
	if (verb->options != 0)
		fputs("\noptions:\n", to);
	print_options(to, verb->options);
}

static void
print_verbs(FILE *to, const char *group)
{
	if (group == NULL)
		fputs("usage: vhsm [-s URL] [--json] VERB [options] "
		      "[FILE|-]\n\nverbs:\n",
		    to);
	else
		fprintf(to, "usage: vhsm %s VERB [options]\n\nverbs:\n", group);
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		if (group == NULL || is_in_group(verbs[i].name, group))
			fprintf(to, "  %-14s %s\n", verbs[i].name,
			    verbs[i].what);
}

void
args_usage(FILE *to, const struct verb *verb, const char *group)
{
	if (verb != NULL)
		print_verb(to, verb);
	else
		print_verbs(to, group);
	fputs("\noptions of all verbs:\n", to);
	print_options(to, ALWAYS);
	if (verb == NULL)
		fputs("\nvhsm VERB --help tells more about a verb.\n", to);
}
