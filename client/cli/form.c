#include "client/cli/form.h"

#include "client/cli/input.h"
#include "client/cli/output.h"
#include "wire/ops.h"

void
form_end(struct form_texts *t)
{
	for (size_t i = 0; i < ARRAY_LEN(t->jwks); i++)
		buf_free(t->jwks[i]);
	buf_free(t->aad);
	*t = (struct form_texts){ .aad = NULL };
}

static bool
read_format(const struct args *a, enum vhsm_format *out)
{
	static const char *const names[] = { [VHSM_COMPACT] = "compact",
		[VHSM_FLATTENED] = "flattened",
		[VHSM_GENERAL] = "general" };

	*out = a->more_count > 0 ? VHSM_GENERAL : VHSM_COMPACT;
	if (a->format == NULL)
		return true;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcmp(a->format, names[i]) == 0) {
			*out = (enum vhsm_format)i;
			return true;
		}
	return false;
}

/* NULL where there is none. */
static bool
read_jwk(const struct args *a, const char *file, struct buf **held,
    const char **out)
{
	*out = NULL;
	if (file == NULL)
		return true;
	*held = input_read_text(a, file, field_row(VH_F_JWK)->max);
	if (*held == NULL)
		return false;
	*out = (const char *)(*held)->p;
	return true;
}

static bool
fill_parties(const struct args *a, struct form_texts *t, struct vhsm_request *q)
{
	if (!read_jwk(a, a->jwk, &t->jwks[0], &q->jwk))
		return false;
	for (uint32_t i = 0; i < a->more_count; i++) {
		const struct party *from = &a->more[i];
		struct vhsm_party *to = &t->more[i];

		to->key = from->key;
		to->header = from->header;
		to->typ = from->typ;
		to->unprotected = from->unprotected;
		if (!read_jwk(a, from->jwk, &t->jwks[i + 1], &to->jwk))
			return false;
	}
	q->more = a->more_count > 0 ? t->more : NULL;
	q->more_count = a->more_count;
	return true;
}

static bool
fill_aad(const struct args *a, struct form_texts *t, struct vhsm_request *q)
{
	q->aad = a->aad;
	q->aad_len = a->aad == NULL ? 0 : strlen(a->aad);
	if (a->aad_file == NULL)
		return true;
	t->aad = input_read(a, a->aad_file, field_row(VH_F_AAD)->max);
	if (t->aad == NULL)
		return false;
	q->aad = t->aad->p;
	q->aad_len = t->aad->len;
	return true;
}

int
form_fill(const struct args *a, struct form_texts *t, struct vhsm_request *q)
{
	if (!read_format(a, &q->format))
		return fail_usage(a,
		    "--format is compact, flattened or general");
	if (a->aad != NULL && a->aad_file != NULL)
		return fail_usage(a, "--aad and --aad-file exclude each other");
	q->header = a->header;
	q->typ = a->typ;
	q->unprotected = a->unprotected;
	q->detached = a->detached;
	q->unencoded = a->unencoded;
	q->zip = a->zip ? "DEF" : NULL;
	return fill_parties(a, t, q) && fill_aad(a, t, q) ? EXIT_DONE
							  : EXIT_FAILED;
}
