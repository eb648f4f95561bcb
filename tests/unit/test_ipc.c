/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages between engine and console: built, sent, received, and refused in every way that they can be wrong. */
#include "config.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/ipc.h"
#include "lib/cleanup.h"
#include "lib/log.h"
#include "lib/verdict.h"

static const enum ipc_type types[] = { IPC_HELLO, IPC_CONNECTION, IPC_PROMPT, IPC_PROMPT_CLOSED,
	IPC_STATUS, IPC_ALERT, IPC_RULESET_RESULT, IPC_ANSWER_RESULT, IPC_CONFIG, IPC_READY,
	IPC_SETTINGS, IPC_RULESET, IPC_ANSWER, IPC_CLIENTS, IPC_INTERCEPTION, IPC_FLOW_END_RESULT,
	IPC_NAMES_END, IPC_FLOW_END, IPC_TLS_FILE, IPC_FLOW_TABLE };

static struct ipc_builder builder;

/* A good message of this type with nothing in it that need not be. */
static void *begin(enum ipc_type type)
{
	void *m = ipc_begin(&builder, type);

	if (type == IPC_SETTINGS || type == IPC_CONFIG)
		((struct ipc_settings *)m)->prompt_timeout_ms = 30000;
	if (type == IPC_FLOW_TABLE)
		((struct ipc_flow_table *)m)->number = 1;
	return m;
}

static int check(void)
{
	ipc_end(&builder);
	return ipc_check(builder.buf, builder.len);
}

static void assert_good(void)
{
	assert_int_equal(check(), 0);
}

static void assert_bad(void)
{
	assert_int_equal(check(), ERR_MALFORMED);
}

static void test_every_type(void **state)
{
	(void)state;
	for (size_t i = 0; i < array_len(types); i++) {
		begin(types[i]);
		assert_int_equal(builder.len, ipc_fixed_size(types[i]));
		assert_good();
	}
	/* And no type without a size. */
	for (unsigned type = 0; type <= UINT16_MAX; type++) {
		begin(IPC_HELLO);
		((struct ipc_header *)builder.buf)->type = (uint16_t)type;
		ipc_end(&builder);
		if (!ipc_fixed_size(type))
			assert_int_equal(ipc_check(builder.buf, builder.len), ERR_MALFORMED);
	}
	assert_int_equal(ipc_fixed_size(0), 0);
	assert_int_equal(ipc_fixed_size(UINT16_MAX), 0);
}

static void test_headers(void **state)
{
	struct ipc_header *h;

	(void)state;
	for (size_t i = 0; i < array_len(types); i++) {
		h = begin(types[i]);
		ipc_end(&builder);
		for (size_t len = 0; len < builder.len; len++) {
			assert_int_equal(ipc_check(builder.buf, len), ERR_MALFORMED);
			/* Nor when the header says so too. */
			h->len = (uint32_t)len;
			assert_int_equal(ipc_check(builder.buf, len), ERR_MALFORMED);
			h->len = (uint32_t)builder.len;
		}
		h->len++;
		assert_int_equal(ipc_check(builder.buf, builder.len), ERR_MALFORMED);
		h->len--;
		h->version++;
		assert_int_equal(ipc_check(builder.buf, builder.len), ERR_MALFORMED);
	}
	h = begin(IPC_ALERT);
	h->len = LIMIT_IPC_MESSAGE + 1;
	assert_int_equal(ipc_check(builder.buf, LIMIT_IPC_MESSAGE + 1), ERR_MALFORMED);
}

