/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading all CPUs in order, and the life of the instance; its files are written and read in trace_instance.c. */
#include "config.h"
#include "daemon/trace.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/trace_instance.h"
#include "daemon/trace_ring.h"
#include "lib/cleanup.h"
#include "lib/clock.h"

#define CPUS_MAX 4096
#define RECORDS_MAX 100000 /* in one drain */
#define OFFLINE_LOOK_NS                                                                            \
	50000000u /* CPUs that are not online and never had data are looked at this often */
#define CLOCK_SLACK_NS 100000u /* the trace clock may run ahead of what we read by a little */

struct trace {
	struct trace_instance *instance;
	struct trace_decoder *decoder;
	struct trace_page_layout layout;
	struct trace_ring *rings; /* one a possible CPU */
	unsigned n_rings;
	struct trace_ring_counts counts;
	unsigned *online; /* of the rings: such as may have records */
	unsigned n_online;
	unsigned *active; /* rings with a record waiting, in one drain */
	uint64_t offline_look_ns;
	uint64_t events;
	uint64_t lost; /* by us: switched off for a while */
	bool has_clock; /* timestamps are CLOCK_MONOTONIC */
	char what[128];
};

static int open_rings(struct trace *t, struct error *err)
{
	unsigned n = trace_instance_cpus(t->instance);

	if (!n || n > CPUS_MAX)
		return error_set(err, ERR_UNSUPPORTED, NULL, "tracefs tells of no CPU");
	t->rings = calloc(n, sizeof(*t->rings));
	t->online = calloc(n, sizeof(*t->online));
	t->active = calloc(n, sizeof(*t->active));
	if (!t->rings || !t->online || !t->active)
		return error_set(err, ERR_NOMEM, NULL, "out of memory");
	for (unsigned cpu = 0; cpu < n; cpu++) {
		int fd = trace_instance_open_cpu(t->instance, cpu, err);

		if (fd < 0)
			return fd;
		if (trace_ring_open(&t->rings[t->n_rings], fd, &t->layout, &t->counts) < 0)
			return error_set(err, ERR_NOMEM, NULL, "out of memory");
		t->n_rings++;
	}
	return 0;
}

static void list_online(struct trace *t)
{
	t->n_online = 0;
	for (unsigned i = 0; i < t->n_rings; i++)
		if (t->rings[i].online)
			t->online[t->n_online++] = i;
}

/* Reads "0-3,8" of sysfs: the CPUs that must be looked at each time. Where it cannot be read, all of them. */
static void mark_online(struct trace *t)
{
	_cleanup_fclose_ FILE *f = fopen("/sys/devices/system/cpu/online", "re");
	unsigned first, last;
	bool any = false;

	while (f && fscanf(f, "%u", &first) == 1) {
		last = first;
		if (fscanf(f, "-%u", &last) < 0)
			last = first;
		for (unsigned cpu = first; cpu <= last && cpu < t->n_rings; cpu++)
			t->rings[cpu].online = any = true;
		if (fgetc(f) != ',')
			break;
	}
	for (unsigned cpu = 0; !any && cpu < t->n_rings; cpu++)
		t->rings[cpu].online = true;
	list_online(t);
	for (unsigned i = 0; i < t->n_online; i++)
		trace_ring_map(&t->rings[t->online[i]]);
}

/*
 * Writes a record into each ring: from the first one on it is seen from outside whether there are more, and an idle CPU's ring needs
 * no reading to tell that it is empty. Records of this kind are nobody's event.
 */
static void begin_rings(struct trace *t)
{
	cpu_set_t before, one;

	if (sched_getaffinity(0, sizeof(before), &before) < 0)
		return;
	for (unsigned i = 0; i < t->n_online && t->online[i] < CPU_SETSIZE; i++) {
		CPU_ZERO(&one);
		CPU_SET(t->online[i], &one);
		if (sched_setaffinity(0, sizeof(one), &one) == 0)
			trace_instance_mark(t->instance);
	}
	(void)sched_setaffinity(0, sizeof(before), &before);
}

static void close_rings(struct trace *t)
{
	for (unsigned i = 0; i < t->n_rings; i++)
		trace_ring_close(&t->rings[i]);
	t->n_rings = 0;
}

static void describe(struct trace *t)
{
	size_t n = 0;

	t->what[0] = '\0';
	for (unsigned i = 0; i < TRACE_SOURCE_COUNT_; i++) {
		const char *name = trace_sources[i].name;

		if (!trace_instance_has(t->instance, (enum trace_source_id)i))
			continue;
		n += (size_t)snprintf(
			t->what + n, sizeof(t->what) - n, "%s%s", n ? ", " : "", name);
		if (n >= sizeof(t->what))
			break;
	}
}

