#include "front/key_report.h"

#include <time.h>

const char *
key_state_name(enum vh_key_state state)
{
	static const char *const names[] = { [VH_KEY_PUBLISHED] = "published",
		[VH_KEY_ACTIVE] = "active",
		[VH_KEY_RETIRED] = "retired" };

	return state < ARRAY_LEN(names) ? names[state] : NULL;
}

/* RFC 3339, UTC; null for 0. */
static json_t *
time_json(uint64_t ms)
{
	time_t s = (time_t)(ms / 1000);
	struct tm tm;
	char text[32];

	if (ms == 0 || gmtime_r(&s, &tm) == NULL ||
	    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		return json_null();
	return json_string(text);
}

static json_t *
text_json(struct slice text)
{
	return text.len == 0 ? json_null()
			     : json_stringn((const char *)text.p, text.len);
}

static json_t *
word_json(const char *word)
{
	return word == NULL ? json_null() : json_string(word);
}

struct row {
	struct slice kid, thumbprint, name;
	enum vh_use use;
	enum vh_key_state state;
	uint64_t not_before, next, end;
};

static json_t *
row_json(const struct row *r)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "kid",
	    text_json(r->kid), "thumbprint", text_json(r->thumbprint), "name",
	    text_json(r->name), "use", word_json(use_name(r->use)), "state",
	    word_json(key_state_name(r->state)), "not_before",
	    time_json(r->not_before), "next_rotation", time_json(r->next),
	    "end", time_json(r->end));
}

json_t *
key_report(const struct dkey *key, const struct dkey *own)
{
	struct row r = { .kid = slice_text(dkey_kid(key)),
		.thumbprint =
		    slice_text(key->pub.kty == VH_KTY_OCT ? NULL : key->kid),
		.name = slice_text(key->name),
		.use = key->use,
		.state = key->state };

	if (own != NULL) {
		r.not_before = own->not_before_ms;
		r.next = own->next_ms;
		r.end = own->end_ms;
	}
	return row_json(&r);
}

json_t *
key_report_of_fields(const struct fields *f)
{
	const struct row r = { .kid = f->at[fields_have(f, VH_F_PUBLISHED_KID)
						? VH_F_PUBLISHED_KID
						: VH_F_KID],
		.thumbprint = fields_u32(f, VH_F_KTY_ID) == VH_KTY_OCT
				  ? slice_of(NULL, 0)
				  : f->at[VH_F_KID],
		.name = f->at[VH_F_NAME],
		.use = (enum vh_use)fields_u32(f, VH_F_USE_ID),
		.state = (enum vh_key_state)fields_u32(f, VH_F_STATE),
		.not_before = fields_u64(f, VH_F_NOT_BEFORE_MS),
		.next = fields_u64(f, VH_F_NEXT_MS),
		.end = fields_u64(f, VH_F_END_MS) };

	return row_json(&r);
}
