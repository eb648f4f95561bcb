/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Evidence weighed: traced claims first, the socket's inode where they are not enough, /proc last. */
#include "config.h"

#include "daemon/attribution.h"

#include <ctype.h>
#include <dirent.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/ingress.h"
#include "daemon/ping_sockets.h"
#include "daemon/proc_net.h"
#include "daemon/process_image.h"
#include "daemon/process_read.h"
#include "daemon/sockdiag.h"
#include "daemon/socket_holders.h"
#include "daemon/trace.h"
#include "daemon/trace_flood.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/limits.h"
#include "lib/process_flag.h"

#define CLAIMS LIMIT_TRACE_CANDIDATES
#define BUCKETS 4096u
#define CLAIM_AGE_NS                                                                               \
	5000000000u /* a packet follows its claim at once; older ones are of other tries */
#define CANDIDATES_MAX 16
#define SETTLE_MAX 64
#define FILES_MAX 256 /* of a process, looked at without need */
#define UDP_CONNECTED 1 /* TCP_ESTABLISHED, which sock_diag says of datagram sockets too */

/* One "this task is about to send to there". */
struct claim {
	struct flow flow;
	uint64_t time_ns;
	int32_t tid;
	struct process_image *image; /* that the task ran then; a reference, or NULL */
};

/*
 * The claim of the same index in its bucket's chain. Chains run from new to old; an entry used again is newer than its
 * predecessor. They lie apart from the claims so that walking one stays in the processor's cache.
 */
struct claim_link {
	uint64_t seq; /* 0: never used */
	uint32_t hash;
	uint32_t next;
};

struct attribution {
	struct trace *trace; /* NULL: /proc only */
	struct trace_flood flood; /* what is not traced, because it would flood the ring */
	struct sockdiag *sockdiag; /* NULL: no exact look-ups here */
	struct ingress *ingress; /* NULL: what is forwarded is nobody's */
	struct process_table *processes;
	struct process *kernel; /* who sends what belongs to no open file */
	char *tracefs, *instance, *proc_root;
	char why[256];
	uint64_t netns;
	uint64_t lost_seen, lost_before;
	uint64_t events_before; /* of traces closed since */
	uint64_t scans;
	uint64_t seq;
	uint32_t buckets[BUCKETS];
	struct claim_link links[CLAIMS];
	struct claim claims[CLAIMS];
};

/* The processes that claim a flow, newest first. */
struct candidates {
	struct process *list[CANDIDATES_MAX];
	uint64_t claimed_ns[CANDIDATES_MAX]; /* the newest claim of each */
	unsigned n;
	bool many; /* there were more */
	uint32_t behind; /* of namespaces behind this interface; 0: of our own */
	bool standing; /* among them one that is not traced: its last claim stands for all since */
	bool unplaced; /* only such whose namespace nobody could look at: they ended at once */
};

static uint32_t claim_hash(const struct flow *f, uint16_t src_port)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < sizeof(f->dst.bytes); i++)
		h = (h ^ f->dst.bytes[i]) * 16777619u;
	h = (h ^ f->dst_port) * 16777619u;
	h = (h ^ src_port) * 16777619u;
	h = (h ^ f->proto) * 16777619u;
	return h ^ h >> 15;
}

static void add_claim(struct attribution *a, const struct trace_event *ev)
{
	uint32_t slot = (uint32_t)(a->seq % CLAIMS),
		 hash = claim_hash(&ev->flow, ev->flow.src_port);
	uint32_t *bucket = &a->buckets[hash % BUCKETS];
	struct claim *c = &a->claims[slot];

	c->flow = ev->flow;
	c->time_ns = ev->time_ns;
	c->tid = ev->tid;
	process_image_unref(c->image);
	c->image = process_image_of(a->processes, ev->tid);
	a->links[slot] = (struct claim_link) { ++a->seq, hash, *bucket };
	*bucket = slot;
}

static void on_event(void *ctx, const struct trace_event *ev)
{
	struct attribution *a = ctx;

	switch (ev->type) {
	case TRACE_EVENT_CLAIM:
		trace_flood_note(&a->flood, ev);
		add_claim(a, ev);
		break;
	case TRACE_EVENT_FORK:
		trace_flood_forget(&a->flood, ev->child_tid);
		process_on_fork(a->processes, ev->tid, ev->child_tid, ev->is_thread, ev->time_ns);
		break;
	case TRACE_EVENT_EXEC:
		process_on_exec(a->processes, ev->tid, ev->filename, ev->filename_len, ev->time_ns);
		break;
	case TRACE_EVENT_EXIT:
		process_on_exit(a->processes, ev->tid, ev->is_group, ev->time_ns);
		break;
	}
}