/* Numbers with a bound: good up to `max`, bad above. */
static const struct {
	enum ipc_type type;
	size_t offset, size;
	uint32_t min, max;
} bounded[] = {
#define FIELD(type, of, member, min, max)                                                          \
	{                                                                                          \
		type, offsetof(struct of, member), sizeof(((struct of *)0)->member), min, max      \
	}
	FIELD(IPC_CONNECTION, ipc_connection, action, 0, ACTION_COUNT_ - 1),
	FIELD(IPC_CONNECTION, ipc_connection, reason, 0, REASON_COUNT_ - 1),
	FIELD(IPC_CONNECTION, ipc_connection, method, 0, METHOD_COUNT_ - 1),
	FIELD(IPC_CONNECTION, ipc_connection, confidence, 0, CONFIDENCE_COUNT_ - 1),
	FIELD(IPC_CONNECTION, ipc_connection, host_source, 0, HOST_COUNT_ - 1),
	FIELD(IPC_CONNECTION, ipc_connection, nolog, 0, 1),
	FIELD(IPC_CONNECTION, ipc_connection, is_forwarded, 0, 1),
	FIELD(IPC_CONNECTION, ipc_connection, host_certainty, 0, HOST_CERTAINTY_COUNT_ - 1),
	FIELD(IPC_CONNECTION, ipc_connection, process.n_parents, 0, LIMIT_PARENTS),
	FIELD(IPC_PROMPT, ipc_connection, action, 0, ACTION_COUNT_ - 1),
	FIELD(IPC_PROMPT, ipc_connection, process.n_parents, 0, LIMIT_PARENTS),
	FIELD(IPC_PROMPT_CLOSED, ipc_prompt_closed, end, 0, PROMPT_END_COUNT_ - 1),
	FIELD(IPC_PROMPT_CLOSED, ipc_prompt_closed, action, 0, ACTION_COUNT_ - 1),
	FIELD(IPC_FLOW_TABLE, ipc_flow_table, is_end, 0, 1),
	FIELD(IPC_STATUS, ipc_status, enabled, 0, 1),
	FIELD(IPC_STATUS, ipc_status, method, 0, METHOD_COUNT_ - 1),
	FIELD(IPC_STATUS, ipc_status, fail_closed, 0, 1),
	FIELD(IPC_STATUS, ipc_status, rules_ok, 0, 1),
	FIELD(IPC_SETTINGS, ipc_settings, prompt_timeout_ms, 1000, LIMIT_PROMPT_TIMEOUT_MS),
	FIELD(IPC_SETTINGS, ipc_settings, default_action, 0, ACTION_COUNT_ - 1),
	FIELD(IPC_SETTINGS, ipc_settings, prompt_timeout_action, 0, ACTION_COUNT_ - 1),
	FIELD(IPC_SETTINGS, ipc_settings, prompt_without_clients, 0, 1),
	FIELD(IPC_SETTINGS, ipc_settings, intercept_dns, 0, 1),
	FIELD(IPC_SETTINGS, ipc_settings, end_flows, 0, 1),
	FIELD(IPC_SETTINGS, ipc_settings, log_level, 0, LOG_LEVEL_DEBUG),
	FIELD(IPC_CONFIG, ipc_config, settings.default_action, 0, ACTION_COUNT_ - 1),
	FIELD(IPC_CONFIG, ipc_config, settings.prompt_timeout_ms, 1000, LIMIT_PROMPT_TIMEOUT_MS),
	FIELD(IPC_CONFIG, ipc_config, fail_closed, 0, 1),
	FIELD(IPC_CONFIG, ipc_config, read_sni, 0, 1),
	FIELD(IPC_CONFIG, ipc_config, mark_bit, 0, 30),
	FIELD(IPC_CONFIG, ipc_config, log_format, 0, LOG_FORMAT_JSON),
	FIELD(IPC_CONFIG, ipc_config, queue_forwarded, 0, 1),
	FIELD(IPC_ANSWER, ipc_answer, action, 0, ACTION_COUNT_ - 1),
	FIELD(IPC_INTERCEPTION, ipc_interception, enabled, 0, 1),
	FIELD(IPC_TLS_FILE, ipc_tls_file, part, IPC_TLS_CERTIFICATE, IPC_TLS_KEY),
#undef FIELD
};

static void set(size_t field, uint32_t value)
{
	uint8_t *p = (uint8_t *)begin(bounded[field].type) + bounded[field].offset;
	uint8_t byte = (uint8_t)value;

	if (bounded[field].size == 1)
		*p = byte;
	else
		memcpy(p, &value, sizeof(value));
}

