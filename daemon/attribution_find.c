/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Evidence weighed: traced claims first, the socket's inode where they are not enough, /proc last. */
#include "config.h"

#include <netinet/in.h>
#include <stdlib.h>

#include "daemon/attribution_private.h"
#include "daemon/ping_sockets.h"
#include "daemon/proc_net.h"
#include "daemon/process_image.h"
#include "daemon/socket_holders.h"
#include "daemon/socket_scan.h"
#include "lib/clock.h"
#include "lib/limits.h"
#include "lib/process_flag.h"

#define CLAIMS_MAX 64 /* of one flow, looked at */
#define CLAIM_AGE_NS                                                                               \
	5000000000u /* a packet follows its claim at once; older ones are of other tries */
#define REPEAT_AGE_NS                                                                              \
	130000000000u /* but a SYN that was lost comes again for two minutes, without another claim */
#define CANDIDATES_MAX 16
#define CHILDREN_MAX 16
#define FILES_FEW 64 /* ... where that is not needed to name it */
#define UDP_CONNECTED 1 /* TCP_ESTABLISHED, which sock_diag says of datagram sockets too */

/* The processes that claim a flow, newest first. */
struct candidates {
	struct process *list[CANDIDATES_MAX];
	uint64_t claimed_ns[CANDIDATES_MAX]; /* the newest claim of each */
	unsigned n;
	bool many; /* there were more */
	uint32_t behind; /* of namespaces behind this interface; 0: of our own */
	bool standing; /* among them one that is not traced: its last claim stands for all since */
	bool unplaced; /* only such whose namespace nobody could look at: they ended at once */
	bool reinjected; /* claimed by ourselves: see add_candidate() */
	bool by_kernel; /* claimed by a thread of the kernel */
	bool old; /* of a SYN that may come again: little without the socket */
	bool portless; /* they claim a connect() to there, from whatever port */
};

/* Whether a process is where the flow comes from. */
static bool is_from_there(
	struct attribution *a, const struct candidates *c, const struct process *p)
{
	if (!c->behind)
		return !p->netns || !a->netns || p->netns == a->netns;
	if (c->unplaced)
		return !p->netns;
	return a->ingress && p->netns && p->netns != a->netns &&
	       ingress_leads_to(a->ingress, c->behind, p);
}

/* Takes a reference; one that is there already, or of another network namespace, is let go. */
static void add_candidate(
	struct attribution *a, struct candidates *c, struct process *p, uint64_t claimed_ns)
{
	if (!p)
		return;
	for (unsigned i = 0; i < c->n; i++) {
		if (c->list[i]->pid == p->pid && c->list[i]->start_time == p->start_time) {
			process_unref(p);
			return;
		}
	}
	/* We send nothing. What goes on its way with our verdict may go into a tunnel: the kernel then makes what carries it. */
	c->reinjected |= p->pid == a->own_pid;
	/* A thread of the kernel may send for others, and for the kernel (NFS). */
	c->by_kernel |= p->flags & PROCESS_KERNEL;
	if (p->pid == a->own_pid || (p->flags & PROCESS_KERNEL) || !is_from_there(a, c, p) ||
		c->n == CANDIDATES_MAX) {
		c->many |= c->n == CANDIDATES_MAX;
		process_unref(p);
		return;
	}
	c->claimed_ns[c->n] = claimed_ns;
	c->list[c->n++] = p;
}

/* The process that made a claim. What is read of it now may be what came after, whose events are there by then: so look twice. */
static struct process *claimant_of(struct attribution *a, const struct claim *c)
{
	uint64_t looks = process_looks(a->processes);
	struct process *p = process_get_at(a->processes, c->tid, c->time_ns, c->image);

	if (process_looks(a->processes) == looks)
		return p;
	attribution_drain(a);
	process_unref(p);
	return process_get_at(a->processes, c->tid, c->time_ns, c->image);
}

