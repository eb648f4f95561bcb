/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The socket of a flow, who holds it, who made it; and whom the witness saw sending by it. */
#include "config.h"

#include <netinet/in.h>
#include <unistd.h>

#include "daemon/attribution_private.h"
#include "daemon/ping_sockets.h"
#include "lib/clock.h"
#include "lib/process_flag.h"

#define SHARED_NS                                                                                  \
	5000000000u /* a packet in hand is no older: who sent before that did not send this one */

enum socket_holding attribution_holding(
	struct attribution *a, int32_t pid, uint32_t inode, unsigned max)
{
	return socket_holders_has(&a->scan.places, a->proc_root, pid, inode, max);
}

bool attribution_find_socket(const struct attribution *a, const struct flow *flow, uint32_t ifindex,
	struct sock_owner *ret)
{
	if (flow->proto == IPPROTO_ICMP || flow->proto == IPPROTO_ICMPV6)
		return ping_socket_find(a->proc_root, flow, &ret->inode, &ret->uid);
	return a->sockdiag && sockdiag_find(a->sockdiag, flow, ifindex, ret) == 0;
}

/* Whether a process began after a moment of CLOCK_MONOTONIC, so that it has another's number. The two clocks differ by suspends. */
static bool began_after(const struct process *p, uint64_t time_ns)
{
	uint64_t tick_ns = 1000000000u / (uint64_t)sysconf(_SC_CLK_TCK);

	return p->start_time * tick_ns >
	       time_ns + (clock_boot_ns() - clock_mono_ns()) + 2 * tick_ns;
}

static struct process *get_then(struct attribution *a, int32_t pid, uint64_t time_ns)
{
	struct process *p = process_get_at(a->processes, pid, time_ns, NULL);

	/* A thread of the kernel makes and sends nothing of its own; we send what our verdicts let go, for others. */
	if (p && (p->pid == a->own_pid || (p->flags & PROCESS_KERNEL) || began_after(p, time_ns))) {
		process_unref(p);
		return NULL;
	}
	return p;
}

/* The process that had a number at a moment. What is read of it now may be what came after, whose events are there by then: so look twice. */
static struct process *process_then(struct attribution *a, int32_t pid, uint64_t time_ns)
{
	uint64_t looks = process_looks(a->processes);
	struct process *p = get_then(a, pid, time_ns);

	if (process_looks(a->processes) == looks)
		return p;
	attribution_drain(a);
	process_unref(p);
	return get_then(a, pid, time_ns);
}

/* Whether it was seen who made the socket of this cookie. Then *ret is that process, a new reference, or NULL: `user` itself, or gone. */
static bool find_maker(struct attribution *a, uint64_t cookie, int32_t user, struct process **ret)
{
	struct witness_creator made;

	*ret = NULL;
	if (!a->witness || !witness_find_creator(a->witness, cookie, &made))
		return false;
	if (made.pid != user)
		*ret = process_then(a, made.pid, made.made_ns);
	return true;
}

struct seen_sender attribution_sender(struct attribution *a, const struct flow *flow)
{
	struct seen_sender ret = { 0 };
	struct witness_sender s;
	bool several;

	if (!a->witness || !witness_find_sender(a->witness, flow, &s))
		return ret;
	several = flow->proto == IPPROTO_UDP && s.former_pid && s.former_pid != s.pid &&
		  s.since_ns + SHARED_NS > attribution_sent_ns(a);
	/* Several sockets of one tuple, a moment ago: that is for the referee. */
	if (several && s.former_cookie != s.cookie)
		return ret;
	ret.process = process_then(a, s.pid, s.since_ns);
	if (!ret.process)
		return ret;
	ret.is_shared = several;
	ret.cookie = s.cookie;
	find_maker(a, s.cookie, s.pid, &ret.creator);
	return ret;
}

/* A child has the sockets of its parent, which made them, or has them from its own. */
static struct process *find_creator(
	struct attribution *a, const struct flow *flow, uint32_t ifindex, const struct process *p)
{
	struct sock_owner owner = { 0 };
	struct process *maker;

	if (!attribution_find_socket(a, flow, ifindex, &owner) || !owner.inode)
		return NULL;
	if (find_maker(a, owner.cookie, p->pid, &maker) ||
		attribution_holding(a, p->pid, owner.inode, ATTRIBUTION_FILES_MAX) ==
			SOCKET_NOT_HELD)
		return maker;
	for (unsigned i = p->n_parents; i-- > 0;)
		if (attribution_holding(a, p->parents[i].pid, owner.inode, ATTRIBUTION_FILES_MAX) ==
			SOCKET_HELD)
			return process_get(a->processes, p->parents[i].pid);
	return NULL;
}

void attribution_look_again(struct attribution *a, const struct flow *flow, uint32_t ifindex_out,
	struct process **process, struct process **creator)
{
	struct process *p = *process;

	if (!p || p->flags & PROCESS_KERNEL)
		return;
	attribution_drain(a);
	*process = process_look_again(a->processes, p);
	process_unref(p);
	if (!*creator)
		*creator = find_creator(a, flow, ifindex_out, *process);
}
