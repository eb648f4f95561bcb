/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Event formats of several kernels, and the records decoded by them. */
#include "config.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/trace_event.h"
#include "daemon/trace_format.h"
#include "lib/err.h"

#define COMMON                                                                                     \
	"format:\n"                                                                                \
	"\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"                     \
	"\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;\n"                     \
	"\tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;\n"             \
	"\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n"

/* Linux 6.18. */
static const char fib_text[] = "name: fib_table_lookup\nID: 2264\n" COMMON
			       "\tfield:u32 tb_id;\toffset:8;\tsize:4;\tsigned:0;\n"
			       "\tfield:int iif;\toffset:20;\tsize:4;\tsigned:1;\n"
			       "\tfield:u8 proto;\toffset:24;\tsize:1;\tsigned:0;\n"
			       "\tfield:__u8 src[4];\toffset:28;\tsize:4;\tsigned:0;\n"
			       "\tfield:__u8 dst[4];\toffset:32;\tsize:4;\tsigned:0;\n"
			       "\tfield:u16 sport;\toffset:56;\tsize:2;\tsigned:0;\n"
			       "\tfield:u16 dport;\toffset:58;\tsize:2;\tsigned:0;\n"
			       "\tfield:char name[16];\toffset:60;\tsize:16;\tsigned:0;\n"
			       "\nprint fmt: \"table %u field:int bad; offset:1; size:x;\", "
			       "REC->tb_id\n";

static const char state_text[] = "name: inet_sock_set_state\nID: 7\n" COMMON
				 "\tfield:const void * skaddr;\toffset:8;\tsize:8;\tsigned:0;\n"
				 "\tfield:int oldstate;\toffset:16;\tsize:4;\tsigned:1;\n"
				 "\tfield:int newstate;\toffset:20;\tsize:4;\tsigned:1;\n"
				 "\tfield:__u16 sport;\toffset:24;\tsize:2;\tsigned:0;\n"
				 "\tfield:__u16 dport;\toffset:26;\tsize:2;\tsigned:0;\n"
				 "\tfield:__u16 family;\toffset:28;\tsize:2;\tsigned:0;\n"
				 "\tfield:__u16 protocol;\toffset:30;\tsize:2;\tsigned:0;\n"
				 "\tfield:__u8 saddr[4];\toffset:32;\tsize:4;\tsigned:0;\n"
				 "\tfield:__u8 daddr[4];\toffset:36;\tsize:4;\tsigned:0;\n"
				 "\tfield:__u8 saddr_v6[16];\toffset:40;\tsize:16;\tsigned:0;\n"
				 "\tfield:__u8 daddr_v6[16];\toffset:56;\tsize:16;\tsigned:0;\n";

static const char exec_text[] =
	"name: sched_process_exec\nID: 365\n" COMMON
	"\tfield:__data_loc char[] filename;\toffset:8;\tsize:4;\tsigned:0;\n"
	"\tfield:pid_t pid;\toffset:12;\tsize:4;\tsigned:1;\n"
	"\tfield:pid_t old_pid;\toffset:16;\tsize:4;\tsigned:1;\n";

static const char newtask_text[] =
	"name: task_newtask\nID: 205\n" COMMON "\tfield:pid_t pid;\toffset:8;\tsize:4;\tsigned:1;\n"
	"\tfield:char comm[16];\toffset:12;\tsize:16;\tsigned:0;\n"
	"\tfield:unsigned long clone_flags;\toffset:32;\tsize:8;"
	"\tsigned:0;\n";

static const char exit_text[] = "name: sched_process_exit\nID: 369\n" COMMON
				"\tfield:char comm[16];\toffset:8;\tsize:16;\tsigned:0;\n"
				"\tfield:pid_t pid;\toffset:24;\tsize:4;\tsigned:1;\n"
				"\tfield:int prio;\toffset:28;\tsize:4;\tsigned:1;\n";

static int parse(const char *text, struct trace_format *f)
{
	return trace_format_parse(text, strlen(text), f);
}

