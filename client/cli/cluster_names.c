#include "client/cli/cluster_names.h"

#include <arpa/inet.h>
#include <strings.h>

#define LABEL_MAX 63

static bool
is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool
is_word(uint8_t c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') ||
	       (c >= 'A' && c <= 'Z') || c == '_';
}

bool
node_name_is_sound(struct slice name)
{
	for (size_t i = 0; i < name.len; i++)
		if (!is_word(name.p[i]) && name.p[i] != '.' && name.p[i] != '-')
			return false;
	return name.len >= 1 && name.len <= NODE_NAME_MAX;
}

static bool
label_is_sound(struct slice label)
{
	if (label.len == 0 || label.len > LABEL_MAX || label.p[0] == '-' ||
	    label.p[label.len - 1] == '-')
		return false;
	for (size_t i = 0; i < label.len; i++)
		if (!is_word(label.p[i]) && label.p[i] != '-')
			return false;
	return true;
}

static bool
is_number(struct slice label)
{
	for (size_t i = 0; i < label.len; i++)
		if (!is_digit(label.p[i]))
			return false;
	return true;
}

/* A last label that is a number is a mistyped address, never a domain
 * (RFC 3696, 2). */
static bool
dns_name_is_sound(struct slice name)
{
	struct slice label = { name.p, 0 };

	if (name.len > SAN_NAME_MAX)
		return false;
	for (size_t i = 0; i < name.len; i++) {
		if (name.p[i] != '.') {
			label.len++;
			continue;
		}
		if (!label_is_sound(label))
			return false;
		label = (struct slice){ name.p + i + 1, 0 };
	}
	return label_is_sound(label) && !is_number(label);
}

bool
sans_have(const struct sans *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcasecmp(s->at[i], name) == 0)
			return true;
	return false;
}

static enum vh_err
add(struct sans *s, const char *name)
{
	if (sans_have(s, name))
		return VH_OK;
	if (s->n == SANS_MAX)
		return VH_ETOOBIG;
	memcpy(s->at[s->n++], name, strlen(name) + 1);
	return VH_OK;
}

size_t
san_ip(const char *name, uint8_t ip[static SAN_IP_MAX])
{
	if (inet_pton(AF_INET, name, ip) == 1)
		return sizeof(struct in_addr);
	if (inet_pton(AF_INET6, name, ip) == 1)
		return sizeof(struct in6_addr);
	return 0;
}

enum vh_err
sans_add_ip(struct sans *s, struct slice ip)
{
	char text[INET6_ADDRSTRLEN];
	int family = ip.len == sizeof(struct in_addr) ? AF_INET : AF_INET6;

	if (family == AF_INET6 && ip.len != sizeof(struct in6_addr))
		return VH_EFIELD;
	if (inet_ntop(family, ip.p, text, sizeof text) == NULL)
		return VH_EINTERNAL;
	return add(s, text);
}

enum vh_err
sans_add(struct sans *s, struct slice name)
{
	char text[SAN_NAME_MAX + 1] = "";
	uint8_t ip[SAN_IP_MAX];

	if (name.len == 0 || name.len > SAN_NAME_MAX ||
	    memchr(name.p, '\0', name.len) != NULL)
		return VH_EFIELD;
	memcpy(text, name.p, name.len);
	size_t ip_len = san_ip(text, ip);

	if (ip_len > 0)
		return sans_add_ip(s, slice_of(ip, ip_len));
	return dns_name_is_sound(name) ? add(s, text) : VH_EFIELD;
}

enum vh_err
sans_add_node(struct sans *s, struct slice name)
{
	char text[NODE_NAME_SIZE] = "";

	if (!node_name_is_sound(name))
		return VH_EFIELD;
	memcpy(text, name.p, name.len);
	return add(s, text);
}
