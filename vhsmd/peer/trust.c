#include "peer/certificate.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>

#define CERTIFICATE_MAX 8192 /* bytes of one, DER */
#define CAS_MAX         256  /* certificates of the bundle */

/* A list, and the key that signed it: a CA that changed its key has two. */
struct list {
	X509_CRL *crl;
	EVP_PKEY *key; /* borrowed from a certificate of the bundle */
};

/* A bundle with its lists. */
struct anchors {
	X509_STORE *store;
	STACK_OF(X509) * cas;
	struct list *lists;
	size_t list_count;
	uint64_t crl_ends;
};

/* A node's chain, as it last proved who it is. */
struct met {
	char node[NODE_NAME_MAX + 1];
	uint64_t turn; /* higher is later */
	size_t count;
	struct slice der[TRUST_CHAIN_MAX]; /* in bytes */
	struct buf *bytes;
};

struct trust {
	struct anchors *anchors; /* NULL: nobody */
	struct met *met;         /* TRUST_NODES_MAX at most */
	size_t met_count, met_room;
	uint64_t turn;
};

AUTO_FREE(BIO, BIO_free_all)
AUTO_FREE(X509_STORE_CTX, X509_STORE_CTX_free)

static void
chain_free(STACK_OF(X509) * chain)
{
	sk_X509_pop_free(chain, X509_free);
}
AUTO_FREE(STACK_OF(X509), chain_free)

static void
anchors_free(struct anchors *a)
{
	if (a == NULL)
		return;
	for (size_t i = 0; i < a->list_count; i++)
		X509_CRL_free(a->lists[i].crl);
	free(a->lists);
	chain_free(a->cas);
	X509_STORE_free(a->store);
	free(a);
}
AUTO_FREE(struct anchors, anchors_free)

struct trust *
trust_new(void)
{
	return calloc(1, sizeof(struct trust));
}

void
trust_free(struct trust *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; i < t->met_count; i++)
		buf_free(t->met[i].bytes);
	free(t->met);
	anchors_free(t->anchors);
	free(t);
}

/* --- loading ---------------------------------------------------------------
 */

static enum vh_err
say(struct buf *why, const char *text)
{
	ERR_clear_error();
	buf_put_text(why, text);
	return VH_ECONFIG;
}

/* Whether reading PEM ended because there was no more of it. */
static bool
is_end_of_pem(void)
{
	unsigned long e = ERR_peek_last_error();
	bool end = ERR_GET_LIB(e) == ERR_LIB_PEM &&
		   ERR_GET_REASON(e) == PEM_R_NO_START_LINE;

	ERR_clear_error();
	return end;
}

static enum vh_err
add_ca(struct anchors *a, X509 *ca, struct buf *why)
{
	if (!certificate_is_ca(ca))
		return say(why, "CA bundle: a certificate that is not a CA's");
	if (sk_X509_num(a->cas) >= CAS_MAX)
		return say(why, "CA bundle: too many certificates");
	if (X509_STORE_add_cert(a->store, ca) != 1 || X509_up_ref(ca) != 1)
		return VH_ENOMEM;
	if (sk_X509_push(a->cas, ca) > 0)
		return VH_OK;
	X509_free(ca);
	return VH_ENOMEM;
}

static enum vh_err
load_cas(struct anchors *a, struct slice pem, struct buf *why)
{
	AUTO(BIO_free_all) BIO *in = NULL;

	if (pem.len > TRUST_CA_MAX)
		return say(why, "CA bundle: too long");
	in = BIO_new_mem_buf(pem.len == 0 ? "" : (const void *)pem.p,
	    (int)pem.len);
	if (in == NULL)
		return VH_ENOMEM;
	for (;;) {
		AUTO(X509_free)
		X509 *ca = PEM_read_bio_X509(in, NULL, NULL, NULL);

		if (ca == NULL)
			break;
		TRY(add_ca(a, ca, why));
	}
	if (!is_end_of_pem())
		return say(why, "CA bundle: malformed PEM");
	return sk_X509_num(a->cas) > 0
		   ? VH_OK
		   : say(why, "CA bundle: no certificate in it");
}