static void test_numbers(void **state)
{
	(void)state;
	for (size_t i = 0; i < array_len(bounded); i++) {
		uint32_t greatest = bounded[i].size == 1 ? UINT8_MAX : UINT32_MAX;

		set(i, bounded[i].min);
		assert_good();
		set(i, bounded[i].max);
		assert_good();
		set(i, bounded[i].max + 1);
		assert_bad();
		set(i, greatest);
		assert_bad();
		if (bounded[i].min) {
			set(i, bounded[i].min - 1);
			assert_bad();
			set(i, 0);
			assert_bad();
		}
	}
}

static void test_a_telling_has_a_number(void **state)
{
	(void)state;
	((struct ipc_flow_table *)begin(IPC_FLOW_TABLE))->number = 0;
	assert_bad();
	((struct ipc_flow_table *)begin(IPC_FLOW_TABLE))->number = UINT32_MAX;
	assert_good();
}

static void test_values_without_a_bound_of_one_kind(void **state)
{
	static const uint8_t families[] = { 0, 4, 6 };
	struct ipc_connection *c;
	struct ipc_config *config;

	(void)state;
	for (unsigned family = 0; family < 256; family++) {
		bool good = memchr(families, (int)family, sizeof(families)) != NULL;

		c = begin(IPC_CONNECTION);
		c->flow.src.family = (uint8_t)family;
		assert_int_equal(check(), good ? 0 : ERR_MALFORMED);
		c = begin(IPC_CONNECTION);
		c->flow.dst.family = (uint8_t)family;
		assert_int_equal(check(), good ? 0 : ERR_MALFORMED);
		config = begin(IPC_CONFIG);
		config->n_listen = IPC_LISTEN_MAX;
		for (unsigned i = 0; i < IPC_LISTEN_MAX; i++)
			config->listen[i].addr.family =
				i == IPC_LISTEN_MAX - 1 ? (uint8_t)family : 4;
		assert_int_equal(check(), good && family ? 0 : ERR_MALFORMED);
	}
	config = begin(IPC_CONFIG);
	for (unsigned i = 0; i < IPC_LISTEN_MAX; i++)
		config->listen[i].addr.family = 4;
	config->n_listen = IPC_LISTEN_MAX + 1;
	assert_bad();
	config = begin(IPC_CONFIG);
	memset(config->tls_certificate, 'a', LIMIT_PATH);
	assert_bad(); /* half a pair */
	memset(config->tls_key, 'a', LIMIT_PATH);
	assert_good();
	memset(config->tls_key, 'a', sizeof(config->tls_key));
	assert_bad();
	c = begin(IPC_CONNECTION);
	c->process.pid = -1;
	assert_bad();
	c = begin(IPC_CONNECTION);
	memset(c->iface_out, 'e', sizeof(c->iface_out) - 1);
	assert_good();
	memset(c->iface_out, 'e', sizeof(c->iface_out));
	assert_bad();
	c = begin(IPC_CONNECTION);
	memset(c->iface_in, 'e', sizeof(c->iface_in));
	assert_bad();
}

/* Every string of every message. */
static const struct {
	enum ipc_type type;
	size_t offset;
} strings[] = {
	{ IPC_CONNECTION, offsetof(struct ipc_connection, host) },
	{ IPC_CONNECTION, offsetof(struct ipc_connection, rule) },
	{ IPC_CONNECTION, offsetof(struct ipc_connection, netns) },
	{ IPC_CONNECTION, offsetof(struct ipc_connection, process.path) },
	{ IPC_CONNECTION, offsetof(struct ipc_connection, process.args) },
	{ IPC_CONNECTION, offsetof(struct ipc_connection, process.cwd) },
	{ IPC_CONNECTION, offsetof(struct ipc_connection, process.user) },
	{ IPC_CONNECTION, offsetof(struct ipc_connection, process.cgroup) },
	{ IPC_CONNECTION, offsetof(struct ipc_connection, process.container) },
	{ IPC_CONNECTION, offsetof(struct ipc_connection, process.creator.path) },
	{ IPC_CONNECTION, offsetof(struct ipc_connection, process.parents[0].path) },
	{ IPC_CONNECTION, offsetof(struct ipc_connection, process.parents[7].path) },
	{ IPC_CONNECTION, offsetof(struct ipc_connection, process.parents[7].name) },
	{ IPC_CONNECTION, offsetof(struct ipc_connection, process.creator.name) },
	{ IPC_PROMPT, offsetof(struct ipc_connection, host) },
	{ IPC_PROMPT, offsetof(struct ipc_connection, process.parents[7].path) },
	{ IPC_STATUS, offsetof(struct ipc_status, method_why) },
	{ IPC_STATUS, offsetof(struct ipc_status, netns) },
	{ IPC_ALERT, offsetof(struct ipc_alert, text) },
	{ IPC_RULESET_RESULT, offsetof(struct ipc_ruleset_result, text) },
	{ IPC_ANSWER, offsetof(struct ipc_answer, rule) },
};

