/* completion: what makes a shell complete the command line.  Everything in it
 * comes from verbs.def and options.def. */
#include "client/cli/output.h"
#include "client/cli/verbs.h"

static const struct option_name {
	const char *name, *value, *what;
	char letter;
} options[] = {
#define VH_OPTION(sym, name, letter, type, member, value, what)                \
	{ name, value, what, letter },
#include "client/cli/options.def"
};

static const char algs[] =
#define VH_ALG(sym, id, name, kind, kty, crv, digest, size) name " "
#include "wire/alg.def"
    "";
static const char encs[] =
#define VH_ENC(sym, id, name, cek, iv, tag, lib, mac) name " "
#include "wire/alg.def"
    "";
static const char crvs[] =
#define VH_CRV(sym, id, name, kty, size, sig, agrees, lib) name " "
#include "wire/alg.def"
    "";
static const char ktys[] =
#define VH_KTY(sym, id, name) name " "
#include "wire/alg.def"
    "";

/* What a value, or an operand, is called in usage, and how a shell finds one:
 * "files", "dirs", or words to choose from. */
static const struct {
	const char *value, *from;
} sources[] = {
	{ "FILE", "files" },
	{ "DIR", "dirs" },
	{ "[FILE|-]", "files" },
	{ "FILE...", "files" },
	{ "FILE.csr...", "files" },
	{ "[NAME|FILE.crt]...", "files" },
	{ "A,B", algs },
	{ "ENC", encs },
	{ "KTY", ktys },
	{ "CRV", crvs },
	{ "USE", "sig enc" },
	{ "F", "compact flattened general" },
	{ "STATE", "any published active retired" },
	{ "[VERB]", "verbs" },
	{ "bash|zsh", "bash zsh" },
};

static const char *
source_of(const char *value)
{
	for (size_t i = 0; value != NULL && i < ARRAY_LEN(sources); i++)
		if (strcmp(sources[i].value, value) == 0)
			return sources[i].from;
	return "";
}

/* In single quotes of a shell: no text of ours has one, but if it ever has. */
static void
put_quoted(const char *text)
{
	putchar('\'');
	for (; *text != '\0'; text++)
		if (*text == '\'')
			fputs("'\\''", stdout);
		else
			putchar(*text);
	putchar('\'');
}

/* A function that prints, for the verb "$1", its options one a line; with zsh
 * their meaning behind a colon. */
static void
put_options(bool meanings)
{
	puts("_vhsm_options() {\n\tcase \"$1\" in");
	for (size_t i = 0; verb_at(i) != NULL; i++) {
		const struct verb *v = verb_at(i);

		printf("\t'%s') printf '%%s\\n'", v->name);
		for (size_t k = 0; k < ARRAY_LEN(options); k++) {
			char text[160];

			if (!args_takes(v, (enum option_id)k))
				continue;
			(void)snprintf(text, sizeof text, "--%s%s%s",
			    options[k].name, meanings ? ":" : "",
			    meanings ? options[k].what : "");
			putchar(' ');
			put_quoted(text);
		}
		puts(" ;;");
	}
	puts("\tesac\n}");
}

static bool
has_name_of(size_t i, size_t k)
{
	return i != k && strcmp(options[i].name, options[k].name) == 0;
}

/* Where several have one name, what each verb that takes this one means. */
static void
put_value_of_verbs(size_t k)
{
	bool shared = false;

	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		shared = shared || has_name_of(i, k);
	for (size_t i = 0; shared && verb_at(i) != NULL; i++)
		if (args_takes(verb_at(i), (enum option_id)k))
			printf("\t'%s --%s') echo '%s' ;;\n", verb_at(i)->name,
			    options[k].name, source_of(options[k].value));
}

/* A function that prints where the value of the option "$1" of the verb "$2",
 * which may be missing, comes from; its status says whether it takes one. */
static void
put_values(void)
{
	puts("_vhsm_value() {\n\tcase \"$2 $1\" in");
	for (size_t k = 0; k < ARRAY_LEN(options); k++)
		if (options[k].value != NULL)
			put_value_of_verbs(k);
	for (size_t k = 0; k < ARRAY_LEN(options); k++) {
		if (options[k].value == NULL)
			continue;
		printf("\t*' --%s'", options[k].name);
		if (options[k].letter != 0)
			printf("|*' -%c'", options[k].letter);
		printf(") echo '%s' ;;\n", source_of(options[k].value));
	}
	puts("\t*) return 1 ;;\n\tesac\n}");
}

static void
put_operands(void)
{
	puts("_vhsm_operand() {\n\tcase \"$1\" in");
	for (size_t i = 0; verb_at(i) != NULL; i++)
		printf("\t'%s') echo '%s' ;;\n", verb_at(i)->name,
		    source_of(verb_at(i)->operand));
	puts("\tesac\n}");
}

/* The first word of a verb with two whose group no row before has; else 0. */
static int
new_group(size_t i)
{
	const char *name = verb_at(i)->name, *space = strchr(name, ' ');
	int len = space == NULL ? 0 : (int)(space - name);

	for (size_t k = 0; k < i; k++)
		if (strncmp(verb_at(k)->name, name, (size_t)len + 1) == 0)
			return 0;
	return len;
}

static void
put_verb_line(const char *word, const char *what, bool meanings)
{
	fputs(" printf '%s\\n' ", stdout);
	put_quoted(word);
	if (meanings) {
		putchar(':');
		put_quoted(what);
	}
	puts("; fi");
}

/* A function that prints the words a verb may start with, or the second words
 * of the group "$1". */
