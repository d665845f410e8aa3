#include "keyspec/value.h"

#include <arpa/inet.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "wire/pub.h"

/* A unit and how many of the smallest one it is; largest first. */
struct unit {
	const char *name;
	uint64_t worth;
};

static const struct unit times[] = {
	{ "d", 86400000 },
	{ "h", 3600000 },
	{ "m", 60000 },
	{ "s", 1000 },
	{ "ms", 1 },
	{ NULL, 0 },
};

static const struct unit sizes[] = {
	{ "MiB", 1 << 20 },
	{ "KiB", 1 << 10 },
	{ "", 1 },
	{ NULL, 0 },
};

static const struct unit none[] = {
	{ "", 1 },
	{ NULL, 0 },
};

#define DIGITS  "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define WORD    LETTERS DIGITS "_.-"

enum vh_err
texts_add(struct texts *list, const char *text)
{
	char **at = reallocarray(list->at, list->count + 1, sizeof *at);

	if (at == NULL)
		return VH_ENOMEM;
	list->at = at;
	at[list->count] = strdup(text);
	if (at[list->count] == NULL)
		return VH_ENOMEM;
	list->count++;
	return VH_OK;
}

void
texts_drop(struct texts *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->at[i]);
	free(list->at);
	*list = (struct texts){ 0 };
}

static bool
measure_of_text(const struct unit *units, const char *text, uint64_t lo,
    uint64_t hi, uint64_t *out)
{
	size_t digits = strspn(text, DIGITS);
	uint64_t v = 0;

	if (digits == 0 || (digits > 1 && text[0] == '0'))
		return false;
	while (units->name != NULL && strcmp(units->name, text + digits) != 0)
		units++;
	if (units->name == NULL)
		return false;
	for (size_t i = 0; i < digits; i++)
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(text[i] - '0'), &v))
			return false;
	if (__builtin_mul_overflow(v, units->worth, &v) || v < lo || v > hi)
		return false;
	*out = v;
	return true;
}

bool
number_of_text(const char *text, uint64_t lo, uint64_t hi, uint64_t *out)
{
	return measure_of_text(none, text, lo, hi, out);
}

bool
duration_of_text(const char *text, uint64_t lo, uint64_t hi, uint64_t *out)
{
	return measure_of_text(times, text, lo, hi, out);
}

bool
size_of_text(const char *text, uint64_t lo, uint64_t hi, uint64_t *out)
{
	return measure_of_text(sizes, text, lo, hi, out);
}

static void
measure_put(struct buf *b, const struct unit *units, uint64_t v)
{
	while (v % units->worth != 0)
		units++;
	buf_format(b, "%llu%s", (unsigned long long)(v / units->worth),
	    units->name);
}

void
number_put(struct buf *b, uint64_t v)
{
	measure_put(b, none, v);
}

void
duration_put(struct buf *b, uint64_t ms)
{
	if (ms == 0)
		buf_put_text(b, "0s");
	else
		measure_put(b, times, ms);
}

void
size_put(struct buf *b, uint64_t bytes)
{
	measure_put(b, bytes == 0 ? none : sizes, bytes);
}

/* Words that some reader of YAML takes for something else than text. */
static bool
is_special(const char *text)
{
	static const char *const words[] = { "null", "true", "false", "yes",
		"no", "on", "off", "y", "n" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strcasecmp(text, words[i]) == 0)
			return true;
	return false;
}

static bool
is_plain(const char *text)
{
	uint64_t number;

	if (number_of_text(text, 0, UINT32_MAX, &number))
		return true;
	return text[0] != '\0' && strchr(LETTERS "/", text[0]) != NULL &&
	       text[strspn(text, WORD "/+")] == '\0' && !is_special(text);
}

void
scalar_put(struct buf *b, const char *text)
{
	if (is_plain(text)) {
		buf_put_text(b, text);
		return;
	}
	buf_put_u8(b, '"');
	for (const char *p = text; *p != '\0'; p++) {
		if (*p == '"' || *p == '\\')
			buf_put_u8(b, '\\');
		buf_put_u8(b, (uint8_t)*p);
	}
	buf_put_u8(b, '"');
}