static void test_fields(void **state)
{
	const struct trace_field *field;
	struct trace_format f;

	(void)state;
	assert_int_equal(parse(fib_text, &f), 0);
	assert_int_equal(f.id, 2264);
	assert_int_equal(f.n_fields, 12);
	field = trace_format_find(&f, "src");
	assert_non_null(field);
	assert_int_equal(field->offset, 28);
	assert_int_equal(field->size, 4);
	assert_int_equal(field->kind, TRACE_FIELD_PLAIN);
	assert_null(trace_format_find(&f, "bad"));
	assert_null(trace_format_find(&f, "src[4]"));

	assert_int_equal(parse(exec_text, &f), 0);
	field = trace_format_find(&f, "filename");
	assert_non_null(field);
	assert_int_equal(field->kind, TRACE_FIELD_DATA_LOC);

	assert_int_equal(parse(state_text, &f), 0);
	assert_non_null(trace_format_find(&f, "skaddr"));
}

static void test_bad_formats(void **state)
{
	static const char *const bad[] = {
		"",
		"name: x\n",
		"field:int a;\n",
		"\tfield:int a;\toffset:0;\n",
		"\tfield:int a;\toffset:-1;\tsize:4;\n",
		"\tfield:int a;\toffset:99999;\tsize:4;\n",
		"\tfield:int a;\toffset:99999999999999999999;\tsize:4;\n",
		"\tfield:int a;\toffset:;\tsize:4;\n",
		"\tfield:int a;\toffset:1;\tsize:4",
		"\tfield:[];\toffset:1;\tsize:4;\n",
		"\tfield:]]]];\toffset:1;\tsize:4;\n",
		"\tfield:int a_name_that_is_too_long_for_any_kernel;\toffset:1;\tsize:4;\n",
		"ID: 70000\n\tfield:int a;\toffset:0;\tsize:4;\n",
		"ID: x\n\tfield:int a;\toffset:0;\tsize:4;\n",
	};
	struct trace_format f;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(parse(bad[i], &f), ERR_MALFORMED);
}

static void test_many_fields(void **state)
{
	struct trace_format f;
	char text[8192] = "";

	(void)state;
	for (int i = 0; i < TRACE_FIELDS_MAX + 20; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
			"\tfield:int f%d;\toffset:%d;\tsize:4;\n", i, i * 4);
	assert_int_equal(parse(text, &f), 0);
	assert_int_equal(f.n_fields, TRACE_FIELDS_MAX);
}

static void test_access_is_bounded(void **state)
{
	const uint8_t record[8] = { 1, 2, 3, 4, 5, 6, 7, 0 };
	struct trace_field f = { "x", 4, 4, TRACE_FIELD_PLAIN };
	size_t len;
	uint64_t v;

	(void)state;
	assert_true(trace_field_uint(&f, record, 8, &v));
	assert_false(trace_field_uint(&f, record, 7, &v));
	assert_int_equal(v, 0);
	assert_false(trace_field_uint(&f, record, 0, &v));
	assert_ptr_equal(trace_field_bytes(&f, record, 8, 4), record + 4);
	assert_null(trace_field_bytes(&f, record, 8, 2));
	assert_null(trace_field_bytes(&f, record, 7, 4));
	f.size = 3;
	assert_false(trace_field_uint(&f, record, 8, &v));
	assert_non_null(trace_field_string(&f, record, 8, &len));
	assert_int_equal(len, 3);
	f.size = 4;
	assert_non_null(trace_field_string(&f, record, 8, &len));
	assert_int_equal(len, 3); /* up to the NUL */
	f.offset = UINT32_MAX;
	assert_false(trace_field_uint(&f, record, 8, &v));
	assert_null(trace_field_string(&f, record, 8, &len));
}

static void test_strings(void **state)
{
	struct trace_field f = { "x", 0, 4, TRACE_FIELD_DATA_LOC };
	uint8_t record[16] = { 0 };
	uint32_t loc = 8 | 8u << 16;
	size_t len;
	const char *s;

	(void)state;
	memcpy(record + 8, "abc", 4);
	memcpy(record, &loc, 4);
	s = trace_field_string(&f, record, sizeof(record), &len);
	assert_non_null(s);
	assert_int_equal(len, 3);
	assert_memory_equal(s, "abc", 3);

	loc = 8 | 9u << 16;
	memcpy(record, &loc, 4);
	assert_null(trace_field_string(&f, record, sizeof(record), &len));
	loc = 17;
	memcpy(record, &loc, 4);
	assert_null(trace_field_string(&f, record, sizeof(record), &len));
	assert_null(trace_field_string(&f, record, 3, &len));

	f.kind = TRACE_FIELD_REL_LOC;
	loc = 4 | 8u << 16;
	memcpy(record, &loc, 4);
	s = trace_field_string(&f, record, sizeof(record), &len);
	assert_non_null(s);
	assert_memory_equal(s, "abc", 3);
}