static void
put_verbs(bool meanings)
{
	puts("_vhsm_verbs() {");
	for (size_t i = 0; verb_at(i) != NULL; i++) {
		const char *name = verb_at(i)->name, *what = verb_at(i)->what;
		const char *space = strchr(name, ' ');

		if (space == NULL)
			fputs("\tif [ -z \"$1\" ]; then", stdout);
		else
			printf("\tif [ \"$1\" = '%.*s' ]; then",
			    (int)(space - name), name);
		put_verb_line(space == NULL ? name : space + 1, what, meanings);
	}
	for (size_t i = 0; verb_at(i) != NULL; i++) {
		char group[64];

		if (new_group(i) == 0)
			continue;
		(void)snprintf(group, sizeof group, "%.*s", new_group(i),
		    verb_at(i)->name);
		fputs("\tif [ -z \"$1\" ]; then", stdout);
		put_verb_line(group, "verbs of two words", meanings);
	}
	puts("}");
	fputs("_vhsm_is_group() {\n\tcase \"$1\" in\n", stdout);
	for (size_t i = 0; verb_at(i) != NULL; i++)
		if (new_group(i) > 0)
			printf("\t'%.*s') return 0 ;;\n", new_group(i),
			    verb_at(i)->name);
	puts("\tesac\n\treturn 1\n}");
}

/* Finds the verb among the words before the one to complete: $verb, and $group
 * when a second word is still to come. */
static const char find[] =
    "_vhsm_find() {\n"
    "\tlocal word skip=\n"
    "\tverb= group=\n"
    "\tfor word; do\n"
    "\t\tif [ -n \"$skip\" ]; then skip=; continue; fi\n"
    "\t\tcase \"$word\" in\n"
    "\t\t-*) if _vhsm_value \"$word\" >/dev/null; then skip=1; fi ;;\n"
    "\t\t*) if [ -n \"$verb\" ]; then :\n"
    "\t\telif [ -z \"$group\" ] && _vhsm_is_group \"$word\"; then group=$word\n"
    "\t\telse verb=\"${group:+$group }$word\" group=; fi ;;\n"
    "\t\tesac\n"
    "\tdone\n"
    "}\n";

static const char bash[] =
    "_vhsm() {\n"
    "\tlocal cur=\"${COMP_WORDS[COMP_CWORD]}\" "
    "prev=\"${COMP_WORDS[COMP_CWORD-1]}\" verb group from\n"
    "\t_vhsm_find \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"\n"
    "\tCOMPREPLY=()\n"
    "\tif from=\"$(_vhsm_value \"$prev\" \"$verb\")\"; then :\n"
    "\telif [[ $cur == -* ]]; then from=\"$(_vhsm_options "
    "\"${verb:-status}\")\"\n"
    "\telif [ -z \"$verb\" ]; then from=\"$(_vhsm_verbs \"$group\")\"\n"
    "\telse from=\"$(_vhsm_operand \"$verb\")\"\n"
    "\tfi\n"
    "\tcase \"$from\" in\n"
    "\tverbs) from=\"$(_vhsm_verbs '')\" ;;\n"
    "\tfiles) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY "
    "< <(compgen -f -- \"$cur\"); return ;;\n"
    "\tdirs) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY "
    "< <(compgen -d -- \"$cur\"); return ;;\n"
    "\tesac\n"
    "\tmapfile -t COMPREPLY < <(compgen -W \"$from\" -- \"$cur\")\n"
    "}\n"
    "complete -F _vhsm vhsm\n";

static const char zsh[] =
    "_vhsm() {\n"
    "\tlocal verb group from\n"
    "\tlocal -a rows\n"
    "\t_vhsm_find \"${(@)words[2,CURRENT-1]}\"\n"
    "\tif from=\"$(_vhsm_value \"${words[CURRENT-1]}\" \"$verb\")\"; then :\n"
    "\telif [[ ${words[CURRENT]} == -* ]]; then\n"
    "\t\trows=(\"${(@f)$(_vhsm_options \"${verb:-status}\")}\")\n"
    "\t\t_describe -o option rows\n"
    "\t\treturn\n"
    "\telif [[ -z $verb ]]; then from=verbs\n"
    "\telse from=\"$(_vhsm_operand \"$verb\")\" group=\n"
    "\tfi\n"
    "\tcase \"$from\" in\n"
    "\tverbs) rows=(\"${(@f)$(_vhsm_verbs \"$group\")}\"); _describe verb rows "
    ";;\n"
    "\tfiles) _files ;;\n"
    "\tdirs) _files -/ ;;\n"
    "\t?*) rows=(${=from}); _describe value rows ;;\n"
    "\tesac\n"
    "}\n"
    "if [[ ${funcstack[1]} == _vhsm ]]; then _vhsm \"$@\"; "
    "elif (( ${+functions[compdef]} )); then compdef _vhsm vhsm; fi\n";

int
verb_completion(const struct args *a)
{
	bool for_zsh = strcmp(args_operand(a), "zsh") == 0;

	if (!for_zsh && strcmp(args_operand(a), "bash") != 0) {
		fprintf(stderr, "vhsm: completion: unknown shell, expected "
				"bash or zsh\n");
		return EXIT_USAGE;
	}
	puts(for_zsh ? "#compdef vhsm" : "# bash completion of vhsm");
	put_options(for_zsh);
	put_values();
	put_operands();
	put_verbs(for_zsh);
	fputs(find, stdout);
	fputs(for_zsh ? zsh : bash, stdout);
	return output_end(a);
}
