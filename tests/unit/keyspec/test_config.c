#include "reading.h"

static struct config *
parsed(struct slice text)
{
	AUTO(buf_free) struct buf *why = buf_new(WHY_ROOM);
	struct reading r = { "f", why };
	struct config *config = NULL;

	cr_assert_eq(config_parse(&r, text, &config), VH_OK, "%.*s",
	    (int)why->len, (const char *)why->p);
	return config;
}

Test(config, an_empty_text_gives_all_defaults)
{
	AUTO(config_free) struct config *c = parsed(slice_of(NULL, 0));

	cr_expect(c->node.name == NULL && c->node.state == NULL);
	cr_expect(c->listen.socket == NULL && c->listen.operator== NULL &&
					      c->listen.group == NULL);
	cr_expect_eq(c->listen.mode, 0660);
	cr_expect(c->http.discovery == NULL && c->http.tls.cert == NULL &&
		  c->http.tls.key == NULL);
	cr_expect_eq(c->http.connections, 256);
	cr_expect_eq(c->http.timeout, 10000);
	cr_expect_eq(c->principals.count, 0);
	cr_expect_eq(c->limits.workers, 0);
	cr_expect_eq(c->limits.queue, 256);
	cr_expect_eq(c->limits.payload, 1 << 20);
	cr_expect_eq(c->limits.connections, 1024);
	cr_expect_eq(c->limits.per_principal, 64);
	cr_expect_eq(c->limits.deadline, 5000);
	cr_expect_eq(c->log.format, LOG_FORMAT_LOGFMT);
	cr_expect_eq(c->log.level, LOG_FROM_NOTICE);
	cr_expect_str_eq(c->users.vault, "vhsm-vault");
	cr_expect_str_eq(c->users.front, "vhsm-front");
	cr_expect_str_eq(c->users.peer, "vhsm-peer");
	cr_expect_null(c->cluster.listen);
	cr_expect_null(c->keys);
}

Test(config, every_key_reaches_its_field)
{
	AUTO(buf_free)
	struct buf *text = tree_file("tests/golden/config/all.yaml");
	AUTO(config_free) struct config *c = parsed(buf_slice(text));

	cr_expect_str_eq(c->keys, "/etc/vhsm/key spec.yaml");
	cr_expect_str_eq(c->users.front, "65534");
	cr_expect_str_eq(c->users.vault, "_vault");
	cr_expect_eq(c->log.level, LOG_FROM_DEBUG);
	cr_expect_eq(c->log.format, LOG_FORMAT_JSON);
	cr_expect_eq(c->limits.workers, 2);
	cr_expect_eq(c->limits.queue, 1);
	cr_expect_eq(c->limits.payload, 16 << 20);
	cr_expect_eq(c->limits.connections, 65536);
	cr_expect_eq(c->limits.per_principal, 1);
	cr_expect_eq(c->limits.deadline, 600000);
	cr_expect_str_eq(c->http.discovery, "[::1]:0");
	cr_expect_eq(c->http.connections, 1);
	cr_expect_eq(c->http.timeout, 1500);
	cr_expect_eq(c->listen.mode, 0600);
	cr_expect_str_eq(c->node.name, "1a.example");
	cr_assert_eq(c->principals.count, 2);
	cr_expect_str_eq(c->principals.at[0].name, "app-1.x_y");
	cr_expect_eq(c->principals.at[0].gids.count, 3);
	cr_expect_str_eq(c->principals.at[0].gids.at[2], "www-data");
	cr_expect_str_eq(c->principals.at[0].uids.at[0], "root");
	cr_expect_eq(c->principals.at[0].at.line, 12);
}

Test(config, every_key_of_a_cluster_reaches_its_field)
{
	AUTO(buf_free)
	struct buf *text = tree_file("tests/golden/config/cluster-all.yaml");
	AUTO(config_free) struct config *c = parsed(buf_slice(text));

	cr_expect_str_eq(c->cluster.listen, "tls+tcp://[::]:0");
	cr_expect_str_eq(c->cluster.advertise, "[2001:db8::1]:0");
	cr_assert_eq(c->cluster.seeds.count, 5);
	cr_expect_str_eq(c->cluster.seeds.at[3], "dns:_vhsm._tcp.svc:65535");
	cr_expect_str_eq(c->cluster.ca, "ca.crt");
	cr_expect_str_eq(c->cluster.crl, "ca.crl");
	cr_expect_str_eq(c->cluster.tls.cert, "tls.crt");
	cr_expect_str_eq(c->cluster.tls.key, "tls.key");
	cr_expect_str_eq(c->cluster.record.cert, "record.crt");
	cr_expect_str_eq(c->cluster.record.key, "record.key");
	cr_assert_eq(c->cluster.revokers.count, 2);
	cr_expect_str_eq(c->cluster.revokers.at[1], "1b.x_y-z");
	cr_expect_str_eq(c->users.peer, "7");
}

