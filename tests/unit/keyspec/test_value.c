#include <criterion/criterion.h>

#include <netinet/in.h>
#include <stdlib.h>

#include "keyspec/value.h"

typedef bool reader(const char *text, uint64_t lo, uint64_t hi, uint64_t *out);
typedef void printer(struct buf *b, uint64_t v);

static void
expect_value(reader *read, printer *put, const char *text, uint64_t v,
    const char *normal)
{
	AUTO(buf_free) struct buf *b = buf_new(64);
	uint64_t got = 7;

	cr_expect(read(text, 0, UINT64_MAX, &got), "%s", text);
	cr_expect_eq(got, v, "%s", text);
	put(b, got);
	cr_expect(slice_is(buf_slice(b), normal), "%s", text);
}

static void
expect_none(reader *read, const char *text)
{
	uint64_t got = 7;

	cr_expect_not(read(text, 0, UINT64_MAX, &got), "%s", text);
	cr_expect_eq(got, 7, "%s", text);
}

Test(value, numbers_are_decimal_without_leading_zeros)
{
	static const char *const wrong[] = { "", "-1", "+1", "01", "00", "1 ",
		" 1", "1x", "0x1", "1.0", "1e3", "18446744073709551616" };

	expect_value(number_of_text, number_put, "0", 0, "0");
	expect_value(number_of_text, number_put, "10", 10, "10");
	expect_value(number_of_text, number_put, "18446744073709551615",
	    UINT64_MAX, "18446744073709551615");
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		expect_none(number_of_text, wrong[i]);
}

Test(value, bounds_are_part_of_the_range)
{
	uint64_t v = 7;

	cr_expect(number_of_text("3", 3, 5, &v));
	cr_expect(number_of_text("5", 3, 5, &v));
	cr_expect_not(number_of_text("2", 3, 5, &v));
	cr_expect_not(number_of_text("6", 3, 5, &v));
	cr_expect_eq(v, 5);
}

Test(value, durations_have_a_unit)
{
	static const char *const wrong[] = { "", "0", "10", "s", "1.5s", "1 s",
		"1S", "1us", "1w", "1m30s", "-1s", "01s", "1sx",
		"18446744073709551615d" };

	expect_value(duration_of_text, duration_put, "0s", 0, "0s");
	expect_value(duration_of_text, duration_put, "500ms", 500, "500ms");
	expect_value(duration_of_text, duration_put, "30s", 30000, "30s");
	expect_value(duration_of_text, duration_put, "90s", 90000, "90s");
	expect_value(duration_of_text, duration_put, "10m", 600000, "10m");
	expect_value(duration_of_text, duration_put, "24h", 86400000, "1d");
	expect_value(duration_of_text, duration_put, "7d", 604800000, "7d");
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		expect_none(duration_of_text, wrong[i]);
}

Test(value, sizes_are_bytes_or_binary_multiples)
{
	static const char *const wrong[] = { "", "KiB", "1KB", "1kib", "1 KiB",
		"1M", "1GiB", "01", "18446744073709551615MiB" };

	expect_value(size_of_text, size_put, "0", 0, "0");
	expect_value(size_of_text, size_put, "1025", 1025, "1025");
	expect_value(size_of_text, size_put, "2048", 2048, "2KiB");
	expect_value(size_of_text, size_put, "1024KiB", 1 << 20, "1MiB");
	expect_value(size_of_text, size_put, "16MiB", 16 << 20, "16MiB");
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		expect_none(size_of_text, wrong[i]);
}

Test(value, modes_are_four_octal_digits_and_let_the_owner_in)
{
	static const char *const wrong[] = { "", "660", "00660", "1660", "0800",
		"0400", "0200", "0066", "06 0" };
	uint32_t mode = 0;

	cr_expect(mode_of_text("0660", &mode));
	cr_expect_eq(mode, 0660);
	cr_expect(mode_of_text("0777", &mode));
	cr_expect_eq(mode, 0777);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		cr_expect_not(mode_of_text(wrong[i], &mode), "%s", wrong[i]);
	cr_expect_eq(mode, 0777);
}

