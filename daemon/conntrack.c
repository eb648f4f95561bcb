/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two netlink sockets: one for events, one for questions. */
#include "config.h"

#include "daemon/conntrack.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_compat.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "daemon/conntrack_message.h"
#include "lib/cleanup.h"
#include "lib/limits.h"
#include "lib/log.h"

/* The namespace of the caller's thread: what /proc/sys/net shows is that of who looks. */
#define ACCT_FILE "/proc/sys/net/netfilter/nf_conntrack_acct"
#define REQUEST_SIZE 256
#define EVENTS_BATCH 16
#define EVENT_SIZE 2048 /* an end has tuples, counters and times: less than half of this */
#define MESSAGE_SIZE (EVENTS_BATCH * EVENT_SIZE)

struct conntrack {
	struct mnl_socket *events, *requests;
	uint32_t seq;
	char acct_before; /* '0' when we have switched it on */
	bool counts;
	_Alignas(NLMSG_ALIGNTO) char out[CONNTRACK_BATCH * REQUEST_SIZE];
	_Alignas(NLMSG_ALIGNTO) char in[MESSAGE_SIZE];
};

/* ---- counting */

static bool write_acct(char value)
{
	_cleanup_close_ int fd = open(ACCT_FILE, O_WRONLY | O_CLOEXEC);

	return fd >= 0 && write(fd, &value, 1) == 1;
}

static void start_counting(struct conntrack *ct)
{
	_cleanup_close_ int fd = open(ACCT_FILE, O_RDONLY | O_CLOEXEC);
	char now = '\0';

	if (fd >= 0 && read(fd, &now, 1) == 1 && now == '1') {
		ct->counts = true;
		return;
	}
	ct->counts = write_acct('1');
	if (ct->counts)
		ct->acct_before = '0';
	else
		log_warning("bytes of connections are not counted: cannot write " ACCT_FILE ": %s",
			strerror(errno));
}

bool conntrack_counts(const struct conntrack *ct)
{
	return ct->counts;
}

/* ---- events */

static void read_events(const char *buf, int len, conntrack_fn fn, void *ctx)
{
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)buf;

	for (; mnl_nlmsg_ok(nlh, len); nlh = mnl_nlmsg_next(nlh, &len)) {
		struct conntrack_entry entry;

		if (nlh->nlmsg_type >> 8 == NFNL_SUBSYS_CTNETLINK &&
			conntrack_message_parse(nlh, &entry) == 0)
			fn(ctx, &entry);
	}
}

bool conntrack_read(struct conntrack *ct, unsigned max, conntrack_fn fn, void *ctx)
{
	int fd = mnl_socket_get_fd(ct->events), n;
	struct mmsghdr msgs[EVENTS_BATCH];
	struct iovec iov[EVENTS_BATCH];
	bool all = true;

	memset(msgs, 0, sizeof(msgs));
	for (int i = 0; i < EVENTS_BATCH; i++) {
		iov[i] = (struct iovec) { ct->in + (ptrdiff_t)i * EVENT_SIZE, EVENT_SIZE };
		msgs[i].msg_hdr.msg_iov = &iov[i];
		msgs[i].msg_hdr.msg_iovlen = 1;
	}
	for (unsigned done = 0; done < max; done += EVENTS_BATCH) {
		n = recvmmsg(fd, msgs, EVENTS_BATCH, MSG_DONTWAIT, NULL);
		if (n < 0 && errno != ENOBUFS && errno != EINTR)
			break;
		if (n < 0)
			all &= errno != ENOBUFS;
		for (int i = 0; i < n; i++) {
			all &= !(msgs[i].msg_hdr.msg_flags & MSG_TRUNC);
			read_events(iov[i].iov_base, (int)msgs[i].msg_len, fn, ctx);
		}
		if (n >= 0 && n < EVENTS_BATCH)
			break;
	}
	return all;
}

/* ---- questions */

struct asked {
	const struct flow *flows;
	unsigned n, done; /* answered so far, in order */
	uint32_t first_seq;
	conntrack_fn fn;
	void *ctx;
};

/* One message of an answer; true when it is the end of one. */
static void take_answer(struct asked *a, const struct nlmsghdr *nlh)
{
	uint32_t at = nlh->nlmsg_seq - a->first_seq;
	struct conntrack_entry entry;

	if (at < a->done || at >= a->n)
		return; /* of an earlier request */
	if (nlh->nlmsg_type == NLMSG_ERROR || conntrack_message_parse(nlh, &entry) < 0) {
		memset(&entry, 0, sizeof(entry));
		entry.is_end = true;
	}
	entry.flow = a->flows[at];
	a->done = at + 1;
	a->fn(a->ctx, &entry);
}

