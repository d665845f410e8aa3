#include "front/party.h"

static enum vh_err
add(struct parties *p, struct slice body, vh_tags may, struct buf *why)
{
	if (p->count == FORM_PARTIES) {
		buf_format(why, "more than %d signers or recipients",
		    FORM_PARTIES);
		return VH_ETOOBIG;
	}
	struct fields *to = &p->at[p->count++];

	TRY(fields_parse(body, to));
	return (to->present & ~may) == 0
		   ? VH_OK
		   : why_say(why, VH_EFIELD,
			 "a field that a signer or recipient cannot have");
}

enum vh_err
parties_parse(const struct fields *in, vh_tags may, struct parties *out,
    struct buf *why)
{
	struct slice rest = in->body, value;
	unsigned tag;

	out->count = 1;
	out->at[0] = *in;
	while (fields_next(&rest, &tag, &value))
		if (tag == VH_F_PARTY)
			TRY(add(out, value, may, why));
	return VH_OK;
}

enum vh_err
parties_form(const struct fields *in, size_t count, enum form *out,
    struct buf *why)
{
	TRY(form_by_name(in->at[VH_F_FORMAT], out, why));
	if (count > 1 && *out != FORM_GENERAL)
		return why_say(why, VH_EFIELD,
		    "several signers or recipients need format general");
	return VH_OK;
}

void
party_put(struct buf *b, const struct fields *party, vh_tags tags)
{
	for (unsigned tag = 0; tag < VH_TAGS; tag++)
		if ((tags >> tag & 1) != 0 &&
		    fields_have(party, (enum vh_tag)tag))
			frame_put(b, (enum vh_tag)tag, party->at[tag]);
}
