#include "front/mine.h"

#include "front/key_report.h"

#define PRINCIPALS_MAX (64u << 10) /* bytes of all names of a caller */

/* --- the caller ----------------------------------------------------------- */

/* Of a comma list; an empty one gives an empty array. */
static json_t *
list_json(struct slice list)
{
	json_t *all = json_array();
	struct slice item;

	while (slice_next_item(&list, &item))
		(void)json_array_append_new(all,
		    json_stringn((const char *)item.p, item.len));
	return all;
}

static json_t *
principals_json(const struct front *f, const struct asker *asker)
{
	AUTO(buf_free) struct buf *b = buf_new(PRINCIPALS_MAX);

	policy_put_principals(b, f->policy, asker->caller, PRINCIPALS_MAX);
	return buf_end(b) == VH_OK ? list_json(buf_slice(b)) : NULL;
}

/* null for no limit. */
static json_t *
most_json(uint32_t most)
{
	return most == 0 ? json_null() : json_integer(most);
}

static json_t *
limit_json(struct slice name, uint32_t rate, uint32_t in_flight)
{
	return json_pack("{s:o, s:o, s:o}", "name",
	    json_stringn((const char *)name.p, name.len), "rate",
	    most_json(rate), "in_flight", most_json(in_flight));
}

/* Its uid's, and those of its names.  Operators have none. */
static json_t *
limits_json(const struct front *f, const struct request *q)
{
	const struct caller *caller = q->asker.caller;
	const struct policy_limit *limit;
	json_t *rows = json_array();
	char uid[32];

	if (origin_conn(&q->to)->who != VH_WHO_CALLER)
		return rows;
	(void)snprintf(uid, sizeof uid, "uid:%u", caller->uid);
	(void)json_array_append_new(rows,
	    limit_json(slice_text(uid), 0, f->settings->per_principal));
	for (size_t i = 0; (limit = policy_limit(f->policy, i)) != NULL; i++)
		if (policy_has_name(f->policy, caller, limit->name))
			(void)json_array_append_new(rows,
			    limit_json(limit->name, limit->rate,
				limit->in_flight));
	return rows;
}

json_t *
mine_caller(const struct front *f, const struct request *q)
{
	return json_pack("{s:o, s:o}", "principals",
	    principals_json(f, &q->asker), "limits", limits_json(f, q));
}

/* --- a key ---------------------------------------------------------------- */

static bool
has_any_holder(const void *context, const struct dkey *key)
{
	(void)context;
	return key->holder_count > 0;
}

/* Whether an operation would find the key: the node's own, for VERIFY what is
 * published, else another node's. */
static bool
finds(const struct front *f, const struct search *search,
    const struct dkey *key, enum purpose purpose)
{
	struct slice kid = slice_text(key->kid);
	struct search q = *search;

	q.purpose = purpose;
	q.d = f->directory;
	if (search_named(&q, kid, NULL) != NULL)
		return true;
	q.d = f->cluster;
	if (purpose != FOR_VERIFY)
		q.holds = has_any_holder;
	return q.d != NULL && search_named(&q, kid, NULL) != NULL;
}

static json_t *
ops_json(const struct front *f, const struct search *search,
    const struct dkey *key)
{
	static const struct {
		enum purpose purpose;
		const char *word;
	} ops[] = {
		{ FOR_SIGN, "sign" },
		{ FOR_VERIFY, "verify" },
		{ FOR_ENCRYPT, "encrypt" },
		{ FOR_DECRYPT, "decrypt" },
		{ FOR_RAW_SIGN, "raw" },
		{ FOR_RAW_DECRYPT, "raw" },
	};
	json_t *all = json_array();

	for (size_t i = 0; i < ARRAY_LEN(ops); i++)
		if (finds(f, search, key, ops[i].purpose))
			(void)json_array_append_new(all,
			    json_string(ops[i].word));
	return all;
}

static json_t *
algs_json(const struct dkey *key)
{
	json_t *all = json_array();

	for (size_t i = 0; i < key->alg_count; i++)
		(void)json_array_append_new(all,
		    json_string(key->algs[i].alg->name));
	return all;
}

static json_t *
text_json(struct slice text)
{
	return text.len == 0 ? json_null()
			     : json_stringn((const char *)text.p, text.len);
}

/* The node's own rules are those that count. */
json_t *
mine_key(const struct front *f, const struct search *search,
    const struct dkey *key, const struct dkey *own)
{
	const struct rules *rules = own == NULL ? key->rules : own->rules;
	int64_t lifetime = rules_lifetime(rules);

	return json_pack("{s:s, s:o, s:s, s:s, s:b, s:o, s:o, s:o, s:o, s:o}",
	    "kid", dkey_kid(key), "name", text_json(slice_text(key->name)),
	    "use", use_name(key->use), "state", key_state_name(key->state),
	    "here", own != NULL, "ops", ops_json(f, search, key), "alg",
	    algs_json(key), "typ", list_json(rules_typs(rules)),
	    "max_lifetime_s",
	    lifetime == 0 ? json_null() : json_integer(lifetime), "iss",
	    text_json(rules_issuer(rules)));
}
