/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What deciding costs: sets of 100, 1,000 and 10,000 rules with a list of a million names and one of a hundred thousand networks,
 * against connections of which some match, some do not. Also: loading, memory, and the same rules asked one after the other.
 */
#include "config.h"

#include <malloc.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
#define SUBJECTS 4096u

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

static struct listset *find_list(void *ctx, enum operand operand, struct text folder)
{
	(void)ctx;
	(void)folder;
	for (int i = 0; i < 2; i++)
		if (listset_operand(lists[i]) == operand)
			return lists[i];
	return NULL;
}

static struct listset *load_list(struct listset_builder *b, const char *what, uint64_t began_ns)
{
	struct listset *l = NULL;
	uint64_t built_ns, mapped_ns;
	int fd = listset_build_fd(b);

	built_ns = clock_mono_ns();
	if (fd < 0 || listset_load_fd(fd, &l, NULL) < 0)
		die("a list cannot be made");
	mapped_ns = clock_mono_ns();
	close(fd);
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
	lists[0] = load_list(b, "1,000,000 domains", began);
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
	lists[1] = load_list(b, "100,000 networks", began);
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

static struct ruleset *make_rules(unsigned n)
{
	struct rulewire_builder *b = rulewire_builder_new();
	struct ruleset *rs = NULL;
	uint64_t began;
	void *file = NULL;
	size_t len;

	if (!b)
		die("out of memory");
	for (unsigned i = 0; i < n; i++)
		put_rule(b, i);
	put_op(b, rulewire_build_rule(b, text_of("z-domains"), ACTION_DENY, false, false, 0),
		OPERATOR_LISTS, OPERAND_LISTS_DOMAINS, "/lists/domains");
	put_op(b, rulewire_build_rule(b, text_of("z-nets"), ACTION_DENY, false, false, 0),
		OPERATOR_LISTS, OPERAND_LISTS_NETS, "/lists/nets");
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

static void make_subject(struct random_state *r, struct one *o, unsigned n_rules)
{
	unsigned rule = random_below(r, n_rules * 2);
	uint32_t word = htonl((uint32_t)random_next(r));

	memset(o, 0, sizeof(*o));
	flow_init(&o->subject.flow);
	snprintf(o->path, sizeof(o->path), "/usr/bin/program%u", rule / 8);
	if (random_below(r, 4) == 0)
		snprintf(o->host, sizeof(o->host), "x.ads%u.tracker%u.example",
			random_below(r, NAMES), random_below(r, 5000));
	else
		snprintf(o->host, sizeof(o->host), "%ssite%u.example",
			random_below(r, 2) ? "www." : "", rule);
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

int main(void)
{
	static const unsigned sizes[] = { 100, 1000, 10000 };
	struct one *subjects = calloc(SUBJECTS, sizeof(*subjects));
	double first = 0;

	if (!subjects)
		die("out of memory");
	make_lists();
	for (size_t i = 0; i < array_len(sizes); i++) {
		struct random_state r = { 3 };
		struct ruleset *rs = make_rules(sizes[i]);
		struct numbers indexed, walked;
		struct mallinfo2 before, after;

		for (unsigned k = 0; k < SUBJECTS; k++)
			make_subject(&r, &subjects[k], sizes[i]);
		measure(rs, subjects, SUBJECTS, ruleset_decide);
		before = mallinfo2();
		indexed = measure(rs, subjects, QUESTIONS, ruleset_decide);
		after = mallinfo2();
		walked = measure(rs, subjects, SUBJECTS, ruleset_walk);
		first = i ? first : indexed.median_us;
		printf("%6u rules + both lists    median %6.2f us  p99 %6.2f us  (x%.2f of %u "
		       "rules;"
		       " a walk: median %.1f us)  %u of %u decided, %s\n",
			sizes[i], indexed.median_us, indexed.p99_us, indexed.median_us / first,
			sizes[0], walked.median_us, indexed.decided, QUESTIONS,
			before.uordblks == after.uordblks ? "nothing allocated" : "ALLOCATED");
		ruleset_free(rs);
	}
	listset_unref(lists[0]);
	listset_unref(lists[1]);
	free(subjects);
	return 0;
}
