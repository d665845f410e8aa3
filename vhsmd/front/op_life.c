/* ROTATE, RETIRE, DESTROY: the vault does them.  RELOAD: the supervisor. */
#include <jansson.h>
#include <stdlib.h>

#include "front/key_report.h"
#include "front/ops.h"
#include "front/vaultlink.h"
#include "jose/json.h"

static enum vh_err
ask(struct front *f, struct request *q, const char *act)
{
	const struct fields *in = &q->frame.f;
	bool kid = fields_have(in, VH_F_KID), name = fields_have(in, VH_F_NAME);
	const struct dkey *key = directory_get(f->directory, in->at[VH_F_KID]);
	size_t start;

	if (kid == name) {
		buf_put_text(f->why, "either a kid or a name is needed");
		return VH_EFIELD;
	}
	struct pending *p = request_pend(f, q);

	if (p == NULL)
		return VH_EBUSY;
	struct buf *b = vault_ask(f, p, VH_OP_VLIFE, &start);

	frame_put_text(b, VH_F_ACT, act);
	if (key != NULL && kid)
		frame_put_text(b, VH_F_KID, key->kid);
	else
		frame_put(b, kid ? VH_F_KID : VH_F_NAME,
		    in->at[kid ? VH_F_KID : VH_F_NAME]);
	frame_close(b, start);
	return VH_OK;
}

enum vh_err
rotate_begin(struct front *f, struct request *q)
{
	return ask(f, q,
	    fields_u32(&q->frame.f, VH_F_NOW) != 0 ? "rotate-now" : "rotate");
}

enum vh_err
retire_begin(struct front *f, struct request *q)
{
	return ask(f, q, "retire");
}

enum vh_err
destroy_begin(struct front *f, struct request *q)
{
	return ask(f, q, "destroy");
}

/* What errors mean here. */
static void
explain(struct front *f, enum vh_err err)
{
	static const struct {
		enum vh_err err;
		const char *text;
	} lines[] = {
		{ VH_ENOKEY, "this node has no such key" },
		{ VH_EFIXED, "the key was loaded: put another file into the "
			     "key spec and reload" },
	};

	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		if (lines[i].err == err && buf_slice(f->why).len == 0)
			buf_put_text(f->why, lines[i].text);
}

enum vh_err
life_answer(struct front *f, struct pending *p, const struct frame *answer,
    bool *again)
{
	AUTO(json_decref) json_t *rows = json_array();
	AUTO(json_decref) json_t *json = NULL;
	struct slice rest = answer->f.body, value;
	struct fields key;
	unsigned tag;

	(void)again;
	if (answer->err != VH_OK && fields_have(&answer->f, VH_F_WHY))
		buf_put(f->why, answer->f.at[VH_F_WHY]);
	explain(f, answer->err);
	TRY(answer->err);
	while (fields_next(&rest, &tag, &value))
		if (tag == VH_F_KEY && fields_parse(value, &key) == VH_OK)
			(void)json_array_append_new(rows,
			    key_report_of_fields(&key));
	json = json_pack("{s:O}", "keys", rows);
	return reply_json(f, &p->to, json);
}

enum vh_err
reload_begin(struct front *f, struct request *q)
{
	AUTO(buf_free) struct buf *b = buf_new(2 * POLICY_WHO_MAX);
	struct pending *p = request_pend(f, q);

	if (p == NULL)
		return VH_EBUSY;
	p->asked = VH_OP_FRELOAD;
	size_t start = frame_request(b, VH_OP_FRELOAD,
	    pending_id(f->pendings, p), mono_left_ms(p->deadline, f->now));

	frame_put_text(b, VH_F_WHO, p->who);
	frame_close(b, start);
	enum vh_err err = link_send(f->super, buf_slice(b), -1);

	if (err != VH_OK)
		request_drop(f, p);
	return err;
}

enum vh_err
reload_answer(struct front *f, struct pending *p, const struct frame *answer,
    bool *again)
{
	struct reply r;

	(void)again;
	if (answer->err != VH_OK) {
		buf_put(f->why, answer->f.at[VH_F_WHY]);
		return answer->err;
	}
	frame_put(reply_open(f, &r, &p->to), VH_F_JSON,
	    answer->f.at[VH_F_JSON]);
	reply_close(f, &r);
	return VH_OK;
}