static struct ipc_str *string_of(size_t i)
{
	uint8_t *m = begin(strings[i].type);

	if (strings[i].type == IPC_CONNECTION || strings[i].type == IPC_PROMPT)
		((struct ipc_connection *)m)->process.n_parents = LIMIT_PARENTS;
	return (struct ipc_str *)(m + strings[i].offset);
}

static void test_strings(void **state)
{
	size_t len;

	(void)state;
	for (size_t i = 0; i < array_len(strings); i++) {
		struct ipc_str *s = string_of(i);
		uint16_t fixed = (uint16_t)builder.len;

		ipc_put(&builder, s, "hello", 5);
		assert_good();
		assert_memory_equal(ipc_get(builder.buf, *s, &len), "hello", 5);
		assert_int_equal(len, 5);
		s->len = 6;
		assert_bad();
		*s = (struct ipc_str) { (uint16_t)(fixed + 1), 5 };
		assert_bad();
		*s = (struct ipc_str) { UINT16_MAX, UINT16_MAX };
		assert_bad();
		*s = (struct ipc_str) { UINT16_MAX, 1 };
		assert_bad();
		/* The fixed part is no text: a string may not show it. */
		*s = (struct ipc_str) { (uint16_t)(fixed - 1), 5 };
		assert_bad();
		*s = (struct ipc_str) { 0, 1 };
		assert_bad();
		/* An empty string lies nowhere, and reads as one. */
		*s = (struct ipc_str) { UINT16_MAX, 0 };
		assert_good();
		assert_string_equal(ipc_get(builder.buf, *s, &len), "");
		assert_int_equal(len, 0);
	}
}

static void test_parents_beyond_the_count_are_not_read(void **state)
{
	struct ipc_connection *c = begin(IPC_CONNECTION);

	(void)state;
	c->process.parents[3].path = (struct ipc_str) { 1, 9999 };
	c->process.n_parents = 3;
	assert_good();
	c->process.n_parents = 4;
	assert_bad();
}

static void test_rule_names_are_bounded(void **state)
{
	char name[LIMIT_RULE_NAME + 1];
	struct ipc_answer *m;

	(void)state;
	memset(name, 'n', sizeof(name));
	m = begin(IPC_ANSWER);
	ipc_put(&builder, &m->rule, name, LIMIT_RULE_NAME);
	assert_good();
	m = begin(IPC_ANSWER);
	ipc_put(&builder, &m->rule, name, LIMIT_RULE_NAME + 1);
	assert_bad();
}

static void test_what_does_not_fit_is_cut(void **state)
{
	static char big[LIMIT_IPC_MESSAGE];
	struct ipc_alert *m = begin(IPC_ALERT);
	size_t room = LIMIT_IPC_MESSAGE - builder.len, len;
	struct ipc_str more;

	(void)state;
	memset(big, 'b', sizeof(big));
	ipc_put(&builder, &m->text, big, room);
	assert_false(builder.truncated);
	ipc_put(&builder, &more, big, 1);
	assert_true(builder.truncated);
	assert_int_equal(more.len, 0);
	assert_good();
	m = begin(IPC_ALERT);
	assert_false(builder.truncated);
	ipc_put(&builder, &m->text, big, sizeof(big));
	assert_true(builder.truncated);
	assert_good();
	assert_int_equal(builder.len, LIMIT_IPC_MESSAGE);
	assert_memory_equal(ipc_get(builder.buf, m->text, &len), big, room);
	assert_int_equal(len, room);
}

/* ---- the socket */

