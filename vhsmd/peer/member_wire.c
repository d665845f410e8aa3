#include "peer/member_wire.h"

#define FORMAT      1
#define ENTRY_FIXED 37 /* bytes of an entry before its texts */

/* A reader over bytes it does not own.  The first failure sticks. */
struct rd {
	const uint8_t *p, *end;
	bool bad;
};

static struct rd
rd_over(struct slice bytes)
{
	/* Of nothing, the pointer may be NULL: not to be added to. */
	return (struct rd){ bytes.p,
		bytes.len == 0 ? bytes.p : bytes.p + bytes.len, false };
}

static struct slice
rd_bytes(struct rd *r, size_t n)
{
	struct slice got = { r->p, n };

	if (r->bad || (size_t)(r->end - r->p) < n) {
		r->bad = true;
		return (struct slice){ 0 };
	}
	r->p += n;
	return got;
}

static uint64_t
rd_number(struct rd *r, size_t bytes)
{
	struct slice s = rd_bytes(r, bytes);
	uint64_t v = 0;

	for (size_t i = 0; i < s.len; i++)
		v = v << 8 | s.p[i];
	return v;
}

static struct slice
rd_text(struct rd *r)
{
	size_t n = rd_number(r, 1);

	return rd_bytes(r, n);
}

static bool
is_alnum(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	       (c >= 'A' && c <= 'Z');
}

bool
message_name_ok(struct slice name)
{
	if (name.len == 0 || name.len > MEMBER_NAME_MAX || !is_alnum(name.p[0]))
		return false;
	for (size_t i = 1; i < name.len; i++)
		if (!is_alnum(name.p[i]) && name.p[i] != '.' &&
		    name.p[i] != '_' && name.p[i] != '-')
			return false;
	return true;
}

static bool
port_ok(struct slice address, size_t colon)
{
	unsigned port = 0;

	if (address.len - colon - 1 > 5)
		return false;
	for (size_t i = colon + 1; i < address.len; i++) {
		if (address.p[i] < '0' || address.p[i] > '9')
			return false;
		port = port * 10 + (address.p[i] - '0');
	}
	return port > 0 && port <= UINT16_MAX;
}

/* The shell puts an address into a URL: nothing that means something there. */
bool
message_address_ok(struct slice address)
{
	size_t colon = 0;

	if (address.len > MEMBER_ADDRESS_MAX)
		return false;
	for (size_t i = 0; i < address.len; i++) {
		uint8_t c = address.p[i];

		if (c == ':')
			colon = i;
		else if (!is_alnum(c) && c != '.' && c != '_' && c != '-' &&
			 c != '[' && c != ']' && c != '%')
			return false;
	}
	return colon > 0 && port_ok(address, colon);
}

bool
message_version_ok(struct slice version)
{
	if (version.len > MEMBER_VERSION_MAX)
		return false;
	for (size_t i = 0; i < version.len; i++)
		if (version.p[i] < ' ' || version.p[i] > '~')
			return false;
	return true;
}

static bool
update_ok(const struct update *u)
{
	return u->state >= MEMBER_ALIVE && u->state <= UPDATE_TWIN &&
	       u->instance != 0 && u->incarnation <= MEMBER_INCARNATION_MAX &&
	       message_name_ok(u->name) && message_address_ok(u->address) &&
	       message_version_ok(u->version) &&
	       (u->by.len == 0 || message_name_ok(u->by));
}

/* Nobody says of itself that it is suspect or dead. */
static bool
sender_ok(const struct update *u)
{
	return update_ok(u) &&
	       (u->state == MEMBER_ALIVE || u->state == MEMBER_LEFT);
}

static bool
rd_update(struct rd *r, struct update *u)
{
	size_t size = rd_number(r, 2);
	struct rd in = rd_over(rd_bytes(r, size));

	u->state = (unsigned)rd_number(&in, 1);
	u->instance = rd_number(&in, 8);
	u->incarnation = rd_number(&in, 8);
	u->digest.epoch = rd_number(&in, 8);
	u->digest.seq = rd_number(&in, 8);
	u->age_s = (uint32_t)rd_number(&in, 4);
	u->name = rd_text(&in);
	u->address = rd_text(&in);
	u->version = rd_text(&in);
	u->by = rd_text(&in);
	return !r->bad && !in.bad && size + 2 <= UPDATE_BYTES;
}

