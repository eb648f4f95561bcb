/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages between engine and console: built, checked, sent, received. */
#include "daemon/ipc.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/cleanup.h"
#include "lib/log.h"
#include "lib/operand.h"
#include "lib/process_flag.h"
#include "lib/verdict.h"

/* What ipc_check() must prove of a type beyond its size. */
struct message_kind {
	size_t size;
	int (*check)(const void *msg, size_t len);
};

static int check_str(const void *msg, size_t len, struct ipc_str s)
{
	const struct ipc_header *h = msg;
	size_t fixed = ipc_fixed_size(h->type);

	if (s.len == 0)
		return 0;
	if (s.off < fixed || (size_t)s.off + s.len > len)
		return ERR_MALFORMED;
	return 0;
}

static int check_process(const void *msg, size_t len, const struct ipc_process *p)
{
	const struct ipc_str strs[] = { p->path, p->args, p->cwd, p->user, p->cgroup, p->container,
		p->script, p->creator.path, p->creator.name };

	for (size_t i = 0; i < array_len(strs); i++)
		if (check_str(msg, len, strs[i]) < 0)
			return ERR_MALFORMED;
	if (p->n_parents > LIMIT_PARENTS || p->pid < 0 || p->creator.pid < 0 ||
		p->flags & ~PROCESS_FLAGS_ALL)
		return ERR_MALFORMED;
	for (uint32_t i = 0; i < p->n_parents; i++)
		if (check_str(msg, len, p->parents[i].path) < 0 ||
			check_str(msg, len, p->parents[i].name) < 0)
			return ERR_MALFORMED;
	return 0;
}

static int check_addr(const struct ip_addr *a)
{
	return a->family == 0 || a->family == 4 || a->family == 6 ? 0 : ERR_MALFORMED;
}

static int check_connection(const void *msg, size_t len)
{
	const struct ipc_connection *c = msg;

	if (c->action >= ACTION_COUNT_ || c->reason >= REASON_COUNT_ ||
		c->method >= METHOD_COUNT_ || c->confidence >= CONFIDENCE_COUNT_ ||
		c->host_source >= HOST_COUNT_ || c->nolog > 1 || c->is_forwarded > 1 ||
		c->host_certainty >= HOST_CERTAINTY_COUNT_)
		return ERR_MALFORMED;
	if (check_addr(&c->flow.src) < 0 || check_addr(&c->flow.dst) < 0)
		return ERR_MALFORMED;
	if (!memchr(c->iface_in, 0, sizeof(c->iface_in)) ||
		!memchr(c->iface_out, 0, sizeof(c->iface_out)))
		return ERR_MALFORMED;
	if (check_str(msg, len, c->host) < 0 || check_str(msg, len, c->rule) < 0 ||
		check_str(msg, len, c->netns) < 0)
		return ERR_MALFORMED;
	return check_process(msg, len, &c->process);
}

static int check_prompt_closed(const void *msg, size_t len)
{
	const struct ipc_prompt_closed *m = msg;

	(void)len;
	return m->end < PROMPT_END_COUNT_ && m->action < ACTION_COUNT_ ? 0 : ERR_MALFORMED;
}

static int check_status(const void *msg, size_t len)
{
	const struct ipc_status *m = msg;

	if (m->enabled > 1 || m->method >= METHOD_COUNT_ || m->fail_closed > 1 || m->rules_ok > 1)
		return ERR_MALFORMED;
	if (check_str(msg, len, m->method_why) < 0)
		return ERR_MALFORMED;
	return check_str(msg, len, m->netns);
}

static int check_alert(const void *msg, size_t len)
{
	return check_str(msg, len, ((const struct ipc_alert *)msg)->text);
}

static int check_ruleset_result(const void *msg, size_t len)
{
	return check_str(msg, len, ((const struct ipc_ruleset_result *)msg)->text);
}

static int check_settings(const void *msg, size_t len)
{
	const struct ipc_settings *m = msg;

	(void)len;
	if (m->prompt_timeout_ms < 1000 || m->prompt_timeout_ms > LIMIT_PROMPT_TIMEOUT_MS ||
		m->default_action >= ACTION_COUNT_ || m->prompt_timeout_action >= ACTION_COUNT_ ||
		m->prompt_without_clients > 1 || m->intercept_dns > 1 || m->end_flows > 1 ||
		m->log_level > LOG_LEVEL_DEBUG)
		return ERR_MALFORMED;
	return 0;
}