/* Of tasks that are left out of the tracing. */
static void collect_standing(struct attribution *a, const struct flow *f, struct candidates *ret)
{
	for (unsigned i = 0; i < TRACE_FLOOD_MAX; i++) {
		const struct trace_flooder *out = &a->flood.flooders[i];

		if (!trace_flooder_fits(out, f))
			continue;
		add_candidate(a, ret, process_get(a->processes, out->tid), out->since_ns);
		ret->standing = true;
	}
}

static void collect(
	struct attribution *a, const struct flow *f, uint16_t src_port, struct candidates *ret)
{
	uint64_t sent = attribution_sent_ns(a), age = ret->old ? REPEAT_AGE_NS : CLAIM_AGE_NS;
	struct claim found[CLAIMS_MAX];
	unsigned n =
		claims_find(a->claims, f, src_port, sent > age ? sent - age : 0, found, CLAIMS_MAX);

	ret->many |= n == CLAIMS_MAX;
	/* Looking at one may bring more claims, in the place of these. */
	for (unsigned i = 0; i < n; i++)
		process_image_ref(found[i].image);
	for (unsigned i = 0; i < n; i++) {
		add_candidate(a, ret, claimant_of(a, &found[i]), found[i].time_ns);
		process_image_unref(found[i].image);
	}
	if (src_port)
		collect_standing(a, f, ret);
}

static void candidates_done(struct candidates *c)
{
	while (c->n)
		process_unref(c->list[--c->n]);
}

/* The holder of a socket, searched in /proc. */
static struct process *scan(struct attribution *a, const struct sock_owner *owner)
{
	int32_t pid =
		socket_scan_find(&a->scan, a->proc_root, owner->inode, owner->uid, LIMIT_SCAN_MS);

	return pid ? process_get(a->processes, pid) : NULL;
}

static void take(struct attribution_result *ret, struct process *p, enum attribution_method method,
	enum confidence confidence)
{
	ret->process = process_ref(p);
	ret->method = method;
	ret->confidence = confidence;
	if (ret->uid == UINT32_MAX)
		ret->uid = p->who.uid;
}

/*
 * Candidates that are not proof alone: the socket's holder among them is it. Where several hold it, it went from the first that
 * used it to the last.
 */
static bool prove_by_inode(struct attribution *a, const struct flow *flow,
	const struct candidates *c, uint32_t inode, struct attribution_result *ret)
{
	enum socket_holding holding = SOCKET_NOT_HELD;
	unsigned i, n_perhaps = 0, perhaps = 0, first = c->n;

	for (i = 0; i < c->n; i++) {
		holding = attribution_holding(a, c->list[i]->pid, inode, ATTRIBUTION_FILES_MAX);
		if (holding == SOCKET_HELD)
			break;
		if (holding == SOCKET_HELD_PERHAPS) {
			perhaps = i;
			n_perhaps++;
		}
	}
	if (i == c->n) {
		/* One that has more files than can be looked at in time. Who connects is always traced; who sends is not. */
		if (n_perhaps != 1 || c->many)
			return false;
		take(ret, c->list[perhaps], METHOD_FTRACE,
			flow->proto == IPPROTO_TCP ? CONFIDENCE_LIKELY : CONFIDENCE_SCAN);
		return true;
	}
	take(ret, c->list[i], METHOD_FTRACE, CONFIDENCE_EXACT);
	while (--first > i && !c->many)
		if (attribution_holding(a, c->list[first]->pid, inode, FILES_FEW) == SOCKET_HELD) {
			ret->creator = process_ref(c->list[first]);
			break;
		}
	return true;
}

/*
 * Several processes looked up the route of this very datagram. The kernel names any socket of a port that several share: so the last
 * who did counts, and is proven only when the one socket is its own. False: it is, or may be.
 */
