#include "peer/start.h"

#include <sodium.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "peer/certs.h"
#include "peer/gossip.h"
#include "peer/loop.h"
#include "peer/publish.h"
#include "peer/pull.h"
#include "peer/statefile.h"
#include "peer/superlink.h"
#include "peer/take.h"

#define SUPER_FRAME_MAX (PEER_FRAME_MAX)
#define READ_SIZE       65536
#define URL_SCHEME      "tls+tcp://"

static enum vh_err
answer(struct peer *p, const struct frame *q, enum vh_err err)
{
	link_answer(p->super, q->op, q->id, err);
	while (link_unsent(p->super) > 0)
		TRY(link_flush(p->super));
	return VH_OK;
}

enum vh_err
start_receive(struct peer *p, uint64_t *id)
{
	struct frame q;

	for (;;) {
		TRY(link_wait(p->super, -1, &q));
		TRY(frame_check(&q, VH_WHO_SUPER));
		if (q.op == VH_OP_PSTART)
			break;
		if (q.op != VH_OP_GIVE)
			return VH_EOP;
		enum vh_err err = super_give(p, &q);

		TRY(answer(p, &q, err));
		TRY(err);
	}
	*id = q.id;
	return settings_parse(q.f.at[VH_F_CONFIG], &p->settings);
}

/* --- what the parts are made of --------------------------------------------
 */

static enum vh_err
listen_at(struct peer *p)
{
	const char *url = p->settings->cluster_listen;
	size_t scheme = strlen(URL_SCHEME);

	if (strncmp(url, URL_SCHEME, scheme) != 0)
		return VH_ECONFIG;
	enum vh_err err = net_listen(p->net, url + scheme);

	if (err == VH_OK)
		LOG(NOTICE, "listening", KV("address", net_address(p->net)));
	else
		LOG(ERROR, "not-listening", KV("address", url), KV_ERR(err));
	return err;
}

static enum vh_err
make_ledger(struct peer *p)
{
	const struct ledger_config c = { .self = p->settings->node,
		.trust = p->trust,
		.revokers = slice_text(p->settings->cluster_revokers) };

	p->ledger = ledger_new(&c, p->now);
	return p->ledger == NULL ? VH_ENOMEM : VH_OK;
}

static enum vh_err
make_member(struct peer *p)
{
	struct member_config c = { .name = p->settings->node,
		.address = p->settings->cluster_advertise,
		.version = p->settings->version,
		.incarnation = p->now.wall.ms };

	randombytes_buf(&c.seed, sizeof c.seed);
	do
		randombytes_buf(&c.instance, sizeof c.instance);
	while (c.instance == 0);
	p->member = member_new(&c, p->now.mono);
	return p->member == NULL ? VH_ECONFIG : VH_OK;
}

static enum vh_err
make_sessions(struct peer *p)
{
	struct session_hooks hooks = loop_hooks(p);

	p->sessions = sessions_new(p->settings->node, &hooks);
	if (p->sessions == NULL)
		return VH_ENOMEM;
	struct net_hooks below = sessions_net_hooks(p->sessions);

	TRY(net_new(&below, &p->net));
	sessions_start(p->sessions, p->net);
	return VH_OK;
}

enum vh_err
start_prepare(struct peer *p)
{
	if (p->vault == NULL)
		return VH_ECONFIG;
	p->names = names_new();
	p->trust = trust_new();
	p->verifier = verifier_new();
	p->announce = announce_new();
	if (p->announce == NULL || p->names == NULL || p->trust == NULL ||
	    p->verifier == NULL)
		return VH_ENOMEM;
	TRY(make_sessions(p));
	TRY(certs_load(p));
	TRY(make_ledger(p));
	TRY(make_member(p));
	return listen_at(p);
}

/* --- the state --------------------------------------------------------------
 */

static enum vh_err
read_state(int fd, struct buf *text)
{
	(void)lseek(fd, 0, SEEK_SET); /* an earlier process may have read it */
	for (;;) {
		size_t before = buf_slice(text).len;
		uint8_t *to = buf_extend(text, READ_SIZE);

		if (to == NULL)
			return buf_end(text);
		ssize_t n = read(fd, to, READ_SIZE);

		if (n < 0)
			return VH_EIO;
		buf_trim(text, before + (size_t)n);
		if (n == 0)
			return VH_OK;
	}
}