static int check_config(const void *msg, size_t len)
{
	const struct ipc_config *m = msg;

	if (check_settings(msg, len) < 0)
		return ERR_MALFORMED;
	if (m->n_listen > IPC_LISTEN_MAX || m->fail_closed > 1 || m->read_sni > 1 ||
		m->mark_bit > 30 || m->log_format > LOG_FORMAT_JSON || m->queue_forwarded > 1)
		return ERR_MALFORMED;
	for (uint32_t i = 0; i < m->n_listen; i++)
		if (m->listen[i].addr.family != 4 && m->listen[i].addr.family != 6)
			return ERR_MALFORMED;
	if (!memchr(m->tls_certificate, 0, sizeof(m->tls_certificate)) ||
		!memchr(m->tls_key, 0, sizeof(m->tls_key)) ||
		!m->tls_certificate[0] != !m->tls_key[0])
		return ERR_MALFORMED;
	return 0;
}

static int check_answer(const void *msg, size_t len)
{
	const struct ipc_answer *m = msg;

	if (m->action >= ACTION_COUNT_ || m->rule.len > LIMIT_RULE_NAME)
		return ERR_MALFORMED;
	return check_str(msg, len, m->rule);
}

static int check_interception(const void *msg, size_t len)
{
	(void)len;
	return ((const struct ipc_interception *)msg)->enabled <= 1 ? 0 : ERR_MALFORMED;
}

static int check_flow(const void *msg, size_t len)
{
	const struct ipc_flow *m = msg;

	return m->before_start <= 1 && m->connection.flow_id ? check_connection(msg, len)
							     : ERR_MALFORMED;
}

static int check_flow_traffic(const void *msg, size_t len)
{
	const struct ipc_flow_traffic *m = msg;

	(void)len;
	return m->is_end <= 1 && m->end < FLOW_END_COUNT_ && m->counted <= 1 ? 0 : ERR_MALFORMED;
}

static int check_flow_table(const void *msg, size_t len)
{
	const struct ipc_flow_table *m = msg;

	(void)len;
	return m->number && m->is_end <= 1 ? 0 : ERR_MALFORMED;
}

static int check_names(const void *msg, size_t len)
{
	const struct ipc_names *m = msg;

	if (check_addr(&m->addr) < 0 || m->host.len > LIMIT_HOST)
		return ERR_MALFORMED;
	return check_str(msg, len, m->host);
}

static int check_name(const void *msg, size_t len)
{
	const struct ipc_name *m = msg;

	if (check_addr(&m->addr) < 0 || check_addr(&m->server) < 0 || m->source >= HOST_COUNT_ ||
		m->n_askers > LIMIT_NAME_ASKERS || m->host.len > LIMIT_HOST)
		return ERR_MALFORMED;
	return check_str(msg, len, m->host);
}

static int check_list(const void *msg, size_t len)
{
	const struct ipc_list *m = msg;

	if (m->operand < OPERAND_LISTS_DOMAINS || m->operand > OPERAND_LISTS_HASH_SHA256 ||
		m->folder.len == 0 || m->folder.len > LIMIT_PATH)
		return ERR_MALFORMED;
	return check_str(msg, len, m->folder);
}

static int check_tls_file(const void *msg, size_t len)
{
	(void)len;
	return ((const struct ipc_tls_file *)msg)->part < IPC_TLS_COUNT_ ? 0 : ERR_MALFORMED;
}

static const struct message_kind kinds[] = {
	[IPC_HELLO] = { sizeof(struct ipc_hello), NULL },
	[IPC_CONNECTION] = { sizeof(struct ipc_connection), check_connection },
	[IPC_PROMPT] = { sizeof(struct ipc_prompt), check_connection },
	[IPC_PROMPT_CLOSED] = { sizeof(struct ipc_prompt_closed), check_prompt_closed },
	[IPC_STATUS] = { sizeof(struct ipc_status), check_status },
	[IPC_ALERT] = { sizeof(struct ipc_alert), check_alert },
	[IPC_RULESET_RESULT] = { sizeof(struct ipc_ruleset_result), check_ruleset_result },
	[IPC_ANSWER_RESULT] = { sizeof(struct ipc_answer_result), NULL },
	[IPC_FLOW] = { sizeof(struct ipc_flow), check_flow },
	[IPC_FLOW_TRAFFIC] = { sizeof(struct ipc_flow_traffic), check_flow_traffic },
	[IPC_FLOW_END_RESULT] = { sizeof(struct ipc_flow_end_result), NULL },
	[IPC_FLOW_TABLE] = { sizeof(struct ipc_flow_table), check_flow_table },
	[IPC_NAME] = { sizeof(struct ipc_name), check_name },
	[IPC_NAMES_END] = { sizeof(struct ipc_names_end), NULL },
	[IPC_TLS_FILE] = { sizeof(struct ipc_tls_file), check_tls_file },
	[IPC_FLOW_END] = { sizeof(struct ipc_flow_end), NULL },
	[IPC_NAMES] = { sizeof(struct ipc_names), check_names },
	[IPC_CONFIG] = { sizeof(struct ipc_config), check_config },
	[IPC_READY] = { sizeof(struct ipc_ready), NULL },
	[IPC_SETTINGS] = { sizeof(struct ipc_settings), check_settings },
	[IPC_RULESET] = { sizeof(struct ipc_ruleset), NULL },
	[IPC_ANSWER] = { sizeof(struct ipc_answer), check_answer },
	[IPC_CLIENTS] = { sizeof(struct ipc_clients), NULL },
	[IPC_LIST] = { sizeof(struct ipc_list), check_list },
	[IPC_INTERCEPTION] = { sizeof(struct ipc_interception), check_interception },
};