static _Alignas(8) uint8_t received[LIMIT_IPC_MESSAGE];

static void open_pair(int pair[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
}

static void close_pair(int pair[2])
{
	close(pair[0]);
	close(pair[1]);
}

static void test_sent_and_received(void **state)
{
	struct ipc_alert *m = begin(IPC_ALERT);
	int pair[2], fd, n;

	(void)state;
	open_pair(pair);
	assert_int_equal(ipc_receive(pair[1], received, &fd), ERR_AGAIN);
	ipc_put(&builder, &m->text, "text", 4);
	ipc_end(&builder);
	assert_int_equal(ipc_send(pair[0], builder.buf, builder.len, -1), 0);
	n = ipc_receive(pair[1], received, &fd);
	assert_int_equal(n, builder.len);
	assert_memory_equal(received, builder.buf, builder.len);
	assert_int_equal(fd, -1);
	close(pair[0]);
	assert_int_equal(ipc_receive(pair[1], received, &fd), 0);
	assert_int_equal(ipc_send(pair[1], builder.buf, builder.len, -1), ERR_CLOSED);
	close(pair[1]);
}

static size_t pack_alert(uint8_t *ret, const char *text)
{
	struct ipc_alert *m = begin(IPC_ALERT);

	ipc_put(&builder, &m->text, text, strlen(text));
	ipc_end(&builder);
	memcpy(ret, builder.buf, builder.len);
	memset(ret + builder.len, 0, ipc_padded(builder.len) - builder.len);
	return builder.len;
}

static void test_several_in_a_datagram(void **state)
{
	static const char *const texts[] = { "a", "seven..", "eight...", "nine....." };
	static _Alignas(8) uint8_t packed[LIMIT_IPC_MESSAGE];
	const struct ipc_header *h = NULL;
	size_t len = 0, last = 0, pos = 0;
	int pair[2], extra;

	(void)state;
	open_pair(pair);
	assert_int_equal(ipc_receive_packed(pair[1], received, &extra), ERR_AGAIN);
	for (size_t i = 0; i < array_len(texts); i++) {
		len += ipc_padded(last);
		last = pack_alert(packed + len, texts[i]);
	}
	/* The last one with its padding, or without. */
	for (size_t end = len + last; end <= len + ipc_padded(last);
		end += ipc_padded(last) - last) {
		assert_int_equal(send(pair[0], packed, end, 0), end);
		assert_int_equal(ipc_receive_packed(pair[1], received, &extra), end);
		pos = 0;
		for (size_t i = 0; i < array_len(texts); i++) {
			size_t n;
			const char *text;

			h = ipc_unpack(received, end, &pos);
			assert_non_null(h);
			text = ipc_get(h, ((const struct ipc_alert *)(const void *)h)->text, &n);
			assert_int_equal(n, strlen(texts[i]));
			assert_memory_equal(text, texts[i], n);
		}
		assert_null(ipc_unpack(received, end, &pos));
		assert_int_equal(pos, end);
		if (ipc_padded(last) == last)
			break;
	}
	/* Cut inside of the last: the others are good, and the place of the bad one is known. */
	pos = 0;
	for (size_t i = 0; i + 1 < array_len(texts); i++)
		assert_non_null(ipc_unpack(packed, len + last - 1, &pos));
	assert_null(ipc_unpack(packed, len + last - 1, &pos));
	assert_int_equal(pos, len);
	close(pair[0]);
	assert_int_equal(ipc_receive_packed(pair[1], received, &extra), 0);
	close(pair[1]);
}

static void test_a_descriptor_comes_along(void **state)
{
	int pair[2], pipe_fds[2], fd;
	struct stat a, b;

	(void)state;
	open_pair(pair);
	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
	begin(IPC_RULESET);
	ipc_end(&builder);
	assert_int_equal(ipc_send(pair[0], builder.buf, builder.len, pipe_fds[0]), 0);
	assert_true(ipc_receive(pair[1], received, &fd) > 0);
	assert_true(fd >= 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(fstat(fd, &a), 0);
	assert_int_equal(fstat(pipe_fds[0], &b), 0);
	assert_int_equal(a.st_ino, b.st_ino);
	close(fd);
	close_pair(pipe_fds);
	close_pair(pair);
}

static int open_descriptors(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* Of several descriptors one is taken and none leaks; with a message that is refused the caller gets it to close. */
static void test_descriptors_do_not_leak(void **state)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(4 * sizeof(int))] = { 0 };
	struct iovec iov = { .iov_base = builder.buf };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control };
	int pair[2], before, fd;

	(void)state;
	open_pair(pair);
	before = open_descriptors();
	for (int n = 1; n <= 4; n++) {
		for (int bad = 0; bad < 2; bad++) {
			struct cmsghdr *c;

			begin(IPC_RULESET);
			ipc_end(&builder);
			if (bad)
				((struct ipc_header *)builder.buf)->version++;
			iov.iov_len = builder.len;
			mh.msg_controllen = CMSG_SPACE((size_t)n * sizeof(int));
			c = CMSG_FIRSTHDR(&mh);
			c->cmsg_level = SOL_SOCKET;
			c->cmsg_type = SCM_RIGHTS;
			c->cmsg_len = CMSG_LEN((size_t)n * sizeof(int));
			for (int i = 0; i < n; i++)
				memcpy(CMSG_DATA(c) + (size_t)i * sizeof(int), &pair[0],
					sizeof(int));
			assert_true(sendmsg(pair[0], &mh, 0) > 0);
			if (bad)
				assert_int_equal(
					ipc_receive(pair[1], received, &fd), ERR_MALFORMED);
			else
				assert_true(ipc_receive(pair[1], received, &fd) > 0);
			if (fd >= 0)
				close(fd);
			assert_int_equal(open_descriptors(), before);
		}
	}
	close_pair(pair);
}