static void trace_free(struct trace *t)
{
	free(t->rings);
	free(t->online);
	free(t->active);
	trace_decoder_free(t->decoder);
	free(t);
}

int trace_close(struct trace *t)
{
	int r;

	if (!t)
		return 0;
	/* The kernel refuses to remove an instance while a file of it is open. */
	trace_instance_stop(t->instance);
	close_rings(t);
	r = trace_instance_remove(t->instance);
	trace_free(t);
	return r;
}

int trace_open(const char *tracefs, const char *name, struct trace **ret, struct error *err)
{
	struct trace *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return error_set(err, ERR_NOMEM, NULL, "out of memory");
	t->decoder = trace_decoder_new();
	if (!t->decoder) {
		trace_free(t);
		return error_set(err, ERR_NOMEM, NULL, "out of memory");
	}
	r = trace_instance_make(tracefs, name, &t->instance, err);
	if (r < 0) {
		trace_free(t);
		return r;
	}
	r = trace_instance_prepare(t->instance, t->decoder, &t->layout, &t->has_clock, err);
	if (r == 0)
		r = open_rings(t, err);
	if (r == 0) {
		mark_online(t);
		r = trace_instance_start(t->instance, err);
	}
	if (r < 0) {
		trace_close(t);
		return r;
	}
	begin_rings(t);
	describe(t);
	*ret = t;
	return 0;
}

/* The rings that have a record now. */
static unsigned find_active(struct trace *t, uint64_t now)
{
	unsigned n = 0;

	if (t->n_online < t->n_rings && now - t->offline_look_ns >= OFFLINE_LOOK_NS) {
		t->offline_look_ns = now;
		for (unsigned i = 0; i < t->n_rings; i++)
			if (!t->rings[i].online)
				trace_ring_peek(&t->rings[i]);
		list_online(t);
	}
	for (unsigned i = 0; i < t->n_online; i++)
		if (trace_ring_peek(&t->rings[t->online[i]]))
			t->active[n++] = t->online[i];
	return n;
}

/* The active ring whose record is oldest; most drains find one active ring, or two. */
static unsigned oldest(const struct trace *t, unsigned n_active)
{
	unsigned best = 0;

	for (unsigned i = 1; i < n_active; i++)
		if (t->rings[t->active[i]].next.time < t->rings[t->active[best]].next.time)
			best = i;
	return best;
}

unsigned trace_drain(
	struct trace *t, void (*fn)(void *ctx, const struct trace_event *ev), void *ctx)
{
	uint64_t now = clock_mono_ns(), until = t->has_clock ? now + CLOCK_SLACK_NS : UINT64_MAX;
	unsigned n_active = find_active(t, now), n = 0, n_records = 0;

	/* What happens from now on can wait for the next call: so this one ends, however busy the machine is. */
	while (n_active) {
		unsigned i = oldest(t, n_active);
		struct trace_ring *ring = &t->rings[t->active[i]];
		struct trace_event ev;

		if (ring->next.time > until || ++n_records > RECORDS_MAX)
			break;
		if (trace_decoder_decode(t->decoder, ring->next.bytes, ring->next.len, &ev)) {
			ev.time_ns = ring->next.time;
			ev.cpu = (int)t->active[i];
			fn(ctx, &ev);
			n++;
		}
		trace_ring_pop(ring);
		if (!trace_ring_peek(ring))
			t->active[i] = t->active[--n_active];
	}
	t->events += n;
	return n;
}

int trace_check(struct trace *t, struct error *err)
{
	int r = trace_instance_check(t->instance, t->decoder, err);

	mark_online(t);
	if (r > 0) {
		t->lost++;
		describe(t);
	}
	return r;
}

void trace_leave_out(struct trace *t, const char *but_if)
{
	trace_instance_narrow(t->instance, but_if);
}

const char *trace_what(const struct trace *t)
{
	return t->what;
}

void trace_stats(const struct trace *t, struct trace_stats *ret)
{
	ret->events = t->events;
	ret->lost = trace_lost(t);
	ret->reads = t->counts.reads;
	ret->empty_reads = t->counts.empty_reads;
}

uint64_t trace_lost(const struct trace *t)
{
	return t->lost + t->counts.lost + t->counts.malformed;
}
