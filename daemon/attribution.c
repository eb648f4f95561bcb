/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is traced goes into the claims and the table of processes; where tracing ends, it is begun again. */
#include "config.h"

#include "daemon/attribution.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/attribution_private.h"
#include "daemon/process_image.h"
#include "daemon/process_read.h"
#include "lib/clock.h"
#include "lib/limits.h"
#include "lib/process_flag.h"

#define SETTLE_MAX 64

#define WAIT_MAX_NS 20000000000u /* of a packet for us, as far as that is thought of */

static void add_claim(struct attribution *a, const struct trace_event *ev)
{
	struct process_image *image = process_image_of(a->processes, ev->tid);

	claims_add(a->claims, &(struct claim) { ev->flow, ev->tid, ev->time_ns, image });
	process_image_unref(image);
}

/* Whether the witness can name the sender of each datagram of this task without its claims: it looks at our own namespace. */
static bool is_witnessed(const struct attribution *a, int32_t tid)
{
	struct process *p;
	bool is_ours;

	if (!a->witness || !witness_has_senders(a->witness))
		return false;
	p = process_get(a->processes, tid);
	is_ours = p && p->netns && p->netns == a->netns;
	process_unref(p);
	return is_ours;
}

static bool may_mute(const struct attribution *a, int32_t tid)
{
	return trace_can_mute(a->trace) && is_witnessed(a, tid);
}

/* A look-up of a route says more than the connect over IPv4 that it belongs to; of a muted task there is none. */
static bool is_told_twice(const struct attribution *a, const struct trace_event *claim)
{
	return claim->flow.proto == IPPROTO_TCP && claim->flow.dst.family == 4 &&
	       !claim->flow.src_port && !trace_flood_is_muted(&a->flood, claim->tid);
}

static void on_claim(struct attribution *a, const struct trace_event *ev)
{
	struct trace_flooder *flooder;

	if (is_told_twice(a, ev))
		return;
	a->claim_cpu = ev->cpu;
	flooder = trace_flood_note(&a->flood, ev);
	if (flooder)
		flooder->is_muted = may_mute(a, ev->tid);
	add_claim(a, ev);
}

static void on_exec(struct attribution *a, const struct trace_event *ev)
{
	struct process_exec exec = { .tid = ev->tid,
		.filename = ev->filename,
		.filename_len = ev->filename_len,
		.time_ns = ev->time_ns };

	trace_flood_end(&a->flood, ev->tid, ev->time_ns);
	exec.is_seen =
		a->witness && witness_find_exec(a->witness, ev->tid, ev->time_ns, &exec.file);
	process_on_exec(a->processes, &exec);
}

static void on_event(void *ctx, const struct trace_event *ev)
{
	struct attribution *a = ctx;

	switch (ev->type) {
	case TRACE_EVENT_CLAIM:
		on_claim(a, ev);
		break;
	case TRACE_EVENT_FORK:
		trace_flood_forget(&a->flood, ev->child_tid);
		process_on_fork(a->processes, ev->tid, ev->child_tid, ev->is_thread, ev->time_ns);
		break;
	case TRACE_EVENT_EXEC:
		on_exec(a, ev);
		break;
	case TRACE_EVENT_EXIT:
		trace_flood_end(&a->flood, ev->tid, ev->time_ns);
		process_on_exit(a->processes, ev->tid, ev->is_group, ev->time_ns);
		break;
	}
}

int attribution_claim_cpu(const struct attribution *a)
{
	return a->trace ? a->claim_cpu : -1;
}

void attribution_drain(struct attribution *a)
{
	uint64_t lost;

	if (!a->trace)
		return;
	trace_drain(a->trace, on_event, a);
	lost = trace_tasks_lost(a->trace);
	if (lost != a->lost_seen) {
		a->lost_seen = lost;
		process_on_lost(a->processes);
	}
	process_settle(a->processes, SETTLE_MAX);
}

void attribution_heard(struct attribution *a, uint64_t time_ns)
{
	a->heard_ns = time_ns;
}

uint64_t attribution_sent_ns(const struct attribution *a)
{
	uint64_t now = clock_mono_ns();

	if (!a->heard_ns)
		return now;
	return now - a->heard_ns > WAIT_MAX_NS ? now - WAIT_MAX_NS : a->heard_ns;
}

void attribution_tick(struct attribution *a)
{
	struct trace_omissions omissions;
	uint64_t now = clock_mono_ns();

	if (!a->trace)
		return;
	for (unsigned i = 0; i < TRACE_FLOOD_MAX; i++) {
		const struct trace_flooder *f = &a->flood.flooders[i];

		if (f->since_ns && f->is_muted && !may_mute(a, f->tid))
			trace_flood_end(&a->flood, f->tid, now);
	}
	if (trace_flood_tick(&a->flood, now, &omissions))
		trace_leave_out(a->trace, &omissions);
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
	if (a->witness) {
		size_t n = strlen(a->why);

		snprintf(
			a->why + n, sizeof(a->why) - n, "; eBPF sees %s", witness_what(a->witness));
	}
	process_table_set_traced(a->processes, a->trace != NULL);
}

static struct trace_stats all_traces(const struct attribution *a)
{
	struct trace_stats sum = a->before, now = { 0 };

	if (a->trace)
		trace_stats(a->trace, &now);
	sum.events += now.events;
	sum.lost += now.lost;
	sum.reads += now.reads;
	sum.empty_reads += now.empty_reads;
	return sum;
}

static void stop_trace(struct attribution *a)
{
	if (!a->trace)
		return;
	a->before = all_traces(a);
	trace_close(a->trace);
	a->trace = NULL;
	memset(&a->flood, 0, sizeof(a->flood));
	process_table_set_traced(a->processes, false);
}

int attribution_open(
	const struct attribution_config *config, struct attribution **ret, struct error *err)
{
	struct attribution *a = calloc(1, sizeof(*a));
	struct error no_diag, no_ingress, no_tunnels;
	struct stat st;

	if (!a)
		return error_set(err, ERR_NOMEM, NULL, "out of memory");
	a->witness = config->witness;
	a->own_pid = (int32_t)getpid();
	a->tracefs = config->tracefs ? strdup(config->tracefs) : NULL;
	a->instance = strdup(config->instance);
	a->proc_root = strdup(config->proc_root);
	a->processes = process_table_new(config->proc_root);
	a->claims = claims_new();
	a->kernel = process_new(0, "[kernel]");
	if ((config->tracefs && !a->tracefs) || !a->instance || !a->proc_root || !a->processes ||
		!a->claims || !a->kernel) {
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
	if (tunnels_open(&a->tunnels, &no_tunnels) < 0)
		a->tunnels = NULL;
	start_trace(a);
	*ret = a;
	return 0;
}

void attribution_close(struct attribution *a)
{
	if (!a)
		return;
	stop_trace(a);
	claims_free(a->claims);
	sockdiag_close(a->sockdiag);
	ingress_close(a->ingress);
	tunnels_close(a->tunnels);
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
	ret->trace = all_traces(a);
	ret->proc_scans = a->scan.n;
	ret->processes = (uint32_t)process_table_count(a->processes);
}