typedef bool judge(const char *text);

static void
expect_all(judge *ok, bool wanted, const char *const *texts)
{
	for (size_t i = 0; texts[i] != NULL; i++)
		cr_expect_eq(ok(texts[i]), wanted, "%s", texts[i]);
}

#define GOOD(judge, ...)                                                       \
	expect_all(judge, true, (const char *const[]){ __VA_ARGS__, NULL })
#define BAD(judge, ...)                                                        \
	expect_all(judge, false, (const char *const[]){ __VA_ARGS__, NULL })

#define C64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

Test(value, labels_are_visible_and_need_no_quoting_in_lists)
{
	GOOD(label_ok, "a", "id-token", "a/b:c#[]{}", "~", C64);
	BAD(label_ok, "", " ", "a b", "a,b", "a\"b", "a'b", "a\\b", "a\tb",
	    "\x7f", "\xc3\xa9", C64 "a");
}

Test(value, principals_are_names_or_uids_of_this_or_another_node)
{
	GOOD(principal_ok, "app", "A1_.-", "uid:0", "uid:4294967294", "b/app",
	    "1b.example/uid:7", C64, C64 "/" C64, "uid");
	BAD(principal_ok, "", "1a", "-a", "_a", "a b", "a,b", "uid:", "uid:01",
	    "uid:4294967295", "uid:-1", "UID:1", "gid:1", "/a", "a/", "a/b/c",
	    "a/uid:", "-/a", C64 "a", C64 "a/a", "uid:1/a", "\xc3\xa9");
	GOOD(principal_name_ok, "app", C64);
	BAD(principal_name_ok, "", "uid:1", "b/app", "1a", C64 "a");
}

Test(value, accounts_are_names_or_numbers)
{
	GOOD(account_ok, "root", "0", "_apt", "www-data", "4294967294", "a.b");
	BAD(account_ok, "", "-1", "4294967295", "01", "a b", "1a", "a:b", "-a",
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
	GOOD(plain_account_ok, "vhsm", "1", "roots");
	BAD(plain_account_ok, "root", "0", "00", "");
}

Test(value, variables_credentials_nodes_and_paths_have_their_characters)
{
	GOOD(variable_ok, "A", "_a1", "VHSM_KEY");
	BAD(variable_ok, "", "1A", "A=B", "A-B", "A B", C64 C64 "a");
	GOOD(credential_ok, "signing.jwk", "a:b@c", "...");
	BAD(credential_ok, "", ".", "..", "a/b", "a b", "\x01");
	GOOD(node_name_ok, "a", "1", "a.example", C64);
	BAD(node_name_ok, "", ".a", "-a", "a/b", "a:1", C64 "a");
	GOOD(path_ok, "a", "/", "../x y", "keys/*.pem");
	BAD(path_ok, "");
}

#define C104 C64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

Test(value, sockets_are_absolute_paths_that_fit_an_address)
{
	cr_expect_str_eq(socket_path("ipc:///run/vhsm.sock"), "/run/vhsm.sock");
	GOOD(socket_ok, "ipc:///a", "ipc:///" C104 "bb");
	BAD(socket_ok, "", "i", "ipc://", "ipc:///", "ipc://a", "ipc:///a/",
	    "/run/a", "tcp:///a", "IPC:///a", "ipc:///" C104 "bbb");
}

Test(value, addresses_are_numbers_with_a_port)
{
	struct sockaddr_storage at;
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&at;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&at;
	socklen_t len = 0;

	cr_assert(address_of_text("127.0.0.1:7640", &at, &len));
	cr_expect_eq(len, sizeof *v4);
	cr_expect(v4->sin_family == AF_INET && v4->sin_port == htons(7640) &&
		  v4->sin_addr.s_addr == htonl(INADDR_LOOPBACK));
	cr_assert(address_of_text("[::1]:0", &at, &len));
	cr_expect_eq(len, sizeof *v6);
	cr_expect(v6->sin6_family == AF_INET6 && v6->sin6_port == 0 &&
		  IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr));
	GOOD(address_ok, "0.0.0.0:65535", "[::]:1",
	    "[1111:2222:3333:4444:5555:6666:255.255.255.255]:1");
	BAD(address_ok, "", ":", ":1", "1", "1.2.3.4",
	    "1.2.3.4:", "1.2.3.4:65536", "1.2.3.4:01", "1.2.3:1", "localhost:1",
	    "::1:1", "[::1]", "[::1]1", "[]:1", "[:1", "]:1", "[1.2.3.4]:1",
	    "[::1%lo]:1", "*:1", C64 ":1");
}

