/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Our netfilter rules on the real kernel: put in, found again, put back, taken out. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <libiptc/libip6tc.h>
#include <libiptc/libiptc.h>
#include <linux/netfilter/xt_comment.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "daemon/firewall.h"
#include "daemon/firewall_rules.h"
#include "daemon/firewall_table.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "tests/net/netns.h"
#include "tests/net/rig.h"

#define OTHER_QUEUE 20002
#define RULES 24 /* of one daemon: two and ten, in both families */
#define RULES_FORWARDED                                                                            \
	24 /* more, with queue_forwarded: two, and those of mangle twice but for their copies */

static const struct firewall_config marks = {
	.queue_num = RIG_QUEUE,
	.mark_allow = RIG_ALLOW,
	.mark_reject = RIG_REJECT,
};
static const struct firewall_config other = {
	.queue_num = OTHER_QUEUE,
	.mark_allow = RIG_ALLOW << 2,
	.mark_reject = RIG_REJECT << 2,
};

/* ---- what other programs do to a table */

/* libiptc reads whole labels, so these are not mere strings. */
enum place { FILTER_OUTPUT, FILTER_FORWARD, MANGLE_INPUT, MANGLE_OUTPUT, MANGLE_FORWARD };
static const struct {
	xt_chainlabel table, chain;
} places[] = {
	[FILTER_OUTPUT] = { "filter", "OUTPUT" },
	[FILTER_FORWARD] = { "filter", "FORWARD" },
	[MANGLE_INPUT] = { "mangle", "INPUT" },
	[MANGLE_OUTPUT] = { "mangle", "OUTPUT" },
	[MANGLE_FORWARD] = { "mangle", "FORWARD" },
};

static unsigned count_v4(struct xtc_handle *h, const xt_chainlabel chain, const char *comment)
{
	unsigned n = 0;

	for (const struct ipt_entry *e = iptc_first_rule(chain, h); e; e = iptc_next_rule(e, h))
		n += !comment || fw_entry_has_comment(&fw_layout_v4, e, comment);
	return n;
}

static unsigned count_v6(struct xtc_handle *h, const xt_chainlabel chain, const char *comment)
{
	unsigned n = 0;

	for (const struct ip6t_entry *e = ip6tc_first_rule(chain, h); e; e = ip6tc_next_rule(e, h))
		n += !comment || fw_entry_has_comment(&fw_layout_v6, e, comment);
	return n;
}

/* Rules with this comment (NULL: all) in the chains that we use, both families. */
static unsigned count_rules(const char *comment)
{
	unsigned n = 0;

	for (size_t i = 0; i < array_len(places); i++) {
		struct xtc_handle *four = iptc_init(places[i].table);
		struct xtc_handle *six = ip6tc_init(places[i].table);

		assert_non_null(four);
		assert_non_null(six);
		n += count_v4(four, places[i].chain, comment) +
		     count_v6(six, places[i].chain, comment);
		iptc_free(four);
		ip6tc_free(six);
	}
	return n;
}

static void flush_chain(enum place at, bool six)
{
	struct xtc_handle *h = six ? ip6tc_init(places[at].table) : iptc_init(places[at].table);

	assert_non_null(h);
	if (six) {
		assert_true(ip6tc_flush_entries(places[at].chain, h));
		assert_true(ip6tc_commit(h));
		ip6tc_free(h);
	} else {
		assert_true(iptc_flush_entries(places[at].chain, h));
		assert_true(iptc_commit(h));
		iptc_free(h);
	}
}

static void delete_rule(enum place at, unsigned pos)
{
	struct xtc_handle *h = iptc_init(places[at].table);

	assert_non_null(h);
	assert_true(iptc_delete_num_entry(places[at].chain, pos, h));
	assert_true(iptc_commit(h));
	iptc_free(h);
}