struct decoding {
	struct trace_decoder *decoder;
	uint8_t record[96];
	struct trace_event ev;
};

static void add(struct decoding *d, enum trace_source_id id, const char *text)
{
	assert_int_equal(trace_decoder_add(d->decoder, id, text, strlen(text)), 0);
}

static int set_up(void **state)
{
	struct decoding *d = calloc(1, sizeof(*d));

	assert_non_null(d);
	d->decoder = trace_decoder_new();
	assert_non_null(d->decoder);
	add(d, TRACE_SOURCE_FIB, fib_text);
	add(d, TRACE_SOURCE_STATE, state_text);
	add(d, TRACE_SOURCE_EXEC, exec_text);
	add(d, TRACE_SOURCE_NEWTASK, newtask_text);
	add(d, TRACE_SOURCE_EXIT, exit_text);
	*state = d;
	return 0;
}

static int tear_down(void **state)
{
	struct decoding *d = *state;

	trace_decoder_free(d->decoder);
	free(d);
	return 0;
}

static void put(struct decoding *d, size_t offset, const void *value, size_t size)
{
	memcpy(d->record + offset, value, size);
}

static void put16(struct decoding *d, size_t offset, uint16_t v)
{
	put(d, offset, &v, sizeof(v));
}

static void put32(struct decoding *d, size_t offset, uint32_t v)
{
	put(d, offset, &v, sizeof(v));
}

static void begin(struct decoding *d, uint16_t id, uint8_t flags, uint32_t tid)
{
	memset(d->record, 0, sizeof(d->record));
	put16(d, 0, id);
	d->record[2] = flags;
	put32(d, 4, tid);
}

static bool decode(struct decoding *d, size_t len)
{
	return trace_decoder_decode(d->decoder, d->record, len, &d->ev);
}

static void make_fib(struct decoding *d)
{
	begin(d, 2264, 0, 1234);
	put32(d, 20, 1);
	d->record[24] = IPPROTO_TCP;
	put32(d, 28, htonl(0x0a000001));
	put32(d, 32, htonl(0x0a000002));
	put16(d, 56, 40000);
	put16(d, 58, 443);
}

static void test_decode_fib(void **state)
{
	struct decoding *d = *state;
	struct ip_addr dst;

	make_fib(d);
	assert_true(decode(d, 76));
	assert_int_equal(d->ev.type, TRACE_EVENT_CLAIM);
	assert_int_equal(d->ev.tid, 1234);
	assert_int_equal(d->ev.flow.proto, IPPROTO_TCP);
	assert_int_equal(d->ev.flow.src_port, 40000);
	assert_int_equal(d->ev.flow.dst_port, 443);
	assert_int_equal(ip_addr_parse("10.0.0.2", &dst), 0);
	assert_true(ip_addr_equal(&d->ev.flow.dst, &dst));

	/* Cut anywhere: no event, and nothing read behind the cut. */
	for (size_t len = 0; len < 60; len++)
		assert_false(decode(d, len));

	put32(d, 20, 2); /* received */
	assert_false(decode(d, 76));
	make_fib(d);
	d->record[2] = 0x10; /* softirq */
	assert_false(decode(d, 76));
	make_fib(d);
	put16(d, 56, 0); /* no source port yet */
	assert_false(decode(d, 76));
	make_fib(d);
	d->record[24] = 47;
	assert_false(decode(d, 76));
	make_fib(d);
	d->record[24] = IPPROTO_ICMP; /* has no ports */
	assert_true(decode(d, 76));
	assert_int_equal(d->ev.flow.src_port, 0);
	make_fib(d);
	put32(d, 4, 0); /* the idle task sends nothing */
	assert_false(decode(d, 76));
	make_fib(d);
	put16(d, 0, 9999);
	assert_false(decode(d, 76));
}

static void make_state(struct decoding *d, const char *dst)
{
	struct in6_addr a;

	assert_int_equal(inet_pton(AF_INET6, dst, &a), 1);
	begin(d, 7, 0, 77);
	put32(d, 16, 7);
	put32(d, 20, 2);
	put16(d, 26, 443);
	put16(d, 28, AF_INET6);
	put16(d, 30, IPPROTO_TCP);
	put(d, 56, &a, 16);
}