Test(config, no_prefix_and_no_flipped_bit_of_a_cluster_does_harm,
    .timeout = 300)
{
	AUTO(buf_free)
	struct buf *text = tree_file("tests/golden/config/cluster-all.yaml");

	expect_sane_near(TEXT_CONFIG, buf_slice(text));
}

Test(config, no_prefix_and_no_flipped_bit_does_harm, .timeout = 300)
{
	AUTO(buf_free)
	struct buf *text = tree_file("tests/golden/config/design.yaml");

	expect_sane_near(TEXT_CONFIG, buf_slice(text));
}

Test(config, principals_are_bounded)
{
	for (size_t n = CONFIG_PRINCIPALS_MAX; n <= CONFIG_PRINCIPALS_MAX + 1;
	     n++) {
		AUTO(buf_free) struct buf *text = buf_new(NODE_TEXT_MAX);
		AUTO(config_free) struct config *c = NULL;
		struct reading r = { "f", NULL };

		buf_put_text(text, "principals:\n");
		for (size_t i = 0; i < n; i++)
			buf_format(text, "  p%zu: {uids: [%zu]}\n", i, i);
		cr_expect_eq(config_parse(&r, buf_slice(text), &c),
		    n == CONFIG_PRINCIPALS_MAX ? VH_OK : VH_ECONFIG, "%zu", n);
	}
}

/* count principals of 64 uids and 64 gids each, and one with more uids. */
static struct buf *
many_members(size_t count, size_t more)
{
	struct buf *b = buf_new(1u << 20);

	buf_put_text(b, "principals:\n");
	for (size_t i = 0; i <= count; i++) {
		size_t n = i < count ? CONFIG_ACCOUNTS_MAX : more;

		if (n > 0)
			buf_format(b, "  p%zu: {uids: [", i);
		for (size_t k = 0; k < n; k++)
			buf_format(b, "%s%zu", k == 0 ? "" : ", ", k + 1);
		if (i < count)
			buf_put_text(b, "], gids: [");
		for (size_t k = 0; i < count && k < n; k++)
			buf_format(b, "%s%zu", k == 0 ? "" : ", ", k + 1);
		if (n > 0)
			buf_put_text(b, "]}\n");
	}
	return b;
}

Test(config, all_principals_together_have_a_bound)
{
	AUTO(buf_free) struct buf *most = many_members(32, 0);
	AUTO(buf_free) struct buf *more = many_members(32, 1);
	AUTO(buf_free) struct buf *why = buf_new(WHY_ROOM);
	AUTO(config_free) struct config *c = parsed(buf_slice(most));
	struct reading r = { "f", why };
	struct config *none = NULL;

	cr_expect_eq(c->principals.count, 32);
	cr_expect_eq(config_parse(&r, buf_slice(more), &none), VH_ECONFIG);
	buf_put_u8(why, 0);
	cr_expect_str_eq((const char *)why->p,
	    "f:2:3: principals: found 4097 uids and gids in all, expected at "
	    "most 4096");
}

/* What differs between two texts. */
static void
expect_changes(const char *one, const char *other, const char *want)
{
	AUTO(buf_free) struct buf *b = buf_new(4096);
	AUTO(config_free) struct config *x = parsed(slice_text(one));
	AUTO(config_free) struct config *y = parsed(slice_text(other));

	config_put_changes(b, x, y);
	buf_put_u8(b, 0);
	cr_expect_str_eq((const char *)b->p, want);
}

Test(config, what_has_changed_is_named)
{
	expect_changes("", "", "");
	expect_changes("limits: {queue: 256}", "", "");
	expect_changes("node: {name: a}\nlimits: {queue: 1}",
	    "limits: {queue: 2, deadline: 1s}\nlog: {level: debug}",
	    "node.name,limits.queue,limits.deadline,log.level");
	expect_changes("principals: {a: {uids: [1]}}",
	    "principals: {a: {uids: [1], rate: 5}}", "principals");
	expect_changes("http: {discovery: \"127.0.0.1:1\"}",
	    "http: {discovery: \"127.0.0.1:1\", tls: {cert: c, key: k}}",
	    "http.tls.cert,http.tls.key");
	expect_changes("keys: a.yaml", "", "keys");
}