static void test_bad_messages_do_not_end_the_channel(void **state)
{
	static uint8_t big[LIMIT_IPC_MESSAGE + 8];
	int pair[2], fd, size = 1 << 20;

	(void)state;
	open_pair(pair);
	assert_int_equal(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
	for (size_t len = 1; len <= sizeof(big); len = len * 2 < sizeof(big) ? len * 2 : len + 1) {
		struct ipc_header *h = (struct ipc_header *)big;

		/* Longer than any message: cut by the kernel, and what is left is not believed. */
		*h = (struct ipc_header) { LIMIT_IPC_MESSAGE, IPC_VERSION, IPC_HELLO };
		if (len == LIMIT_IPC_MESSAGE)
			continue;
		assert_int_equal(send(pair[0], big, len, 0), len);
		assert_int_equal(ipc_receive(pair[1], received, &fd), ERR_MALFORMED);
		assert_int_equal(fd, -1);
		if (len >= sizeof(big))
			break;
	}
	begin(IPC_READY);
	ipc_end(&builder);
	assert_int_equal(ipc_send(pair[0], builder.buf, builder.len, -1), 0);
	assert_true(ipc_receive(pair[1], received, &fd) > 0);
	close_pair(pair);
}

static void test_a_full_socket_says_again(void **state)
{
	int pair[2], r = 0, fd;
	unsigned n = 0;

	(void)state;
	open_pair(pair);
	begin(IPC_STATUS);
	ipc_end(&builder);
	while ((r = ipc_send(pair[0], builder.buf, builder.len, -1)) == 0)
		n++;
	assert_int_equal(r, ERR_AGAIN);
	while (ipc_receive(pair[1], received, &fd) > 0)
		n--;
	assert_int_equal(n, 0);
	close_pair(pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_type),
		cmocka_unit_test(test_headers),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_a_telling_has_a_number),
		cmocka_unit_test(test_values_without_a_bound_of_one_kind),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_parents_beyond_the_count_are_not_read),
		cmocka_unit_test(test_rule_names_are_bounded),
		cmocka_unit_test(test_what_does_not_fit_is_cut),
		cmocka_unit_test(test_sent_and_received),
		cmocka_unit_test(test_several_in_a_datagram),
		cmocka_unit_test(test_a_descriptor_comes_along),
		cmocka_unit_test(test_descriptors_do_not_leak),
		cmocka_unit_test(test_bad_messages_do_not_end_the_channel),
		cmocka_unit_test(test_a_full_socket_says_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
