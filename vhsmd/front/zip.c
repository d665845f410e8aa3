#include "front/zip.h"

#define ZLIB_CONST
#include <zlib.h>

#define RAW  (-15) /* the largest window, and neither head nor checksum */
#define STEP 4096

static void
end_inflate(z_stream *z)
{
	(void)inflateEnd(z); /* fails for a stream that never began */
}
AUTO_FREE(z_stream, end_inflate)

/* Room for one step more, or for the byte that shows that there are too many.
 */
static enum vh_err
unpack_step(z_stream *z, size_t max, struct buf *b, int *state)
{
	size_t start = buf_slice(b).len;
	uint8_t *to = buf_extend(b, STEP);

	TRY(buf_end(b));
	z->next_out = to;
	z->avail_out = STEP;
	*state = inflate(z, Z_NO_FLUSH);
	buf_trim(b, start + STEP - z->avail_out);
	if (*state == Z_MEM_ERROR)
		return VH_ENOMEM;
	if (*state != Z_OK && *state != Z_STREAM_END)
		return VH_EDECRYPT;
	return z->total_out > max ? VH_EDECRYPT : VH_OK;
}

enum vh_err
zip_unpack(struct slice packed, size_t max, struct buf *b)
{
	z_stream made = { .next_in = packed.p, .avail_in = (uInt)packed.len };
	int state = inflateInit2(&made, RAW);
	AUTO(end_inflate) z_stream *z = &made;

	if (max > ZIP_MAX)
		max = ZIP_MAX;
	if (state != Z_OK)
		return VH_ENOMEM;
	/* A stream cut short makes no progress: Z_BUF_ERROR. */
	while (state != Z_STREAM_END)
		TRY(unpack_step(z, max, b, &state));
	return z->avail_in == 0 ? VH_OK : VH_EDECRYPT;
}

enum vh_err
zip_pack(struct slice plain, struct buf *b)
{
	z_stream z = { .next_in = plain.p, .avail_in = (uInt)plain.len };

	if (plain.len > ZIP_MAX)
		return VH_ETOOBIG;
	if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, RAW, 8,
		Z_DEFAULT_STRATEGY) != Z_OK)
		return VH_ENOMEM;
	size_t start = buf_slice(b).len, room = deflateBound(&z, plain.len);

	z.next_out = buf_extend(b, room);
	z.avail_out = (uInt)room;
	int state = buf_end(b) == VH_OK ? deflate(&z, Z_FINISH) : Z_MEM_ERROR;

	(void)deflateEnd(&z); /* it has ended, or failed */
	if (state != Z_STREAM_END)
		return VH_ENOMEM;
	buf_trim(b, start + room - z.avail_out);
	return VH_OK;
}
