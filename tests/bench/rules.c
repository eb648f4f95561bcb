/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What deciding costs: sets of 100, 1,000 and 10,000 rules with a list of a million names and one of a hundred thousand networks,
 * against connections of which some match, some do not. Also: loading, memory, the same rules asked one after the other, and what a
 * decision waits while the biggest set and its list take the place of the ones in force.
 */
#include "config.h"

#include <malloc.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "daemon/loader.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/listset.h"
#include "lib/listset_build.h"
#include "lib/ruleset.h"
#include "lib/rulewire_build.h"
#include "tests/unit/random_kit.h"

#define NAMES 1000000u
#define NETS 100000u
#define QUESTIONS 200000u
#define ROUNDS 11u
#define SUBJECTS 4096u
#define SITES 10000u
#define SWAPS 20u
#define GOAL_SWAP_MS 1.0

static struct text text_of(const char *s)
{
	return (struct text) { s, strlen(s) };
}

static void die(const char *what)
{
	fprintf(stderr, "bench: %s\n", what);
	exit(1);
}

/* ---- lists */

static struct listset *lists[2];
static int list_fds[2] = { -1, -1 };

static struct listset *find_list(void *ctx, enum operand operand, struct text folder)
{
	(void)ctx;
	(void)folder;
	for (int i = 0; i < 2; i++)
		if (listset_operand(lists[i]) == operand)
			return lists[i];
	return NULL;
}

static struct listset *load_list(
	struct listset_builder *b, const char *what, uint64_t began_ns, int *ret_fd)
{
	struct listset *l = NULL;
	uint64_t built_ns, mapped_ns;
	int fd = listset_build_fd(b);

	built_ns = clock_mono_ns();
	if (fd < 0 || listset_load_fd(fd, &l, NULL) < 0)
		die("a list cannot be made");
	mapped_ns = clock_mono_ns();
	*ret_fd = fd;
	listset_builder_free(b);
	printf("%-28s %8.1f MiB  %8.0f ms to compile  %8.3f ms to map and check\n", what,
		(double)listset_bytes(l) / (1 << 20), (double)(built_ns - began_ns) / 1e6,
		(double)(mapped_ns - built_ns) / 1e6);
	return l;
}

static void make_lists(void)
{
	struct random_state r = { 1 };
	struct listset_builder *b =
		listset_builder_new(OPERAND_LISTS_DOMAINS, text_of("/lists/domains"));
	uint64_t began = clock_mono_ns();
	char name[64];

	for (unsigned i = 0; b && i < NAMES; i++) {
		snprintf(name, sizeof(name), "ads%u.tracker%u.example", i, i % 5000);
		listset_build_name(b, text_of(name), true, i % 10 == 0);
	}
	lists[0] = load_list(b, "1,000,000 domains", began, &list_fds[0]);
	b = listset_builder_new(OPERAND_LISTS_NETS, text_of("/lists/nets"));
	began = clock_mono_ns();
	for (unsigned i = 0; b && i < NETS; i++) {
		struct ip_net net;
		struct ip_addr a;
		uint32_t word = htonl((uint32_t)random_next(&r) & 0x7fffff00u);

		a = ip_addr_v4(&word);
		net = (struct ip_net) { a, 24 };
		listset_build_net(b, &net);
	}
	lists[1] = load_list(b, "100,000 networks", began, &list_fds[1]);
}

/* ---- rules: as people have them */

static void put_op(struct rulewire_builder *b, uint32_t at, enum operator_type type,
	enum operand operand, const char *data)
{
	rulewire_build_op(b, at, type, operand, false, text_of(data), (struct text) { NULL, 0 });
}

