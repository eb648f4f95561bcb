/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Labels and compression: RFC 1035 sections 3.1 and 4.1.4. */
#include "daemon/dns_name.h"

#include <string.h>

#define HEADER_LEN 12
#define LABEL_MAX 63
#define HOPS_MAX 32

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

/* Appends a label (its bytes at the cursor); false when there is no room for it and the root. */
static bool append_label(struct dns_name *name, struct cursor *c, uint8_t len)
{
	const uint8_t *label = cursor_take(c, len);

	if (!label || (size_t)name->len + 1 + len + 1 > DNS_NAME_LEN)
		return false;
	name->bytes[name->len++] = len;
	for (uint8_t i = 0; i < len; i++)
		name->bytes[name->len++] = label[i];
	return true;
}

void dns_name_read_spelled(struct cursor *c, struct dns_name *ret)
{
	struct cursor at = *c;
	size_t lowest = c->pos; /* of all places jumped to: pointers must fall */
	unsigned hops = 0;

	memset(ret, 0, sizeof(*ret));
	for (;;) {
		uint8_t len = cursor_u8(&at);
		size_t target;

		if (!cursor_ok(&at))
			break;
		if (len == 0) {
			ret->bytes[ret->len++] = 0;
			if (!hops)
				cursor_seek(c, at.pos);
			return;
		}
		if (len <= LABEL_MAX) {
			if (!append_label(ret, &at, len))
				break;
			continue;
		}
		target = (size_t)(len & 0x3f) << 8 | cursor_u8(&at);
		if ((len & 0xc0) != 0xc0 || !cursor_ok(&at) || target >= lowest ||
			target < HEADER_LEN || hops++ >= HOPS_MAX)
			break;
		if (hops == 1)
			cursor_seek(c, at.pos);
		lowest = target;
		cursor_seek(&at, target);
	}
	cursor_fail(c);
}

void dns_name_lower(struct dns_name *name)
{
	/* Lengths of labels stand among the letters; none is as big as an 'A'. */
	for (uint8_t i = 0; i < name->len; i++)
		name->bytes[i] = lower(name->bytes[i]);
}

void dns_name_read(struct cursor *c, struct dns_name *ret)
{
	dns_name_read_spelled(c, ret);
	dns_name_lower(ret);
}

bool dns_name_equal(const struct dns_name *a, const struct dns_name *b)
{
	return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

bool dns_name_substitute(
	struct dns_name *name, const struct dns_name *owner, const struct dns_name *target)
{
	size_t at = 0, keep;

	if (name->len <= owner->len)
		return false;
	keep = (size_t)name->len - owner->len;
	/* The ending must begin where a label begins. */
	while (at < keep)
		at += name->bytes[at] + 1u;
	if (at != keep || memcmp(name->bytes + keep, owner->bytes, owner->len) != 0)
		return false;
	if (keep + target->len > DNS_NAME_LEN)
		return false;
	memcpy(name->bytes + keep, target->bytes, target->len);
	name->len = (uint8_t)(keep + target->len);
	return true;
}

void dns_name_pop(struct dns_name *name)
{
	size_t first = name->len ? name->bytes[0] + 1u : 0;

	if (first <= 1 || first >= name->len)
		return;
	memmove(name->bytes, name->bytes + first, name->len - first);
	name->len = (uint8_t)(name->len - first);
}

uint8_t dns_name_first(const struct dns_name *name)
{
	return name->len > 1 ? name->bytes[1] : 0;
}

static bool is_plain(uint8_t c)
{
	return c > 0x20 && c < 0x7f && c != '.' && c != '\\';
}

/* Writes one byte of a label, escaped where needed; the number of characters, or 0 when they do not fit. */
static size_t put_char(uint8_t c, char *to, size_t room)
{
	if (is_plain(c)) {
		if (room < 1)
			return 0;
		to[0] = (char)c;
		return 1;
	}
	if (room < 4)
		return 0;
	to[0] = '\\';
	to[1] = (char)('0' + c / 100);
	to[2] = (char)('0' + c / 10 % 10);
	to[3] = (char)('0' + c % 10);
	return 4;
}

size_t dns_name_text(const struct dns_name *name, char *buf, size_t size)
{
	size_t used = 0, room = size ? size - 1 : 0;

	if (!size)
		return 0;
	buf[0] = '\0';
	for (size_t at = 0; at < name->len && name->bytes[at]; at += name->bytes[at] + 1u) {
		if (at > 0) {
			if (used >= room)
				return 0;
			buf[used++] = '.';
		}
		for (size_t i = 1; i <= name->bytes[at]; i++) {
			size_t n = put_char(name->bytes[at + i], buf + used, room - used);

			if (!n) {
				buf[0] = '\0';
				return 0;
			}
			used += n;
		}
	}
	buf[used] = '\0';
	return used;
}
