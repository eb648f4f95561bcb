/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One netlink socket with two queues: batches in (recvmmsg), batches out (many verdicts, one send).
 */
#include "config.h"

#include "daemon/queue.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <libnetfilter_queue/libnetfilter_queue.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "daemon/queue_message.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/limits.h"

#define BATCH 32 /* messages in one recvmmsg */
#define COPY_RANGE 4096 /* the first words of a connection */
#define MESSAGE_SIZE (COPY_RANGE + 2048) /* the packet and all attributes around it */
#define VERDICT_SIZE 96 /* more than one verdict message takes */
#define VERDICTS_SIZE (64 * VERDICT_SIZE)
#define VERDICT_DELAY_NS 1000000 /* the longest that a verdict waits for its batch */

#define PROC_QUEUES "/proc/thread-self/net/netfilter/nfnetlink_queue"
#define PROC_QUEUES_SIZE 16384

struct queue {
	struct mnl_socket *nl;
	int fd;
	int proc_fd;
	uint16_t num;
	bool has_conntrack;
	uint32_t seq;
	struct queue_stats stats;
	size_t out_len;
	unsigned n_out;
	uint64_t batch;
	int batch_len;
	_Alignas(NLMSG_ALIGNTO) char out[VERDICTS_SIZE];
	struct mmsghdr msgs[BATCH];
	struct iovec iov[BATCH];
	_Alignas(NLMSG_ALIGNTO) char in[BATCH][MESSAGE_SIZE];
};

/* ---- verdicts */

void queue_flush(struct queue *q)
{
	if (!q->n_out)
		return;
	if (mnl_socket_sendto(q->nl, q->out, q->out_len) < 0)
		q->stats.verdict_errors += q->n_out;
	else
		q->stats.verdicts += q->n_out;
	q->out_len = 0;
	q->n_out = 0;
}

static void put_mark(struct queue *q, struct nlmsghdr *nlh, const struct queue_ref *ref,
	enum queue_verdict v, uint32_t mark, uint32_t mask)
{
	struct nlattr *nest;

	if (q->has_conntrack) {
		nest = mnl_attr_nest_start(nlh, NFQA_CT);
		mnl_attr_put_u32(nlh, CTA_MARK, htonl(mark));
		mnl_attr_put_u32(nlh, CTA_MARK_MASK, htonl(mask));
		mnl_attr_nest_end(nlh, nest);
	} else if (v == QUEUE_REJECT || !ref->mark) {
		nfq_nlmsg_verdict_put_mark(nlh, (ref->mark & ~mask) | mark);
	}
}

static int kernel_verdict(const struct queue *q, enum queue_verdict v)
{
	switch (v) {
	case QUEUE_ACCEPT:
	case QUEUE_REJECT:
		return NF_ACCEPT;
	case QUEUE_DROP:
		return NF_DROP;
	case QUEUE_HOLD:
		return (int)NF_QUEUE_NR(q->num + 1u);
	}
	return NF_DROP;
}

static struct nlmsghdr *begin_verdict(struct queue *q, const struct queue_ref *ref, int verdict)
{
	struct nlmsghdr *nlh;

	if (sizeof(q->out) - q->out_len < VERDICT_SIZE)
		queue_flush(q);
	nlh = nfq_nlmsg_put(q->out + q->out_len, NFQNL_MSG_VERDICT, ref->queue_num);
	nfq_nlmsg_verdict_put(nlh, (int)ref->id, verdict);
	return nlh;
}

static void end_verdict(struct queue *q, const struct nlmsghdr *nlh)
{
	q->out_len += NLMSG_ALIGN(nlh->nlmsg_len);
	q->n_out++;
}

void queue_verdict(struct queue *q, const struct queue_ref *ref, enum queue_verdict v,
	uint32_t ct_mark, uint32_t ct_mask)
{
	struct nlmsghdr *nlh = begin_verdict(q, ref, kernel_verdict(q, v));

	if (ct_mask && (v == QUEUE_ACCEPT || v == QUEUE_REJECT))
		put_mark(q, nlh, ref, v, ct_mark, ct_mask);
	end_verdict(q, nlh);
	/* Nothing follows that it could share a system call with: what its caller writes down meanwhile delays nobody. */
	if (q->batch_len == 1)
		queue_flush(q);
}

