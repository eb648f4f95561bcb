/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lines like "   3: 0100007F:1F90 00000000:0000 02 00000000:00000000 00:00000000 00000000  1000        0 12345 ...". */
#include "config.h"

#include "daemon/proc_net.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "lib/cleanup.h"
#include "lib/limits.h"

struct line {
	struct ip_addr local, remote; /* family 0: any */
	unsigned local_port, remote_port, uid, inode;
};

/* The files that may list the socket of a flow: a socket of IPv6 can send over IPv4. */
static unsigned files_of(const struct flow *f, const char *ret[2])
{
	bool six = f->dst.family == 6;

	switch (f->proto) {
	case IPPROTO_TCP:
		ret[0] = six ? "tcp6" : "tcp";
		ret[1] = "tcp6";
		return six ? 1 : 2;
	case IPPROTO_UDP:
		ret[0] = six ? "udp6" : "udp";
		ret[1] = "udp6";
		return six ? 1 : 2;
	case IPPROTO_ICMP:
		ret[0] = "icmp";
		return 1;
	case IPPROTO_ICMPV6:
		ret[0] = "icmp6";
		return 1;
	default:
		return 0;
	}
}

/* Words of an address as the kernel prints them: each as a number of this machine. */
static bool parse_addr(const char *hex, struct ip_addr *ret)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	size_t len = strlen(hex);
	uint8_t bytes[16];

	if (len != 8 && len != 32)
		return false;
	for (size_t i = 0; i < len / 8; i++) {
		uint32_t word;

		if (sscanf(hex + 8 * i, "%8x", &word) != 1)
			return false;
		memcpy(bytes + 4 * i, &word, 4);
	}
	if (len == 8)
		*ret = ip_addr_v4(bytes);
	else if (memcmp(bytes, mapped, sizeof(mapped)) == 0)
		*ret = ip_addr_v4(bytes + sizeof(mapped));
	else
		*ret = ip_addr_v6(bytes);
	return true;
}

static bool parse_line(const char *text, struct line *ret)
{
	char local[33], remote[33];

	return sscanf(text, "%*u: %32[0-9A-F]:%x %32[0-9A-F]:%x %*s %*s %*s %*s %u %*u %u", local,
		       &ret->local_port, remote, &ret->remote_port, &ret->uid, &ret->inode) == 6 &&
	       parse_addr(local, &ret->local) && parse_addr(remote, &ret->remote);
}

static bool fits(const struct line *l, const struct flow *f)
{
	bool is_unconnected = ip_addr_is_any(&l->remote) && l->remote_port == 0;

	if (l->local_port != f->src_port || !l->inode)
		return false;
	if (f->proto == IPPROTO_ICMP || f->proto == IPPROTO_ICMPV6)
		return true;
	if (!ip_addr_is_any(&l->local) && !ip_addr_equal(&l->local, &f->src))
		return false;
	if (f->proto == IPPROTO_UDP && is_unconnected)
		return true;
	return l->remote_port == f->dst_port && ip_addr_equal(&l->remote, &f->dst);
}

bool proc_net_find(const char *proc_root, int32_t pid, const struct flow *flow, uint32_t *ret_inode,
	uint32_t *ret_uid)
{
	unsigned lines = 0, n;
	const char *files[2];

	n = files_of(flow, files);
	for (unsigned i = 0; i < n; i++) {
		char path[256], text[512];
		_cleanup_fclose_ FILE *f = NULL;
		struct line line;

		snprintf(path, sizeof(path), "%s/%d/net/%s", proc_root, pid, files[i]);
		f = fopen(path, "re");
		while (f && lines++ < LIMIT_PROC_NET_LINES && fgets(text, sizeof(text), f)) {
			if (!parse_line(text, &line) || !fits(&line, flow))
				continue;
			*ret_inode = line.inode;
			*ret_uid = line.uid;
			return true;
		}
	}
	return false;
}
