#include "wire/sp.h"

#define ID_BIT 0x80000000u

void
sp_hello(uint8_t out[static SP_HELLO], enum sp_protocol own)
{
	const uint8_t hello[SP_HELLO] = { 0, 'S', 'P', 0, 0, (uint8_t)own };

	memcpy(out, hello, SP_HELLO);
}

enum vh_err
sp_hello_check(const uint8_t in[static SP_HELLO], enum sp_protocol want)
{
	uint8_t hello[SP_HELLO];

	sp_hello(hello, want);
	return memcmp(in, hello, SP_HELLO) == 0 ? VH_OK : VH_EPARSE;
}

static void
put_be(uint8_t *to, uint64_t v, size_t size)
{
	for (size_t i = 0; i < size; i++)
		to[i] = (uint8_t)(v >> (8 * (size - 1 - i)));
}

static uint64_t
get_be(const uint8_t *p, size_t size)
{
	uint64_t v = 0;

	for (size_t i = 0; i < size; i++)
		v = v << 8 | p[i];
	return v;
}

void
sp_head(uint8_t out[static SP_HEAD + SP_ID], size_t size, uint32_t id)
{
	out[0] = 1;
	put_be(out + 1, SP_ID + (uint64_t)size, 8);
	put_be(out + SP_HEAD, id | ID_BIT, SP_ID);
}

enum vh_err
sp_size(const uint8_t *p, size_t len, size_t max, size_t *size)
{
	*size = 0;
	if (len > 0 && p[0] != 1)
		return VH_EPARSE;
	if (len < SP_HEAD)
		return VH_OK;
	uint64_t body = get_be(p + 1, 8);

	if (body < SP_ID)
		return VH_EPARSE;
	if (body - SP_ID > max)
		return VH_ETOOBIG;
	*size = SP_HEAD + (size_t)body;
	return VH_OK;
}

enum vh_err
sp_parse(struct slice message, uint32_t *id, struct slice *body)
{
	if (message.len < SP_HEAD + SP_ID)
		return VH_EPARSE;
	uint32_t got = (uint32_t)get_be(message.p + SP_HEAD, SP_ID);

	if ((got & ID_BIT) == 0)
		return VH_EPARSE;
	*id = got & ~ID_BIT;
	*body = slice_of(message.p + SP_HEAD + SP_ID,
	    message.len - SP_HEAD - SP_ID);
	return VH_OK;
}