static bool choose_last(struct attribution *a, const struct flow *flow, const struct candidates *c,
	uint32_t inode, struct attribution_result *ret)
{
	if (flow->proto != IPPROTO_UDP || c->n < 2)
		return false;
	if ((c->standing || attribution_holding(a, c->list[0]->pid, inode, ATTRIBUTION_FILES_MAX) !=
				    SOCKET_NOT_HELD) &&
		!sockdiag_has_twins(a->sockdiag, flow))
		return false;
	take(ret, c->list[0], METHOD_FTRACE, CONFIDENCE_SCAN);
	ret->is_shared = true;
	return true;
}

/* ping of a raw socket names its PID in the packet, or used to; that is enough to choose among those who send there. */
static bool choose_by_identifier(
	const struct flow *flow, const struct candidates *c, struct attribution_result *ret)
{
	const struct process *found = NULL;
	unsigned n = 0;

	if (flow->proto != IPPROTO_ICMP && flow->proto != IPPROTO_ICMPV6)
		return false;
	for (unsigned i = 0; i < c->n; i++) {
		if ((uint16_t)c->list[i]->pid != flow->src_port)
			continue;
		found = c->list[i];
		n++;
	}
	if (n != 1)
		return false;
	take(ret, (struct process *)(uintptr_t)found, METHOD_FTRACE, CONFIDENCE_LIKELY);
	return true;
}

static bool is_holder(struct attribution *a, int32_t pid, uint32_t inode)
{
	return attribution_holding(a, pid, inode, ATTRIBUTION_FILES_MAX) == SOCKET_HELD;
}

/* Whether a child of `from` has the socket too, apart from `p`. */
static bool has_child_holder(
	struct attribution *a, int32_t from, const struct process *p, uint32_t inode)
{
	int32_t children[CHILDREN_MAX];
	unsigned n = process_children(a->processes, from, children, CHILDREN_MAX);

	for (unsigned i = 0; i < n; i++)
		if (children[i] != p->pid && is_holder(a, children[i], inode))
			return true;
	return false;
}

/* Whether somebody else has the socket of this holder: sought among its family, in which sockets are inherited. */
static bool is_held_twice(struct attribution *a, const struct process *p, uint32_t inode)
{
	for (unsigned i = 0; i < p->n_parents; i++)
		if (is_holder(a, p->parents[i].pid, inode))
			return true;
	return has_child_holder(a, p->pid, p, inode) ||
	       (p->n_parents && has_child_holder(a, p->parents[0].pid, p, inode));
}

/* What the socket itself says; then /proc. */
static void referee(struct attribution *a, const struct flow *flow, uint32_t ifindex,
	const struct candidates *c, struct attribution_result *ret)
{
	struct sock_owner owner = { 0 };
	struct process *p;
	bool found = attribution_find_socket(a, flow, ifindex, &owner);

	if (found && ret->uid == UINT32_MAX)
		ret->uid = owner.uid;
	if (found && owner.inode &&
		(choose_last(a, flow, c, owner.inode, ret) ||
			prove_by_inode(a, flow, c, owner.inode, ret)))
		return;
	/* A claimant that has just closed its files may be ending: its exit is traced before it closes them. */
	if (c->n == 1 && found && owner.inode) {
		attribution_drain(a);
		/* One that lives may have closed it between the two looks. */
		found = attribution_find_socket(a, flow, ifindex, &owner);
	}
	/* The socket is open in no program any more, or its only claimant is gone, whoever has it now: likely that was it. */
	if (c->n == 1 && !c->many &&
		(!found || !owner.inode || process_is_gone(a->processes, c->list[0]->pid))) {
		take(ret, c->list[0], METHOD_FTRACE, c->old ? CONFIDENCE_SCAN : CONFIDENCE_LIKELY);
		return;
	}
	if (choose_by_identifier(flow, c, ret))
		return;
	if (!found || !owner.inode) {
		/* Several used this very port a moment ago: the last of them, but nobody proves it. */
		if (c->n && flow->proto == IPPROTO_UDP) {
			take(ret, c->list[0], METHOD_FTRACE, CONFIDENCE_SCAN);
			ret->is_shared = c->n > 1;
		}
		return;
	}
	p = scan(a, &owner);
	ret->is_shared = p && is_held_twice(a, p, owner.inode);
	if (p)
		take(ret, p, METHOD_PROC, CONFIDENCE_SCAN);
	else if (c->n && flow->proto == IPPROTO_UDP)
		take(ret, c->list[0], METHOD_FTRACE, CONFIDENCE_SCAN); /* closed meanwhile */
	process_unref(p);
}