/* Puts a rule of ours a second time. */
static void double_rule(enum place at, unsigned pos)
{
	struct xtc_handle *h = iptc_init(places[at].table);
	const struct ipt_entry *e;
	uint8_t copy[FW_RULE_SIZE];

	assert_non_null(h);
	e = iptc_first_rule(places[at].chain, h);
	while (e && pos--)
		e = iptc_next_rule(e, h);
	assert_non_null(e);
	if (e) /* as asserted; the analyzer does not know cmocka's asserts */
		memcpy(copy, e, e->next_offset);
	assert_true(iptc_append_entry(places[at].chain, (struct ipt_entry *)copy, h));
	assert_true(iptc_commit(h));
	iptc_free(h);
}

/* Somebody else's rule: counts packets, no more. */
static void put_foreign(enum place at, unsigned pos)
{
	struct {
		struct ipt_entry entry;
		struct xt_standard_target target;
	} r;
	struct xtc_handle *h = iptc_init(places[at].table);

	memset(&r, 0, sizeof(r));
	r.entry.target_offset = sizeof(r.entry);
	r.entry.next_offset = sizeof(r);
	r.entry.ip.proto = IPPROTO_TCP;
	r.target.target.u.user.target_size = sizeof(r.target);
	assert_non_null(h);
	assert_true(iptc_insert_entry(places[at].chain, &r.entry, pos, h));
	assert_true(iptc_commit(h));
	iptc_free(h);
}

/* Changes a byte of a rule in place: same number of rules, same size. */
static void change_queue_number(void)
{
	struct xtc_handle *h = iptc_init(places[MANGLE_OUTPUT].table);
	const struct ipt_entry *e;
	uint8_t copy[FW_RULE_SIZE];
	struct xt_entry_target *t;

	assert_non_null(h);
	e = iptc_first_rule(places[MANGLE_OUTPUT].chain, h);
	assert_non_null(e);
	memcpy(copy, e, e->next_offset);
	t = (struct xt_entry_target *)(copy + e->target_offset);
	t->data[0] ^= 1;
	assert_true(
		iptc_replace_entry(places[MANGLE_OUTPUT].chain, (struct ipt_entry *)copy, 0, h));
	assert_true(iptc_commit(h));
	iptc_free(h);
}

static int setup(void **state)
{
	struct firewall *fw = NULL;
	struct error err = { 0 };

	netns_assert_own();
	for (size_t i = 0; i < array_len(places); i++) {
		flush_chain((enum place)i, false);
		flush_chain((enum place)i, true);
	}
	assert_int_equal(firewall_new(&marks, &fw), 0);
	if (firewall_install(fw, &err) < 0)
		fail_msg("%s", err.message);
	assert_int_equal(firewall_verify(fw, &err), 0);
	*state = fw;
	return 0;
}

static int teardown(void **state)
{
	struct firewall *fw = *state;
	struct error err = { 0 };

	assert_int_equal(firewall_remove(fw, &err), 0);
	assert_int_equal(count_rules("opensnitch:20000"), 0);
	firewall_free(fw);
	return 0;
}

/* ---- tests */

static void test_install(void **state)
{
	struct firewall *fw = *state;
	struct error err = { 0 };

	assert_int_equal(count_rules("opensnitch:20000"), RULES);
	assert_int_equal(count_rules(NULL), RULES);
	assert_int_equal(firewall_install(fw, &err), 0);
	assert_int_equal(count_rules(NULL), RULES);
	assert_int_equal(firewall_remove(fw, &err), 0);
	assert_int_equal(count_rules(NULL), 0);
	assert_int_equal(firewall_verify(fw, &err), ERR_NOT_FOUND);
	assert_int_equal(firewall_remove(fw, &err), 0);
}

/* A run that crashed had another config; its rules are replaced. */
static void test_leftovers(void **state)
{
	struct firewall_config config = marks;
	struct firewall *fw = NULL;
	struct error err = { 0 };

	(void)state;
	config.fail_closed = true;
	config.packet_marks = true;
	config.read_sni = true;
	config.mark_allow = 1 << 4;
	assert_int_equal(firewall_new(&config, &fw), 0);
	assert_int_equal(firewall_verify(fw, &err), ERR_NOT_FOUND);
	assert_int_equal(firewall_install(fw, &err), 0);
	assert_int_equal(firewall_verify(fw, &err), 0);
	assert_int_equal(count_rules("opensnitch:20000"), RULES + 6);
	assert_int_equal(count_rules(NULL), RULES + 6);
	assert_int_equal(firewall_verify(*state, &err), ERR_NOT_FOUND);
	assert_int_equal(firewall_install(*state, &err), 0);
	assert_int_equal(count_rules(NULL), RULES);
	firewall_free(fw);
}

