/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rtnetlink: a socket that is told of changes, and one that asks for the links of each kind. */
#include "config.h"

#include "daemon/tunnels.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "lib/cleanup.h"

#define PORTS_MAX 64
#define HEADER_LEN 8 /* of VXLAN, and of GENEVE at least */
#define TRIES_MAX 5 /* while devices change */

struct tunnels {
	struct mnl_socket *news, *nl;
	uint32_t seq;
	bool is_known; /* the ports are those of now, but for what `news` has to tell */
	unsigned n;
	uint16_t ports[PORTS_MAX];
};

static const struct kind {
	const char *name;
	uint16_t port_attr; /* of IFLA_INFO_DATA, in network byte order */
} kinds[] = {
	{ "vxlan", IFLA_VXLAN_PORT },
	{ "geneve", IFLA_GENEVE_PORT },
};

static void add_port(struct tunnels *t, uint16_t port)
{
	for (unsigned i = 0; i < t->n; i++)
		if (t->ports[i] == port)
			return;
	if (t->n < PORTS_MAX)
		t->ports[t->n++] = port;
}

static void read_linkinfo(struct tunnels *t, const struct nlattr *linkinfo)
{
	const struct nlattr *attr, *data = NULL;
	const char *name = "";

	mnl_attr_for_each_nested(attr, linkinfo)
	{
		if (mnl_attr_get_type(attr) == IFLA_INFO_KIND &&
			mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
			name = mnl_attr_get_str(attr);
		else if (mnl_attr_get_type(attr) == IFLA_INFO_DATA)
			data = attr;
	}
	for (size_t i = 0; i < array_len(kinds); i++) {
		if (!data || strcmp(name, kinds[i].name) != 0)
			continue;
		mnl_attr_for_each_nested(attr, data)
		{
			if (mnl_attr_get_type(attr) == kinds[i].port_attr &&
				mnl_attr_validate(attr, MNL_TYPE_U16) >= 0)
				add_port(t, ntohs(mnl_attr_get_u16(attr)));
		}
	}
}

static void read_link(struct tunnels *t, const struct nlmsghdr *nlh)
{
	const struct nlattr *attr;

	if (nlh->nlmsg_type != RTM_NEWLINK)
		return;
	mnl_attr_for_each(attr, nlh, sizeof(struct ifinfomsg))
	{
		if (mnl_attr_get_type(attr) == IFLA_LINKINFO)
			read_linkinfo(t, attr);
	}
}

/* What one datagram of a dump tells. False: that was the last; *whole: no device was changed meanwhile. */
static bool read_links(struct tunnels *t, const void *buf, int len, bool *whole)
{
	const struct nlmsghdr *nlh = buf;

	for (; mnl_nlmsg_ok(nlh, len); nlh = mnl_nlmsg_next(nlh, &len)) {
		/* What is left of the answer to an earlier request that failed half-way. */
		if (nlh->nlmsg_seq != t->seq)
			continue;
		*whole &= nlh->nlmsg_type != NLMSG_ERROR && !(nlh->nlmsg_flags & NLM_F_DUMP_INTR);
		if (nlh->nlmsg_type == NLMSG_DONE || nlh->nlmsg_type == NLMSG_ERROR)
			return false;
		read_link(t, nlh);
	}
	return true;
}

/* All links of one kind. False: the kernel did not tell, or told of some before and of others after a change. */
static bool read_kind(struct tunnels *t, const char *kind)
{
	_Alignas(8) char buf[32768]; /* as much as the kernel puts into one datagram */
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct nlattr *linkinfo;
	bool whole = true;
	ssize_t n;

	nlh->nlmsg_type = RTM_GETLINK;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	nlh->nlmsg_seq = ++t->seq;
	mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
	linkinfo = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(nlh, IFLA_INFO_KIND, kind);
	mnl_attr_nest_end(nlh, linkinfo);
	if (mnl_socket_sendto(t->nl, nlh, nlh->nlmsg_len) < 0)
		return false;
	do
		n = mnl_socket_recvfrom(t->nl, buf, sizeof(buf));
	while ((n < 0 && errno == EINTR) || (n >= 0 && read_links(t, buf, (int)n, &whole)));
	return n >= 0 && whole;
}

static bool read_all(struct tunnels *t)
{
	t->n = 0;
	for (size_t i = 0; i < array_len(kinds); i++)
		if (!read_kind(t, kinds[i].name))
			return false;
	return true;
}

/* Whether a device was made, changed or removed; also when the kernel had more to tell than there was room for. */
static bool has_news(struct tunnels *t)
{
	char byte;
	bool any = false;

	for (;;) {
		ssize_t n = recv(
			mnl_socket_get_fd(t->news), &byte, sizeof(byte), MSG_DONTWAIT | MSG_TRUNC);

		if (n < 0 && errno != EINTR && errno != ENOBUFS)
			return any;
		any |= n >= 0 || errno == ENOBUFS;
	}
}

bool tunnels_is_header(const uint8_t *data, size_t len)
{
	unsigned type = len >= HEADER_LEN ? (unsigned)data[2] << 8 | data[3] : 0;

	if (len < HEADER_LEN)
		return false;
	/* VXLAN: an identifier follows. GENEVE: version 0, around Ethernet or IP. */
	return (data[0] & 0x08 && data[7] == 0) ||
	       (data[0] >> 6 == 0 && (type == 0x6558 || type == 0x0800 || type == 0x86dd));
}

bool tunnels_has_port(struct tunnels *t, uint16_t port)
{
	if (has_news(t) || !t->is_known) {
		t->is_known = false;
		for (unsigned i = 0; i < TRIES_MAX && !t->is_known; i++)
			t->is_known = read_all(t);
	}
	for (unsigned i = 0; i < t->n; i++)
		if (t->ports[i] == port)
			return true;
	return false;
}

static struct mnl_socket *open_socket(unsigned groups)
{
	struct mnl_socket *s = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	const struct timeval patience = { .tv_usec = 100000 }; /* the kernel answers at once */

	if (!s)
		return NULL;
	(void)setsockopt(
		mnl_socket_get_fd(s), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (mnl_socket_bind(s, groups, MNL_SOCKET_AUTOPID) == 0)
		return s;
	mnl_socket_close(s);
	return NULL;
}

int tunnels_open(struct tunnels **ret, struct error *err)
{
	struct tunnels *t = calloc(1, sizeof(*t));

	if (!t)
		return error_set(err, ERR_NOMEM, NULL, "out of memory");
	t->news = open_socket(RTMGRP_LINK);
	t->nl = open_socket(0);
	if (!t->news || !t->nl) {
		int e = errno;

		tunnels_close(t);
		return error_set(
			err, err_from_errno(e), NULL, "cannot ask about tunnels: %s", strerror(e));
	}
	*ret = t;
	return 0;
}

void tunnels_close(struct tunnels *t)
{
	if (!t)
		return;
	if (t->news)
		mnl_socket_close(t->news);
	if (t->nl)
		mnl_socket_close(t->nl);
	free(t);
}