static void
expect_scalar(const char *text, const char *printed)
{
	AUTO(buf_free) struct buf *b = buf_new(256);

	scalar_put(b, text);
	cr_expect(slice_is(buf_slice(b), printed), "%s", text);
}

Test(value, texts_are_quoted_where_yaml_would_read_something_else)
{
	expect_scalar("app", "app");
	expect_scalar("/run/a.b-c", "/run/a.b-c");
	expect_scalar("1001", "1001");
	expect_scalar("", "\"\"");
	expect_scalar("0660", "\"0660\"");
	expect_scalar("null", "\"null\"");
	expect_scalar("No", "\"No\"");
	expect_scalar("uid:7", "\"uid:7\"");
	expect_scalar("- a", "\"- a\"");
	expect_scalar("a#b", "\"a#b\"");
	expect_scalar("a\"\\", "\"a\\\"\\\\\"");
}

static void
expect_beside(const char *file, const char *path, const char *wanted)
{
	char *got = NULL;

	cr_assert_eq(path_beside(file, path, &got), VH_OK);
	cr_expect_str_eq(got, wanted);
	free(got);
}

Test(value, relative_paths_start_at_the_folder_of_the_file)
{
	expect_beside("/etc/vhsmd.yaml", "keys.yaml", "/etc/keys.yaml");
	expect_beside("conf/vhsmd.yaml", "../a", "conf/../a");
	expect_beside("vhsmd.yaml", "keys.yaml", "keys.yaml");
	expect_beside("/etc/vhsmd.yaml", "/keys.yaml", "/keys.yaml");
	expect_beside("/vhsmd.yaml", "a", "/a");
}

Test(value, a_path_that_no_file_can_have_is_refused)
{
	AUTO(buf_free) struct buf *name = buf_new(8192);
	char *got = NULL;

	for (size_t i = 0; i < 4090; i++)
		buf_put_u8(name, 'a');
	buf_put_u8(name, 0);
	cr_expect_eq(path_beside("/etc/x", (const char *)name->p, &got), VH_OK);
	free(got);
	got = NULL;
	cr_expect_eq(path_beside("/etcc/x", (const char *)name->p, &got),
	    VH_ETOOBIG);
	cr_expect_null(got);
}

Test(value, lists_of_texts_own_what_they_hold)
{
	struct texts list = { 0 };
	char text[] = "one";

	cr_assert_eq(texts_add(&list, text), VH_OK);
	text[0] = 'x';
	cr_assert_eq(texts_add(&list, "two"), VH_OK);
	cr_expect_eq(list.count, 2);
	cr_expect_str_eq(list.at[0], "one");
	cr_expect_str_eq(list.at[1], "two");
	texts_drop(&list);
	texts_drop(&list);
	cr_expect(list.at == NULL && list.count == 0);
}

