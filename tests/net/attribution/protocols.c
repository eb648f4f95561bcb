/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The same simple connection through every protocol and system call that can make one. */
#include "config.h"

#include "tests/net/attribution/corpus.h"

#include <errno.h>
#include <linux/io_uring.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MPTCP 262
#define SCTP 132
#define UDPLITE 136

static int open_socket(int family, int type, int protocol)
{
	int fd = socket(family, type | SOCK_CLOEXEC, protocol);

	if (fd < 0 && (errno == EPROTONOSUPPORT || errno == ESOCKTNOSUPPORT || errno == EACCES ||
			      errno == ENOPROTOOPT))
		skip(strerror(errno));
	return must(fd, "socket");
}

/* connect() to a port where nobody listens. */
static void stream(const struct run *r, union address to, int protocol, const char *name)
{
	int fd = open_socket(to.any.sa_family, SOCK_STREAM, protocol);

	(void)connect(fd, &to.any, address_len(&to));
	expect(r, name, &to, 0, getpid(), NULL, NULL);
	close(fd);
}

static void tcp4(struct run *r)
{
	stream(r, target4(r, 0), 0, "tcp");
}

static void tcp6(struct run *r)
{
	stream(r, target6(r, 0), 0, "tcp");
}

static void tcp_mapped(struct run *r)
{
	stream(r, target_mapped(r, 0), 0, "tcp");
}

static void mptcp(struct run *r)
{
	stream(r, target4(r, 0), MPTCP, "tcp");
}

static void mptcp6(struct run *r)
{
	stream(r, target6(r, 0), MPTCP, "tcp");
}

static void sctp(struct run *r)
{
	stream(r, target4(r, 0), SCTP, "sctp");
}

static void tcp_bound(struct run *r)
{
	union address from = { .v4 = { .sin_family = AF_INET } }, to = target4(r, 0);
	int fd = open_socket(AF_INET, SOCK_STREAM, 0), port = 20000 + (int)(r->try % 10000);

	set_port(&from, (uint16_t)port);
	must(bind(fd, &from.any, sizeof(from.v4)), "bind");
	(void)connect(fd, &to.any, sizeof(to.v4));
	expect(r, "tcp", &to, port, getpid(), NULL, NULL);
	close(fd);
}

static void tcp_bound_address(struct run *r)
{
	union address from = { 0 }, to = target4(r, 0);
	socklen_t len = sizeof(from);
	int probe = open_socket(AF_INET, SOCK_DGRAM, 0), fd = open_socket(AF_INET, SOCK_STREAM, 0);

	/* The address that goes there, found by a socket that sends nothing. */
	must(connect(probe, &to.any, sizeof(to.v4)), "connect");
	must(getsockname(probe, &from.any, &len), "getsockname");
	close(probe);
	set_port(&from, (uint16_t)(10000 + r->try % 10000));
	must(bind(fd, &from.any, sizeof(from.v4)), "bind");
	(void)connect(fd, &to.any, sizeof(to.v4));
	expect(r, "tcp", &to, ntohs(from.v4.sin_port), getpid(), NULL, NULL);
	close(fd);
}

static void tcp_nonblocking(struct run *r)
{
	union address to = target4(r, 0);
	int fd = open_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	(void)connect(fd, &to.any, sizeof(to.v4));
	expect(r, "tcp", &to, 0, getpid(), NULL, NULL);
	close(fd);
}

static void tcp_fastopen(struct run *r)
{
	union address to = target4(r, 0);
	int fd = open_socket(AF_INET, SOCK_STREAM, 0);

	sendto(fd, "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL, &to.any, sizeof(to.v4));
	expect(r, "tcp", &to, 0, getpid(), NULL, NULL);
	close(fd);
}

static void happy_eyeballs(struct run *r)
{
	union address four = target4(r, 0), six = target6(r, 0);
	int fd4 = open_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	int fd6 = open_socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0);

	(void)connect(fd6, &six.any, sizeof(six.v6));
	(void)connect(fd4, &four.any, sizeof(four.v4));
	expect(r, "tcp", &six, 0, getpid(), NULL, NULL);
	expect(r, "tcp", &four, 0, getpid(), NULL, NULL);
	close(fd4);
	close(fd6);
}

static void connected(const struct run *r, union address to, int protocol, const char *name)
{
	int fd = open_socket(to.any.sa_family, SOCK_DGRAM, protocol);

	must(connect(fd, &to.any, address_len(&to)), "connect");
	send(fd, "x", 1, 0);
	expect(r, name, &to, source_port(fd), getpid(), NULL, NULL);
	close(fd);
}

static void unconnected(const struct run *r, union address to, int protocol, const char *name)
{
	int fd = open_socket(to.any.sa_family, SOCK_DGRAM, protocol);

	sendto(fd, "x", 1, 0, &to.any, address_len(&to));
	expect(r, name, &to, source_port(fd), getpid(), NULL, NULL);
	close(fd);
}

static void udp_connected(struct run *r)
{
	connected(r, target4(r, 0), 0, "udp");
}