static void put_rule(struct rulewire_builder *b, unsigned i)
{
	char name[32], data[80];
	uint32_t at, first;

	snprintf(name, sizeof(name), "%05u", i);
	at = rulewire_build_rule(
		b, text_of(name), i % 3 ? ACTION_ALLOW : ACTION_DENY, false, false, 0);
	first = rulewire_build_list(b, at, 3);
	snprintf(data, sizeof(data), "/usr/bin/program%u", i / 8);
	put_op(b, first, OPERATOR_SIMPLE, OPERAND_PROCESS_PATH, data);
	snprintf(data, sizeof(data), i % 2 ? "(^|\\.)site%u\\.example$" : "site%u.example", i);
	put_op(b, first + 1, i % 2 ? OPERATOR_REGEXP : OPERATOR_SIMPLE, OPERAND_DEST_HOST, data);
	put_op(b, first + 2, OPERATOR_SIMPLE, OPERAND_DEST_PORT, i % 4 ? "443" : "80");
}

static struct rulewire_builder *build_rules(unsigned n)
{
	struct rulewire_builder *b = rulewire_builder_new();

	if (!b)
		die("out of memory");
	for (unsigned i = 0; i < n; i++)
		put_rule(b, i);
	put_op(b, rulewire_build_rule(b, text_of("z-domains"), ACTION_DENY, false, false, 0),
		OPERATOR_LISTS, OPERAND_LISTS_DOMAINS, "/lists/domains");
	put_op(b, rulewire_build_rule(b, text_of("z-nets"), ACTION_DENY, false, false, 0),
		OPERATOR_LISTS, OPERAND_LISTS_NETS, "/lists/nets");
	return b;
}

static struct ruleset *make_rules(unsigned n)
{
	struct rulewire_builder *b = build_rules(n);
	struct ruleset *rs = NULL;
	uint64_t began;
	void *file = NULL;
	size_t len;

	if (rulewire_build_finish(b, 1, &file, &len) < 0)
		die("rules cannot be laid out");
	rulewire_builder_free(b);
	began = clock_mono_ns();
	if (ruleset_load_lists(file, len, &(struct rule_lists) { find_list, NULL }, &rs, NULL) < 0)
		die("rules cannot be loaded");
	printf("%6u rules                  %8.1f KiB  %8.1f ms to check and compile (off the "
	       "packet's way)\n",
		n, (double)len / 1024, (double)(clock_mono_ns() - began) / 1e6);
	free(file);
	return rs;
}

/* ---- connections */

struct one {
	struct subject subject;
	char path[48], host[64];
};

static void make_host(struct random_state *r, struct one *o, unsigned site)
{
	if (random_below(r, 2))
		snprintf(o->host, sizeof(o->host), "h%u.site%u.example", random_below(r, SITES),
			site);
	else
		snprintf(o->host, sizeof(o->host), "site%u.example", site);
}