/* Who has a socket that this process gave away: its family first, which it is most often given to. */
static struct process *find_holder(
	struct attribution *a, const struct process *from, const struct sock_owner *owner)
{
	int32_t children[CHILDREN_MAX];
	unsigned n;

	for (unsigned i = 0; i < from->n_parents; i++)
		if (is_holder(a, from->parents[i].pid, owner->inode))
			return process_get(a->processes, from->parents[i].pid);
	n = process_children(a->processes, from->pid, children, CHILDREN_MAX);
	for (unsigned i = 0; i < n; i++)
		if (is_holder(a, children[i], owner->inode))
			return process_get(a->processes, children[i]);
	return scan(a, owner);
}

/*
 * A datagram socket stays connected in whatever hands it comes, and then sends without another look-up. True where its only
 * claimant has it no more, and it is open all the same: then *ret is who has it now, if that is found in time. *ret_holding: whether
 * the claimant has it, where that is asked at all.
 */
static bool is_handed_on(struct attribution *a, const struct flow *flow, uint32_t ifindex,
	struct process *claimant, enum socket_holding *ret_holding, struct attribution_result *ret)
{
	struct sock_owner owner, again;
	struct process *holder;

	*ret_holding = SOCKET_HELD;
	if (flow->proto != IPPROTO_UDP || !a->sockdiag ||
		sockdiag_find(a->sockdiag, flow, ifindex, &owner) < 0 || !owner.inode ||
		owner.state != UDP_CONNECTED)
		return false;
	*ret_holding = attribution_holding(a, claimant->pid, owner.inode, ATTRIBUTION_FILES_MAX);
	if (*ret_holding != SOCKET_NOT_HELD)
		return false;
	/* It may be about to close it: in its end, which is traced before it closes its files. */
	attribution_drain(a);
	if (process_is_gone(a->processes, claimant->pid) &&
		!process_is_over(a->processes, claimant->pid))
		return false;
	if (sockdiag_find(a->sockdiag, flow, ifindex, &again) < 0 || again.inode != owner.inode)
		return false;
	/* Whom it does not find it does not name: not the claimant, which cannot have sent it. */
	holder = find_holder(a, claimant, &owner);
	if (!holder)
		return true;
	take(ret, holder, METHOD_PROC, CONFIDENCE_SCAN);
	ret->creator = process_ref(claimant);
	ret->is_shared = is_held_twice(a, holder, owner.inode);
	process_unref(holder);
	return true;
}

/*
 * A datagram socket that its only claimant connected may be used by children since: they send without another look-up. One that is not
 * connected looks up each time.
 */
static bool may_be_a_child(const struct attribution *a, const struct flow *flow, uint32_t ifindex,
	const struct candidates *c)
{
	struct sock_owner owner;

	if (flow->proto == IPPROTO_TCP ||
		!process_has_forked_since(a->processes, c->list[0]->pid, c->claimed_ns[0]))
		return false;
	return flow->proto != IPPROTO_UDP || c->behind || !a->sockdiag ||
	       sockdiag_find(a->sockdiag, flow, ifindex, &owner) < 0 ||
	       owner.state == UDP_CONNECTED;
}

static bool has_ports(const struct flow *flow)
{
	return flow->proto == IPPROTO_TCP || flow->proto == IPPROTO_UDP;
}