static void udp6_connected(struct run *r)
{
	connected(r, target6(r, 0), 0, "udp");
}

static void udp_sendto(struct run *r)
{
	unconnected(r, target4(r, 0), 0, "udp");
}

static void udp6_sendto(struct run *r)
{
	unconnected(r, target6(r, 0), 0, "udp");
}

static void udp_mapped(struct run *r)
{
	unconnected(r, target_mapped(r, 0), 0, "udp");
}

static void udplite(struct run *r)
{
	unconnected(r, target4(r, 0), UDPLITE, "udplite");
}

static void udplite6(struct run *r)
{
	connected(r, target6(r, 0), UDPLITE, "udplite");
}

static void udp_sendmsg(struct run *r)
{
	union address to = target4(r, 0);
	struct iovec iov = { (char[]) { "x" }, 1 };
	struct msghdr m = { .msg_name = &to, .msg_namelen = sizeof(to.v4), .msg_iov = &iov };
	int fd = open_socket(AF_INET, SOCK_DGRAM, 0);

	m.msg_iovlen = 1;
	must((int)sendmsg(fd, &m, 0), "sendmsg");
	expect(r, "udp", &to, source_port(fd), getpid(), NULL, NULL);
	close(fd);
}

static void udp_sendmmsg(struct run *r)
{
	union address to[3] = { target4(r, 0), target4(r, 1), target4(r, 2) };
	struct iovec iov = { (char[]) { "x" }, 1 };
	struct mmsghdr m[3] = { 0 };
	int fd = open_socket(AF_INET, SOCK_DGRAM, 0);

	for (int i = 0; i < 3; i++) {
		m[i].msg_hdr.msg_name = &to[i];
		m[i].msg_hdr.msg_namelen = sizeof(to[i].v4);
		m[i].msg_hdr.msg_iov = &iov;
		m[i].msg_hdr.msg_iovlen = 1;
	}
	must(sendmmsg(fd, m, 3, 0), "sendmmsg");
	for (int i = 0; i < 3; i++)
		expect(r, "udp", &to[i], source_port(fd), getpid(), NULL, NULL);
	close(fd);
}

static void udp_bound(struct run *r)
{
	union address from = { .v4 = { .sin_family = AF_INET } }, to = target4(r, 0);
	int fd = open_socket(AF_INET, SOCK_DGRAM, 0), port = 20000 + (int)(r->try % 10000);

	set_port(&from, (uint16_t)port);
	must(bind(fd, &from.any, sizeof(from.v4)), "bind");
	sendto(fd, "x", 1, 0, &to.any, sizeof(to.v4));
	expect(r, "udp", &to, port, getpid(), NULL, NULL);
	close(fd);
}

static void echo4(const struct run *r, int type)
{
	struct icmphdr echo = { .type = ICMP_ECHO };
	union address to = target4(r, 0);
	int fd = open_socket(AF_INET, type, IPPROTO_ICMP);

	set_port(&to, 0);
	echo.un.echo.id = htons((uint16_t)(r->try + 1));
	echo.checksum = (uint16_t) ~(ICMP_ECHO + echo.un.echo.id);
	sendto(fd, &echo, sizeof(echo), 0, &to.any, sizeof(to.v4));
	expect(r, "icmp", &to, 0, getpid(), NULL, NULL);
	close(fd);
}

static void ping_socket(struct run *r)
{
	echo4(r, SOCK_DGRAM);
}

static void ping_raw(struct run *r)
{
	echo4(r, SOCK_RAW);
}

static void echo6(const struct run *r, int type)
{
	struct icmp6_hdr echo = { .icmp6_type = ICMP6_ECHO_REQUEST };
	union address to = target6(r, 0);
	int fd = open_socket(AF_INET6, type, IPPROTO_ICMPV6);

	set_port(&to, 0);
	echo.icmp6_id = htons((uint16_t)(r->try + 1));
	sendto(fd, &echo, sizeof(echo), 0, &to.any, sizeof(to.v6));
	expect(r, "icmp", &to, 0, getpid(), NULL, NULL);
	close(fd);
}

static void ping6_socket(struct run *r)
{
	echo6(r, SOCK_DGRAM);
}

static void ping6_raw(struct run *r)
{
	echo6(r, SOCK_RAW);
}

struct uring {
	int fd;
	uint8_t *sq, *cq;
	struct io_uring_sqe *sqes;
	struct io_uring_params p;
};

static void uring_open(struct uring *u, unsigned flags)
{
	memset(u, 0, sizeof(*u));
	u->p.flags = flags;
	u->p.sq_thread_idle = 1000;
	u->fd = (int)syscall(SYS_io_uring_setup, 4, &u->p);
	if (u->fd < 0)
		skip("no io_uring here");
	u->sq = mmap(NULL, u->p.sq_off.array + u->p.sq_entries * sizeof(uint32_t),
		PROT_READ | PROT_WRITE, MAP_SHARED, u->fd, IORING_OFF_SQ_RING);
	u->sqes = mmap(NULL, u->p.sq_entries * sizeof(struct io_uring_sqe), PROT_READ | PROT_WRITE,
		MAP_SHARED, u->fd, (off_t)IORING_OFF_SQES);
	if (u->sq == MAP_FAILED || u->sqes == MAP_FAILED)
		must(-1, "mmap of the ring");
}