/* Rules for what is forwarded: none by default, verified and put back like the others, and gone once they are switched off. */
static void test_forwarded(void **state)
{
	struct firewall_config config = marks;
	struct firewall *fw = NULL;
	struct error err = { 0 };

	config.queue_forwarded = true;
	assert_int_equal(firewall_new(&config, &fw), 0);
	assert_int_equal(firewall_verify(fw, &err), ERR_NOT_FOUND);
	assert_int_equal(firewall_install(fw, &err), 0);
	assert_int_equal(firewall_verify(fw, &err), 0);
	assert_int_equal(count_rules("opensnitch:20000"), RULES + RULES_FORWARDED);
	for (size_t i = 0; i < array_len(places); i++) {
		flush_chain((enum place)i, i % 2 == 1);
		assert_int_equal(firewall_verify(fw, &err), ERR_NOT_FOUND);
		assert_int_equal(firewall_install(fw, &err), 0);
		assert_int_equal(firewall_verify(fw, &err), 0);
		assert_int_equal(count_rules(NULL), RULES + RULES_FORWARDED);
	}
	/* To one without them they are leftovers. */
	assert_int_equal(firewall_verify(*state, &err), ERR_NOT_FOUND);
	assert_int_equal(firewall_install(*state, &err), 0);
	assert_int_equal(count_rules(NULL), RULES);
	assert_int_equal(firewall_install(fw, &err), 0);
	assert_int_equal(firewall_remove(fw, &err), 0);
	assert_int_equal(count_rules(NULL), 0);
	firewall_free(fw);
}

static void test_other_daemon(void **state)
{
	struct firewall *fw = NULL;
	struct error err = { 0 };

	assert_int_equal(firewall_new(&other, &fw), 0);
	assert_int_equal(firewall_install(fw, &err), 0);
	assert_int_equal(count_rules(NULL), 2 * RULES);
	/* It stands before ours now, which is fine; and each keeps to its own. */
	assert_int_equal(firewall_verify(*state, &err), 0);
	assert_int_equal(firewall_verify(fw, &err), 0);
	assert_int_equal(firewall_remove(*state, &err), 0);
	assert_int_equal(count_rules("opensnitch:20002"), RULES);
	assert_int_equal(firewall_verify(fw, &err), 0);
	assert_int_equal(firewall_install(*state, &err), 0);
	assert_int_equal(firewall_remove(fw, &err), 0);
	assert_int_equal(firewall_verify(*state, &err), 0);
	assert_int_equal(count_rules(NULL), RULES);
	firewall_free(fw);
}

static void test_foreign_rules_stay(void **state)
{
	struct firewall *fw = *state;
	struct error err = { 0 };

	put_foreign(MANGLE_OUTPUT, 0);
	put_foreign(FILTER_OUTPUT, 1);
	assert_int_equal(firewall_verify(fw, &err), 0);
	/* Installing again puts ours first. */
	assert_int_equal(firewall_install(fw, &err), 0);
	assert_int_equal(count_rules(NULL), RULES + 2);
	assert_int_equal(firewall_remove(fw, &err), 0);
	assert_int_equal(count_rules(NULL), 2);
	assert_int_equal(firewall_install(fw, &err), 0);
	assert_int_equal(firewall_verify(fw, &err), 0);
}

static void assert_noticed_and_repaired(struct firewall *fw, const char *word)
{
	struct error err = { 0 };

	assert_int_equal(firewall_verify(fw, &err), ERR_NOT_FOUND);
	if (!strstr(err.message, word))
		fail_msg("no \"%s\" in \"%s\"", word, err.message);
	/* It stays so until it is repaired. */
	assert_int_equal(firewall_verify(fw, &err), ERR_NOT_FOUND);
	assert_int_equal(firewall_install(fw, &err), 0);
	assert_int_equal(firewall_verify(fw, &err), 0);
	assert_int_equal(count_rules("opensnitch:20000"), RULES);
}

