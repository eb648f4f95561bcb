/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The owner of the other end, from inet_diag; users and groups from their files. */
#include "config.h"

#include "api/peers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <grp.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/addr.h"
#include "lib/cleanup.h"
#include "lib/err.h"

#define ANSWER_SIZE 4096

struct peers {
	int fd;
	int64_t group;
	uint32_t seq;
};

struct request {
	struct nlmsghdr header;
	struct inet_diag_req_v2 diag;
};

/* One end, as the kernel's tables have it. */
struct end {
	struct ip_addr addr;
	uint16_t port; /* network order */
};

int peers_open(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);

	return fd < 0 ? err_from_errno(errno) : fd;
}

struct peers *peers_new(int fd, int64_t group)
{
	struct peers *p = calloc(1, sizeof(*p));

	if (!p) {
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	p->fd = fd;
	p->group = group;
	return p;
}

void peers_free(struct peers *p)
{
	if (!p)
		return;
	if (p->fd >= 0)
		close(p->fd);
	free(p);
}

/* ---- the kernel's answer */

typedef int (*name_fn)(int fd, struct sockaddr *sa, socklen_t *len);

static bool read_end(int fd, name_fn name, struct end *ret)
{
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} u;
	socklen_t len = sizeof(u);

	memset(&u, 0, sizeof(u));
	if (name(fd, &u.sa, &len) < 0 || (u.sa.sa_family != AF_INET && u.sa.sa_family != AF_INET6))
		return false;
	ret->addr = u.sa.sa_family == AF_INET ? ip_addr_v4(&u.in.sin_addr)
					      : ip_addr_v6(&u.in6.sin6_addr);
	ret->port = u.sa.sa_family == AF_INET ? u.in.sin_port : u.in6.sin6_port;
	return true;
}

bool peers_own_address(int fd, struct ip_addr *ret)
{
	struct end own = { 0 };

	if (!read_end(fd, getsockname, &own))
		return false;
	*ret = own.addr;
	return true;
}

static bool is_end(
	const struct inet_diag_msg *m, const __be32 *addr, __be16 port, const struct end *e)
{
	struct ip_addr a = m->idiag_family == AF_INET ? ip_addr_v4(addr) : ip_addr_v6(addr);

	return port == e->port && ip_addr_equal(&a, &e->addr);
}

static int ask(struct peers *p, const struct end *peer, const struct end *own,
	uint8_t answer[static ANSWER_SIZE])
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct request r;
	ssize_t n;

	memset(&r, 0, sizeof(r));
	r.header.nlmsg_len = sizeof(r);
	r.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
	r.header.nlmsg_flags = NLM_F_REQUEST;
	r.header.nlmsg_seq = ++p->seq;
	r.diag.sdiag_family = peer->addr.family == 4 ? AF_INET : AF_INET6;
	r.diag.sdiag_protocol = IPPROTO_TCP;
	r.diag.idiag_states = UINT32_MAX;
	r.diag.id.idiag_cookie[0] = r.diag.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
	r.diag.id.idiag_sport = peer->port;
	r.diag.id.idiag_dport = own->port;
	memcpy(r.diag.id.idiag_src, peer->addr.bytes, sizeof(r.diag.id.idiag_src));
	memcpy(r.diag.id.idiag_dst, own->addr.bytes, sizeof(r.diag.id.idiag_dst));
	if (sendto(p->fd, &r, sizeof(r), 0, (struct sockaddr *)&kernel, sizeof(kernel)) < 0)
		return err_from_errno(errno);
	/* The kernel answered while we sent; an answer to an earlier question is passed over. */
	do
		n = recv(p->fd, answer, ANSWER_SIZE, MSG_DONTWAIT);
	while (n >= (ssize_t)sizeof(struct nlmsghdr) &&
		((struct nlmsghdr *)(void *)answer)->nlmsg_seq != p->seq);
	return n < 0 ? err_from_errno(errno) : (int)n;
}

/*
 * A socket that no program has open any more is told with inode 0, and as root's: it proves nothing. Where no connection has
 * the ends the kernel goes on to a listener: that is not the one either.
 */
static bool find_owner(
	struct peers *p, const struct end *peer, const struct end *own, uint32_t *ret_uid)
{
	_Alignas(8) uint8_t answer[ANSWER_SIZE] = { 0 };
	const struct nlmsghdr *h = (const void *)answer;
	const struct inet_diag_msg *m;
	int n = ask(p, peer, own, answer);

	if (n < (int)NLMSG_LENGTH(sizeof(*m)) || h->nlmsg_type != SOCK_DIAG_BY_FAMILY ||
		h->nlmsg_len > (uint32_t)n || h->nlmsg_len < NLMSG_LENGTH(sizeof(*m)))
		return false;
	m = NLMSG_DATA(h);
	if (!m->idiag_inode || !is_end(m, m->id.idiag_src, m->id.idiag_sport, peer) ||
		!is_end(m, m->id.idiag_dst, m->id.idiag_dport, own))
		return false;
	*ret_uid = m->idiag_uid;
	return true;
}

/* ---- who may */

static bool has_member(const struct group *group, const char *name)
{
	for (char **member = group->gr_mem; *member; member++)
		if (strcmp(*member, name) == 0)
			return true;
	return false;
}

static bool is_member(int64_t gid, const char *name)
{
	_cleanup_fclose_ FILE *f = fopen("/etc/group", "re");
	const struct group *group = NULL;

	while (f && (group = fgetgrent(f)))
		if ((int64_t)group->gr_gid == gid && has_member(group, name))
			return true;
	return false;
}

/* A user id may have several names. */
static bool is_trusted(const struct peers *p, uint32_t uid, const struct config_list *users)
{
	_cleanup_fclose_ FILE *f = NULL;
	const struct passwd *pw = NULL;

	if (uid == 0)
		return true;
	f = fopen("/etc/passwd", "re");
	while (f && (pw = fgetpwent(f))) {
		if (pw->pw_uid != uid)
			continue;
		for (unsigned i = 0; i < users->n; i++)
			if (strcmp(users->items[i], pw->pw_name) == 0)
				return true;
		if (p->group >= 0 &&
			((int64_t)pw->pw_gid == p->group || is_member(p->group, pw->pw_name)))
			return true;
	}
	return false;
}

bool peers_may_try(struct peers *p, int fd, const struct config_list *users)
{
	struct end peer = { 0 }, own = { 0 };
	uint32_t uid;

	if (!users->n)
		return true;
	if (!read_end(fd, getpeername, &peer) || !read_end(fd, getsockname, &own))
		return false;
	if (find_owner(p, &peer, &own, &uid))
		return is_trusted(p, uid, users);
	/* The machine's own addresses as well, which reach themselves. */
	return !ip_addr_is_loopback(&peer.addr) && !ip_addr_equal(&peer.addr, &own.addr);
}
