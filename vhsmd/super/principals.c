#include "super/principals.h"

#include "super/accounts.h"

static enum vh_err
put_ids(const struct reading *r, const struct config_principal *p,
    const char *kind, const struct texts *names,
    enum vh_err (*find)(const char *text, unsigned *id), struct buf *out)
{
	for (size_t i = 0; i < names->count; i++) {
		unsigned id;

		if (find(names->at[i], &id) != VH_OK)
			return refuse(r, p->at,
			    "principal %s: no %s %s on this machine", p->name,
			    kind[0] == 'u' ? "user" : "group", names->at[i]);
		buf_format(out, "%s%s:%u",
		    buf_slice(out).p[buf_slice(out).len - 1] == '=' ? "" : "+",
		    kind, id);
	}
	return VH_OK;
}

enum vh_err
principals_put(const struct reading *r,
    const struct config_principals *principals, struct buf *out)
{
	AUTO(buf_free) struct buf *b = buf_new(PRINCIPALS_TEXT_MAX);

	for (size_t i = 0; i < principals->count; i++) {
		const struct config_principal *p = &principals->at[i];

		buf_format(b, "%s%s=", i == 0 ? "" : ";", p->name);
		TRY(buf_end(b));
		TRY(put_ids(r, p, "uid", &p->uids, account_uid, b));
		TRY(put_ids(r, p, "gid", &p->gids, account_gid, b));
		if (p->rate > 0)
			buf_format(b, "+rate:%u", p->rate);
		if (p->in_flight > 0)
			buf_format(b, "+in_flight:%u", p->in_flight);
	}
	TRY(buf_end(b));
	buf_put(out, buf_slice(b));
	buf_put_u8(out, 0);
	return buf_end(out);
}
