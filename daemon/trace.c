/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading all CPUs in order, and the life of the instance; its files are written and read in trace_instance.c. */
#include "config.h"
#include "daemon/trace.h"

#include <limits.h>
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

static const char *const part_suffix[TRACE_PART_COUNT_] = {
	[TRACE_TASKS] = "",
	[TRACE_ROUTES] = "-routes",
};

struct trace {
	struct trace_instance *instances[TRACE_PART_COUNT_];
	struct trace_omitter *omitter;
	struct trace_decoder *decoder;
	struct trace_page_layout layouts[TRACE_PART_COUNT_];
	struct trace_ring *rings; /* of each possible CPU one, by instance: see ring_of() */
	unsigned n_cpus;
	unsigned n_rings;
	struct trace_ring_counts counts[TRACE_PART_COUNT_];
	unsigned *online; /* of the rings: such as may have records */
	unsigned n_online;
	unsigned *active; /* rings with a record waiting, in one drain */
	uint64_t offline_look_ns;
	uint64_t events;
	uint64_t lost; /* by us: switched off for a while */
	bool has_clock; /* timestamps are CLOCK_MONOTONIC */
	char what[128];
};

static unsigned ring_of(const struct trace *t, unsigned cpu, enum trace_part part)
{
	return cpu + part * t->n_cpus;
}

static int open_rings(struct trace *t, struct error *err)
{
	unsigned n = trace_instance_cpus(t->instances[0]), n_rings = n * TRACE_PART_COUNT_;

	if (!n || n > CPUS_MAX)
		return error_set(err, ERR_UNSUPPORTED, NULL, "tracefs tells of no CPU");
	t->n_cpus = n;
	t->rings = calloc(n_rings, sizeof(*t->rings));
	t->online = calloc(n_rings, sizeof(*t->online));
	t->active = calloc(n_rings, sizeof(*t->active));
	if (!t->rings || !t->online || !t->active)
		return error_set(err, ERR_NOMEM, NULL, "out of memory");
	for (; t->n_rings < n_rings; t->n_rings++) {
		unsigned part = t->n_rings / n;
		int fd = trace_instance_open_cpu(t->instances[part], t->n_rings % n, err);

		if (fd < 0)
			return fd;
		if (trace_ring_open(
			    &t->rings[t->n_rings], fd, &t->layouts[part], &t->counts[part]) < 0)
			return error_set(err, ERR_NOMEM, NULL, "out of memory");
	}
	return 0;
}

static void set_online(struct trace *t, unsigned cpu)
{
	for (unsigned part = 0; part < TRACE_PART_COUNT_; part++)
		t->rings[ring_of(t, cpu, part)].online = true;
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
		for (unsigned cpu = first; cpu <= last && cpu < t->n_cpus; cpu++) {
			set_online(t, cpu);
			any = true;
		}
		if (fgetc(f) != ',')
			break;
	}
	for (unsigned cpu = 0; !any && cpu < t->n_cpus; cpu++)
		set_online(t, cpu);
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
	for (unsigned cpu = 0; cpu < t->n_cpus && cpu < CPU_SETSIZE; cpu++) {
		if (!t->rings[cpu].online)
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		if (sched_setaffinity(0, sizeof(one), &one) < 0)
			continue;
		for (unsigned part = 0; part < TRACE_PART_COUNT_; part++)
			trace_instance_mark(t->instances[part]);
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

		if (!trace_instance_has(
			    t->instances[trace_sources[i].part], (enum trace_source_id)i))
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
	int r = 0;

	if (!t)
		return 0;
	trace_omitter_free(t->omitter);
	for (unsigned part = 0; part < TRACE_PART_COUNT_; part++)
		if (t->instances[part])
			trace_instance_stop(t->instances[part]);
	/* The kernel refuses to remove an instance while a file of it is open. */
	close_rings(t);
	for (unsigned part = 0; part < TRACE_PART_COUNT_; part++) {
		int one = t->instances[part] ? trace_instance_remove(t->instances[part]) : 0;

		r = r < 0 ? r : one;
	}
	trace_free(t);
	return r;
}

