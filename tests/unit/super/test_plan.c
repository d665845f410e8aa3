#include "super/plan.h"

#include "super/procs.h"

#include "temp.h"

static enum vh_err
make(const struct options *o, struct plan **out, char *said, size_t size)
{
	AUTO(buf_free) struct buf *why = buf_new(8192);
	enum vh_err err = plan_make(o, out, why);

	(void)snprintf(said, size, "%.*s", (int)buf_slice(why).len,
	    (const char *)buf_slice(why).p);
	return err;
}

Test(plan, options_win_over_the_file)
{
	AUTO(temp_drop) char *folder = temp_new();
	AUTO(text_free) char *file = temp_path(folder, "vhsmd.yaml");
	AUTO(plan_free) struct plan *p = NULL;
	char said[1024];

	temp_file(folder, "vhsmd.yaml",
	    "node: {name: from-file}\n"
	    "listen: {socket: ipc:///a.sock, operator: ipc:///b.sock}\n",
	    0644);
	const struct options o = { .config = file, .listen = "ipc:///c.sock" };

	cr_assert_eq(make(&o, &p, said, sizeof said), VH_OK, "%s", said);
	cr_expect_str_eq(p->callers, "ipc:///c.sock");
	cr_expect_str_eq(p->operators, "ipc:///b.sock");
	cr_expect_str_eq(p->node, "from-file");
	cr_expect_eq(p->group, -1);
}

Test(plan, paths_of_the_file_are_beside_it_and_those_of_options_are_not)
{
	AUTO(temp_drop) char *folder = temp_new();
	AUTO(text_free) char *file = temp_path(folder, "vhsmd.yaml");
	AUTO(text_free) char *spec = temp_path(folder, "k.yaml");
	AUTO(text_free) char *cert = temp_path(folder, "c.pem");
	AUTO(plan_free) struct plan *p = NULL;
	char said[1024];

	temp_file(folder, "k.yaml",
	    "version: 1\nkeys: [{generate: {kty: EC, crv: P-256}, use: sig}]\n",
	    0644);
	temp_file(folder, "vhsmd.yaml",
	    "keys: k.yaml\nhttp: {discovery: '127.0.0.1:0', tls: {cert: c.pem, "
	    "key: c.key}}\n",
	    0644);
	const struct options o = { .config = file,
		.listen = "ipc:///c.sock",
		.state = "relative" };

	cr_assert_eq(make(&o, &p, said, sizeof said), VH_OK, "%s", said);
	cr_expect_str_eq(p->spec_file, spec);
	cr_expect_str_eq(p->http_cert, cert);
	cr_expect_str_eq(p->state, "relative");
	cr_expect_eq(p->spec->keys.count, 1);
}

Test(plan, without_a_spec_there_are_six_keys_and_at_least_two_workers)
{
	AUTO(plan_free) struct plan *p = NULL;
	const struct options o = { .listen = "ipc:///c.sock" };
	char said[1024];

	cr_assert_eq(make(&o, &p, said, sizeof said), VH_OK, "%s", said);
	cr_expect_eq(p->spec->keys.count, 6);
	cr_expect_null(p->spec_file);
	cr_expect_null(p->operators);
	cr_expect_geq(p->workers, WORKERS_MIN);
	cr_expect(p->workers_auto);
}

Test(plan, without_a_socket_both_lie_in_the_runtime_folder)
{
	AUTO(plan_free) struct plan *p = NULL;
	const struct options o = { 0 };
	char said[1024];

	cr_assert_eq(setenv("XDG_RUNTIME_DIR", "/run/user/x", 1), 0);
	cr_assert_eq(make(&o, &p, said, sizeof said), VH_OK, "%s", said);
	bool root = geteuid() == 0;

	cr_expect_str_eq(p->callers, root
					 ? "ipc:///run/vhsmd/vhsm.sock"
					 : "ipc:///run/user/x/vhsmd/vhsm.sock");
	cr_expect_str_eq(p->operators,
	    root ? "ipc:///run/vhsmd/operator.sock"
		 : "ipc:///run/user/x/vhsmd/operator.sock");
}

