/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the console knows of live flows: told, told anew, and dropped where their end was lost. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/console.h"
#include "api/flows.h"
#include "api/loop.h"
#include "api/reply.h"
#include "api/sse.h"
#include "lib/limits.h"

struct kit {
	struct console console;
	struct loop *loop;
	struct flow_views *views;
};

static int set_up(void **state)
{
	static const struct sse_hooks none = { NULL, NULL, NULL };
	struct kit *k = calloc(1, sizeof(*k));

	assert_non_null(k);
	k->loop = loop_new();
	assert_non_null(k->loop);
	k->console.sse = sse_new(k->loop, &none);
	k->views = k->console.flows = flow_views_new(&k->console);
	assert_non_null(k->console.sse);
	assert_non_null(k->views);
	*state = k;
	return 0;
}

static int tear_down(void **state)
{
	struct kit *k = *state;

	flow_views_free(k->views);
	sse_free(k->console.sse);
	loop_free(k->loop);
	free(k);
	return 0;
}

/* ---- the engine */

static struct ipc_connection connection(uint16_t type, size_t len, uint64_t flow_id)
{
	struct ipc_connection m = { .header = { (uint32_t)len, IPC_VERSION, type },
		.flow_id = flow_id };

	flow_init(&m.flow);
	m.flow.proto = 6;
	m.flow.src.family = m.flow.dst.family = 4;
	return m;
}

static void begins(struct kit *k, uint64_t id)
{
	struct ipc_connection m = connection(IPC_CONNECTION, sizeof(m), id);

	flows_begun(k->views, &m, 0);
}

static void is_told(struct kit *k, uint64_t id, bool before_start)
{
	struct ipc_flow m = { .connection = connection(IPC_FLOW, sizeof(m), id),
		.before_start = before_start };

	flows_told(k->views, &m);
}

static void ends(struct kit *k, uint64_t id)
{
	struct ipc_flow_traffic m = { .flow_id = id, .is_end = 1 };

	flows_traffic(k->views, &m);
}

static void telling(struct kit *k, uint32_t number, bool is_end)
{
	struct ipc_flow_table m = { .number = number, .is_end = is_end };

	flows_table(k->views, &m);
}

/* ---- who asks */

static const char *query(struct http_request *req, const char *name)
{
	(void)req;
	return strcmp(name, "limit") == 0 ? "1000" : NULL;
}

/* As text: "1 2 3" are the flows that there are. */
static void assert_flows(struct kit *k, const char *want)
{
	static const struct http_transport transport = { .query = query };
	struct http_reply reply = { 0 };
	struct http_request req = {
		.console = &k->console, .transport = &transport, .reply = &reply
	};
	char got[256] = "";
	const json_t *items;
	json_t *body;

	flows_list(&req);
	assert_int_equal(reply.status, 200);
	body = json_loadb(reply.body, reply.len, 0, NULL);
	items = json_object_get(body, "items");
	assert_non_null(items);
	for (size_t i = 0; i < json_array_size(items); i++)
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%lld", i ? " " : "",
			(long long)json_integer_value(
				json_object_get(json_array_get(items, i), "id")));
	json_decref(body);
	http_reply_done(&reply);
	assert_string_equal(got, want);
}

/* ---- tests */

static void test_a_lost_end_is_made_up_for(void **state)
{
	struct kit *k = *state;

	begins(k, 1);
	begins(k, 2);
	begins(k, 3);
	is_told(k, 4, true);
	ends(k, 3);
	assert_flows(k, "1 2 4");
	/* That 1 ended was lost, and that 5 began; 6 begins, and 2 ends, while all are told. */
	telling(k, 1, false);
	is_told(k, 2, false);
	begins(k, 6);
	assert_flows(k, "1 2 4 6");
	is_told(k, 4, true);
	ends(k, 2);
	is_told(k, 5, false);
	telling(k, 1, true);
	assert_flows(k, "4 5 6");
	/* And again. */
	telling(k, 2, false);
	is_told(k, 6, false);
	telling(k, 2, true);
	assert_flows(k, "6");
	telling(k, 3, false);
	telling(k, 3, true);
	assert_flows(k, "");
}

static void test_a_telling_that_broke_off_ends_nothing(void **state)
{
	struct kit *k = *state;

	begins(k, 1);
	/* Its beginning went to the console before this one. */
	telling(k, 7, true);
	assert_flows(k, "1");
	telling(k, 8, false);
	telling(k, 9, false);
	telling(k, 8, true);
	assert_flows(k, "1");
	is_told(k, 1, false);
	telling(k, 9, true);
	assert_flows(k, "1");
}

/* What was not told makes room for what is. */
static void test_it_is_bounded(void **state)
{
	struct kit *k = *state;
	char want[64];

	for (uint64_t id = 1; id <= 2 * LIMIT_FLOWS + 5; id++)
		begins(k, id);
	telling(k, 1, false);
	is_told(k, 999999, false);
	is_told(k, 2 * LIMIT_FLOWS, false);
	/* There was no room for this one before. */
	is_told(k, 2 * LIMIT_FLOWS + 5, false);
	telling(k, 1, true);
	snprintf(want, sizeof(want), "%u %u 999999", 2 * LIMIT_FLOWS, 2 * LIMIT_FLOWS + 5);
	assert_flows(k, want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_lost_end_is_made_up_for, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_a_telling_that_broke_off_ends_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_it_is_bounded, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