static void test_decode_state(void **state)
{
	struct decoding *d = *state;
	char text[IP_ADDR_TEXT_LEN];

	make_state(d, "2001:db8::1");
	assert_true(decode(d, 72));
	assert_int_equal(d->ev.type, TRACE_EVENT_CLAIM);
	assert_int_equal(d->ev.flow.dst.family, 6);
	assert_int_equal(d->ev.flow.src_port, 0);
	assert_int_equal(d->ev.flow.dst_port, 443);
	put16(d, 30, 262); /* MPTCP: its packets are TCP */
	assert_true(decode(d, 72));
	assert_int_equal(d->ev.flow.proto, IPPROTO_TCP);
	put32(d, 20, 1);
	assert_false(decode(d, 72));
	/* What goes out as IPv4, from a socket of IPv6 and from one of IPv4. */
	make_state(d, "::ffff:10.0.0.1");
	assert_true(decode(d, 72));
	assert_int_equal(d->ev.flow.dst.family, 4);
	assert_int_equal(d->ev.flow.src.family, 4);
	assert_true(ip_addr_is_any(&d->ev.flow.src));
	put16(d, 28, AF_INET);
	put(d, 32, &(struct in_addr) { htonl(0x0a000007) }, 4);
	put(d, 36, &(struct in_addr) { htonl(0x0a000001) }, 4);
	assert_true(decode(d, 72));
	assert_string_equal(ip_addr_format(&d->ev.flow.src, text), "10.0.0.7");
	assert_string_equal(ip_addr_format(&d->ev.flow.dst, text), "10.0.0.1");
	put16(d, 28, AF_UNIX);
	assert_false(decode(d, 72));
}

static void test_decode_tasks(void **state)
{
	struct decoding *d = *state;
	uint64_t flags = 0x10000;

	begin(d, 205, 0, 100);
	put32(d, 8, 101);
	assert_true(decode(d, 48));
	assert_int_equal(d->ev.type, TRACE_EVENT_FORK);
	assert_int_equal(d->ev.tid, 100);
	assert_int_equal(d->ev.child_tid, 101);
	assert_false(d->ev.is_thread);
	put(d, 32, &flags, sizeof(flags));
	assert_true(decode(d, 48));
	assert_true(d->ev.is_thread);

	begin(d, 365, 0, 100);
	put32(d, 8, 20 | 8u << 16);
	put(d, 20, "/bin/x\0", 8);
	assert_true(decode(d, 28));
	assert_int_equal(d->ev.type, TRACE_EVENT_EXEC);
	assert_int_equal(d->ev.filename_len, 6);
	assert_memory_equal(d->ev.filename, "/bin/x", 6);
	assert_true(decode(d, 24)); /* the name is cut off, the exec is not */
	assert_null(d->ev.filename);

	begin(d, 369, 0, 5);
	put32(d, 24, 5);
	assert_true(decode(d, 32));
	assert_int_equal(d->ev.type, TRACE_EVENT_EXIT);
	assert_false(d->ev.has_group);
}

static void test_decoder_needs_fields(void **state)
{
	static const char less[] = "name: fib_table_lookup\nID: 1\n" COMMON
				   "\tfield:u8 proto;\toffset:24;\tsize:1;\tsigned:0;\n";
	static const char no_id[] = "\tfield:u8 proto;\toffset:24;\tsize:1;\tsigned:0;\n";
	struct decoding *d = *state;

	assert_int_equal(trace_decoder_add(d->decoder, TRACE_SOURCE_FIB, less, sizeof(less) - 1),
		ERR_UNSUPPORTED);
	assert_int_equal(trace_decoder_add(d->decoder, TRACE_SOURCE_FIB, no_id, sizeof(no_id) - 1),
		ERR_MALFORMED);
	/* What was known before still holds. */
	make_fib(d);
	assert_true(decode(d, 76));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_bad_formats),
		cmocka_unit_test(test_many_fields),
		cmocka_unit_test(test_access_is_bounded),
		cmocka_unit_test(test_strings),
		cmocka_unit_test_setup_teardown(test_decode_fib, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_decode_state, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_decode_tasks, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_decoder_needs_fields, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
