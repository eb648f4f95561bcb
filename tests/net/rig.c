/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Queue and firewall for tests on the real kernel. */
#include "config.h"

#include "tests/net/rig.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "lib/clock.h"
#include "tests/net/netns.h"

struct firewall_config rig_config(const struct rig *r)
{
	return (struct firewall_config) {
		.queue_num = RIG_QUEUE,
		.mark_allow = RIG_ALLOW,
		.mark_reject = RIG_REJECT,
		.packet_marks = !queue_has_conntrack(r->queue),
	};
}

int rig_setup(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));
	struct error err = { 0 };
	struct firewall_config config;

	assert_non_null(r);
	*state = r;
	r->keep = true;
	netns_assert_own();
	if (queue_open(RIG_QUEUE, &r->queue, &err) < 0)
		fail_msg("queue_open: %s", err.message);
	config = rig_config(r);
	assert_int_equal(firewall_new(&config, &r->fw), 0);
	if (firewall_install(r->fw, &err) < 0)
		fail_msg("firewall_install: %s", err.message);
	return 0;
}

int rig_teardown(void **state)
{
	struct rig *r = *state;
	struct error err = { 0 };

	if (r->fw && firewall_remove(r->fw, &err) < 0)
		fail_msg("firewall_remove: %s", err.message);
	firewall_free(r->fw);
	queue_close(r->queue);
	free(r);
	return 0;
}

void rig_answer(struct rig *r, enum queue_verdict v, uint32_t mark, uint32_t mask)
{
	r->keep = false;
	r->verdict = v;
	r->mark = mark;
	r->mask = mask;
}

void rig_keep(struct rig *r)
{
	r->keep = true;
}

static void note_packet(void *ctx, const struct queue_packet *q)
{
	struct rig *r = ctx;
	struct rig_packet *s = &r->seen[r->n_seen];

	assert_true(r->n_seen < RIG_SEEN);
	r->n_seen++;
	s->q = *q;
	assert_true(q->payload_len <= sizeof(s->bytes));
	memcpy(s->bytes, q->payload, q->payload_len);
	s->q.payload = s->bytes;
	s->parsed = packet_parse(s->bytes, q->payload_len, &s->p);
	if (!r->keep)
		queue_verdict(r->queue, &q->ref, r->verdict, r->mark, r->mask);
}

void rig_drain(struct rig *r)
{
	assert_true(queue_read(r->queue, note_packet, r) >= 0);
}

bool rig_wait(struct rig *r, unsigned n, int ms)
{
	uint64_t deadline = clock_mono_ns() + (uint64_t)ms * 1000000;

	for (;;) {
		struct pollfd p = { .fd = queue_fd(r->queue), .events = POLLIN };
		uint64_t now = clock_mono_ns();

		if (r->n_seen >= n)
			return true;
		if (now >= deadline)
			return false;
		poll(&p, 1, (int)((deadline - now) / 1000000) + 1);
		rig_drain(r);
	}
}

void rig_verdict(struct rig *r, unsigned i, enum queue_verdict v, uint32_t mark, uint32_t mask)
{
	assert_true(i < r->n_seen);
	queue_verdict(r->queue, &r->seen[i].q.ref, v, mark, mask);
	queue_flush(r->queue);
}
