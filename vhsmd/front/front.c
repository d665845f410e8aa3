#include "front/front.h"

#include <sodium.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "front/expiry.h"
#include "front/requests.h"

#define WHY_MAX 1000 /* below what the field WHY takes */

/* The vault bounds each of its lanes by settings.queue itself and says so at
 * once.  Here is room for all of them and for many requests whose BUSY is on
 * its way, so that those of a full lane never take the places of another's. */
#define LANES_ROOM   4
#define SPARE_PLACES 4096

static size_t
places(const struct settings *s)
{
	uint64_t n = (uint64_t)s->queue * LANES_ROOM + SPARE_PLACES;

	return n > PENDING_MAX ? PENDING_MAX : (size_t)n;
}

struct front *
front_new(struct settings *settings, struct shared *shared)
{
	AUTO(front_free) struct front *f = calloc(1, sizeof *f);

	if (f == NULL) {
		settings_free(settings);
		return NULL;
	}
	f->settings = settings;
	f->shared = shared;
	shared->draining = settings->draining != 0;
	f->status = 1;
	f->costly_max = FRONT_COSTLY_NS;
	f->now = clock_mono();
	f->wall = clock_wall();
	randombytes_buf(&f->random, sizeof f->random);
	f->epoll = epoll_create1(EPOLL_CLOEXEC);
	f->directory = directory_new();
	f->nodes = nodes_new();
	f->forwards = forwards_new();
	f->verifier = verifier_new();
	f->pendings = pendings_new(places(settings), VH_TOKEN_MAX);
	f->quotas = quotas_new(settings->per_principal);
	f->why = buf_new(WHY_MAX);
	f->stats = calloc(1, sizeof *f->stats);
	f->conns.bytes = malloc(CONN_READ);
	if (f->nodes == NULL || f->forwards == NULL)
		return NULL;
	if (f->epoll < 0 || f->directory == NULL || f->verifier == NULL ||
	    f->pendings == NULL || f->quotas == NULL || f->why == NULL ||
	    f->stats == NULL || f->conns.bytes == NULL)
		return NULL;
	return TAKE(f);
}

void
front_free(struct front *f)
{
	if (f == NULL)
		return;
	if (f->quotas != NULL && f->pendings != NULL) {
		conns_stop_listening(f);
		conns_close_all(f);
	}
	if (f->epoll >= 0)
		(void)close(f->epoll); /* nothing to do about a failure */
	if (f->nodes != NULL)
		requests_abandon(f);
	pendings_free(f->pendings);
	forwards_free(f->forwards);
	quotas_free(f->quotas);
	verifier_free(f->verifier);
	directory_free(f->peer.pull.d);
	directory_free(f->listing.d);
	expiry_free(f->expiries);
	directory_free(f->cluster);
	directory_free(f->directory);
	nodes_free(f->nodes);
	link_free(f->peer.link);
	limits_free(f->limits);
	policy_free(f->policy);
	link_free(f->vault);
	link_free(f->super);
	buf_free(f->why);
	free(f->stats);
	free(f->conns.bytes);
	settings_free(f->settings);
	free(f);
}

enum vh_err
front_read_policy(struct front *f)
{
	TRY(policy_parse(f->settings->principals, &f->policy));
	f->limits = limits_new(f->policy, f->now);
	return f->limits == NULL ? VH_ENOMEM : VH_OK;
}

/* splitmix64 */
uint64_t
front_random(struct front *f)
{
	uint64_t z = f->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

bool
front_is_full(const struct front *f, size_t bytes)
{
	return pendings_weight(f->pendings) + bytes > FRONT_KEPT_MAX ||
	       link_unsent(f->vault) + bytes > FRONT_VAULT_OUT_MAX;
}

bool
front_has_cluster(const struct front *f)
{
	return f->settings->cluster_listen[0] != '\0';
}

const struct directory *
front_listed(const struct front *f)
{
	return f->cluster != NULL ? f->cluster : f->directory;
}