/* The key of the bundle that signed the list, or NULL. */
static EVP_PKEY *
signer_of(const struct anchors *a, X509_CRL *crl)
{
	for (int i = 0; i < sk_X509_num(a->cas); i++) {
		X509 *ca = sk_X509_value(a->cas, i);
		EVP_PKEY *key = X509_get0_pubkey(ca);

		if (X509_NAME_cmp(X509_get_subject_name(ca),
			X509_CRL_get_issuer(crl)) == 0 &&
		    (X509_get_key_usage(ca) & KU_CRL_SIGN) != 0 &&
		    key != NULL && X509_CRL_verify(crl, key) == 1)
			return key;
	}
	return NULL;
}

static enum vh_err
add_list(struct anchors *a, X509_CRL *crl, struct buf *why)
{
	EVP_PKEY *key = signer_of(a, crl);
	struct list *more;
	uint64_t ends;

	if (key == NULL)
		return say(why, "CRL: not signed by a CA of the bundle");
	/* Critical are what makes a list mean less than it seems to: lists of
	 * some reasons only, or of changes only (RFC 5280, 5.2). */
	if (X509_CRL_get_ext_by_critical(crl, 1, -1) >= 0)
		return say(why, "CRL: a critical extension");
	if (a->list_count >= CAS_MAX)
		return say(why, "CRL: too many lists");
	more = reallocarray(a->lists, a->list_count + 1, sizeof *more);
	if (more == NULL || X509_CRL_up_ref(crl) != 1) {
		a->lists = more == NULL ? a->lists : more;
		return VH_ENOMEM;
	}
	a->lists = more;
	a->lists[a->list_count++] = (struct list){ crl, key };
	if (time_in_ms(X509_CRL_get0_nextUpdate(crl), &ends) &&
	    ends < a->crl_ends)
		a->crl_ends = ends;
	return VH_OK;
}

static enum vh_err
load_lists(struct anchors *a, struct slice pem, struct buf *why)
{
	AUTO(BIO_free_all) BIO *in = NULL;

	if (pem.len == 0)
		return VH_OK;
	if (pem.len > TRUST_CRL_MAX)
		return say(why, "CRL: too long");
	in = BIO_new_mem_buf(pem.p, (int)pem.len);
	if (in == NULL)
		return VH_ENOMEM;
	for (;;) {
		AUTO(X509_CRL_free)
		X509_CRL *crl = PEM_read_bio_X509_CRL(in, NULL, NULL, NULL);

		if (crl == NULL)
			break;
		TRY(add_list(a, crl, why));
	}
	if (!is_end_of_pem())
		return say(why, "CRL: malformed PEM");
	return a->list_count > 0 ? VH_OK : say(why, "CRL: no list in it");
}

enum vh_err
trust_load(struct trust *t, struct slice ca, struct slice crl, struct buf *why)
{
	AUTO(anchors_free) struct anchors *a = calloc(1, sizeof *a);

	if (a == NULL)
		return VH_ENOMEM;
	a->crl_ends = UINT64_MAX;
	a->store = X509_STORE_new();
	a->cas = sk_X509_new_null();
	if (a->store == NULL || a->cas == NULL)
		return VH_ENOMEM;
	ERR_clear_error();
	TRY(load_cas(a, ca, why));
	TRY(load_lists(a, crl, why));
	anchors_free(t->anchors);
	t->anchors = TAKE(a);
	return VH_OK;
}

uint64_t
trust_crl_ends(const struct trust *t)
{
	return t->anchors == NULL ? UINT64_MAX : t->anchors->crl_ends;
}

/* --- judging a chain -------------------------------------------------------
 */