static bool claim_fits(const struct claim *c, const struct flow *f, uint16_t src_port)
{
	const struct flow *k = &c->flow;

	return k->proto == f->proto && k->src_port == src_port && k->dst_port == f->dst_port &&
	       ip_addr_equal(&k->dst, &f->dst) &&
	       (ip_addr_is_any(&k->src) || ip_addr_equal(&k->src, &f->src));
}

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
	/* A thread of the kernel sends for others: of its own it has no sockets with an owner. */
	if ((p->flags & PROCESS_KERNEL) || !is_from_there(a, c, p) || c->n == CANDIDATES_MAX) {
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
	struct process_image *image = process_image_ref(c->image);
	uint64_t looks = process_looks(a->processes), time_ns = c->time_ns;
	int32_t tid = c->tid;
	struct process *p = process_get_at(a->processes, tid, time_ns, image);

	if (process_looks(a->processes) != looks) {
		attribution_drain(a);
		process_unref(p);
		p = process_get_at(a->processes, tid, time_ns, image);
	}
	process_image_unref(image);
	return p;
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
	uint64_t now = clock_mono_ns(), last = UINT64_MAX;
	uint32_t hash = claim_hash(f, src_port), slot = a->buckets[hash % BUCKETS];

	while (a->links[slot].seq && a->links[slot].seq < last) {
		const struct claim_link *link = &a->links[slot];
		const struct claim *c = &a->claims[slot];
		uint64_t time_ns = c->time_ns;

		last = link->seq;
		slot = link->next;
		if (link->hash != hash)
			continue;
		if (now > time_ns && now - time_ns > CLAIM_AGE_NS)
			break;
		if (claim_fits(c, f, src_port))
			add_candidate(a, ret, claimant_of(a, c), time_ns);
	}
	if (src_port)
		collect_standing(a, f, ret);
}

static void candidates_done(struct candidates *c)
{
	while (c->n)
		process_unref(c->list[--c->n]);
}

static bool has_inode(const struct attribution *a, int32_t pid, uint32_t inode)
{
	return socket_holders_has(a->proc_root, pid, inode, 0) == SOCKET_HELD;
}

/* The holder of a socket, by going through all processes; bounded in time. */
static struct process *scan(struct attribution *a, uint32_t inode)
{
	uint64_t until = clock_mono_ns() + LIMIT_SCAN_MS * 1000000ull;
	struct process *found = NULL;
	struct dirent *entry;
	DIR *dir = opendir(a->proc_root);

	a->scans++;
	while (dir && !found && clock_mono_ns() < until && (entry = readdir(dir))) {
		int32_t pid = isdigit((unsigned char)entry->d_name[0]) ? atoi(entry->d_name) : 0;

		if (pid > 0 && has_inode(a, pid, inode))
			found = process_get(a->processes, pid);
	}
	if (dir)
		closedir(dir);
	return found;
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
static bool prove_by_inode(const struct attribution *a, const struct candidates *c, uint32_t inode,
	struct attribution_result *ret)
{
	unsigned i = 0, first = c->n;