/* Nodes of the state are called now and then, whatever the seeds. */
static void
know_all(struct peer *p)
{
	const struct record *r;

	for (size_t i = 0; (r = ledger_current_at(p->ledger, i)) != NULL; i++)
		if (strcmp(r->node, p->settings->node) != 0)
			/* Full or odd: it is met by other ways, or not. */
			(void)member_know(p->member, p->now.mono, r->node,
			    r->address);
}

static size_t
sum(const size_t *numbers, size_t count)
{
	size_t all = 0;

	for (size_t i = 0; i < count; i++)
		all += numbers[i];
	return all;
}

/* *damaged: the file is not what was saved. */
static enum vh_err
load_state(struct peer *p, bool *damaged)
{
	AUTO(buf_free) struct buf *text = buf_new(LEDGER_BYTES_MAX);
	struct statefile_report report = { 0 };

	*damaged = false;
	if (p->state_fd < 0)
		return VH_OK;
	enum vh_err err = read_state(p->state_fd, text);

	(void)close(p->state_fd); /* read only */
	p->state_fd = -1;
	TRY(err);
	TRY(statefile_load(p->ledger, p->now, buf_slice(text), &report));
	*damaged = report.damaged;
	LOG(NOTICE, "state-loaded", KV("taken", (unsigned long)report.taken),
	    KV("refused", (unsigned long)sum(report.refused, REFUSALS)),
	    KV("malformed", (unsigned long)report.malformed),
	    KV("damaged", report.damaged));
	know_all(p);
	return ledger_tick(p->ledger, p->now);
}

/* --- the end of the start ---------------------------------------------------
 */

static enum vh_err
answer_start(struct peer *p, uint64_t id, enum vh_err err, bool damaged)
{
	struct buf *b = link_out(p->super);
	size_t start = frame_answer(b, VH_OP_PSTART, id, err);

	if (err == VH_OK)
		frame_put_text(b, VH_F_ADDRESS, net_address(p->net));
	if (damaged)
		frame_put_text(b, VH_F_WHY, "the saved state is damaged");
	frame_close(b, start);
	return link_flush(p->super);
}

void
start_fail(struct peer *p, uint64_t id, enum vh_err err)
{
	/* It hears of our end anyhow. */
	(void)answer_start(p, id, err, false);
}

enum vh_err
start_serve(struct peer *p, uint64_t id)
{
	bool damaged;

	TRY(names_set_seeds(p->names, slice_text(p->settings->cluster_seeds)));
	TRY(load_state(p, &damaged));
	super_tell_seeds(p);
	publish_start(p);
	return answer_start(p, id, VH_OK, damaged);
}

enum vh_err
peer_new(int super_fd, struct peer **out)
{
	AUTO(peer_free) struct peer *p = calloc(1, sizeof *p);

	*out = NULL;
	if (p == NULL)
		return VH_ENOMEM;
	p->given = (struct net_tls_files){ -1, -1, -1, -1 };
	p->state_fd = -1;
	p->now = (struct moment){ clock_wall(), clock_mono() };
	p->super = link_new(super_fd, SUPER_FRAME_MAX);
	if (p->super == NULL)
		return VH_ENOMEM;
	*out = TAKE(p);
	return VH_OK;
}

static void
pendings_free(struct peer *p)
{
	struct pending *w, *next;

	HASH_ITER(hh, p->pendings, w, next)
	{
		HASH_DEL(p->pendings, w);
		free(w);
	}
}

void
peer_free(struct peer *p)
{
	if (p == NULL)
		return;
	pendings_free(p);
	pull_free(p);
	unread_drop(p);
	gossip_free(p);
	buf_free(p->saving.text);
	announce_free(p->announce);
	net_free(p->net);
	sessions_free(p->sessions);
	net_tls_free(p->tls);
	member_free(p->member);
	ledger_free(p->ledger);
	verifier_free(p->verifier);
	trust_free(p->trust);
	names_free(p->names);
	link_free(p->super);
	link_free(p->vault);
	link_free(p->front);
	settings_free(p->settings);
	free(p);
}