Test(plan, a_file_everyone_may_write_is_refused)
{
	AUTO(temp_drop) char *folder = temp_new();
	AUTO(text_free) char *file = temp_path(folder, "vhsmd.yaml");
	AUTO(plan_free) struct plan *p = NULL;
	char said[1024];

	temp_file(folder, "vhsmd.yaml", "node: {name: a}\n", 0666);
	const struct options o = { .config = file, .listen = "ipc:///c.sock" };

	cr_expect_eq(make(&o, &p, said, sizeof said), VH_ECONFIG);
	cr_expect_not_null(strstr(said, "0666"));
	cr_expect_null(p);
}

Test(plan, a_missing_file_is_named)
{
	AUTO(plan_free) struct plan *p = NULL;
	const struct options o = { .keyspec = "/nowhere/k.yaml",
		.listen = "ipc:///c.sock" };
	char said[1024];

	cr_expect_eq(make(&o, &p, said, sizeof said), VH_ECONFIG);
	cr_expect_not_null(strstr(said, "/nowhere/k.yaml"));
	cr_expect_not_null(strstr(said, "ENOENT"));
}

Test(plan, a_group_nobody_has_is_refused)
{
	AUTO(temp_drop) char *folder = temp_new();
	AUTO(text_free) char *file = temp_path(folder, "vhsmd.yaml");
	AUTO(plan_free) struct plan *p = NULL;
	char said[1024];

	temp_file(folder, "vhsmd.yaml", "listen: {group: no-such-group}\n",
	    0644);
	const struct options o = { .config = file, .listen = "ipc:///c.sock" };

	cr_expect_eq(make(&o, &p, said, sizeof said), VH_ECONFIG);
	cr_expect_not_null(strstr(said, "no-such-group"));
}

Test(plan, a_text_is_read_whole_and_one_past_the_bound_is_the_parsers)
{
	AUTO(temp_drop) char *folder = temp_new();
	AUTO(text_free) char *path = temp_path(folder, "x");
	AUTO(buf_free) struct buf *why = buf_new(1024);
	AUTO(buf_free) struct buf *text = NULL;

	temp_file(folder, "x", "", 0600);
	cr_assert_eq(truncate(path, NODE_TEXT_MAX * 3), 0);
	cr_assert_eq(plan_read(path, &text, why), VH_OK);
	cr_expect_gt(buf_slice(text).len, NODE_TEXT_MAX);
	cr_expect_lt(buf_slice(text).len, NODE_TEXT_MAX * 2);
}

#define CLUSTER                                                                \
	"cluster:\n  listen: tls+tcp://127.0.0.1:0\n  advertise: a:0\n"        \
	"  ca: ca\n  tls: {cert: tc, key: tk}\n"                               \
	"  record: {cert: rc, key: rk}\n"

Test(plan, a_node_is_alone_unless_it_has_a_cluster)
{
	AUTO(plan_free) struct plan *p = NULL;
	const struct options o = { .listen = "ipc:///c.sock" };
	char said[1024];

	cr_assert_eq(make(&o, &p, said, sizeof said), VH_OK, "%s", said);
	cr_expect_not(p->clustered);
	cr_expect_null(p->chain);
	cr_expect_eq(plan_procs(p), 1u << PROC_VAULT | 1u << PROC_FRONT);
}

Test(plan, a_cluster_has_its_files_beside_the_configuration)
{
	AUTO(temp_drop) char *folder = temp_new();
	AUTO(text_free) char *file = temp_path(folder, "vhsmd.yaml");
	AUTO(text_free) char *key = temp_path(folder, "rk");
	AUTO(text_free) char *ca = temp_path(folder, "ca");
	AUTO(plan_free) struct plan *p = NULL;
	char said[1024];

	temp_file(folder, "vhsmd.yaml", "node: {state: st}\n" CLUSTER, 0644);
	temp_file(folder, "rc", "a chain\n", 0644);
	const struct options o = { .config = file, .listen = "ipc:///c.sock" };

	cr_assert_eq(make(&o, &p, said, sizeof said), VH_OK, "%s", said);
	cr_expect(p->clustered);
	cr_expect(slice_is(buf_slice(p->chain), "a chain\n"));
	cr_expect_str_eq(p->record_key, key);
	cr_expect_str_eq(p->ca, ca);
	cr_expect_null(p->crl);
	cr_expect_eq(plan_procs(p), (1u << PROCS) - 1);
}