	while (i < c->n && !has_inode(a, c->list[i]->pid, inode))
		i++;
	if (i == c->n)
		return false;
	take(ret, c->list[i], METHOD_FTRACE, CONFIDENCE_EXACT);
	while (--first > i && !c->many)
		if (has_inode(a, c->list[first]->pid, inode)) {
			ret->creator = process_ref(c->list[first]);
			break;
		}
	return true;
}

/* ICMP echo: the socket is found by its identifier, where it is a ping socket. */
static bool find_socket(const struct attribution *a, const struct flow *flow, uint32_t ifindex,
	struct sock_owner *ret)
{
	if (flow->proto == IPPROTO_ICMP || flow->proto == IPPROTO_ICMPV6)
		return ping_socket_find(a->proc_root, flow, &ret->inode, &ret->uid);
	return a->sockdiag && sockdiag_find(a->sockdiag, flow, ifindex, ret) == 0;
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

/* What the socket itself says; then /proc. */
static void referee(struct attribution *a, const struct flow *flow, uint32_t ifindex,
	const struct candidates *c, struct attribution_result *ret)
{
	struct sock_owner owner = { 0 };
	struct process *p;
	bool found = find_socket(a, flow, ifindex, &owner);

	if (found && ret->uid == UINT32_MAX)
		ret->uid = owner.uid;
	if (found && owner.inode && prove_by_inode(a, c, owner.inode, ret))
		return;
	/* A claimant that has just closed its files may be ending: its exit is traced before it closes them. */
	if (c->n == 1 && found && owner.inode)
		attribution_drain(a);
	/* The socket is open in no program any more, or its only claimant is gone, whoever has it now: likely that was it. */
	if (c->n == 1 && !c->many &&
		(!found || !owner.inode || process_is_gone(a->processes, c->list[0]->pid))) {
		take(ret, c->list[0], METHOD_FTRACE, CONFIDENCE_LIKELY);
		return;
	}
	if (choose_by_identifier(flow, c, ret))
		return;
	if (!found || !owner.inode) {
		/* Several used this very port a moment ago: the last of them, but nobody proves it. */
		if (c->n && flow->proto == IPPROTO_UDP)
			take(ret, c->list[0], METHOD_FTRACE, CONFIDENCE_SCAN);
		return;
	}
	p = scan(a, owner.inode);
	if (p)
		take(ret, p, METHOD_PROC, CONFIDENCE_SCAN);
	else if (c->n && flow->proto == IPPROTO_UDP)
		take(ret, c->list[0], METHOD_FTRACE, CONFIDENCE_SCAN); /* closed meanwhile */
	process_unref(p);
}

/*
 * A datagram socket stays connected in whatever hands it comes, and then sends without another look-up. Its only claimant has
 * it no more, and it is open all the same: this is who has it now. NULL: there is no such thing.
 */
static struct process *next_holder(struct attribution *a, const struct flow *flow, uint32_t ifindex,
	const struct process *claimant)
{
	struct sock_owner owner, again;

	if (flow->proto != IPPROTO_UDP || !a->sockdiag ||
		sockdiag_find(a->sockdiag, flow, ifindex, &owner) < 0 || !owner.inode ||
		owner.state != UDP_CONNECTED ||
		socket_holders_has(a->proc_root, claimant->pid, owner.inode, FILES_MAX) !=
			SOCKET_NOT_HELD)
		return NULL;
	/* It may be about to close it: in its end, which is traced before it closes its files. */
	attribution_drain(a);
	if (process_is_gone(a->processes, claimant->pid) &&
		!process_is_over(a->processes, claimant->pid))
		return NULL;
	if (sockdiag_find(a->sockdiag, flow, ifindex, &again) < 0 || again.inode != owner.inode)
		return NULL;
	return scan(a, owner.inode);
}

/* A datagram socket that its only claimant connected may be used by children since: they send without another look-up. */
static bool may_be_a_child(
	const struct attribution *a, const struct flow *flow, const struct candidates *c)
{
	return flow->proto != IPPROTO_TCP &&
	       process_has_forked_since(a->processes, c->list[0]->pid, c->claimed_ns[0]);
}

static bool has_ports(const struct flow *flow)
{
	return flow->proto == IPPROTO_TCP || flow->proto == IPPROTO_UDP;
}

/* The only process that was traced: whether that settles it, whoever it then is. */
static bool settle_claimant(struct attribution *a, const struct flow *flow, uint32_t ifindex,
	const struct candidates *c, struct attribution_result *ret)
{
	struct process *claimant = c->list[0], *holder;

	holder = next_holder(a, flow, ifindex, claimant);
	if (holder) {
		take(ret, holder, METHOD_PROC, CONFIDENCE_SCAN);
		ret->creator = process_ref(claimant);
		process_unref(holder);
		return true;
	}
	if (may_be_a_child(a, flow, c)) {
		take(ret, claimant, METHOD_FTRACE, CONFIDENCE_SCAN);
		return true;
	}
	if (!has_ports(flow) || !flow->src_port || !claimant->netns || c->standing)
		return false;
	take(ret, claimant, METHOD_FTRACE, CONFIDENCE_EXACT);
	return true;
}

void attribution_find(struct attribution *a, const struct flow *flow, uint32_t packet_uid,
	uint32_t ifindex_out, struct attribution_result *ret)
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
	if (c.n != 1 || c.many || !settle_claimant(a, flow, ifindex_out, &c, ret)) {
		if (a->trace && !c.n && flow->proto == IPPROTO_TCP)
			collect(a, flow, 0, &c);
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
		if (prove_by_inode(a, c, inode, ret))
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
	struct attribution_result *ret, char netns[static LIMIT_NETNS_NAME + 1])
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
	if (c.n == 1 && !c.many && may_be_a_child(a, flow, &c)) {
		take(ret, c.list[0], METHOD_FTRACE, CONFIDENCE_SCAN);
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
		ingress_name(a->ingress, ifindex_in, c.n ? ret->process : NULL, netns);
	candidates_done(&c);
}

/* A child has the sockets of its parent, which made them, or has them from its own. */
static struct process *find_creator(
	struct attribution *a, const struct flow *flow, uint32_t ifindex, const struct process *p)
{
	struct sock_owner owner = { 0 };