static void test_flush_noticed(void **state)
{
	for (size_t i = 0; i < array_len(places); i++) {
		if (i == FILTER_FORWARD || i == MANGLE_FORWARD)
			continue;
		flush_chain((enum place)i, false);
		assert_noticed_and_repaired(*state, "IPv4");
		flush_chain((enum place)i, true);
		assert_noticed_and_repaired(*state, "IPv6");
	}
}

static void test_deleted_noticed(void **state)
{
	delete_rule(FILTER_OUTPUT, 0);
	assert_noticed_and_repaired(*state, "missing");
	delete_rule(FILTER_OUTPUT, 1);
	assert_noticed_and_repaired(*state, "missing");
	delete_rule(MANGLE_OUTPUT, 0);
	assert_noticed_and_repaired(*state, "missing");
}

static void test_doubled_noticed(void **state)
{
	double_rule(MANGLE_OUTPUT, 0);
	assert_noticed_and_repaired(*state, "twice");
	double_rule(FILTER_OUTPUT, 1);
	assert_noticed_and_repaired(*state, "twice");
}

/*
 * A change that leaves number and size of the rules alone is found by the full look, every tenth
 * time.
 */
static void test_changed_noticed(void **state)
{
	struct firewall *fw = *state;
	struct error err = { 0 };
	int n = 0;

	change_queue_number();
	while (firewall_verify(fw, &err) == 0)
		assert_true(n++ < 10);
	assert_non_null(strstr(err.message, "changed"));
	assert_int_equal(firewall_install(fw, &err), 0);
	assert_int_equal(firewall_verify(fw, &err), 0);
}

/* While nothing changes a check does not read the tables: see that it costs next to nothing. */
static void test_check_is_cheap(void **state)
{
	struct firewall *fw = *state;
	struct error err = { 0 };
	uint64_t start, quick = UINT64_MAX, slow = 0, ns;

	for (int i = 0; i < 2000; i++)
		put_foreign(FILTER_OUTPUT, 2);
	assert_int_equal(firewall_verify(fw, &err), 0);
	for (int i = 0; i < 20; i++) {
		start = clock_mono_ns();
		assert_int_equal(firewall_verify(fw, &err), 0);
		ns = clock_mono_ns() - start;
		if (ns < quick)
			quick = ns;
		if (ns > slow)
			slow = ns;
	}
	/* Every tenth reads them in any case. */
	assert_true(quick * 4 < slow);
}

/* ---- the lock */

static void test_lock(void **state)
{
	const char *lock_file = getenv("XTABLES_LOCKFILE");
	_cleanup_close_ int lock = lock_file ? open(lock_file, O_RDONLY | O_CLOEXEC) : -1;
	struct firewall *fw = *state;
	struct error err = { 0 };
	uint64_t start = clock_mono_ns();

	assert_true(lock >= 0);
	assert_int_equal(flock(lock, LOCK_EX), 0);
	flush_chain(MANGLE_OUTPUT, false);
	/* A running daemon does not stand still for it. */
	assert_int_equal(firewall_install(fw, &err), ERR_BUSY);
	/* At its start it waits for five seconds. */
	assert_true(clock_mono_ns() - start < 4900000000);
	assert_int_equal(firewall_verify(fw, &err), ERR_NOT_FOUND);
	assert_int_equal(flock(lock, LOCK_UN), 0);
	assert_int_equal(firewall_install(fw, &err), 0);
}

#define FW_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FW_TEST(test_install),
		FW_TEST(test_leftovers),
		FW_TEST(test_forwarded),
		FW_TEST(test_other_daemon),
		FW_TEST(test_foreign_rules_stay),
		FW_TEST(test_flush_noticed),
		FW_TEST(test_deleted_noticed),
		FW_TEST(test_doubled_noticed),
		FW_TEST(test_changed_noticed),
		FW_TEST(test_check_is_cheap),
		FW_TEST(test_lock),
	};

	return cmocka_run_group_tests(tests, netns_group_setup, NULL);
}