Test(plan, a_cluster_needs_a_folder_for_its_state)
{
	AUTO(temp_drop) char *folder = temp_new();
	AUTO(text_free) char *file = temp_path(folder, "vhsmd.yaml");
	AUTO(plan_free) struct plan *p = NULL;
	char said[1024];

	temp_file(folder, "vhsmd.yaml", CLUSTER, 0644);
	temp_file(folder, "rc", "a chain\n", 0644);
	struct options o = { .config = file, .listen = "ipc:///c.sock" };

	cr_expect_eq(make(&o, &p, said, sizeof said), VH_ECONFIG);
	cr_expect_not_null(strstr(said, "no state"));
	o.state = "elsewhere";
	cr_expect_eq(make(&o, &p, said, sizeof said), VH_OK, "%s", said);
}

Test(plan, a_record_certificate_has_to_be_there_and_not_huge)
{
	AUTO(temp_drop) char *folder = temp_new();
	AUTO(text_free) char *file = temp_path(folder, "vhsmd.yaml");
	AUTO(text_free) char *chain = temp_path(folder, "rc");
	AUTO(plan_free) struct plan *p = NULL;
	char said[1024];

	temp_file(folder, "vhsmd.yaml", "node: {state: st}\n" CLUSTER, 0644);
	const struct options o = { .config = file, .listen = "ipc:///c.sock" };

	cr_expect_eq(make(&o, &p, said, sizeof said), VH_ECONFIG);
	cr_expect_not_null(strstr(said, "ENOENT"));
	temp_file(folder, "rc", "", 0644);
	cr_expect_eq(make(&o, &p, said, sizeof said), VH_ECONFIG);
	cr_expect_not_null(strstr(said, "expected 1 to 65536"));
	cr_assert_eq(truncate(chain, 65537), 0);
	cr_expect_eq(make(&o, &p, said, sizeof said), VH_ECONFIG);
	cr_expect_null(p);
}

/* With audit: {file: FILE}, and the state folder and sockets of options. */
static void
audit_refused(const char *folder, const char *file, const struct options *given,
    const char *what)
{
	AUTO(text_free) char *config = temp_path(folder, "vhsmd.yaml");
	AUTO(plan_free) struct plan *p = NULL;
	struct options o = *given;
	char text[256], said[1024], where[512];

	o.config = config;
	(void)unlink(config); /* of the one before */
	(void)snprintf(text, sizeof text, "audit:\n  file: \"%s\"\n", file);
	temp_file(folder, "vhsmd.yaml", text, 0644);
	(void)snprintf(where, sizeof where, "%s:2:9: file: found ", config);
	enum vh_err err = make(&o, &p, said, sizeof said);

	cr_expect_eq(err, what == NULL ? VH_OK : VH_ECONFIG, "%s: %s", file,
	    said);
	if (what == NULL)
		return;
	cr_expect_eq(strncmp(said, where, strlen(where)), 0, "%s", said);
	cr_expect_not_null(strstr(said, what), "%s: %s", file, said);
}

Test(plan, the_audit_trail_has_files_of_its_own_wherever_options_put_others)
{
	AUTO(temp_drop) char *folder = temp_new();
	AUTO(text_free) char *link = temp_path(folder, "link");
	AUTO(text_free) char *there = temp_path(folder, "link/cluster.state");
	char callers[512], operators[512];

	cr_assert_eq(symlink(folder, link), 0);
	(void)snprintf(callers, sizeof callers, "ipc://%s/a.sock", folder);
	(void)snprintf(operators, sizeof operators, "ipc://%s/a.1", folder);
	const struct options o = { .listen = callers,
		.operator= operators,
		.state = folder };
	const struct options linked = { .listen = callers,
		.operator= operators,
		.state = link };

	audit_refused(folder, "a.sock", &o, "the callers' socket");
	audit_refused(folder, "a.sock", &linked, "the callers' socket");
	audit_refused(folder, "a", &o, "the operators' socket");
	audit_refused(folder, there, &o, "what the node saves");
	audit_refused(folder, "vhsmd.yaml", &o, "this file");
	audit_refused(folder, "a.log", &linked, NULL);
}