/* The only process that was traced: whether that settles it, whoever it then is. */
static bool settle_claimant(struct attribution *a, const struct flow *flow, uint32_t ifindex,
	const struct candidates *c, struct attribution_result *ret)
{
	struct process *claimant = c->list[0];
	enum socket_holding holding;

	if (is_handed_on(a, flow, ifindex, claimant, &holding, ret))
		return true;
	ret->is_shared = may_be_a_child(a, flow, ifindex, c);
	if (holding == SOCKET_HELD_PERHAPS || ret->is_shared) {
		take(ret, claimant, METHOD_FTRACE, CONFIDENCE_SCAN);
		return true;
	}
	if (!has_ports(flow) || !flow->src_port || !claimant->netns || c->standing)
		return false;
	take(ret, claimant, METHOD_FTRACE, CONFIDENCE_EXACT);
	return true;
}

/*
 * A datagram that carries another one through a tunnel has its owner and its context, but comes from a port that is no socket's. One
 * who closes its socket at once could feign that: so it is no proof.
 */
static bool is_carrier(const struct attribution *a, const struct flow *flow, uint32_t ifindex)
{
	struct sock_owner owner;

	return flow->proto == IPPROTO_UDP && a->tunnels && a->sockdiag &&
	       tunnels_has_port(a->tunnels, flow->dst_port) &&
	       sockdiag_find(a->sockdiag, flow, ifindex, &owner) == ERR_NOT_FOUND;
}

/* Who connected over IPv6, where the claim has no source port; or a while ago, where this is not the first SYN. */
static void collect_tcp(struct attribution *a, const struct flow *flow, struct candidates *c)
{
	collect(a, flow, 0, c);
	c->portless = c->n;
	c->old = !c->n;
	if (c->old)
		collect(a, flow, flow->src_port, c);
}

/* Whom the witness saw. False: nobody, or one of several that share a port. */
static bool settle_sender(struct attribution *a, const struct flow *flow,
	const struct candidates *c, struct attribution_result *ret)
{
	struct seen_sender seen = attribution_sender(a, flow);
	enum attribution_method method = METHOD_BPF;

	if (!seen.process)
		return false;
	for (unsigned i = 0; i < c->n; i++)
		if (c->list[i]->pid == seen.process->pid)
			method = METHOD_FTRACE;
	take(ret, seen.process, method, seen.is_shared ? CONFIDENCE_SCAN : CONFIDENCE_EXACT);
	ret->is_shared = seen.is_shared;
	ret->creator = seen.creator;
	ret->socket_cookie = seen.cookie;
	process_unref(seen.process);
	return true;
}

void attribution_find(struct attribution *a, const struct flow *flow, uint32_t packet_uid,
	uint32_t ifindex_out, bool is_wrapped, struct attribution_result *ret)
{
	struct candidates c = { .n = 0 };
	struct flow portless = *flow;

	*ret = (struct attribution_result) { .uid = packet_uid };
	/* Of other protocols the kernel tells the route's ends only. */
	portless.dst_port = 0;
	if (a->trace && has_ports(flow))
		collect(a, flow, flow->src_port, &c);
	else if (a->trace)
		collect(a, &portless, 0, &c);
	if (a->trace && !c.n && flow->proto == IPPROTO_TCP)
		collect_tcp(a, flow, &c);
	if (!c.n && c.reinjected && flow->proto == IPPROTO_UDP) {
		attribution_kernel(a, ret);
	} else if (is_wrapped && is_carrier(a, flow, ifindex_out)) {
		take(ret, a->kernel, METHOD_PROC, CONFIDENCE_SCAN);
	} else if (settle_sender(a, flow, &c, ret)) {
		/* Nothing is more certain. */
	} else if (!c.n && c.by_kernel && has_ports(flow)) {
		take(ret, a->kernel, METHOD_FTRACE, CONFIDENCE_LIKELY);
	} else if (c.n != 1 || c.many || c.portless || c.old ||
		   !settle_claimant(a, flow, ifindex_out, &c, ret)) {
		referee(a, flow, ifindex_out, &c, ret);
	}
	candidates_done(&c);
}