static void make_subject(struct random_state *r, struct one *o, unsigned n_rules)
{
	/* Half of the sites are of no rule. How many different names are asked for does not depend on how many rules there are. */
	bool known = random_below(r, 2);
	unsigned rule = known ? random_below(r, n_rules) : n_rules + random_below(r, SITES);
	uint32_t word = htonl((uint32_t)random_next(r));

	memset(o, 0, sizeof(*o));
	flow_init(&o->subject.flow);
	snprintf(o->path, sizeof(o->path), "/usr/bin/program%u", rule / 8);
	if (random_below(r, 4) == 0)
		snprintf(o->host, sizeof(o->host), "x.ads%u.tracker%u.example",
			random_below(r, NAMES), random_below(r, 5000));
	else
		make_host(r, o, rule);
	o->subject.path = text_of(o->path);
	o->subject.host = text_of(o->host);
	o->subject.flow.proto = IPPROTO_TCP;
	o->subject.flow.dst = ip_addr_v4(&word);
	o->subject.flow.dst_port = random_below(r, 4) ? 443 : 80;
	o->subject.uid = 1000;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

struct numbers {
	double median_us, p99_us;
	unsigned decided;
};

static struct numbers measure(const struct ruleset *rs, struct one *subjects, unsigned n,
	bool (*decide)(const struct ruleset *rs, const struct subject *s, uint64_t now,
		struct ruleset_match *ret))
{
	unsigned middle = n / 2, late = n / 100 * 99;
	uint64_t *ns = calloc(n, sizeof(*ns));
	struct numbers got = { 0 };
	struct ruleset_match m;

	if (!ns)
		die("out of memory");
	for (unsigned i = 0; i < n; i++) {
		const struct subject *s = &subjects[i % SUBJECTS].subject;
		uint64_t began = clock_mono_ns();

		got.decided += decide(rs, s, 1, &m);
		ns[i] = clock_mono_ns() - began;
	}
	qsort(ns, n, sizeof(*ns), compare);
	got.median_us = (double)ns[middle] / 1e3;
	got.p99_us = (double)ns[late] / 1e3;
	free(ns);
	return got;
}

/* ---- swaps */

static uint64_t own_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* What a packet may wait for: by the clock, and (what the machine has no part in) of this thread's own time. */
struct delays {
	uint64_t n, wall_ns, own_ns, over; /* longest; how many took longer than the goal */
	uint64_t swap_ns; /* the longest exchange of what is in force */
	uint64_t load_ns; /* all the time that something was loaded */
};

struct traffic {
	struct loader *loader;
	struct ruleset *rules;
	const struct one *subjects;
	struct delays delays;
};

/* One turn of the engine: looks whether something was loaded, puts it in force, decides. */
static bool turn(struct traffic *t)
{
	uint64_t wall = clock_mono_ns(), own = own_ns(), swapped;
	struct loader_result r = { 0 };
	struct ruleset_match m;
	bool is_loaded = t->loader && loader_take(t->loader, &r);

	if (is_loaded && r.code < 0)
		die("what is swapped cannot be loaded");
	if (r.ruleset) {
		loader_discard_ruleset(t->loader, t->rules);
		t->rules = r.ruleset;
	}
	if (r.list) {
		loader_discard_list(t->loader, lists[0]);
		lists[0] = r.list;
	}
	swapped = clock_mono_ns() - wall;
	ruleset_decide(t->rules, &t->subjects[t->delays.n++ % SUBJECTS].subject, 1, &m);
	own = own_ns() - own;
	wall = clock_mono_ns() - wall;
	t->delays.over += (double)wall / 1e6 > GOAL_SWAP_MS;
	t->delays.wall_ns = wall > t->delays.wall_ns ? wall : t->delays.wall_ns;
	t->delays.own_ns = own > t->delays.own_ns ? own : t->delays.own_ns;
	if (is_loaded && swapped > t->delays.swap_ns)
		t->delays.swap_ns = swapped;
	return is_loaded;
}

static void print_delays(const char *what, const struct delays *d)
{
	printf("%-28s longest %8.3f ms by the clock (%llu of %llu above %.0f ms), %.3f ms of its "
	       "own "
	       "time\n",
		what, (double)d->wall_ns / 1e6, (unsigned long long)d->over,
		(unsigned long long)d->n, GOAL_SWAP_MS, (double)d->own_ns / 1e6);
}

/* A set of `n` rules and its list of a million names take the place of themselves, again and again, while a loop decides. */
static void swap_sets(struct ruleset *rs, const struct one *subjects, unsigned n)
{
	struct traffic still = { .rules = rs, .subjects = subjects };
	struct traffic t = { .loader = loader_new(NULL), .rules = rs, .subjects = subjects };
	struct rulewire_builder *b = build_rules(n);
	int fd = rulewire_build_fd(b, 1);
	uint64_t began = clock_mono_ns();

	rulewire_builder_free(b);
	if (!t.loader || fd < 0)
		die("nothing can be swapped");
	for (unsigned i = 0; i < 2 * SWAPS; i++) {
		int r = i % 2 ? loader_ruleset(t.loader, fd, lists, 2)
			      : loader_list(t.loader, list_fds[0]);

		if (r < 0)
			die("the loader is busy");
		while (!turn(&t))
			;
	}
	t.delays.load_ns = clock_mono_ns() - began;
	loader_free(t.loader);
	still.rules = t.rules;
	while (still.delays.n < t.delays.n)
		turn(&still);
	print_delays("decisions, nothing swapped", &still.delays);
	print_delays("... while all is swapped", &t.delays);
	printf("%-28s %u of %u rules with 1,000,000 domains in %.0f ms; the exchange itself %.3f "
	       "ms "
	       "at most\n",
		"swaps", SWAPS, n, (double)t.delays.load_ns / 1e6, (double)t.delays.swap_ns / 1e6);
	printf("goal, at most %.0f ms of delay: %s\n", GOAL_SWAP_MS,
		(double)t.delays.own_ns / 1e6 <= GOAL_SWAP_MS ? "reached" : "MISSED");
	close(fd);
	ruleset_free(t.rules);
}

/* A set of some size, and what is asked of it. */
struct sized {
	unsigned n;
	struct ruleset *rules;
	struct one *subjects;
	uint64_t median_ns[ROUNDS], p99_ns[ROUNDS],
		ratio[ROUNDS]; /* the ratio to the first size, times 1,000 */
	unsigned decided;
	bool allocated;
};

static void make_sized(struct sized *s, unsigned n)
{
	struct random_state r = { 3 };

	*s = (struct sized) { .n = n, .rules = make_rules(n) };
	s->subjects = calloc(SUBJECTS, sizeof(*s->subjects));
	if (!s->subjects)
		die("out of memory");
	for (unsigned k = 0; k < SUBJECTS; k++)
		make_subject(&r, &s->subjects[k], n);
	measure(s->rules, s->subjects, SUBJECTS, ruleset_decide);
}

/* One size after the other, round after round: a slow moment of the machine hits all alike. */
static void measure_round(struct sized *s, const struct sized *first, unsigned round)
{
	struct mallinfo2 before = mallinfo2(), after;
	struct numbers got = measure(s->rules, s->subjects, QUESTIONS, ruleset_decide);

	after = mallinfo2();
	s->allocated |= before.uordblks != after.uordblks;
	s->decided = got.decided;
	s->median_ns[round] = (uint64_t)(got.median_us * 1e3);
	s->p99_ns[round] = (uint64_t)(got.p99_us * 1e3);
	s->ratio[round] = s->median_ns[round] * 1000 / first->median_ns[round];
}

static double middle(uint64_t values[static ROUNDS])
{
	const uint64_t *median = values + ROUNDS / 2;

	qsort(values, ROUNDS, sizeof(*values), compare);
	return (double)*median / 1e3;
}

static void print_sized(struct sized *s, unsigned first)
{
	struct numbers walked = measure(s->rules, s->subjects, SUBJECTS, ruleset_walk);

	printf("%6u rules + both lists    median %6.2f us  p99 %6.2f us  (x%.2f of %u rules; a "
	       "walk: "
	       "median %.1f us)  %u of %u decided, %s\n",
		s->n, middle(s->median_ns), middle(s->p99_ns), middle(s->ratio), first,
		walked.median_us, s->decided, QUESTIONS,
		s->allocated ? "ALLOCATED" : "nothing allocated");
}

int main(void)
{
	static const unsigned sizes[] = { 100, 1000, 10000 };
	struct sized all[array_len(sizes)];

	make_lists();
	for (size_t i = 0; i < array_len(sizes); i++)
		make_sized(&all[i], sizes[i]);
	for (unsigned round = 0; round < ROUNDS; round++)
		for (size_t i = 0; i < array_len(sizes); i++)
			measure_round(&all[i], &all[0], round);
	for (size_t i = 0; i < array_len(sizes); i++)
		print_sized(&all[i], sizes[0]);
	swap_sets(all[array_len(sizes) - 1].rules, all[array_len(sizes) - 1].subjects,
		sizes[array_len(sizes) - 1]);
	for (size_t i = 0; i < array_len(sizes); i++) {
		if (i + 1 < array_len(sizes)) /* the last one was swapped */
			ruleset_free(all[i].rules);
		free(all[i].subjects);
	}
	close(list_fds[0]);
	close(list_fds[1]);
	listset_unref(lists[0]);
	listset_unref(lists[1]);
	return 0;
}