Test(value, a_host_is_a_name_or_an_address)
{
	struct host_port at;

	cr_assert(host_port_of_text("a.example:7600", &at));
	cr_expect_str_eq(at.host, "a.example");
	cr_expect(at.is_name);
	cr_expect_eq(at.port, 7600);
	cr_assert(host_port_of_text("192.0.2.1:0", &at));
	cr_expect_str_eq(at.host, "192.0.2.1");
	cr_expect_not(at.is_name);
	cr_expect_eq(at.port, 0);
	cr_assert(host_port_of_text("[2001:db8::1]:65535", &at));
	cr_expect_str_eq(at.host, "2001:db8::1");
	cr_expect_not(at.is_name);
	cr_expect_eq(at.port, 65535);
}

Test(value, what_is_no_host_and_port_is_refused_and_leaves_nothing)
{
	static const char *const bad[] = { "", ":", ":1", "a", "a:", "a:x",
		"a:65536", "a:01", "a:-1", "a: 1", "a b:1", "a..b:1", ".a:1",
		"a.:1", "-a:1", "a-:1", "a/b:1", "a:b:1", "::1:1", "[::1]",
		"[]:1", "[1.2.3.4]:1", "[::1:1", "[::1%lo]:1", "1.2.3:1",
		"1.2.3.256:1", "a,b:1", "a=b:1", "http://a:1" };
	struct host_port at = { .port = 9 };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		cr_expect_not(host_port_of_text(bad[i], &at), "%s", bad[i]);
	cr_expect_eq(at.port, 9);
}

Test(value, a_host_has_bounds)
{
	for (size_t n = 63; n <= 64; n++) {
		char text[256] = "";
		struct host_port at;

		memset(text, 'a', n);
		memcpy(text + n, ".b:1", 5);
		cr_expect_eq(host_port_of_text(text, &at), n == 63, "%zu", n);
	}
	for (size_t n = VH_HOST_MAX; n <= VH_HOST_MAX + 1; n++) {
		char text[256] = "";
		struct host_port at;

		memset(text, 'a', n);
		text[60] = '.';
		memcpy(text + n, ":1", 3);
		cr_expect_eq(host_port_of_text(text, &at), n == VH_HOST_MAX,
		    "%zu", n);
	}
}

Test(value, a_node_is_advertised_by_an_address_of_its_own)
{
	cr_expect(advertise_ok("a:0"));
	cr_expect(advertise_ok("127.0.0.1:1"));
	cr_expect(advertise_ok("[::1]:1"));
	cr_expect_not(advertise_ok("0.0.0.0:1"));
	cr_expect_not(advertise_ok("[::]:1"));
	cr_expect_not(advertise_ok("a"));
}

Test(value, a_seed_is_one_node_or_many)
{
	struct seed seed;

	cr_assert(seed_of_text("b.example:7600", &seed));
	cr_expect_not(seed.many);
	cr_expect_str_eq(seed.at.host, "b.example");
	cr_assert(seed_of_text("dns:vhsmd.svc:7600", &seed));
	cr_expect(seed.many);
	cr_expect_str_eq(seed.at.host, "vhsmd.svc");
	cr_assert(seed_of_text("dns:7600", &seed));
	cr_expect_not(seed.many);
	cr_expect_str_eq(seed.at.host, "dns");
	cr_expect_not(seed_ok("b.example:0"));
	cr_expect_not(seed_ok("dns:192.0.2.1:7600"));
	cr_expect_not(seed_ok("dns:[::1]:7600"));
	cr_expect_not(seed_ok("dns:a:b:1"));
	cr_expect_not(seed_ok(""));
}

Test(value, a_cluster_listens_at_a_number)
{
	cr_expect_str_eq(cluster_address("tls+tcp://0.0.0.0:7600"),
	    "0.0.0.0:7600");
	cr_expect_str_eq(cluster_address("tls+tcp://[::]:0"), "[::]:0");
	cr_expect_null(cluster_address("tcp://0.0.0.0:7600"));
	cr_expect_null(cluster_address("tls+tcp://a:7600"));
	cr_expect_null(cluster_address("tls+tcp://"));
	cr_expect_null(cluster_address("0.0.0.0:7600"));
}