/*
 * Who ended before anybody saw where it lived: the only one with this tuple, where a namespace is behind the interface at all. It
 * could have been in another one, so it is never told as more than found by looking around.
 */
static void take_unplaced(struct attribution *a, const struct flow *flow, uint32_t ifindex_in,
	struct attribution_result *ret)
{
	struct candidates c = { .behind = ifindex_in, .unplaced = true };

	if (!a->ingress || !ingress_has_any(a->ingress, ifindex_in))
		return;
	collect(a, flow, flow->src_port, &c);
	if (c.n == 1 && !c.many)
		take(ret, c.list[0], METHOD_FTRACE, CONFIDENCE_SCAN);
	candidates_done(&c);
}

/* What the socket says, in a namespace that only its own processes show: /proc of each candidate. */
static void referee_behind(struct attribution *a, const struct flow *flow,
	const struct candidates *c, struct attribution_result *ret)
{
	bool gone;

	for (unsigned i = 0; i < c->n; i++) {
		uint32_t inode, uid;

		if (!proc_net_find(a->proc_root, c->list[i]->pid, flow, &inode, &uid))
			continue;
		ret->uid = uid;
		if (prove_by_inode(a, flow, c, inode, ret))
			return;
	}
	if (c->n != 1 || c->many)
		return;
	/* Its only claimant is gone, and its socket with it; of one that lives the socket ought to be there. */
	attribution_drain(a);
	gone = process_is_gone(a->processes, c->list[0]->pid);
	take(ret, c->list[0], METHOD_FTRACE, gone ? CONFIDENCE_LIKELY : CONFIDENCE_SCAN);
}

void attribution_find_forwarded(struct attribution *a, const struct flow *flow, uint32_t ifindex_in,
	const uint8_t *mac, struct attribution_result *ret, char netns[static LIMIT_NETNS_NAME + 1])
{
	bool has_ports = flow->proto == IPPROTO_TCP || flow->proto == IPPROTO_UDP;
	struct candidates c = { .behind = ifindex_in };
	struct flow portless = *flow;

	*ret = (struct attribution_result) { .uid = UINT32_MAX };
	portless.dst_port = 0;
	if (a->trace && ifindex_in && has_ports)
		collect(a, flow, flow->src_port, &c);
	else if (a->trace && ifindex_in)
		collect(a, &portless, 0, &c);
	if (c.n == 1 && !c.many && may_be_a_child(a, flow, 0, &c)) {
		take(ret, c.list[0], METHOD_FTRACE, CONFIDENCE_SCAN);
		ret->is_shared = true;
	} else if (c.n == 1 && !c.many && has_ports && flow->src_port && !c.standing) {
		take(ret, c.list[0], METHOD_FTRACE, CONFIDENCE_EXACT);
	} else {
		if (a->trace && ifindex_in && !c.n && flow->proto == IPPROTO_TCP)
			collect(a, flow, 0, &c);
		referee_behind(a, flow, &c, ret);
	}
	if (!ret->process && !c.n && a->trace && ifindex_in && has_ports)
		take_unplaced(a, flow, ifindex_in, ret);
	netns[0] = '\0';
	if (a->ingress && ifindex_in)
		ingress_name(a->ingress, ifindex_in, mac, c.n ? ret->process : NULL, netns);
	candidates_done(&c);
}

void attribution_kernel(struct attribution *a, struct attribution_result *ret)
{
	*ret = (struct attribution_result) { .uid = UINT32_MAX };
	take(ret, a->kernel, METHOD_QUEUE, CONFIDENCE_EXACT);
}