static enum vh_err
parse_chain(const struct slice *ders, size_t count, STACK_OF(X509) * *out,
    enum refusal *why)
{
	AUTO(chain_free) STACK_OF(X509) *chain = sk_X509_new_null();

	if (chain == NULL)
		return refuse(why, REFUSAL_MEMORY);
	if (count == 0 || count > TRUST_CHAIN_MAX)
		return refuse(why, REFUSAL_CHAIN);
	for (size_t i = 0; i < count; i++) {
		const unsigned char *p = ders[i].p;
		AUTO(X509_free) X509 *cert = NULL;

		if (ders[i].len == 0 || ders[i].len > CERTIFICATE_MAX)
			return refuse(why, REFUSAL_CHAIN);
		cert = d2i_X509(NULL, &p, (long)ders[i].len);
		if (cert == NULL || p != ders[i].p + ders[i].len)
			return refuse(why, REFUSAL_CHAIN);
		if (sk_X509_push(chain, cert) <= 0)
			return refuse(why, REFUSAL_MEMORY);
		cert = NULL; /* chain's now */
	}
	*out = TAKE(chain);
	return VH_OK;
}

/* When issuer's lists say that cert was revoked. */
static uint64_t
revoked_at(const struct anchors *a, X509 *cert, X509 *issuer)
{
	uint64_t first = TRUST_NOT_REVOKED, ms;

	for (size_t i = 0; i < a->list_count; i++) {
		X509_REVOKED *entry = NULL;

		/* 2 is "removed from the list". */
		if (EVP_PKEY_eq(a->lists[i].key, X509_get0_pubkey(issuer)) !=
			1 ||
		    X509_CRL_get0_by_cert(a->lists[i].crl, &entry, cert) != 1)
			continue;
		if (!time_in_ms(X509_REVOKED_get0_revocationDate(entry), &ms))
			ms = 0;
		if (ms < first)
			first = ms;
	}
	return first;
}

/* Times and revocation of a verified chain; the anchor itself is believed. */
static enum vh_err
read_chain(const struct anchors *a, const STACK_OF(X509) * chain,
    struct certificate *out, enum refusal *why)
{
	int count = sk_X509_num(chain);

	out->from_ms = 0;
	out->until_ms = UINT64_MAX;
	out->revoked_ms = TRUST_NOT_REVOKED;
	for (int i = 0; i < count; i++) {
		X509 *cert = sk_X509_value(chain, i);
		uint64_t from, until, revoked;

		if (!time_in_ms(X509_get0_notBefore(cert), &from) ||
		    !time_in_ms(X509_get0_notAfter(cert), &until))
			return refuse(why, REFUSAL_CHAIN);
		until += 999; /* that second is part of it */
		out->from_ms = from > out->from_ms ? from : out->from_ms;
		out->until_ms = until < out->until_ms ? until : out->until_ms;
		if (i + 1 == count)
			break;
		revoked = revoked_at(a, cert, sk_X509_value(chain, i + 1));
		if (revoked < out->revoked_ms)
			out->revoked_ms = revoked;
	}
	return VH_OK;
}

static enum vh_err
verify_chain(const struct anchors *a, X509_STORE_CTX *ctx,
    STACK_OF(X509) * chain, enum refusal *why)
{
	if (ctx == NULL || X509_STORE_CTX_init(ctx, a->store,
			       sk_X509_value(chain, 0), chain) != 1)
		return refuse(why, REFUSAL_MEMORY);
	X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);

	/* Each CA of the bundle is an anchor, as for TLS; 112 bits and no
	 * SHA-1. */
	X509_VERIFY_PARAM_set_auth_level(param, 2);
	X509_VERIFY_PARAM_set_depth(param, TRUST_CHAIN_MAX);
	if (X509_VERIFY_PARAM_set_flags(param,
		X509_V_FLAG_NO_CHECK_TIME | X509_V_FLAG_PARTIAL_CHAIN) != 1 ||
	    X509_verify_cert(ctx) != 1)
		return refuse(why, REFUSAL_UNTRUSTED);
	return VH_OK;
}