bool
mode_of_text(const char *text, uint32_t *out)
{
	uint32_t mode = 0;

	if (strlen(text) != 4 || text[0] != '0' ||
	    strspn(text, "01234567") != 4)
		return false;
	for (size_t i = 0; i < 4; i++)
		mode = mode * 8 + (uint32_t)(text[i] - '0');
	if ((mode & 0600) != 0600)
		return false;
	*out = mode;
	return true;
}

/* One of first, then any of rest, max characters at most. */
static bool
is_word(const char *text, const char *first, const char *rest, size_t max)
{
	size_t len = strlen(text);

	return len > 0 && len <= max && strchr(first, text[0]) != NULL &&
	       strspn(text, rest) == len;
}

static bool
is_visible(const char *text, const char *but, size_t max)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < len; i++)
		if (text[i] <= ' ' || text[i] >= 0x7f)
			return false;
	return len > 0 && len <= max && strcspn(text, but) == len;
}

bool
label_ok(const char *text)
{
	return is_visible(text, ",\"'\\", VH_LABEL_MAX);
}

bool
published_ok(const char *text)
{
	return kid_is_publishable(slice_text(text));
}

bool
principal_name_ok(const char *text)
{
	return is_word(text, LETTERS, WORD, VH_PRINCIPAL_MAX);
}

bool
node_name_ok(const char *text)
{
	return is_word(text, LETTERS DIGITS, WORD, VH_NODE_NAME_MAX);
}

static bool
id_ok(const char *text)
{
	uint64_t id;

	return number_of_text(text, 0, VH_ID_MAX, &id);
}

bool
principal_ok(const char *text)
{
	const char *slash = strchr(text, '/');
	char node[VH_NODE_NAME_MAX + 1];

	if (slash != NULL) {
		size_t len = (size_t)(slash - text);

		if (len >= sizeof node)
			return false;
		memcpy(node, text, len);
		node[len] = '\0';
		if (!node_name_ok(node))
			return false;
		text = slash + 1;
	}
	if (strncmp(text, "uid:", 4) == 0)
		return id_ok(text + 4);
	return principal_name_ok(text);
}

bool
account_ok(const char *text)
{
	return id_ok(text) || is_word(text, LETTERS "_", WORD, 32);
}

bool
plain_account_ok(const char *text)
{
	return account_ok(text) && strcmp(text, "root") != 0 &&
	       strcmp(text, "0") != 0;
}

bool
variable_ok(const char *text)
{
	return is_word(text, LETTERS "_", LETTERS DIGITS "_", 128);
}

bool
credential_ok(const char *text)
{
	return is_visible(text, "/", 255) && strcmp(text, ".") != 0 &&
	       strcmp(text, "..") != 0;
}

bool
path_ok(const char *text)
{
	return text[0] != '\0' && strlen(text) < PATH_MAX;
}

const char *
socket_path(const char *url)
{
	if (strncmp(url, "ipc://", 6) != 0)
		return NULL;
	const char *path = url + 6;
	size_t len = strlen(path);

	if (len < 2 || len > VH_SOCKET_PATH_MAX || path[0] != '/' ||
	    path[len - 1] == '/')
		return NULL;
	return path;
}

bool
socket_ok(const char *url)
{
	return socket_path(url) != NULL;
}

bool
address_of_text(const char *text, struct sockaddr_storage *out, socklen_t *len)
{
	const char *colon = strrchr(text, ':');
	char host[INET6_ADDRSTRLEN + 2];
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	uint64_t port;

	if (colon == NULL || (size_t)(colon - text) >= sizeof host ||
	    !number_of_text(colon + 1, 0, UINT16_MAX, &port))
		return false;
	size_t n = (size_t)(colon - text);

	memcpy(host, text, n);
	host[n] = '\0';
	v4.sin_port = v6.sin6_port = htons((uint16_t)port);
	if (inet_pton(AF_INET, host, &v4.sin_addr) == 1) {
		memcpy(out, &v4, sizeof v4);
		*len = sizeof v4;
		return true;
	}
	if (n < 2 || host[0] != '[' || host[n - 1] != ']')
		return false;
	host[n - 1] = '\0';
	if (inet_pton(AF_INET6, host + 1, &v6.sin6_addr) != 1)
		return false;
	memcpy(out, &v6, sizeof v6);
	*len = sizeof v6;
	return true;
}