size_t ipc_fixed_size(unsigned type)
{
	return type < array_len(kinds) ? kinds[type].size : 0;
}

void *ipc_begin(struct ipc_builder *b, enum ipc_type type)
{
	struct ipc_header *h = (struct ipc_header *)b->buf;

	b->len = ipc_fixed_size(type);
	b->truncated = 0;
	memset(b->buf, 0, b->len);
	h->version = IPC_VERSION;
	h->type = (uint16_t)type;
	return b->buf;
}

void ipc_put(struct ipc_builder *b, struct ipc_str *ret, const char *s, size_t len)
{
	size_t room = sizeof(b->buf) - b->len;

	if (len > room) {
		len = room;
		b->truncated = 1;
	}
	ret->off = len ? (uint16_t)b->len : 0;
	ret->len = (uint16_t)len;
	if (len)
		memcpy(b->buf + b->len, s, len);
	b->len += len;
}

void ipc_end(struct ipc_builder *b)
{
	((struct ipc_header *)b->buf)->len = (uint32_t)b->len;
}

int ipc_check(const void *msg, size_t len)
{
	const struct ipc_header *h = msg;
	size_t fixed;

	if (len < sizeof(*h) || len > LIMIT_IPC_MESSAGE || h->len != len ||
		h->version != IPC_VERSION)
		return ERR_MALFORMED;
	fixed = ipc_fixed_size(h->type);
	if (!fixed || len < fixed)
		return ERR_MALFORMED;
	return kinds[h->type].check ? kinds[h->type].check(msg, len) : 0;
}

const char *ipc_get(const void *msg, struct ipc_str s, size_t *ret_len)
{
	*ret_len = s.len;
	return s.len ? (const char *)msg + s.off : "";
}

int ipc_send(int fd, const void *msg, size_t len, int pass_fd)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)msg, .iov_len = len };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (pass_fd >= 0) {
		struct cmsghdr *c;

		mh.msg_control = control;
		mh.msg_controllen = sizeof(control);
		c = CMSG_FIRSTHDR(&mh);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &pass_fd, sizeof(int));
	}
	for (;;) {
		if (sendmsg(fd, &mh, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
			return 0;
		if (errno == EINTR)
			continue;
		if (errno == ENOBUFS)
			return ERR_AGAIN;
		return err_from_errno(errno);
	}
}

/* The first descriptor that came along; any others are closed. */
static int take_descriptor(struct msghdr *mh)
{
	int found = -1;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(mh); c; c = CMSG_NXTHDR(mh, c)) {
		size_t n;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (found < 0)
				found = fd;
			else
				close(fd);
		}
	}
	return found;
}

/* One datagram, unchecked; *ret_fd is a descriptor that came with it, or -1. */
static int receive(int fd, void *buf, int *ret_fd)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(4 * sizeof(int))];
	struct iovec iov = { .iov_base = buf, .iov_len = LIMIT_IPC_MESSAGE };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	*ret_fd = -1;
	mh.msg_control = control;
	mh.msg_controllen = sizeof(control);
	do
		n = recvmsg(fd, &mh, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? ERR_AGAIN : errno == ECONNRESET ? 0 : ERR_IO;
	*ret_fd = take_descriptor(&mh);
	return mh.msg_flags & MSG_TRUNC ? ERR_MALFORMED : (int)n;
}

int ipc_receive(int fd, void *buf, int *ret_fd)
{
	int n = receive(fd, buf, ret_fd);

	if (n > 0 && ipc_check(buf, (size_t)n) < 0)
		n = ERR_MALFORMED;
	if (n == ERR_MALFORMED && *ret_fd >= 0)
		close(steal_fd(ret_fd));
	return n;
}

size_t ipc_padded(size_t len)
{
	return (len + 7) & ~(size_t)7;
}

int ipc_receive_packed(int fd, void *buf, int *ret_fd)
{
	int n = receive(fd, buf, ret_fd);

	if (n < 0 && *ret_fd >= 0)
		close(steal_fd(ret_fd));
	return n;
}

const struct ipc_header *ipc_unpack(const void *buf, size_t len, size_t *pos)
{
	const struct ipc_header *h = (const void *)((const uint8_t *)buf + *pos);
	size_t left = len - *pos;

	if (left < sizeof(*h) || h->len > left || ipc_check(h, h->len) < 0)
		return NULL;
	*pos += ipc_padded(h->len) < left ? ipc_padded(h->len) : left;
	return h;
}
