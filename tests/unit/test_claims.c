/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Claims against a naive list of them; and a task that makes very many pushes out few of others. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <string.h>

#include "daemon/claims.h"
#include "daemon/process_image.h"
#include "lib/limits.h"
#include "tests/unit/random_kit.h"

static struct flow flow_to(uint32_t host, uint16_t src_port)
{
	struct flow f;
	uint8_t bytes[4] = { 10, 0, (uint8_t)(host >> 8), (uint8_t)host };

	flow_init(&f);
	f.proto = IPPROTO_TCP;
	f.src = ip_addr_v4((const uint8_t[]) { 192, 0, 2, 1 });
	f.dst = ip_addr_v4(bytes);
	f.dst_port = 443;
	f.src_port = src_port;
	return f;
}

static void add(struct claims *c, const struct flow *f, int32_t tid, uint64_t time_ns)
{
	claims_add(c, &(struct claim) { *f, tid, time_ns, NULL });
}

static void test_found_newest_first(void **state)
{
	struct claims *c = claims_new();
	struct flow f = flow_to(1, 5000), any = f, other = flow_to(1, 5001);
	struct claim found[4];

	(void)state;
	add(c, &f, 1, 10);
	add(c, &f, 2, 20);
	any.src = ip_addr_v4((const uint8_t[4]) { 0 });
	add(c, &any, 3, 30);
	/* The second look-up of one connect. */
	add(c, &f, 3, 31);
	add(c, &other, 4, 40);
	assert_int_equal(claims_find(c, &f, 5000, 0, found, 4), 3);
	assert_int_equal(found[0].tid, 3);
	assert_int_equal(found[0].time_ns, 31);
	assert_int_equal(found[1].tid, 2);
	assert_int_equal(found[2].tid, 1);
	assert_int_equal(claims_find(c, &f, 5000, 20, found, 4), 2);
	assert_int_equal(claims_find(c, &f, 5000, 0, found, 1), 1);
	assert_int_equal(claims_find(c, &f, 5001, 0, found, 4), 1);
	assert_int_equal(claims_find(c, &f, 0, 0, found, 4), 0);
	f.src = ip_addr_v4((const uint8_t[]) { 192, 0, 2, 2 });
	assert_int_equal(claims_find(c, &f, 5000, 0, found, 4), 0);
	claims_free(c);
}

static void test_a_flood_leaves_others_alone(void **state)
{
	struct claims *c = claims_new();
	struct claim found[4];
	unsigned left = 0;

	(void)state;
	for (int32_t tid = 1; tid <= 320; tid++) {
		struct flow f = flow_to((uint32_t)tid, 6000);

		add(c, &f, tid, 1);
	}
	for (uint32_t i = 0; i < 1000000; i++) {
		struct flow f = flow_to(i, (uint16_t)i);

		add(c, &f, 7777, 2);
	}
	for (int32_t tid = 1; tid <= 320; tid++) {
		struct flow f = flow_to((uint32_t)tid, 6000);

		left += claims_find(c, &f, 6000, 1, found, 4) > 0 && found[0].time_ns == 1;
	}
	assert_true(left >= 310);
	claims_free(c);
}

/* Few destinations, so that chains are long and slots are used again in their middle; images are counted. */
static void test_against_a_list(void **state)
{
	enum { N = 3 * LIMIT_TRACE_CANDIDATES };
	struct process_image *image = process_image_new();
	struct random_state r = { 1 };
	struct claims *c = claims_new();
	struct claim found[64];

	(void)state;
	for (uint32_t i = 0; i < N; i++) {
		struct flow f = flow_to(random_below(&r, 2000), (uint16_t)random_below(&r, 4));
		int32_t tid = (int32_t)random_below(&r, 40) + 1;
		unsigned n;

		claims_add(c, &(struct claim) { f, tid, i, image });
		n = claims_find(c, &f, f.src_port, 0, found, 64);
		assert_true(n >= 1);
		assert_int_equal(found[0].tid, tid);
		assert_int_equal(found[0].time_ns, i);
		for (unsigned k = 0; k < n; k++) {
			assert_true(ip_addr_equal(&found[k].flow.dst, &f.dst));
			assert_true(k == 0 || found[k].time_ns < found[k - 1].time_ns);
			assert_ptr_equal(found[k].image, image);
		}
	}
	assert_true(image->refs > 1000);
	claims_free(c);
	assert_int_equal(image->refs, 1);
	process_image_unref(image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_found_newest_first),
		cmocka_unit_test(test_a_flood_leaves_others_alone),
		cmocka_unit_test(test_against_a_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
