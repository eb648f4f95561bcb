/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Flow tuples. */
#include "lib/flow.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

void flow_init(struct flow *f)
{
	memset(f, 0, sizeof(*f));
}

bool flow_equal(const struct flow *a, const struct flow *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

const char *flow_proto_str(const struct flow *f, char buf[static 8])
{
	bool six = f->dst.family == 6;

	switch (f->proto) {
	case IPPROTO_TCP:
		return six ? "tcp6" : "tcp";
	case IPPROTO_UDP:
		return six ? "udp6" : "udp";
	case IPPROTO_UDPLITE:
		return six ? "udplite6" : "udplite";
	case IPPROTO_SCTP:
		return six ? "sctp6" : "sctp";
	case IPPROTO_ICMP:
		return "icmp";
	case IPPROTO_ICMPV6:
		return "icmp6";
	default:
		snprintf(buf, 8, "%u", f->proto);
		return buf;
	}
}
