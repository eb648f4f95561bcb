/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Failures by address, and in all. */
#include "config.h"

#include "api/throttle.h"

#include <stdlib.h>
#include <string.h>

#include "lib/limits.h"

#define SECOND UINT64_C(1000000000)

struct failures {
	struct ip_addr from;
	unsigned n; /* 0: free */
	uint64_t last_ns;
};

struct throttle {
	struct failures all;
	struct failures by_address[LIMIT_LOGIN_ADDRESSES];
};

struct throttle *throttle_new(void)
{
	return calloc(1, sizeof(struct throttle));
}

void throttle_free(struct throttle *t)
{
	free(t);
}

static struct ip_addr network_of(const struct ip_addr *from)
{
	struct ip_addr net = *from;

	if (net.family == 6)
		memset(net.bytes + 8, 0, 8);
	return net;
}

static bool is_forgotten(const struct failures *f, uint64_t now_ns)
{
	return !f->n || now_ns - f->last_ns >= LIMIT_LOGIN_FORGET_S * SECOND;
}

/* Doubles from one second on, for each failure past `free` ones. */
static uint64_t delay_s(unsigned n, unsigned free, uint64_t max_s)
{
	unsigned steps = n > free ? n - free - 1 : 0;

	if (n <= free)
		return 0;
	return steps < 20 && (UINT64_C(1) << steps) < max_s ? UINT64_C(1) << steps : max_s;
}

static unsigned left_s(const struct failures *f, unsigned free, uint64_t max_s, uint64_t now_ns)
{
	uint64_t until;

	if (is_forgotten(f, now_ns))
		return 0;
	until = f->last_ns + delay_s(f->n, free, max_s) * SECOND;
	return until > now_ns ? (unsigned)((until - now_ns + SECOND - 1) / SECOND) : 0;
}

static unsigned find(const struct throttle *t, const struct ip_addr *net)
{
	unsigned i = 0;

	while (i < LIMIT_LOGIN_ADDRESSES &&
		!(t->by_address[i].n && ip_addr_equal(&t->by_address[i].from, net)))
		i++;
	return i;
}

unsigned throttle_wait_s(const struct throttle *t, const struct ip_addr *from, uint64_t now_ns)
{
	struct ip_addr net = network_of(from);
	unsigned i = find(t, &net);
	unsigned own = i < LIMIT_LOGIN_ADDRESSES
			       ? left_s(&t->by_address[i], 0, LIMIT_LOGIN_DELAY_S, now_ns)
			       : 0;
	unsigned all = left_s(&t->all, LIMIT_LOGIN_FREE, LIMIT_LOGIN_DELAY_ALL_S, now_ns);

	return own > all ? own : all;
}

static void count(struct failures *f, uint64_t now_ns)
{
	f->n = is_forgotten(f, now_ns) ? 1 : f->n + 1;
	f->last_ns = now_ns;
}

/* A free place, or that of the address that has been quiet for longest. */
static struct failures *make_room(struct throttle *t)
{
	struct failures *oldest = &t->by_address[0];

	for (unsigned i = 0; i < LIMIT_LOGIN_ADDRESSES; i++) {
		if (!t->by_address[i].n)
			return &t->by_address[i];
		if (t->by_address[i].last_ns < oldest->last_ns)
			oldest = &t->by_address[i];
	}
	oldest->n = 0;
	return oldest;
}

void throttle_failed(struct throttle *t, const struct ip_addr *from, uint64_t now_ns)
{
	struct ip_addr net = network_of(from);
	unsigned i = find(t, &net);
	struct failures *f = i < LIMIT_LOGIN_ADDRESSES ? &t->by_address[i] : make_room(t);

	f->from = net;
	count(f, now_ns);
	count(&t->all, now_ns);
}

void throttle_passed(struct throttle *t, const struct ip_addr *from)
{
	struct ip_addr net = network_of(from);
	unsigned i = find(t, &net);

	if (i < LIMIT_LOGIN_ADDRESSES)
		t->by_address[i].n = 0;
}
