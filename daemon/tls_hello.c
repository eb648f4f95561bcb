/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records, the handshake message, its extensions. */
#include "config.h"

#include "daemon/tls_hello.h"

#include <string.h>

#include "lib/addr.h"
#include "lib/cursor.h"
#include "lib/err.h"

#define RECORD_HEADER 5
#define RECORD_HANDSHAKE 22
#define RECORD_MAX 16384
#define VERSION_MAJOR 3

#define MESSAGE_HEADER 4
#define CLIENT_HELLO 1
#define RANDOM_LEN 32

#define EXTENSION_SERVER_NAME 0
#define EXTENSION_ECH 0xfe0d /* draft-ietf-tls-esni */
#define NAME_TYPE_HOST 0

static bool is_host_char(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* Writes the name in lower case; 0 when it is none, or an address, which RFC 6066 does not allow here. */
static size_t write_host(const uint8_t *name, size_t len, char to[static LIMIT_HOST + 1])
{
	struct ip_addr addr;
	size_t label = 0;

	if (len > 0 && name[len - 1] == '.')
		len--;
	if (len == 0 || len > LIMIT_HOST)
		return 0;
	for (size_t i = 0; i < len; i++) {
		uint8_t c = name[i] >= 'A' && name[i] <= 'Z' ? name[i] | 0x20 : name[i];

		label = c == '.' ? 0 : label + 1;
		if (c == '.' ? i == 0 || name[i - 1] == '.' : !is_host_char(c) || label > 63)
			return 0;
		to[i] = (char)c;
	}
	to[len] = '\0';
	if (to[len - 1] == '.')
		return 0;
	return ip_addr_parse(to, &addr) == 0 ? 0 : len;
}

/* False: there are several, of which servers take one or none. */
static bool read_server_name(struct cursor *c, struct tls_hello *ret)
{
	uint16_t list_len = cursor_be16(c), len;
	const uint8_t *name;

	if (list_len != cursor_left(c) || cursor_u8(c) != NAME_TYPE_HOST)
		return true;
	len = cursor_be16(c);
	name = cursor_take(c, len);
	if (!name)
		return true;
	if (cursor_left(c) > 0)
		return false;
	ret->host_len = write_host(name, len, ret->host);
	return true;
}

/* The body of the message, as far as it is there. False: it says two things. */
static bool read_body(struct cursor *c, struct tls_hello *ret)
{
	bool named = false;

	cursor_skip(c, 2 + RANDOM_LEN);
	cursor_skip(c, cursor_u8(c)); /* session id */
	cursor_skip(c, cursor_be16(c)); /* cipher suites */
	cursor_skip(c, cursor_u8(c)); /* compression methods */
	if (cursor_ok(c) && cursor_left(c) == 0)
		return true; /* no extensions at all */
	cursor_skip(c, 2);
	while (cursor_left(c) > 0) {
		uint16_t type = cursor_be16(c), len = cursor_be16(c);
		const uint8_t *data = cursor_take(c, len);
		struct cursor inner;

		if (!data)
			break;
		ret->has_ech |= type == EXTENSION_ECH;
		if (type != EXTENSION_SERVER_NAME)
			continue;
		if (named)
			return false;
		named = true;
		cursor_init(&inner, data, len);
		if (!read_server_name(&inner, ret))
			return false;
	}
	return true;
}

int tls_hello_parse(const void *message, size_t len, struct tls_hello *ret)
{
	struct cursor c;
	size_t total;

	memset(ret, 0, sizeof(*ret));
	cursor_init(&c, message, len);
	if (len && cursor_u8(&c) != CLIENT_HELLO)
		return ERR_MALFORMED;
	total = (size_t)cursor_u8(&c) << 16;
	total |= cursor_be16(&c);
	if (!cursor_ok(&c))
		return ERR_AGAIN;
	total += MESSAGE_HEADER;
	if (c.len > total)
		c.len = total;
	if (!read_body(&c, ret)) {
		memset(ret, 0, sizeof(*ret));
		return ERR_MALFORMED;
	}
	if (len < total)
		return ERR_AGAIN;
	return cursor_ok(&c) ? 0 : ERR_MALFORMED;
}

int tls_stream_parse(const void *bytes, size_t len, struct tls_hello *ret)
{
	uint8_t message[LIMIT_HELLO_BYTES];
	size_t n = 0;
	struct cursor c;
	int r = ERR_AGAIN;

	memset(ret, 0, sizeof(*ret));
	cursor_init(&c, bytes, len);
	while (r == ERR_AGAIN && cursor_left(&c) > 0) {
		uint8_t type = cursor_u8(&c);
		uint16_t version = cursor_be16(&c), record = cursor_be16(&c);
		size_t part;

		if (type != RECORD_HANDSHAKE)
			return ERR_MALFORMED;
		if (!cursor_ok(&c))
			break;
		if (version >> 8 != VERSION_MAJOR || record == 0 || record > RECORD_MAX)
			return ERR_MALFORMED;
		part = record < cursor_left(&c) ? record : cursor_left(&c);
		if (part > sizeof(message) - n)
			part = sizeof(message) - n;
		cursor_copy(&c, message + n, part);
		n += part;
		r = tls_hello_parse(message, n, ret);
		if (part < record)
			break;
	}
	return r;
}