static int read_answers(struct conntrack *ct, struct asked *a)
{
	while (a->done < a->n) {
		const struct nlmsghdr *nlh = (const struct nlmsghdr *)ct->in;
		ssize_t got =
			recv(mnl_socket_get_fd(ct->requests), ct->in, sizeof(ct->in), MSG_DONTWAIT);
		int len = (int)got;

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return errno == EAGAIN ? 0 : err_from_errno(errno);
		for (; mnl_nlmsg_ok(nlh, len); nlh = mnl_nlmsg_next(nlh, &len))
			take_answer(a, nlh);
	}
	return 0;
}

int conntrack_get(
	struct conntrack *ct, const struct flow *flows, unsigned n, conntrack_fn fn, void *ctx)
{
	struct asked a = { flows, n < CONNTRACK_BATCH ? n : CONNTRACK_BATCH, 0, ct->seq + 1, fn,
		ctx };
	size_t len = 0;

	for (unsigned i = 0; i < a.n; i++) {
		struct nlmsghdr *nlh = conntrack_message_put(
			ct->out + len, IPCTNL_MSG_CT_GET, 0, ++ct->seq, &flows[i]);

		len += NLMSG_ALIGN(nlh->nlmsg_len);
	}
	if (!len)
		return 0;
	if (mnl_socket_sendto(ct->requests, ct->out, len) < 0)
		return err_from_errno(errno);
	return read_answers(ct, &a);
}

int conntrack_delete(struct conntrack *ct, const struct flow *flow)
{
	struct nlmsghdr *nlh =
		conntrack_message_put(ct->out, IPCTNL_MSG_CT_DELETE, NLM_F_ACK, ++ct->seq, flow);

	if (mnl_socket_sendto(ct->requests, nlh, nlh->nlmsg_len) < 0)
		return err_from_errno(errno);
	for (;;) {
		ssize_t len =
			recv(mnl_socket_get_fd(ct->requests), ct->in, sizeof(ct->in), MSG_DONTWAIT);
		const struct nlmsghdr *answer = (const struct nlmsghdr *)ct->in;
		const struct nlmsgerr *e;

		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0)
			return err_from_errno(errno);
		if (!mnl_nlmsg_ok(answer, (int)len) || answer->nlmsg_seq != ct->seq ||
			answer->nlmsg_type != NLMSG_ERROR)
			continue;
		e = mnl_nlmsg_get_payload(answer);
		if (mnl_nlmsg_get_payload_len(answer) < sizeof(*e))
			return ERR_MALFORMED;
		return e->error ? err_from_errno(-e->error) : 0;
	}
}

/* ---- open and close */

static struct mnl_socket *open_socket(unsigned groups)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC | SOCK_NONBLOCK);
	int size = LIMIT_CONNTRACK_RCVBUF, on = 1;

	if (!nl)
		return NULL;
	if (mnl_socket_bind(nl, groups, MNL_SOCKET_AUTOPID) < 0) {
		mnl_socket_close(nl);
		return NULL;
	}
	if (setsockopt(mnl_socket_get_fd(nl), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(mnl_socket_get_fd(nl), SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	mnl_socket_setsockopt(nl, NETLINK_CAP_ACK, &on, sizeof(on));
	return nl;
}

int conntrack_open(struct conntrack **ret, struct error *err)
{
	struct conntrack *ct = calloc(1, sizeof(*ct));

	if (!ct)
		return error_set(err, ERR_NOMEM, NULL, "out of memory");
	ct->events = open_socket(NF_NETLINK_CONNTRACK_DESTROY);
	if (ct->events)
		ct->requests = open_socket(0);
	if (!ct->requests) {
		int e = errno;

		conntrack_close(ct);
		return error_set(err, err_from_errno(e), NULL,
			"cannot open a connection tracking socket: %s", strerror(e));
	}
	start_counting(ct);
	*ret = ct;
	return 0;
}

void conntrack_close(struct conntrack *ct)
{
	if (!ct)
		return;
	if (ct->acct_before)
		write_acct(ct->acct_before);
	if (ct->events)
		mnl_socket_close(ct->events);
	if (ct->requests)
		mnl_socket_close(ct->requests);
	free(ct);
}
