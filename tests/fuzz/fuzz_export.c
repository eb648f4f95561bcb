/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any text as a target; any bytes as the strings of a decision, in a message of any size: it stays one of RFC 5424. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "api/export_format.h"
#include "api/export_target.h"
#include "lib/limits.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/syslog_kit.h"

static void check_target(const char *text)
{
	struct export_target t;
	struct error err = { 0 };
	int r = export_target_parse(text, &t, &err);

	FUZZ_ASSERT(r == 0 || (r == ERR_INVALID && err.message[0]));
	if (r < 0)
		return;
	FUZZ_ASSERT(!*t.path == !!*t.host && !*t.host == !*t.port);
	FUZZ_ASSERT(!*t.path || *t.path == '/');
	FUZZ_ASSERT(!*t.cert == !*t.key);
}

/* The next string: a byte of length, and so many bytes. */
static struct text take(const uint8_t **p, const uint8_t *end)
{
	struct text t = { (const char *)*p, 0 };

	if (*p == end)
		return t;
	t.len = (size_t) * *p * 4;
	t.s = (const char *)++*p;
	if (t.len > (size_t)(end - *p))
		t.len = (size_t)(end - *p);
	*p += t.len;
	return t;
}

static void check_message(const uint8_t *p, size_t len)
{
	static const struct export_origin origin = { "host", 1 };
	const uint8_t *end = p + len;
	struct connection_view v = { .decided = true, .pid = 1, .n_parents = 1 };
	struct textbuf b = { 0 };
	size_t size, n;
	char *out;

	if (len < 8)
		return;
	size = 1024 + p[0] * 29;
	v.action = (enum action)(p[1] % ACTION_COUNT_);
	v.reason = (enum reason)(p[2] % REASON_COUNT_);
	v.flow.proto = p[3];
	v.flow.src = p[4] & 1 ? ip_addr_v4(p + 4) : ip_addr_v6("0123456789abcdef");
	v.flow.dst = v.flow.src;
	p += 8;
	v.path = take(&p, end);
	v.host = take(&p, end);
	v.rule = take(&p, end);
	v.user = take(&p, end);
	v.cgroup = take(&p, end);
	v.container = take(&p, end);
	v.iface_out = take(&p, end);
	v.parents[0].path = take(&p, end);
	v.args = take(&p, end);
	out = malloc(size);
	FUZZ_ASSERT(out);
	n = export_format_syslog(&v, &origin, 1, out, size);
	FUZZ_ASSERT(n <= size && syslog_is_message(out, n));
	free(out);
	export_format_json(&b, &v);
	FUZZ_ASSERT(!b.failed && utf8_valid(b.s, b.len) && strchr(b.s, '\n') == b.s + b.len - 1);
	textbuf_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	FUZZ_ASSERT(text);
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	check_target(text);
	check_message(data, size);
	free(text);
	return 0;
}
