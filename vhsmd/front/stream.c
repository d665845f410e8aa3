#include "front/stream.h"

#define KEEP_EMPTY 65536       /* an empty buffer up to this is kept */
#define HELD_MAX   (96u << 20) /* above what a message and a read can come to */

void
stream_end(struct stream *s)
{
	buf_free(s->held);
	s->held = NULL;
}

static size_t
held_len(const struct stream *s)
{
	return s->held == NULL ? 0 : s->held->len - s->at;
}

bool
stream_has(const struct stream *s)
{
	return held_len(s) > 0;
}

size_t
stream_weight(const struct stream *s)
{
	return s->held == NULL ? 0 : s->held->cap;
}

/* What was handed out is forgotten before anything else happens. */
static void
settle(struct stream *s)
{
	if (s->held == NULL || held_len(s) > 0)
		return;
	s->at = 0;
	buf_clear(s->held);
	if (s->held->cap > KEEP_EMPTY)
		stream_end(s);
}

/* Moves n bytes of *bytes to held. */
static enum vh_err
hold(struct stream *s, struct slice *bytes, size_t n)
{
	if (s->held == NULL)
		s->held = buf_new(HELD_MAX);
	if (s->at > 0) {
		buf_drop(s->held, s->at);
		s->at = 0;
	}
	buf_put(s->held, slice_of(bytes->p, n));
	*bytes = slice_of(bytes->p + n, bytes->len - n);
	return buf_end(s->held) == VH_OK ? VH_OK : VH_ENOMEM;
}

enum vh_err
stream_keep(struct stream *s, struct slice bytes)
{
	return bytes.len == 0 ? VH_OK : hold(s, &bytes, bytes.len);
}

static void
pass_over(struct stream *s, struct slice *bytes)
{
	uint64_t own = s->skip < held_len(s) ? s->skip : held_len(s);

	s->at += own;
	s->skip -= own;
	uint64_t from = s->skip < bytes->len ? s->skip : bytes->len;

	*bytes = slice_of(bytes->p + from, bytes->len - from);
	s->skip -= from;
}

/* How many bytes the item that starts with have is known to need; *total is
 * the size of the message, once its head is there. */
static enum vh_err
needed(const struct stream *s, struct slice have, size_t *need, size_t *total)
{
	*total = 0;
	*need = SP_HELLO;
	if (!s->greeted)
		return VH_OK;
	*need = SP_HEAD;
	/* Past what any frame can be there is nothing to pass over for. */
	enum vh_err err = sp_size(have.p, have.len,
	    FRAME_HEAD + (size_t)FRAME_BODY_MAX, total);

	if (err != VH_OK)
		return VH_EPARSE;
	if (*total == 0)
		return VH_OK;
	bool cut = *total - SP_HEAD - SP_ID > s->max && *total > STREAM_CUT;

	*need = cut ? STREAM_CUT : *total;
	return VH_OK;
}

/* The next need bytes, in one piece; empty while they are not all there. */
static enum vh_err
gather(struct stream *s, struct slice *bytes, size_t need, struct slice *item)
{
	*item = slice_of(NULL, 0);
	if (held_len(s) == 0 && bytes->len >= need) {
		*item = slice_of(bytes->p, need);
		return VH_OK;
	}
	if (held_len(s) < need) {
		size_t n = need - held_len(s);

		if (bytes->len > 0)
			TRY(hold(s, bytes, n < bytes->len ? n : bytes->len));
	}
	if (held_len(s) >= need)
		*item = slice_of(s->held->p + s->at, need);
	return VH_OK;
}

static void
consume(struct stream *s, struct slice *bytes, size_t n)
{
	if (held_len(s) > 0)
		s->at += n;
	else
		*bytes = slice_of(bytes->p + n, bytes->len - n);
}

enum vh_err
stream_next(struct stream *s, struct slice *bytes, struct slice *message)
{
	size_t need, total;
	struct slice item;

	*message = slice_of(NULL, 0);
	settle(s);
	pass_over(s, bytes);
	settle(s);
	for (;;) {
		struct slice have =
		    held_len(s) > 0 ? slice_of(s->held->p + s->at, held_len(s))
				    : *bytes;

		TRY(needed(s, have, &need, &total));
		TRY(gather(s, bytes, need, &item));
		if (item.len == 0)
			return VH_OK;
		if (!s->greeted) {
			TRY(sp_hello_check(item.p, SP_REQ));
			s->greeted = true;
			consume(s, bytes, need);
			settle(s);
		} else if (total > 0) {
			break;
		}
	}
	*message = item;
	consume(s, bytes, need);
	s->skip = total - need;
	return total > need ? VH_ETOOBIG : VH_OK;
}

void
stream_unread(struct stream *s, struct slice *bytes, struct slice message)
{
	if (s->held != NULL && s->at > 0 &&
	    message.p + message.len == s->held->p + s->at)
		s->at -= message.len;
	else
		*bytes = slice_of(message.p, message.len + bytes->len);
}