/* ---- packets */

/* An acknowledgement: only refused verdicts get one. */
static void note_error(struct queue *q, const struct nlmsghdr *nlh)
{
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*e))
		q->stats.malformed++;
	else if (e->error == -ENOENT)
		q->stats.verdict_lost++;
	else if (e->error)
		q->stats.verdict_errors++;
}

/* All messages of one datagram. The number of packets in it. */
static int read_datagram(struct queue *q, const void *buf, int len,
	void (*fn)(void *ctx, const struct queue_packet *p), void *ctx)
{
	const struct nlmsghdr *nlh = buf;
	int n = 0;

	for (; queue_message_is_whole(nlh, len); nlh = mnl_nlmsg_next(nlh, &len)) {
		struct queue_packet p;

		if (nlh->nlmsg_type == NLMSG_ERROR) {
			note_error(q, nlh);
		} else if (!queue_message_is_packet(nlh) || queue_message_parse(nlh, &p) < 0) {
			q->stats.malformed++;
		} else {
			q->stats.received++;
			n++;
			fn(ctx, &p);
		}
	}
	if (len > 0)
		q->stats.malformed++;
	return n;
}

/* One recvmmsg; the number of datagrams, 0 when none wait, or a negative code. */
static int receive_batch(struct queue *q)
{
	for (;;) {
		int n = recvmmsg(q->fd, q->msgs, BATCH, MSG_DONTWAIT, NULL);

		if (n >= 0)
			return n;
		if (errno == EAGAIN)
			return 0;
		/*
		 * NETLINK_NO_ENOBUFS is set; should it come anyway, the counters tell of the loss.
		 */
		if (errno != EINTR && errno != ENOBUFS)
			return ERR_CLOSED;
	}
}

int queue_read(struct queue *q, void (*fn)(void *ctx, const struct queue_packet *p), void *ctx)
{
	int n_packets = 0, n;

	for (int round = 0; round < QUEUE_READ_MAX / BATCH; round++) {
		uint64_t start = 0;

		n = receive_batch(q);
		if (n < 0) {
			queue_flush(q);
			return n;
		}
		q->batch++;
		q->batch_len += n;
		for (int i = 0; i < n; i++) {
			n_packets += read_datagram(q, q->in[i], (int)q->msgs[i].msg_len, fn, ctx);
			/*
			 * One packet may take long (a /proc scan): those decided do not wait for
			 * it.
			 */
			if (n == 1 || !q->n_out)
				continue;
			if (!start)
				start = clock_mono_ns();
			else if (clock_mono_ns() - start > VERDICT_DELAY_NS) {
				queue_flush(q);
				start = 0;
			}
		}
		if (n < BATCH)
			break;
	}
	q->batch_len = 0;
	queue_flush(q);
	return n_packets;
}

/* ---- counters of the kernel */

/* The lines of /proc/net/netfilter/nfnetlink_queue; false when they cannot be read. */
static bool read_proc(int fd, char *buf, size_t size)
{
	size_t len = 0;
	ssize_t n;

	while (len < size - 1) {
		n = pread(fd, buf + len, size - 1 - len, (off_t)len);
		if (n < 0)
			return false;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	buf[len] = '\0';
	return true;
}

struct proc_queue {
	unsigned num, portid, dropped, user_dropped;
};

/* The line of queue `num`; false when nobody has it. */
static bool find_queue(const char *text, unsigned num, struct proc_queue *ret)
{
	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		/*
		 * queue_num portid queue_total copy_mode copy_range dropped user_dropped sequence 1
		 */
		if (sscanf(line, "%u %u %*u %*u %*u %u %u", &ret->num, &ret->portid, &ret->dropped,
			    &ret->user_dropped) == 4 &&
			ret->num == num)
			return true;
	}
	return false;
}