/* Makes and prepares all instances: nothing is traced yet. */
static int make_instances(struct trace *t, const char *tracefs, const char *name, struct error *err)
{
	t->has_clock = true;
	for (unsigned part = 0; part < TRACE_PART_COUNT_; part++) {
		char full[NAME_MAX + 16];
		bool mono = false;
		int r;

		snprintf(full, sizeof(full), "%s%s", name, part_suffix[part]);
		r = trace_instance_make(
			tracefs, full, (enum trace_part)part, &t->instances[part], err);
		if (r == 0)
			r = trace_instance_prepare(
				t->instances[part], t->decoder, &t->layouts[part], &mono, err);
		if (r < 0)
			return r;
		t->has_clock = t->has_clock && mono;
	}
	t->omitter = trace_omitter_new(t->instances[TRACE_TASKS], t->instances[TRACE_ROUTES]);
	return t->omitter ? 0 : error_set(err, ERR_NOMEM, NULL, "out of memory");
}

static int start_instances(struct trace *t, struct error *err)
{
	int r = 0;

	for (unsigned part = 0; r == 0 && part < TRACE_PART_COUNT_; part++)
		r = trace_instance_start(t->instances[part], err);
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
	r = make_instances(t, tracefs, name, err);
	if (r == 0)
		r = open_rings(t, err);
	if (r == 0) {
		mark_online(t);
		r = start_instances(t, err);
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

/*
 * The instances' rings of one CPU were looked at one after the other. What came meanwhile into the one that had nothing may be older
 * than this record of the other: true when there is something now.
 */
static bool other_woke(struct trace *t, unsigned ring, unsigned *n_active)
{
	bool woke = false;

	for (unsigned i = ring % t->n_cpus; i < t->n_rings; i += t->n_cpus) {
		if (t->rings[i].has_next || !trace_ring_peek(&t->rings[i]))
			continue;
		t->active[(*n_active)++] = i;
		woke = true;
	}
	return woke;
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
		if ((!t->has_clock || ring->next.time > now) &&
			other_woke(t, t->active[i], &n_active))
			continue;
		if (trace_decoder_decode(t->decoder, ring->next.bytes, ring->next.len, &ev)) {
			ev.time_ns = ring->next.time;
			ev.cpu = (int)(t->active[i] % t->n_cpus);
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
	bool mended = false, again = false;

	mark_online(t);
	/* Its writes hold locks of tracefs that we would wait for. */
	if (!trace_omitter_is_idle(t->omitter))
		return 0;
	for (unsigned part = 0; part < TRACE_PART_COUNT_; part++) {
		const struct trace_omissions *muted =
			part == TRACE_ROUTES ? trace_omitter_now(t->omitter) : NULL;
		int r = trace_instance_check(t->instances[part], t->decoder, muted, &again, err);

		if (r < 0)
			return r;
		mended |= r > 0;
	}
	if (again)
		trace_omitter_repeat(t->omitter);
	if (mended) {
		t->lost++;
		describe(t);
	}
	return mended;
}

void trace_leave_out(struct trace *t, const struct trace_omissions *omissions)
{
	trace_omitter_set(t->omitter, omissions);
}

bool trace_can_mute(const struct trace *t)
{
	return trace_instance_can_mute(t->instances[TRACE_ROUTES]);
}

const char *trace_what(const struct trace *t)
{
	return t->what;
}

void trace_stats(const struct trace *t, struct trace_stats *ret)
{
	*ret = (struct trace_stats) { .events = t->events, .lost = t->lost };
	for (unsigned part = 0; part < TRACE_PART_COUNT_; part++) {
		ret->lost += t->counts[part].lost + t->counts[part].malformed;
		ret->reads += t->counts[part].reads;
		ret->empty_reads += t->counts[part].empty_reads;
	}
}

uint64_t trace_tasks_lost(const struct trace *t)
{
	return t->lost + t->counts[TRACE_TASKS].lost + t->counts[TRACE_TASKS].malformed;
}
