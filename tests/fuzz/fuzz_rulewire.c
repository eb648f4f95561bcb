/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as a flat rule set: what passes the check can be compiled and matched, and says where it is wrong where it does not. */
#include "config.h"

#include <netinet/in.h>

#include "lib/err.h"
#include "lib/ruleset.h"
#include "lib/rulewire_check.h"
#include "tests/fuzz/fuzz.h"

#define SIZE_MAX_USED 8192 /* a pattern of a megabyte says nothing that a small one does not */

static struct text of(const char *s)
{
	return (struct text) { s, strlen(s) };
}

static struct text env(void *ctx, struct text name)
{
	(void)ctx;
	fuzz_touch(name.s, name.len);
	return of("/home/ann");
}

static struct text digest(void *ctx, enum digest which)
{
	(void)ctx;
	FUZZ_ASSERT(which < DIGEST_COUNT_);
	return of("d41d8cd98f00b204e9800998ecf8427e");
}

static void describe(struct subject *s, const char *dst, uint8_t proto)
{
	memset(s, 0, sizeof(*s));
	flow_init(&s->flow);
	ip_addr_parse(strchr(dst, ':') ? "fd00::1" : "10.0.0.5", &s->flow.src);
	ip_addr_parse(dst, &s->flow.dst);
	s->flow.src_port = 50000;
	s->flow.dst_port = 443;
	s->flow.proto = proto;
	s->has_process = true;
	s->pid = 4711;
	s->uid = 1000;
	s->path = of("/usr/bin/curl");
	s->command = of("curl -s https://www.example.com");
	s->host = of("www.example.com");
	s->user = of("ann");
	s->iface_out = of("eth0");
	s->parents[0] = of("/usr/bin/bash");
	s->n_parents = 1;
	s->env = env;
	s->digest = digest;
}

static void decide(const struct ruleset *rs)
{
	static const struct {
		const char *dst;
		uint8_t proto;
	} flows[] = { { "93.184.216.34", IPPROTO_TCP }, { "2001:db8::1", IPPROTO_UDP },
		{ "127.0.0.1", IPPROTO_ICMP } };

	for (size_t i = 0; i < sizeof(flows) / sizeof(*flows); i++) {
		struct ruleset_match m, again;
		struct subject s;
		bool found;

		describe(&s, flows[i].dst, flows[i].proto);
		found = ruleset_decide(rs, &s, 1, &m);
		FUZZ_ASSERT(found == ruleset_decide(rs, &s, 1, &again));
		if (!found)
			continue;
		FUZZ_ASSERT(m.index == again.index && m.action == again.action);
		FUZZ_ASSERT(m.index < ruleset_count(rs) && m.action < ACTION_COUNT_);
		fuzz_touch(m.rule.s, m.rule.len);
		/* Time ends rules, and makes none. */
		if (ruleset_decide(rs, &s, UINT64_MAX, &again))
			FUZZ_ASSERT(again.index < ruleset_count(rs));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy;
	struct ruleset *rs = NULL;
	struct error err = { 0 };
	int checked, loaded;

	if (size > SIZE_MAX_USED)
		return 0;
	copy = fuzz_copy(data, size);
	checked = rulewire_check(copy, size, &err);
	FUZZ_ASSERT(checked == 0 || err.message[0]);
	memset(&err, 0, sizeof(err));
	loaded = ruleset_load(copy, size, &rs, &err);
	FUZZ_ASSERT(loaded == 0 || (err.message[0] && ruleset_error_field(&err)));
	FUZZ_ASSERT(checked == 0 || loaded < 0);
	if (loaded == 0)
		decide(rs);
	ruleset_free(rs);
	free(copy);
	return 0;
}