void queue_stats(struct queue *q, struct queue_stats *ret)
{
	char buf[PROC_QUEUES_SIZE];

	if (read_proc(q->proc_fd, buf, sizeof(buf))) {
		q->stats.dropped = 0;
		q->stats.user_dropped = 0;
		for (unsigned i = 0; i < 2; i++) {
			struct proc_queue p;

			if (!find_queue(buf, q->num + i, &p))
				continue;
			q->stats.dropped += p.dropped;
			q->stats.user_dropped += p.user_dropped;
		}
	}
	*ret = q->stats;
}

/* ---- open and close */

/*
 * Sends a packet to the end of its own queue: it came before the answer that queue_open() waits
 * for.
 */
static void requeue(void *ctx, const struct queue_packet *p)
{
	struct queue *q = ctx;

	end_verdict(q, begin_verdict(q, &p->ref, (int)NF_QUEUE_NR(p->ref.queue_num)));
}

/* The answer to our request: 0 or an errno value. Packets may stand before it in the socket. */
static int read_answer(struct queue *q, uint32_t seq)
{
	for (;;) {
		ssize_t n = recv(q->fd, q->in[0], MESSAGE_SIZE, MSG_DONTWAIT);
		const struct nlmsghdr *nlh = (const struct nlmsghdr *)q->in[0];
		const struct nlmsgerr *e;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno;
		if (!mnl_nlmsg_ok(nlh, (int)n) || nlh->nlmsg_type != NLMSG_ERROR ||
			nlh->nlmsg_seq != seq) {
			read_datagram(q, q->in[0], (int)n, requeue, q);
			queue_flush(q);
			continue;
		}
		e = mnl_nlmsg_get_payload(nlh);
		return mnl_nlmsg_get_payload_len(nlh) < sizeof(*e) ? EBADMSG : -e->error;
	}
}

/* Binds one queue, with all its settings in the same message: it is never there without them. */
static int bind_queue(struct queue *q, uint16_t num, int range, uint32_t maxlen, uint32_t flags)
{
	_Alignas(NLMSG_ALIGNTO) char buf[256];
	struct nlmsghdr *nlh = nfq_nlmsg_put(buf, NFQNL_MSG_CONFIG, num);

	nlh->nlmsg_flags |= NLM_F_ACK;
	nlh->nlmsg_seq = ++q->seq;
	nfq_nlmsg_cfg_put_cmd(nlh, AF_UNSPEC, NFQNL_CFG_CMD_BIND);
	nfq_nlmsg_cfg_put_params(nlh, NFQNL_COPY_PACKET, range);
	nfq_nlmsg_cfg_put_qmaxlen(nlh, maxlen);
	mnl_attr_put_u32(nlh, NFQA_CFG_MASK, htonl(flags));
	mnl_attr_put_u32(nlh, NFQA_CFG_FLAGS, htonl(flags));
	if (mnl_socket_sendto(q->nl, nlh, nlh->nlmsg_len) < 0)
		return errno;
	/* The kernel answers before sendto() returns. */
	return read_answer(q, q->seq);
}

/* Why a queue could not be bound, in one line that says what to do. */
static int bind_error(const struct queue *q, uint16_t num, int errnum, struct error *err)
{
	_cleanup_close_ int fd = open(PROC_QUEUES, O_RDONLY | O_CLOEXEC);
	char buf[PROC_QUEUES_SIZE];
	struct proc_queue p;

	if (fd < 0 && (errnum == EINVAL || errnum == EPROTONOSUPPORT))
		return error_set(err, ERR_UNSUPPORTED, NULL,
			"this kernel has no NFQUEUE: load it with 'modprobe nfnetlink_queue'");
	if (fd >= 0 && read_proc(fd, buf, sizeof(buf)) && find_queue(buf, num, &p) &&
		p.portid != mnl_socket_get_portid(q->nl))
		return error_set(err, ERR_BUSY, NULL,
			"queue %u (of %u and %u) is taken by another program (netlink port %u): "
			"stop it, or choose another with --queue-num",
			num, q->num, q->num + 1, p.portid);
	if (errnum == EPERM)
		return error_set(err, ERR_PERMISSION, NULL,
			"binding queue %u needs root (CAP_NET_ADMIN)", num);
	return error_set(err, err_from_errno(errnum), NULL, "cannot bind queue %u: %s", num,
		strerror(errnum));
}