static bool
kind_known(unsigned kind)
{
	return (kind >= MESSAGE_PING && kind <= MESSAGE_LEAVE) ||
	       (kind >= MESSAGE_ACK && kind <= MESSAGE_TABLE);
}

static bool
rd_head(struct rd *r, struct message *m)
{
	size_t size = rd_number(r, 2);
	struct rd in = rd_over(rd_bytes(r, size));

	if (m->kind != MESSAGE_PING_REQ)
		return !r->bad;
	m->help_ms = (uint32_t)rd_number(&in, 4);
	m->target = rd_text(&in);
	return !r->bad && !in.bad && message_name_ok(m->target);
}

static enum vh_err
rd_start(struct rd *r, struct message *m)
{
	unsigned format = (unsigned)rd_number(r, 1);
	unsigned kind = (unsigned)rd_number(r, 1);

	if (r->bad)
		return VH_EPARSE;
	if (format != FORMAT)
		return VH_EVERSION;
	if (!kind_known(kind))
		return VH_EOP;
	m->kind = (enum message_kind)kind;
	return rd_head(r, m) ? VH_OK : VH_EPARSE;
}

enum vh_err
message_parse(struct slice bytes, struct message *out)
{
	struct rd r = rd_over(bytes);
	struct message m = { 0 };
	struct update u;

	if (bytes.len > MEMBER_MESSAGE_MAX)
		return VH_ETOOBIG;
	TRY(rd_start(&r, &m));
	uint64_t count = rd_number(&r, 4);

	/* The table, what the receiver is told of itself, and a target. */
	if (r.bad || count == 0 || count > MEMBER_MAX + 4)
		return VH_EPARSE;
	if (!rd_update(&r, &m.sender) || !sender_ok(&m.sender))
		return VH_EPARSE;
	m.rest = slice_of(r.p, (size_t)(r.end - r.p));
	for (uint64_t i = 1; i < count; i++)
		if (!rd_update(&r, &u) || !update_ok(&u))
			return VH_EPARSE;
	if (r.p != r.end)
		return VH_EPARSE;
	*out = m;
	return VH_OK;
}

bool
message_next(struct slice *rest, struct update *out)
{
	struct rd r = rd_over(*rest);

	if (rest->len == 0 || !rd_update(&r, out))
		return false;
	*rest = slice_of(r.p, (size_t)(r.end - r.p));
	return true;
}

static void
put_text(struct buf *b, struct slice text)
{
	buf_put_u8(b, (uint8_t)text.len);
	buf_put(b, text);
}

size_t
message_open(struct buf *b, enum message_kind kind, uint32_t help_ms,
    struct slice target)
{
	bool has_head = kind == MESSAGE_PING_REQ;

	buf_put_u8(b, FORMAT);
	buf_put_u8(b, (uint8_t)kind);
	buf_put_u16(b, has_head ? (uint16_t)(5 + target.len) : 0);
	if (has_head) {
		buf_put_u32(b, help_ms);
		put_text(b, target);
	}
	size_t at = b == NULL ? 0 : b->len;

	buf_put_u32(b, 0);
	return at;
}

void
message_put(struct buf *b, const struct update *u)
{
	size_t texts =
	    u->name.len + u->address.len + u->version.len + u->by.len;

	buf_put_u16(b, (uint16_t)(ENTRY_FIXED + 4 + texts));
	buf_put_u8(b, (uint8_t)u->state);
	buf_put_u64(b, u->instance);
	buf_put_u64(b, u->incarnation);
	buf_put_u64(b, u->digest.epoch);
	buf_put_u64(b, u->digest.seq);
	buf_put_u32(b, u->age_s);
	put_text(b, u->name);
	put_text(b, u->address);
	put_text(b, u->version);
	put_text(b, u->by);
}

void
message_close(struct buf *b, size_t opened, uint32_t count)
{
	if (buf_end(b) != VH_OK)
		return;
	for (unsigned i = 0; i < 4; i++)
		b->p[opened + i] = (uint8_t)(count >> (24 - 8 * i));
}
