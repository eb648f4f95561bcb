/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From lines to entries of a compiled list. */
#include "config.h"

#include "api/list_parse.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <idn2.h>

#include "lib/cleanup.h"
#include "lib/limits.h"
#include "lib/utf8.h"

#define LABEL_MAX 63 /* octets, RFC 1035 */
#define CHUNK (256u << 10)

static void bad(struct list_parse *p, const char *why)
{
	if (p->bad++)
		return;
	p->first_bad = p->lines;
	snprintf(p->why, sizeof(p->why), "%.150s", why);
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

static struct text trim(struct text t)
{
	while (t.len && is_space(t.s[0])) {
		t.s++;
		t.len--;
	}
	while (t.len && (is_space(t.s[t.len - 1]) || t.s[t.len - 1] == '\r'))
		t.len--;
	return t;
}

/* The next word; an empty one at the end, or where a comment begins. */
static struct text word(struct text *rest)
{
	struct text w = { rest->s, 0 };

	while (w.len < rest->len && !is_space(w.s[w.len]))
		w.len++;
	rest->s += w.len;
	rest->len -= w.len;
	*rest = trim(*rest);
	if (w.len && w.s[0] == '#') {
		rest->len = 0;
		w.len = 0;
	}
	return w;
}

static bool begins(struct text t, const char *with)
{
	size_t n = strlen(with);

	return t.len >= n && memcmp(t.s, with, n) == 0;
}

static struct text skip(struct text t, size_t n)
{
	return (struct text) { t.s + n, t.len - n };
}

/* ---- names */

static bool is_label_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* Lower case and checked, without the dot at the end. False: no name of a host. */
static bool plain_name(struct text t, char *to, size_t *ret_len)
{
	size_t label = 0;

	if (t.len && t.s[t.len - 1] == '.')
		t.len--;
	if (!t.len || t.len > LIMIT_HOST)
		return false;
	for (size_t i = 0; i < t.len; i++) {
		to[i] = (char)(t.s[i] >= 'A' && t.s[i] <= 'Z' ? t.s[i] | 0x20 : t.s[i]);
		if (to[i] == '.' ? label == 0 : (!is_label_char(to[i]) || label == LABEL_MAX))
			return false;
		label = to[i] == '.' ? 0 : label + 1;
	}
	*ret_len = t.len;
	return label > 0;
}

/* The same for a name that may hold letters outside ASCII: a few lines of a list, so this may take its time. */
static bool any_name(struct text t, char *to, size_t *ret_len)
{
	char unicode[4 * LIMIT_HOST + 1], *ascii = NULL;
	bool is_ascii = true, good;

	for (size_t i = 0; i < t.len && is_ascii; i++)
		is_ascii = (unsigned char)t.s[i] < 0x80;
	if (is_ascii)
		return plain_name(t, to, ret_len);
	if (t.len >= sizeof(unicode) || !utf8_valid(t.s, t.len))
		return false;
	memcpy(unicode, t.s, t.len);
	unicode[t.len] = '\0';
	if (idn2_to_ascii_8z(unicode, &ascii, IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT) != IDN2_OK)
		return false;
	good = plain_name((struct text) { ascii, strlen(ascii) }, to, ret_len);
	idn2_free(ascii);
	return good;
}

static void add_name(struct list_parse *p, struct text t, bool itself, bool below)
{
	char name[LIMIT_HOST + 1];
	size_t len;

	if (!any_name(t, name, &len)) {
		bad(p, "no name of a host");
		return;
	}
	p->entries++;
	listset_build_name(p->builder, (struct text) { name, len }, itself, below);
}

/* What every hosts file says of the machine itself. */
static bool is_local(struct text t)
{
	static const char *const names[] = { "localhost", "localhost.localdomain", "local",
		"broadcasthost", "ip6-localhost", "ip6-loopback", "ip6-localnet", "ip6-mcastprefix",
		"ip6-allnodes", "ip6-allrouters", "ip6-allhosts", "0.0.0.0" };

	for (size_t i = 0; i < array_len(names); i++)
		if (t.len == strlen(names[i]) && strncasecmp(t.s, names[i], t.len) == 0)
			return true;
	return false;
}

static bool read_addr(struct text t, struct ip_addr *ret)
{
	char buf[IP_ADDR_TEXT_LEN];

	if (!t.len || t.len >= sizeof(buf))
		return false;
	memcpy(buf, t.s, t.len);
	buf[t.len] = '\0';
	/* Of a link ("fe80::1%lo0"), as hosts files have it. */
	buf[strcspn(buf, "%")] = '\0';
	return ip_addr_parse(buf, ret) == 0;
}

/* Names that are only digits and dots are addresses, and "::1" has no letter that a name begins with. */
static bool may_be_addr(struct text t)
{
	return isdigit((unsigned char)t.s[0]) || memchr(t.s, ':', t.len);
}

/* "||name^" with or without options; exceptions and what looks at paths are for browsers. */
static void adblock_line(struct list_parse *p, struct text t)
{
	const char *end;
	struct text rest;

	t = skip(t, 2);
	end = memchr(t.s, '^', t.len);
	if (!end) {
		bad(p, "no \"^\" ends the name");
		return;
	}
	rest = skip(t, (size_t)(end - t.s) + 1);
	t.len = (size_t)(end - t.s);
	if (rest.len && !begins(rest, "|") && !begins(rest, "$important") &&
		!begins(rest, "$all") && !begins(rest, "$document")) {
		bad(p, "an option that only a browser can follow");
		return;
	}
	if (begins(t, "*."))
		add_name(p, skip(t, 2), false, true);
	else
		add_name(p, t, true, true);
}

/* "/a.example/b.example/0.0.0.0": each name that stands between slashes. */
static void dnsmasq_line(struct list_parse *p, struct text t)
{
	unsigned n = 0;

	while (t.len && t.s[0] == '/') {
		const char *end;

		t = skip(t, 1);
		end = memchr(t.s, '/', t.len);
		if (!end)
			break;
		add_name(p, (struct text) { t.s, (size_t)(end - t.s) }, true, true);
		t = skip(t, (size_t)(end - t.s));
		n++;
	}
	if (!n)
		bad(p, "no name stands between slashes");
}

/* Behind an address of a hosts file. */
static void hosts_names(struct list_parse *p, struct text rest)
{
	for (struct text w = word(&rest); w.len; w = word(&rest))
		if (!is_local(w))
			add_name(p, w, true, false);
}

static void domain_line(struct list_parse *p, struct text t)
{
	struct text rest = t, first;
	struct ip_addr a;

	if (begins(t, "||")) {
		adblock_line(p, t);
		return;
	}
	if (begins(t, "address=") || begins(t, "local=")) {
		dnsmasq_line(p, skip(t, t.s[0] == 'a' ? 8 : 6));
		return;
	}
	if (begins(t, "@@") || t.s[0] == '[') {
		if (t.s[0] == '@')
			bad(p, "an exception that only a browser can follow");
		return;
	}
	first = word(&rest);
	if (may_be_addr(first) && read_addr(first, &a))
		hosts_names(p, rest);
	else if (rest.len && rest.s[0] != '#')
		bad(p, "more than a name");
	else if (begins(first, "*."))
		add_name(p, skip(first, 2), false, true);
	else if (begins(first, "."))
		add_name(p, skip(first, 1), true, true);
	else if (!is_local(first))
		add_name(p, first, true, false);
}

/* ---- the others */

static void ip_line(struct list_parse *p, struct text t)
{
	struct ip_addr a;

	if (!read_addr(word(&t), &a)) {
		bad(p, "no IP address");
		return;
	}
	p->entries++;
	listset_build_addr(p->builder, &a);
}

static void net_line(struct list_parse *p, struct text t)
{
	char buf[IP_ADDR_TEXT_LEN + 4];
	struct text w = word(&t);
	struct ip_net net;

	if (w.len < sizeof(buf)) {
		memcpy(buf, w.s, w.len);
		buf[w.len] = '\0';
	}
	if (w.len >= sizeof(buf) || ip_net_parse(buf, &net) < 0) {
		bad(p, "no network");
		return;
	}
	p->entries++;
	listset_build_net(p->builder, &net);
}

static void digest_line(struct list_parse *p, struct text t, size_t digits)
{
	struct text w = word(&t);
	char hex[64];
	bool good = w.len == digits && digits <= sizeof(hex);

	for (size_t i = 0; good && i < w.len; i++) {
		good = isxdigit((unsigned char)w.s[i]);
		hex[i] = (char)tolower((unsigned char)w.s[i]);
	}
	if (!good) {
		bad(p, "no digest of this kind");
		return;
	}
	p->entries++;
	listset_build_digest(p->builder, (struct text) { hex, digits });
}

static void pattern_line(struct list_parse *p, struct text t)
{
	struct error err = { 0 };

	if (listset_build_pattern(p->builder, t, &err) < 0)
		bad(p, err.message);
	else
		p->entries++;
}

void list_parse_line(struct list_parse *p, const char *line, size_t len)
{
	struct text t = { line, len };

	p->lines++;
	if (p->lines == 1 && begins(t, "\xef\xbb\xbf"))
		t = skip(t, 3);
	t = trim(t);
	if (!t.len || t.s[0] == '#' || memchr(t.s, '\0', t.len)) {
		if (t.len && t.s[0] != '#')
			bad(p, "a zero byte");
		return;
	}
	if (p->operand == OPERAND_LISTS_DOMAINS_REGEXP) {
		pattern_line(p, t);
		return;
	}
	if (t.s[0] == '!' || t.s[0] == ';')
		return;
	if (p->operand == OPERAND_LISTS_DOMAINS)
		domain_line(p, t);
	else if (p->operand == OPERAND_LISTS_IPS)
		ip_line(p, t);
	else if (p->operand == OPERAND_LISTS_NETS)
		net_line(p, t);
	else
		digest_line(p, t, p->operand == OPERAND_LISTS_HASH_MD5 ? 32 : 64);
}

/* ---- files */

/* The lines of `buf`; the bytes of the last one, which has no end yet, are moved to its beginning. */
static size_t parse_chunk(struct list_parse *p, char *buf, size_t len)
{
	const char *line = buf, *end = buf + len, *newline;

	while ((newline = memchr(line, '\n', (size_t)(end - line)))) {
		list_parse_line(p, line, (size_t)(newline - line));
		line = newline + 1;
	}
	memmove(buf, line, (size_t)(end - line));
	return (size_t)(end - line);
}

int list_parse_fd(struct list_parse *p, int fd, struct error *err)
{
	_cleanup_free_ char *buf = malloc(CHUNK);
	size_t have = 0;
	uint64_t sum = 0;
	ssize_t n;

	if (!buf)
		return error_set(err, ERR_NOMEM, NULL, "%s", err_str(ERR_NOMEM));
	while ((n = read(fd, buf + have, CHUNK - have)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_set(
				err, ERR_IO, NULL, "the file cannot be read: %s", strerror(errno));
		sum += (uint64_t)n;
		if (sum > LIMIT_LIST_FILE)
			return error_set(err, ERR_TOO_BIG, NULL, "the file is bigger than %u MiB",
				LIMIT_LIST_FILE >> 20);
		have = parse_chunk(p, buf, have + (size_t)n);
		if (have == CHUNK)
			return error_set(err, ERR_TOO_BIG, NULL, "line %llu is too long",
				(unsigned long long)p->lines + 1);
	}
	if (have)
		list_parse_line(p, buf, have);
	return 0;
}