	if (!find_socket(a, flow, ifindex, &owner) || !owner.inode ||
		socket_holders_has(a->proc_root, p->pid, owner.inode, FILES_MAX) == SOCKET_NOT_HELD)
		return NULL;
	for (unsigned i = p->n_parents; i-- > 0;)
		if (socket_holders_has(a->proc_root, p->parents[i].pid, owner.inode, FILES_MAX) ==
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

void attribution_kernel(struct attribution *a, struct attribution_result *ret)
{
	*ret = (struct attribution_result) { .uid = UINT32_MAX };
	take(ret, a->kernel, METHOD_QUEUE, CONFIDENCE_EXACT);
}

void attribution_drain(struct attribution *a)
{
	uint64_t lost;

	if (!a->trace)
		return;
	trace_drain(a->trace, on_event, a);
	lost = trace_lost(a->trace);
	if (lost != a->lost_seen) {
		a->lost_seen = lost;
		process_on_lost(a->processes);
	}
	process_settle(a->processes, SETTLE_MAX);
}

void attribution_tick(struct attribution *a)
{
	char but_if[TRACE_FLOOD_TEXT];

	if (a->trace && trace_flood_tick(&a->flood, clock_mono_ns(), but_if))
		trace_leave_out(a->trace, but_if);
}

static void start_trace(struct attribution *a)
{
	struct error err = { 0 };

	if (!a->tracefs) {
		snprintf(a->why, sizeof(a->why), "tracing is switched off");
	} else if (trace_open(a->tracefs, a->instance, &a->trace, &err) < 0) {
		snprintf(a->why, sizeof(a->why), "no tracing: %.200s", err.message);
		a->trace = NULL;
	} else {
		snprintf(a->why, sizeof(a->why), "tracing %.150s in instance %.40s",
			trace_what(a->trace), a->instance);
		a->lost_seen = 0;
	}
	process_table_set_traced(a->processes, a->trace != NULL);
}

static void stop_trace(struct attribution *a)
{
	if (!a->trace)
		return;
	a->events_before += trace_events(a->trace);
	a->lost_before += trace_lost(a->trace);
	trace_close(a->trace);
	a->trace = NULL;
	memset(&a->flood, 0, sizeof(a->flood));
	process_table_set_traced(a->processes, false);
}

int attribution_open(
	const struct attribution_config *config, struct attribution **ret, struct error *err)
{
	struct attribution *a = calloc(1, sizeof(*a));
	struct error no_diag, no_ingress;
	struct stat st;

	if (!a)
		return error_set(err, ERR_NOMEM, NULL, "out of memory");
	a->tracefs = config->tracefs ? strdup(config->tracefs) : NULL;
	a->instance = strdup(config->instance);
	a->proc_root = strdup(config->proc_root);
	a->processes = process_table_new(config->proc_root);
	a->kernel = process_new(0, "[kernel]");
	if ((config->tracefs && !a->tracefs) || !a->instance || !a->proc_root || !a->processes ||
		!a->kernel) {
		attribution_close(a);
		return error_set(err, ERR_NOMEM, NULL, "out of memory");
	}
	a->kernel->flags = PROCESS_KERNEL;
	if (stat("/proc/thread-self/ns/net", &st) == 0)
		a->netns = st.st_ino;
	if (sockdiag_open(&a->sockdiag, &no_diag) < 0)
		a->sockdiag = NULL;
	if (ingress_open(config->proc_root, "/run/netns", &a->ingress, &no_ingress) < 0)
		a->ingress = NULL;
	start_trace(a);
	*ret = a;
	return 0;
}

void attribution_close(struct attribution *a)
{
	if (!a)
		return;
	stop_trace(a);
	for (unsigned i = 0; i < CLAIMS; i++)
		process_image_unref(a->claims[i].image);
	sockdiag_close(a->sockdiag);
	ingress_close(a->ingress);
	process_table_free(a->processes);
	process_unref(a->kernel);
	free(a->tracefs);
	free(a->instance);
	free(a->proc_root);
	free(a);
}

enum attribution_method attribution_method(const struct attribution *a)
{
	return a->trace ? METHOD_FTRACE : METHOD_PROC;
}

const char *attribution_why(const struct attribution *a)
{
	return a->why;
}

bool attribution_check(struct attribution *a)
{
	struct error err = { 0 };
	int r;

	if (!a->trace)
		return false;
	r = trace_check(a->trace, &err);
	if (r == 0)
		return false;
	if (r < 0) {
		stop_trace(a);
		start_trace(a);
	}
	process_on_lost(a->processes);
	return true;
}

struct process *attribution_process(struct attribution *a, int32_t pid)
{
	return process_get(a->processes, pid);
}

void attribution_stats(const struct attribution *a, struct attribution_stats *ret)
{
	ret->trace_events = a->events_before + (a->trace ? trace_events(a->trace) : 0);
	ret->trace_lost = a->lost_before + (a->trace ? trace_lost(a->trace) : 0);
	ret->proc_scans = a->scans;
	ret->processes = (uint32_t)process_table_count(a->processes);
}
