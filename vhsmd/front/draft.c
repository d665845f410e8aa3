#include "front/draft.h"

#include "jose/json.h"

#define WHY_MAX 256 /* the line of json_read_object */

struct draft
draft_of(const struct fields *in, struct wall_ms now)
{
	return (struct draft){ .typ = in->at[VH_F_TYP],
		.extra = in->at[VH_F_HEADER],
		.payload = in->at[VH_F_DATA],
		.unencoded = fields_u32(in, VH_F_UNENCODED) != 0,
		.now = now };
}

static void
end(struct draft_part *p)
{
	json_decref(p->json);
	buf_free(p->why);
}

void
draft_end(struct draft *d)
{
	end(&d->header);
	end(&d->claims);
}

static enum vh_err
read_once(struct draft_part *p, struct slice text, size_t max, struct buf *why)
{
	if (!p->read) {
		p->why = buf_new(WHY_MAX); /* without it there is no line */
		p->err = json_read_object(text, max, &p->json, p->why);
		p->read = true;
	}
	if (p->err != VH_OK && p->why != NULL)
		buf_put(why, buf_slice(p->why));
	return p->err;
}

enum vh_err
draft_typ(struct draft *d, struct slice *typ, struct buf *why)
{
	*typ = d->typ;
	if (d->typ.len > 0 || d->extra.len == 0)
		return VH_OK;
	TRY(read_once(&d->header, d->extra, VH_HEADER_MAX, why));
	if (json_get_text(d->header.json, "typ", VH_HEADER_MAX, typ))
		return VH_OK;
	return why_say(why, VH_EHEADER, "typ is no text");
}

enum vh_err
draft_claims(struct draft *d, const json_t **claims, struct buf *why)
{
	TRY(read_once(&d->claims, d->payload, VH_DATA_MAX, why));
	*claims = d->claims.json;
	return VH_OK;
}
