/* SPDX-License-Identifier: GPL-2.0-or-later */
/* TCP and Unix listening sockets. */
#include "config.h"

#include "daemon/listeners.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "lib/cleanup.h"
#include "lib/log.h"

#define SOCKET_FILE "api.sock"

static socklen_t fill_sockaddr(const struct ipc_listen *a, struct sockaddr_storage *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (a->addr.family == 4) {
		struct sockaddr_in *sin = (struct sockaddr_in *)ret;

		sin->sin_family = AF_INET;
		sin->sin_port = htons(a->port);
		memcpy(&sin->sin_addr, a->addr.bytes, 4);
		return sizeof(*sin);
	}
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)ret;

	sin6->sin6_family = AF_INET6;
	sin6->sin6_port = htons(a->port);
	memcpy(&sin6->sin6_addr, a->addr.bytes, 16);
	return sizeof(*sin6);
}

/* The port of a socket bound to port 0. */
static uint16_t bound_port(int fd)
{
	union {
		struct sockaddr_in6 in6;
		struct sockaddr_in in;
		struct sockaddr sa;
	} u = { 0 };
	socklen_t len = sizeof(u);

	if (getsockname(fd, &u.sa, &len) < 0)
		return 0;
	return ntohs(u.sa.sa_family == AF_INET ? u.in.sin_port : u.in6.sin6_port);
}

/*
 * The daemon starts before the network does: an address beyond loopback may come later. One of loopback that is not there never will.
 */
static int bind_tcp(int fd, const struct ipc_listen *a, const struct sockaddr *sa, socklen_t len)
{
	bool six = a->addr.family == 6;
	char ip[IP_ADDR_TEXT_LEN];
	int one = 1;

	if (bind(fd, sa, len) == 0)
		return 0;
	if (errno != EADDRNOTAVAIL || ip_addr_is_loopback(&a->addr))
		return -1;
	if (setsockopt(fd, six ? IPPROTO_IPV6 : IPPROTO_IP, six ? IPV6_FREEBIND : IP_FREEBIND, &one,
		    sizeof(one)) < 0 ||
		bind(fd, sa, len) < 0)
		return -1;
	ip_addr_format(&a->addr, ip);
	log_notice("%s is not an address of this machine yet: it is served once it is", ip);
	return 0;
}

/* A listening descriptor, or -errno. */
static int open_tcp(const struct ipc_listen *a)
{
	struct sockaddr_storage ss;
	socklen_t len = fill_sockaddr(a, &ss);
	_cleanup_close_ int fd =
		socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int one = 1;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (ss.ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	if (bind_tcp(fd, a, (struct sockaddr *)&ss, len) < 0 || listen(fd, 128) < 0)
		return -errno;
	return steal_fd(&fd);
}

static int open_unix(const char *dir, int dir_fd, gid_t gid, struct error *err)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t mask;
	int r;

	/* Through the descriptor, so that a long path fits into sun_path's 108 bytes. */
	snprintf(sun.sun_path, sizeof(sun.sun_path), "/proc/self/fd/%d/" SOCKET_FILE, dir_fd);
	unlinkat(dir_fd, SOCKET_FILE, 0);
	mask = umask(0177);
	r = fd < 0 ? -1 : bind(fd, (struct sockaddr *)&sun, sizeof(sun));
	umask(mask);
	if (r < 0 || fchownat(dir_fd, SOCKET_FILE, 0, gid, AT_SYMLINK_NOFOLLOW) < 0 ||
		fchmodat(dir_fd, SOCKET_FILE, 0660, 0) < 0 || listen(fd, 128) < 0)
		return error_set(err, err_from_errno(errno), NULL,
			"cannot listen on %s/" SOCKET_FILE ": %s", dir, strerror(errno));
	return steal_fd(&fd);
}

static int refuse(const struct ipc_listen *a, int errnum, struct error *err)
{
	char ip[IP_ADDR_TEXT_LEN];

	ip_addr_format(&a->addr, ip);
	if (errnum == EADDRINUSE)
		return error_set(err, ERR_BUSY, NULL,
			"cannot listen on %s port %u: another program does; stop it, or choose "
			"another port "
			"with --listen ADDR:PORT",
			ip, a->port);
	return error_set(err, err_from_errno(errnum), NULL, "cannot listen on %s port %u: %s", ip,
		a->port, strerror(errnum));
}

int listeners_open(struct listeners *l, const struct ipc_listen *addrs, unsigned n_addrs,
	const char *runtime_dir, int runtime_fd, gid_t gid, struct error *err)
{
	int last_errno = 0, fd;
	unsigned skipped = 0;

	memset(l, 0, sizeof(*l));
	for (unsigned i = 0; i < n_addrs; i++) {
		fd = open_tcp(&addrs[i]);
		if (fd == -EADDRNOTAVAIL || fd == -EAFNOSUPPORT) {
			last_errno = -fd;
			skipped = i;
			continue;
		}
		if (fd < 0)
			return refuse(&addrs[i], -fd, err);
		l->fds[l->n++] = fd;
		l->addrs[l->n_addrs] = addrs[i];
		l->addrs[l->n_addrs++].port = bound_port(fd);
	}
	if (n_addrs && !l->n_addrs)
		return refuse(&addrs[skipped], last_errno, err);
	if (last_errno)
		log_notice("one listen address is not on this machine and was left out");
	fd = open_unix(runtime_dir, runtime_fd, gid, err);
	if (fd < 0)
		return fd;
	l->fds[l->n++] = fd;
	return 0;
}

void listeners_close(struct listeners *l)
{
	while (l->n)
		close(l->fds[--l->n]);
}