bool
address_ok(const char *text)
{
	struct sockaddr_storage address;
	socklen_t len;

	return address_of_text(text, &address, &len);
}

/* One label of a DNS name (RFC 1123, 2.1); also with _, as many networks have.
 */
static bool
label_of_name_ok(const char *label, size_t len)
{
	return len >= 1 && len <= 63 && label[0] != '-' &&
	       label[len - 1] != '-' &&
	       strspn(label, LETTERS DIGITS "_-") >= len;
}

static bool
host_name_ok(const char *name)
{
	const char *label = name;

	for (;;) {
		size_t len = strcspn(label, ".");

		if (!label_of_name_ok(label, len))
			return false;
		if (label[len] == '\0')
			break;
		label += len + 1;
	}
	/* Such as 10.0.0.300: no top-level domain is a number. */
	return label[strspn(label, DIGITS)] != '\0';
}

/* Fills out->host from the len characters before the last colon. */
static bool
take_host(const char *text, size_t len, struct host_port *out)
{
	struct in6_addr address;
	bool bracketed = len >= 2 && text[0] == '[' && text[len - 1] == ']';

	if (bracketed) {
		text++;
		len -= 2;
	}
	if (len == 0 || len > VH_HOST_MAX)
		return false;
	memcpy(out->host, text, len);
	out->host[len] = '\0';
	if (bracketed)
		return inet_pton(AF_INET6, out->host, &address) == 1;
	out->is_name = inet_pton(AF_INET, out->host, &address) != 1;
	return !out->is_name || host_name_ok(out->host);
}

bool
host_port_of_text(const char *text, struct host_port *out)
{
	const char *colon = strrchr(text, ':');
	struct host_port found = { 0 };
	uint64_t port;

	if (colon == NULL || !number_of_text(colon + 1, 0, UINT16_MAX, &port) ||
	    !take_host(text, (size_t)(colon - text), &found))
		return false;
	found.port = (uint16_t)port;
	*out = found;
	return true;
}

bool
advertise_ok(const char *text)
{
	struct host_port found;
	struct in6_addr v6;

	if (!host_port_of_text(text, &found))
		return false;
	if (inet_pton(AF_INET6, found.host, &v6) == 1)
		return !IN6_IS_ADDR_UNSPECIFIED(&v6);
	return strcmp(found.host, "0.0.0.0") != 0;
}

bool
seed_of_text(const char *text, struct seed *out)
{
	struct seed found = { 0 };

	/* A host may be called dns: then there is one colon. */
	found.many =
	    strncmp(text, "dns:", 4) == 0 && strchr(text + 4, ':') != NULL;
	if (!host_port_of_text(found.many ? text + 4 : text, &found.at) ||
	    found.at.port == 0 || (found.many && !found.at.is_name))
		return false;
	*out = found;
	return true;
}

bool
seed_ok(const char *text)
{
	struct seed seed;

	return seed_of_text(text, &seed);
}

const char *
cluster_address(const char *url)
{
	const char *const scheme = "tls+tcp://";

	if (strncmp(url, scheme, strlen(scheme)) != 0)
		return NULL;
	url += strlen(scheme);
	return address_ok(url) ? url : NULL;
}

bool
cluster_url_ok(const char *url)
{
	return cluster_address(url) != NULL;
}

enum vh_err
path_beside(const char *file, const char *path, char **out)
{
	const char *slash = strrchr(file, '/');
	size_t folder = slash == NULL ? 0 : (size_t)(slash - file) + 1;
	size_t len = strlen(path);

	if (path[0] == '/')
		folder = 0;
	if (folder + len >= PATH_MAX)
		return VH_ETOOBIG;
	char *joined = malloc(folder + len + 1);

	if (joined == NULL)
		return VH_ENOMEM;
	memcpy(joined, file, folder);
	memcpy(joined + folder, path, len + 1);
	*out = joined;
	return VH_OK;
}