/* Submits the one entry (a sleeping thread of the kernel's is woken for it), and waits for its end. */
static void uring_go(struct uring *u)
{
	uint32_t *tail = (uint32_t *)(u->sq + u->p.sq_off.tail);
	uint32_t *array = (uint32_t *)(u->sq + u->p.sq_off.array);

	array[0] = 0;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	must((int)syscall(SYS_io_uring_enter, u->fd, 1, 1,
		     IORING_ENTER_GETEVENTS |
			     (u->p.flags & IORING_SETUP_SQPOLL ? IORING_ENTER_SQ_WAKEUP : 0),
		     NULL, 0),
		"io_uring_enter");
	munmap(u->sqes, u->p.sq_entries * sizeof(struct io_uring_sqe));
	munmap(u->sq, u->p.sq_off.array + u->p.sq_entries * sizeof(uint32_t));
	close(u->fd);
}

static void connect_by_uring(const struct run *r, unsigned ring_flags)
{
	union address to = target4(r, 0);
	struct uring u;
	int fd = open_socket(AF_INET, SOCK_STREAM, 0);

	uring_open(&u, ring_flags);
	memset(u.sqes, 0, sizeof(*u.sqes));
	u.sqes->opcode = IORING_OP_CONNECT;
	u.sqes->fd = fd;
	u.sqes->addr = (uint64_t)(uintptr_t)&to;
	u.sqes->off = sizeof(to.v4);
	uring_go(&u);
	expect(r, "tcp", &to, 0, getpid(), NULL, NULL);
	close(fd);
}

static void uring_connect(struct run *r)
{
	connect_by_uring(r, 0);
}

/* The kernel's thread takes it from the ring: no system call of the process connects. */
static void sqpoll_connect(struct run *r)
{
	connect_by_uring(r, IORING_SETUP_SQPOLL);
}

static void send_by_uring(const struct run *r, unsigned ring_flags, uint8_t flags)
{
	union address to = target4(r, 0);
	struct iovec iov = { (char[]) { "x" }, 1 };
	struct msghdr m = { .msg_name = &to, .msg_namelen = sizeof(to.v4), .msg_iov = &iov };
	struct uring u;
	int fd = open_socket(AF_INET, SOCK_DGRAM, 0);

	m.msg_iovlen = 1;
	uring_open(&u, ring_flags);
	memset(u.sqes, 0, sizeof(*u.sqes));
	u.sqes->opcode = IORING_OP_SENDMSG;
	u.sqes->flags = flags;
	u.sqes->fd = fd;
	u.sqes->addr = (uint64_t)(uintptr_t)&m;
	u.sqes->len = 1;
	uring_go(&u);
	expect(r, "udp", &to, source_port(fd), getpid(), NULL, NULL);
	close(fd);
}

/* Through a worker thread of the ring. */
static void uring_send(struct run *r)
{
	send_by_uring(r, 0, IOSQE_ASYNC);
}

static void sqpoll_send(struct run *r)
{
	send_by_uring(r, IORING_SETUP_SQPOLL, 0);
}

const struct corpus_case protocol_cases[] = {
	{ "tcp4", tcp4, "" },
	{ "tcp6", tcp6, "" },
	{ "tcp-mapped", tcp_mapped, "an IPv6 socket to an IPv4 address" },
	{ "tcp-bound", tcp_bound, "" },
	{ "tcp-bound-address", tcp_bound_address, "" },
	{ "tcp-nonblocking", tcp_nonblocking, "" },
	{ "tcp-fastopen", tcp_fastopen, "sendto, no connect" },
	{ "mptcp", mptcp, "the subflow is a socket of the kernel's" },
	{ "mptcp6", mptcp6, "" },
	{ "sctp", sctp, "" },
	{ "happy-eyeballs", happy_eyeballs, "both families at once" },
	{ "udp-connected", udp_connected, "" },
	{ "udp6-connected", udp6_connected, "" },
	{ "udp-sendto", udp_sendto, "" },
	{ "udp6-sendto", udp6_sendto, "" },
	{ "udp-mapped", udp_mapped, "" },
	{ "udp-sendmsg", udp_sendmsg, "" },
	{ "udp-sendmmsg", udp_sendmmsg, "three destinations in one call" },
	{ "udp-bound", udp_bound, "" },
	{ "udplite", udplite, "" },
	{ "udplite6", udplite6, "" },
	{ "ping-socket", ping_socket, "" },
	{ "ping-raw", ping_raw, "" },
	{ "ping6-socket", ping6_socket, "" },
	{ "ping6-raw", ping6_raw, "" },
	{ "uring-connect", uring_connect, "" },
	{ "uring-send", uring_send, "by a worker thread of the ring" },
	{ "sqpoll-connect", sqpoll_connect, "by the ring's thread in the kernel" },
	{ "sqpoll-send", sqpoll_send, "" },
	{ 0 },
};