static int bind_queues(struct queue *q, struct error *err)
{
	uint32_t flags = NFQA_CFG_F_GSO | NFQA_CFG_F_UID_GID | NFQA_CFG_F_CONNTRACK;
	uint16_t hold = (uint16_t)(q->num + 1);
	int e;

	/*
	 * The hold queue first: no rule leads there, so nothing can be lost while only one stands.
	 */
	e = bind_queue(q, hold, COPY_RANGE, LIMIT_HOLD_QUEUE_MAXLEN, flags);
	if (e == EOPNOTSUPP) {
		flags &= ~(uint32_t)NFQA_CFG_F_CONNTRACK;
		e = bind_queue(q, hold, COPY_RANGE, LIMIT_HOLD_QUEUE_MAXLEN, flags);
	}
	if (e)
		return bind_error(q, hold, e, err);
	q->has_conntrack = flags & NFQA_CFG_F_CONNTRACK;
	e = bind_queue(q, q->num, COPY_RANGE, LIMIT_QUEUE_MAXLEN, flags);
	if (e)
		return bind_error(q, q->num, e, err);
	return 0;
}

static int open_socket(struct queue *q, struct error *err)
{
	int on = 1, size = LIMIT_QUEUE_RCVBUF;

	q->nl = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!q->nl && errno == EPROTONOSUPPORT)
		return error_set(err, ERR_UNSUPPORTED, NULL,
			"this kernel has no NFQUEUE (nfnetlink): load it with 'modprobe "
			"nfnetlink_queue'");
	if (!q->nl || mnl_socket_bind(q->nl, 0, MNL_SOCKET_AUTOPID) < 0)
		return error_set(err, err_from_errno(errno), NULL,
			"cannot open a netlink socket: %s", strerror(errno));
	q->fd = mnl_socket_get_fd(q->nl);
	if (setsockopt(q->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(q->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	mnl_socket_setsockopt(q->nl, NETLINK_NO_ENOBUFS, &on, sizeof(on));
	mnl_socket_setsockopt(q->nl, NETLINK_CAP_ACK, &on, sizeof(on));
	return 0;
}

int queue_open(uint16_t num, struct queue **ret, struct error *err)
{
	struct queue *q;
	int r;

	if (num == UINT16_MAX)
		return error_set(err, ERR_INVALID, NULL,
			"queue number %u is too big: %u and the next one are used", num, num);
	q = calloc(1, sizeof(*q));
	if (!q)
		return error_set(err, ERR_NOMEM, NULL, "out of memory");
	q->num = num;
	q->proc_fd = -1;
	for (int i = 0; i < BATCH; i++) {
		q->iov[i] = (struct iovec) { q->in[i], MESSAGE_SIZE };
		q->msgs[i].msg_hdr.msg_iov = &q->iov[i];
		q->msgs[i].msg_hdr.msg_iovlen = 1;
	}
	r = open_socket(q, err);
	if (r == 0)
		r = bind_queues(q, err);
	if (r < 0) {
		queue_close(q);
		return r;
	}
	q->proc_fd = open(PROC_QUEUES, O_RDONLY | O_CLOEXEC);
	*ret = q;
	return 0;
}

void queue_close(struct queue *q)
{
	if (!q)
		return;
	if (q->nl)
		mnl_socket_close(q->nl);
	if (q->proc_fd >= 0)
		close(q->proc_fd);
	free(q);
}

uint64_t queue_batch(const struct queue *q)
{
	return q->batch;
}

int queue_batch_len(const struct queue *q)
{
	return q->batch_len;
}

int queue_fd(const struct queue *q)
{
	return q->fd;
}

bool queue_has_conntrack(const struct queue *q)
{
	return q->has_conntrack;
}
