#include <criterion/criterion.h>
#include <stdio.h>

#include "client/cli/cluster_kind.h"
#include "client/cli/cluster_names.h"

#define LONG                                                                   \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" /* 64 */

Test(cluster_names, a_node_name_is_1_to_64_plain_characters)
{
	static const char *const good[] = { "a", "Node_1.example-x", "-", ".",
		LONG };
	static const char *const bad[] = { "", LONG "a", "a b", "a/b", "a*",
		"a\n", "\xc3\xa4", "a:b", "a,b" };

	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		cr_expect(node_name_is_sound(slice_text(good[i])), "%s",
		    good[i]);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		cr_expect(!node_name_is_sound(slice_text(bad[i])), "%s",
		    bad[i]);
	cr_expect(!node_name_is_sound(slice_of("a\0b", 3)));
}

Test(cluster_names, alternative_names_are_dns_names_or_addresses)
{
	static const char *const good[] = { "a", "a.example", "A-1.b_2.example",
		"127.0.0.1", "::1", "2001:db8::5", "1.2.3.4.example" };
	static const char *const bad[] = { "", ".", "a.", ".a", "a..b", "-a",
		"a-", "a.-b", "*", "*.example", "a b", "a/b", "a:1",
		"1.2.3.4.5", "256.1.1.1", "127.1", "fe80::1%eth0", "[::1]",
		LONG, "a." LONG ".b", "\xc3\xa4.example" };
	struct sans s = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		cr_expect_eq(sans_add(&s, slice_text(good[i])), VH_OK, "%s",
		    good[i]);
	cr_expect_eq(s.n, ARRAY_LEN(good));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		cr_expect_eq(sans_add(&s, slice_text(bad[i])), VH_EFIELD, "%s",
		    bad[i]);
	cr_expect_eq(sans_add(&s, slice_of("a\0b", 3)), VH_EFIELD);
	cr_expect_eq(s.n, ARRAY_LEN(good));
}

Test(cluster_names, a_dns_name_has_at_most_253_characters)
{
	struct sans s = { 0 };
	char name[SAN_NAME_MAX + 3];

	for (size_t i = 0; i < sizeof name; i++)
		name[i] = i % 2 == 0 ? 'a' : '.';
	cr_expect_eq(sans_add(&s, slice_of(name, SAN_NAME_MAX)), VH_OK);
	cr_expect_eq(sans_add(&s, slice_of(name, SAN_NAME_MAX + 2)), VH_EFIELD);
}

Test(cluster_names, each_name_stands_once)
{
	struct sans s = { 0 };
	static const uint8_t ip[4] = { 10, 0, 0, 1 };

	cr_expect_eq(sans_add_node(&s, slice_text("a")), VH_OK);
	cr_expect_eq(sans_add(&s, slice_text("A")), VH_OK);
	cr_expect_eq(sans_add(&s, slice_text("0:0::0:1")), VH_OK);
	cr_expect_eq(sans_add(&s, slice_text("::1")), VH_OK);
	cr_expect_eq(sans_add_ip(&s, slice_of(ip, sizeof ip)), VH_OK);
	cr_expect_eq(sans_add(&s, slice_text("10.0.0.1")), VH_OK);
	cr_assert_eq(s.n, 3);
	cr_expect_str_eq(s.at[0], "a");
	cr_expect_str_eq(s.at[1], "::1");
	cr_expect_str_eq(s.at[2], "10.0.0.1");
	cr_expect(sans_have(&s, "A"));
	cr_expect(!sans_have(&s, "b"));
}

Test(cluster_names, there_are_at_most_64)
{
	struct sans s = { 0 };
	char name[16];

	for (int i = 0; i < SANS_MAX; i++) {
		(void)snprintf(name, sizeof name, "n%d", i);
		cr_expect_eq(sans_add(&s, slice_text(name)), VH_OK);
	}
	cr_expect_eq(sans_add(&s, slice_text("one-more")), VH_ETOOBIG);
	cr_expect_eq(sans_add(&s, slice_text("n0")), VH_OK);
}

Test(cluster_names, addresses_have_4_or_16_bytes)
{
	struct sans s = { 0 };
	uint8_t ip[SAN_IP_MAX + 1] = { 0 };

	for (size_t n = 0; n <= sizeof ip; n++)
		cr_expect_eq(sans_add_ip(&s, slice_of(ip, n)),
		    n == 4 || n == 16 ? VH_OK : VH_EFIELD, "%zu", n);
	cr_expect_eq(san_ip("127.0.0.1", ip), 4);
	cr_expect_eq(san_ip("::1", ip), 16);
	cr_expect_eq(san_ip("localhost", ip), 0);
}

Test(cluster_names, kinds_are_found_by_name)
{
	enum cert_kind kind = CERT_KINDS;

	cr_expect(kind_by_name(slice_text("tls"), &kind));
	cr_expect_eq(kind, CERT_TLS);
	cr_expect(kind_by_name(slice_text("record"), &kind));
	cr_expect_eq(kind, CERT_RECORD);
	cr_expect(!kind_by_name(slice_text("TLS"), &kind));
	cr_expect(!kind_by_name(slice_text(""), &kind));
}