static enum vh_err
judge(const struct anchors *a, const struct slice *ders, size_t count,
    struct certificate *out, enum refusal *why)
{
	AUTO(X509_STORE_CTX_free) X509_STORE_CTX *ctx = NULL;
	AUTO(chain_free) STACK_OF(X509) *chain = NULL;

	TRY(parse_chain(ders, count, &chain, why));
	if (a == NULL)
		return refuse(why, REFUSAL_UNTRUSTED);
	ctx = X509_STORE_CTX_new();
	TRY(verify_chain(a, ctx, chain, why));
	TRY(read_chain(a, X509_STORE_CTX_get0_chain(ctx), out, why));
	return certificate_of_leaf(sk_X509_value(chain, 0), out, why);
}

enum vh_err
trust_chain(const struct trust *t, const struct slice *ders, size_t count,
    struct certificate **out, enum refusal *why)
{
	AUTO(certificate_free) struct certificate *c = calloc(1, sizeof *c);

	*out = NULL;
	if (c == NULL)
		return refuse(why, REFUSAL_MEMORY);
	enum vh_err err = judge(t->anchors, ders, count, c, why);

	ERR_clear_error();
	TRY(err);
	*out = TAKE(c);
	return VH_OK;
}

/* --- who was here ----------------------------------------------------------
 */

static struct met *
find_met(const struct trust *t, const char *node)
{
	for (size_t i = 0; i < t->met_count; i++)
		if (strcmp(t->met[i].node, node) == 0)
			return &t->met[i];
	return NULL;
}

/* A place for node: its own, a new one, or that of who came longest ago. */
static struct met *
place_for(struct trust *t, const char *node)
{
	struct met *m = find_met(t, node);

	if (m != NULL)
		return m;
	if (t->met_count < TRUST_NODES_MAX) {
		if (t->met_count == t->met_room) {
			size_t room = t->met_room * 2 + 16;
			struct met *more =
			    reallocarray(t->met, room, sizeof *more);

			if (more == NULL)
				return NULL;
			t->met = more;
			t->met_room = room;
		}
		t->met[t->met_count] = (struct met){ 0 };
		return &t->met[t->met_count++];
	}
	m = &t->met[0];
	for (size_t i = 1; i < t->met_count; i++)
		if (t->met[i].turn < m->turn)
			m = &t->met[i];
	return m;
}

enum vh_err
trust_remember(struct trust *t, const char *node, const struct slice *ders,
    size_t count)
{
	AUTO(buf_free)
	struct buf *bytes = buf_new(TRUST_CHAIN_MAX * CERTIFICATE_MAX);
	struct met *m, new = { .turn = ++t->turn, .count = count };
	size_t at = 0;

	if (count > TRUST_CHAIN_MAX || strlen(node) > NODE_NAME_MAX)
		return VH_EFIELD;
	for (size_t i = 0; i < count; i++)
		buf_put(bytes, ders[i]);
	TRY(buf_end(bytes));
	m = place_for(t, node);
	if (m == NULL)
		return VH_ENOMEM;
	for (size_t i = 0; i < count; at += ders[i++].len)
		new.der[i] = slice_of(bytes->p + at, ders[i].len);
	memcpy(new.node, node, strlen(node));
	buf_free(m->bytes);
	new.bytes = TAKE(bytes);
	*m = new;
	return VH_OK;
}

bool
trust_allows_node(const struct trust *t, const char *node, struct wall_ms now)
{
	AUTO(certificate_free) struct certificate *c = NULL;
	const struct met *m = find_met(t, node);
	enum refusal why;

	return m != NULL &&
	       trust_chain(t, m->der, m->count, &c, &why) == VH_OK &&
	       certificate_at(c, now.ms, &why) == VH_OK;
}
