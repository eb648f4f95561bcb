/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The two lanes to the console: order, bounds, what survives a console. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/ipc.h"
#include "daemon/outbox.h"
#include "lib/err.h"
#include "lib/limits.h"

static void open_pair(int fds[2])
{
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
}

static void close_pair(int fds[2])
{
	close(fds[0]);
	close(fds[1]);
}

/* A message of the channel, as far as an outbox looks at it: its length, then these bytes. */
static const void *message(const char *text, size_t *ret_len)
{
	static _Alignas(8) uint8_t buf[64];
	struct ipc_header h = { .len = (uint32_t)(sizeof(h) + strlen(text)) };

	memcpy(buf, &h, sizeof(h));
	memcpy(buf + sizeof(h), text, h.len - sizeof(h));
	*ret_len = h.len;
	return buf;
}

static bool put_event(struct outbox *o, const char *text)
{
	size_t len;
	const void *msg = message(text, &len);

	return outbox_event(o, msg, len);
}

static bool put_urgent(struct outbox *o, const char *text)
{
	size_t len;
	const void *msg = message(text, &len);

	return outbox_urgent(o, msg, len);
}

/* The next datagram: these messages, padded. */
static void assert_next(int fd, const char *const *want, unsigned n)
{
	uint8_t buf[256];
	ssize_t got = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
	size_t pos = 0;

	for (unsigned i = 0; i < n; i++) {
		size_t len;
		const void *msg = message(want[i], &len);

		assert_true(got >= (ssize_t)(pos + ipc_padded(len)));
		assert_memory_equal(buf + pos, msg, len);
		pos += ipc_padded(len);
	}
	assert_int_equal(got, pos);
}

static void assert_silent(int fd)
{
	char c;

	assert_true(recv(fd, &c, 1, MSG_DONTWAIT) < 0);
}

static void urgent_goes_before_events(void **state)
{
	struct outbox *o = outbox_new();
	int fds[2];

	(void)state;
	open_pair(fds);
	outbox_set_fd(o, fds[0]);
	assert_true(put_event(o, "event"));
	assert_true(put_urgent(o, "one"));
	assert_true(put_urgent(o, "three"));
	assert_int_equal(outbox_flush(o, false), 0);
	assert_next(fds[1], (const char *[]) { "one", "three" }, 2);
	assert_silent(fds[1]);
	assert_true(outbox_has_events(o));
	assert_int_equal(outbox_events_size(o), 16);
	assert_int_equal(outbox_flush(o, true), 0);
	assert_next(fds[1], (const char *[]) { "event" }, 1);
	assert_false(outbox_has_events(o));
	assert_int_equal(outbox_events_size(o), 0);
	outbox_free(o);
	close_pair(fds);
}

static void events_wait_for_the_next_console(void **state)
{
	struct outbox *o = outbox_new();
	int fds[2];

	(void)state;
	assert_false(put_urgent(o, "nobody"));
	assert_true(put_event(o, "kept"));
	open_pair(fds);
	outbox_set_fd(o, fds[0]);
	assert_true(put_urgent(o, "old"));
	/* That console dies before it was told. */
	close_pair(fds);
	open_pair(fds);
	outbox_set_fd(o, fds[0]);
	assert_int_equal(outbox_flush(o, true), 0);
	assert_next(fds[1], (const char *[]) { "kept" }, 1);
	assert_silent(fds[1]);
	outbox_free(o);
	close_pair(fds);
}

struct numbered {
	struct ipc_header h;
	unsigned number;
};

static bool put_number(struct outbox *o, unsigned number)
{
	struct numbered m = { { sizeof(m), 0, 0 }, number };

	return outbox_event(o, &m, sizeof(m));
}

/* The numbers of one datagram go on from *got. */
static bool take_numbers(int fd, unsigned *got)
{
	uint8_t buf[LIMIT_IPC_MESSAGE];
	ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
	struct numbered m;

	for (ssize_t pos = 0; pos < n; pos += (ssize_t)ipc_padded(sizeof(m))) {
		memcpy(&m, buf + pos, sizeof(m));
		assert_int_equal(m.number, (*got)++);
	}
	return n > 0;
}

static void a_full_socket_loses_nothing(void **state)
{
	struct outbox *o = outbox_new();
	unsigned sent = 0, got = 0;
	int fds[2], r = 0;

	(void)state;
	open_pair(fds);
	outbox_set_fd(o, fds[0]);
	while (r == 0) {
		assert_true(put_number(o, sent++));
		r = outbox_flush(o, true);
	}
	assert_int_equal(r, ERR_AGAIN);
	assert_true(outbox_stuck_since_ns(o) > 0);
	for (unsigned i = 0; i < 10000; i++)
		assert_true(put_number(o, sent++));
	while (got < sent)
		if (!take_numbers(fds[1], &got))
			assert_true(outbox_flush(o, true) >= ERR_AGAIN);
	assert_int_equal(outbox_flush(o, true), 0);
	assert_int_equal(outbox_stuck_since_ns(o), 0);
	assert_false(outbox_has_events(o));
	outbox_free(o);
	close_pair(fds);
}

static void the_backlog_is_bounded(void **state)
{
	static union {
		struct ipc_header h;
		uint8_t bytes[8192];
	} big = { { sizeof(big), 0, 0 } };
	struct outbox *o = outbox_new();
	size_t kept = 0, urgent = 0;
	int fds[2];

	(void)state;
	while (outbox_event(o, &big, sizeof(big)))
		kept += sizeof(big);
	assert_in_range(kept, LIMIT_IPC_BACKLOG / 4, LIMIT_IPC_BACKLOG / 2);
	/* Events leave room for what matters. */
	open_pair(fds);
	outbox_set_fd(o, fds[0]);
	while (outbox_urgent(o, &big, sizeof(big)))
		urgent += sizeof(big);
	assert_in_range(urgent, LIMIT_IPC_BACKLOG / 2, LIMIT_IPC_BACKLOG);
	outbox_free(o);
	close_pair(fds);
}

static void a_dead_console_is_told(void **state)
{
	struct outbox *o = outbox_new();
	int fds[2], r;

	(void)state;
	open_pair(fds);
	outbox_set_fd(o, fds[0]);
	close(fds[1]);
	assert_true(put_urgent(o, "x"));
	r = outbox_flush(o, false);
	assert_true(r == ERR_CLOSED);
	outbox_free(o);
	close(fds[0]);
}

static bool put_connection(struct outbox *o, int32_t pid)
{
	struct ipc_connection m = { .process.pid = pid };

	m.header = (struct ipc_header) { sizeof(m), 0, IPC_CONNECTION };
	return outbox_event(o, &m, sizeof(m));
}

static bool put_traffic(struct outbox *o)
{
	struct ipc_flow_traffic m = { .flow_id = 1 };

	m.header = (struct ipc_header) { sizeof(m), 0, IPC_FLOW_TRAFFIC };
	return outbox_event(o, &m, sizeof(m));
}

/* Who floods loses its own events, of others none; and when they have gone no more. */
static void one_that_floods_leaves_room_for_others(void **state)
{
	struct outbox *o = outbox_new();
	size_t max = LIMIT_IPC_BACKLOG / 2, left;
	uint8_t buf[LIMIT_IPC_MESSAGE];
	int fds[2];

	(void)state;
	for (unsigned round = 0; round < 2; round++) {
		left = max;
		for (int32_t pid = 1; pid <= 3; pid++) {
			while (put_connection(o, pid))
				;
			assert_in_range(max - outbox_events_size(o),
				left / 3 - sizeof(struct ipc_connection),
				left / 3 + sizeof(struct ipc_connection));
			left = max - outbox_events_size(o);
		}
		while (put_traffic(o))
			;
		assert_true(
			max - outbox_events_size(o) >= left / 3 - sizeof(struct ipc_connection));
		assert_true(put_connection(o, 4));
		assert_false(put_connection(o, 1));
		open_pair(fds);
		outbox_set_fd(o, fds[0]);
		while (outbox_flush(o, true) != 0)
			while (recv(fds[1], buf, sizeof(buf), MSG_DONTWAIT) > 0)
				;
		assert_int_equal(outbox_events_size(o), 0);
		outbox_set_fd(o, -1);
		close_pair(fds);
	}
	outbox_free(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(urgent_goes_before_events),
		cmocka_unit_test(events_wait_for_the_next_console),
		cmocka_unit_test(a_full_socket_loses_nothing),
		cmocka_unit_test(the_backlog_is_bounded),
		cmocka_unit_test(a_dead_console_is_told),
		cmocka_unit_test(one_that_floods_leaves_room_for_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
