/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ring-buffer pages: every kind of record, hand-made, and pages that lie. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/trace_page.h"
#include "lib/err.h"

#define DATA_SIZE 4080
#define MISSED (1u << 31)
#define MISSED_STORED (1u << 30)

static const struct trace_page_layout layout = { 0, 8, 8, 16, DATA_SIZE };

/* A page being written. */
struct builder {
	uint8_t bytes[16 + DATA_SIZE];
	size_t len; /* of the data */
};

static void put_word(struct builder *b, uint32_t w)
{
	memcpy(b->bytes + 16 + b->len, &w, sizeof(w));
	b->len += sizeof(w);
}

static uint32_t header(unsigned type, uint32_t delta)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return delta << 5 | type;
#else
	return type << 27 | delta;
#endif
}

static void start(struct builder *b, uint64_t time)
{
	memset(b, 0, sizeof(*b));
	memcpy(b->bytes, &time, sizeof(time));
}

/* `n` words of payload, each `fill`. */
static void put_short(struct builder *b, unsigned n, uint32_t delta, uint32_t fill)
{
	put_word(b, header(n, delta));
	for (unsigned i = 0; i < n; i++)
		put_word(b, fill);
}

static void put_long(struct builder *b, uint32_t n_words, uint32_t delta, uint32_t fill)
{
	put_word(b, header(0, delta));
	put_word(b, (n_words + 1) * 4);
	for (uint32_t i = 0; i < n_words; i++)
		put_word(b, fill);
}

static void commit(struct builder *b, uint64_t flags)
{
	uint64_t v = b->len | flags;

	memcpy(b->bytes + 8, &v, sizeof(v));
}

static void init_page(struct trace_page *page, struct builder *b)
{
	commit(b, 0);
	assert_int_equal(trace_page_init(page, &layout, b->bytes, sizeof(b->bytes)), 0);
}

static void assert_next(struct trace_page *page, uint64_t time, size_t len, uint32_t fill)
{
	struct trace_record rec;

	assert_int_equal(trace_page_next(page, &rec), 1);
	assert_int_equal(rec.time, time);
	assert_int_equal(rec.len, len);
	for (size_t i = 0; i < len; i += 4)
		assert_memory_equal(rec.bytes + i, &fill, 4);
}

static void assert_end(struct trace_page *page)
{
	struct trace_record rec;

	assert_int_equal(trace_page_next(page, &rec), 0);
	assert_int_equal(trace_page_next(page, &rec), 0);
}

static void test_every_short_length(void **state)
{
	struct trace_page page;
	struct builder b;

	(void)state;
	start(&b, 1000);
	for (unsigned n = 1; n <= 28; n++)
		put_short(&b, n, n, 0x01010101 * n);
	init_page(&page, &b);
	for (uint64_t n = 1, time = 1000; n <= 28; n++) {
		time += n;
		assert_next(&page, time, n * 4, (uint32_t)(0x01010101 * n));
	}
	assert_end(&page);
}

static void test_long_record(void **state)
{
	struct trace_page page;
	struct builder b;

	(void)state;
	start(&b, 5);
	put_long(&b, 200, 7, 0xabababab);
	put_long(&b, 0, 1, 0);
	put_short(&b, 2, 1, 3);
	init_page(&page, &b);
	assert_next(&page, 12, 800, 0xabababab);
	assert_next(&page, 13, 0, 0);
	assert_next(&page, 14, 8, 3);
	assert_end(&page);
}

static void test_padding(void **state)
{
	struct trace_page page;
	struct builder b;

	(void)state;
	start(&b, 0);
	/* A discarded record: its time still counts for those behind it. */
	put_word(&b, header(29, 5));
	put_word(&b, 12);
	put_word(&b, 0xffffffff);
	put_word(&b, 0xffffffff);
	put_short(&b, 1, 10, 42);
	/* The rest of the page is void. */
	put_word(&b, header(29, 0));
	put_short(&b, 1, 1, 43);
	init_page(&page, &b);
	assert_next(&page, 15, 4, 42);
	assert_end(&page);
}

static void test_time_extend(void **state)
{
	struct trace_page page;
	struct builder b;

	(void)state;
	start(&b, 100);
	put_short(&b, 1, 1, 1);
	put_word(&b, header(30, 9));
	put_word(&b, 3);
	put_short(&b, 1, 2, 2);
	init_page(&page, &b);
	assert_next(&page, 101, 4, 1);
	assert_next(&page, 101 + (UINT64_C(3) << 27) + 9 + 2, 4, 2);
	assert_end(&page);
}

static void test_absolute_time(void **state)
{
	uint64_t top = UINT64_C(1) << 60;
	struct trace_page page;
	struct builder b;

	(void)state;
	start(&b, 100);
	put_word(&b, header(31, 8));
	put_word(&b, 5);
	put_short(&b, 1, 0, 1);
	init_page(&page, &b);
	assert_next(&page, (UINT64_C(5) << 27) + 8, 4, 1);
	assert_end(&page);

	/* The top bits come from the time before. */
	start(&b, top + 1);
	put_word(&b, header(31, 8));
	put_word(&b, 5);
	put_short(&b, 1, 0, 1);
	init_page(&page, &b);
	assert_next(&page, top + (UINT64_C(5) << 27) + 8, 4, 1);
}

static void test_missed_events(void **state)
{
	uint64_t count = 77;
	struct trace_page page;
	struct builder b;

	(void)state;
	start(&b, 0);
	put_short(&b, 1, 1, 1);
	commit(&b, MISSED);
	assert_int_equal(trace_page_init(&page, &layout, b.bytes, sizeof(b.bytes)), 0);
	assert_int_equal(page.lost, 1);
	assert_true(trace_page_is_final(&page, &layout));

	commit(&b, MISSED | MISSED_STORED);
	memcpy(b.bytes + 16 + b.len, &count, sizeof(count));
	assert_int_equal(trace_page_init(&page, &layout, b.bytes, sizeof(b.bytes)), 0);
	assert_int_equal(page.lost, 77);
	assert_next(&page, 1, 4, 1);
	assert_end(&page);

	/* A count that would lie past the bytes is not read. */
	assert_int_equal(trace_page_init(&page, &layout, b.bytes, 16 + b.len), 0);
	assert_int_equal(page.lost, 1);

	commit(&b, 0);
	assert_int_equal(trace_page_init(&page, &layout, b.bytes, sizeof(b.bytes)), 0);
	assert_int_equal(page.lost, 0);
}

static void test_growing_page(void **state)
{
	struct trace_page page;
	struct builder b;

	(void)state;
	start(&b, 0);
	put_short(&b, 1, 1, 1);
	init_page(&page, &b);
	assert_next(&page, 1, 4, 1);
	assert_end(&page);
	assert_int_equal(trace_page_grow(&page, &layout, b.bytes), 0);
	assert_false(trace_page_is_final(&page, &layout));

	put_short(&b, 2, 4, 2);
	commit(&b, 0);
	assert_int_equal(trace_page_grow(&page, &layout, b.bytes), 1);
	assert_next(&page, 5, 8, 2);
	assert_end(&page);

	b.len = 4;
	commit(&b, 0);
	assert_int_equal(trace_page_grow(&page, &layout, b.bytes), ERR_MALFORMED);
	b.len = DATA_SIZE + 4;
	commit(&b, 0);
	assert_int_equal(trace_page_grow(&page, &layout, b.bytes), ERR_MALFORMED);
	b.len = DATA_SIZE - 4;
	commit(&b, 0);
	assert_int_equal(trace_page_grow(&page, &layout, b.bytes), 1);
	assert_true(trace_page_is_final(&page, &layout));
}

/* Reads a whole page; the number of records. Each must lie inside, and the last word must be that it ends. */
static unsigned read_all(const uint8_t *bytes, size_t len, bool *malformed)
{
	struct trace_record rec;
	struct trace_page page;
	unsigned n = 0;
	int r;

	*malformed = true;
	if (trace_page_init(&page, &layout, bytes, len) < 0)
		return 0;
	while ((r = trace_page_next(&page, &rec)) > 0) {
		assert_true(rec.bytes >= page.data);
		assert_true(rec.bytes + rec.len <= page.data + page.len);
		assert_in_range(++n, 1, len / 4);
	}
	*malformed = r < 0;
	assert_end(&page);
	return n;
}

static void test_hostile_lengths(void **state)
{
	static const uint32_t words[] = { 0, 1, 3, 5, 0x7fffffff, 0x80000000, 0xfffffffc,
		0xffffffff, DATA_SIZE, DATA_SIZE - 4 };
	bool malformed;
	struct builder b;

	(void)state;
	for (unsigned type = 0; type < 32; type++) {
		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
			start(&b, UINT64_MAX);
			put_word(&b, header(type, 0x7ffffff));
			put_word(&b, words[i]);
			commit(&b, 0);
			read_all(b.bytes, sizeof(b.bytes), &malformed);
			read_all(b.bytes, 16 + b.len, &malformed);
		}
		/* Cut in its header, and right behind it. */
		for (size_t len = 1; len <= 4; len++) {
			start(&b, 0);
			put_word(&b, header(type, 1));
			b.len = len;
			commit(&b, 0);
			assert_int_equal(read_all(b.bytes, 16 + len, &malformed), 0);
		}
	}
}

static void test_record_past_the_end(void **state)
{
	struct trace_record rec;
	struct trace_page page;
	struct builder b;

	(void)state;
	start(&b, 0);
	put_short(&b, 1, 1, 1);
	put_word(&b, header(28, 1));
	init_page(&page, &b);
	assert_next(&page, 1, 4, 1);
	assert_int_equal(trace_page_next(&page, &rec), ERR_MALFORMED);
	assert_end(&page);
}

static void test_hostile_page(void **state)
{
	struct trace_page page;
	struct builder b;

	(void)state;
	start(&b, 0);
	for (size_t len = 0; len < 16; len++)
		assert_int_equal(trace_page_init(&page, &layout, b.bytes, len), ERR_MALFORMED);
	b.len = DATA_SIZE + 1;
	commit(&b, 0);
	assert_int_equal(trace_page_init(&page, &layout, b.bytes, sizeof(b.bytes)), ERR_MALFORMED);
	b.len = 100;
	commit(&b, 0);
	assert_int_equal(trace_page_init(&page, &layout, b.bytes, 16 + 99), ERR_MALFORMED);
}

/* Random pages in an allocation of their exact length, so that a sanitizer sees any byte past it. */
static void test_random_pages(void **state)
{
	unsigned long long seed = 1;
	bool malformed;

	(void)state;
	for (int round = 0; round < 3000; round++) {
		size_t len = 16 + (size_t)(round % 512) * 4;
		uint64_t committed = len - 16;
		uint8_t *bytes = malloc(len);

		assert_non_null(bytes);
		for (size_t i = 0; i < len; i++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			bytes[i] = (uint8_t)(seed >> 56) & (round & 1 ? 0xff : 0x0f);
		}
		memcpy(bytes + 8, &committed, sizeof(committed));
		read_all(bytes, len, &malformed);
		free(bytes);
	}
}

static void test_layout(void **state)
{
	static const char text[] = "\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;\n"
				   "\tfield: local_t commit;\toffset:8;\tsize:8;\tsigned:1;\n"
				   "\tfield: int overwrite;\toffset:8;\tsize:1;\tsigned:1;\n"
				   "\tfield: char data;\toffset:16;\tsize:4080;\tsigned:0;\n";
	static const char small[] = "\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;\n"
				    "\tfield: local_t commit;\toffset:8;\tsize:4;\tsigned:1;\n"
				    "\tfield: char data;\toffset:12;\tsize:4084;\tsigned:0;\n";
	static const char overlap[] = "\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;\n"
				      "\tfield: local_t commit;\toffset:12;\tsize:8;\tsigned:1;\n"
				      "\tfield: char data;\toffset:16;\tsize:4080;\tsigned:0;\n";
	static const char missing[] = "\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;\n";
	struct trace_page_layout l;

	(void)state;
	assert_int_equal(trace_page_layout_parse(text, sizeof(text) - 1, &l), 0);
	assert_int_equal(l.commit_offset, 8);
	assert_int_equal(l.data_offset, 16);
	assert_int_equal(l.data_size, 4080);
	assert_int_equal(trace_page_size(&l), 4096);
	assert_int_equal(trace_page_layout_parse(small, sizeof(small) - 1, &l), 0);
	assert_int_equal(l.commit_size, 4);
	assert_int_equal(trace_page_size(&l), 4096);
	assert_int_equal(
		trace_page_layout_parse(overlap, sizeof(overlap) - 1, &l), ERR_UNSUPPORTED);
	assert_int_equal(trace_page_layout_parse(missing, sizeof(missing) - 1, &l), ERR_MALFORMED);
	assert_int_equal(trace_page_layout_parse("", 0, &l), ERR_MALFORMED);
}

static void test_commit_of_32_bits(void **state)
{
	static const struct trace_page_layout small = { 0, 8, 4, 12, 4084 };
	uint8_t bytes[12 + 12] = { 0 };
	uint32_t committed = 8 | MISSED | MISSED_STORED, word = header(1, 3), payload = 9, lost = 4;
	struct trace_record rec;
	struct trace_page page;

	(void)state;
	memcpy(bytes + 8, &committed, 4);
	memcpy(bytes + 12, &word, 4);
	memcpy(bytes + 16, &payload, 4);
	memcpy(bytes + 20, &lost, sizeof(lost));
	assert_int_equal(trace_page_init(&page, &small, bytes, sizeof(bytes)), 0);
	assert_int_equal(page.lost, 4);
	assert_int_equal(trace_page_next(&page, &rec), 1);
	assert_int_equal(rec.time, 3);
	assert_memory_equal(rec.bytes, &payload, 4);
	assert_end(&page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_short_length),
		cmocka_unit_test(test_long_record),
		cmocka_unit_test(test_padding),
		cmocka_unit_test(test_time_extend),
		cmocka_unit_test(test_absolute_time),
		cmocka_unit_test(test_missed_events),
		cmocka_unit_test(test_growing_page),
		cmocka_unit_test(test_hostile_lengths),
		cmocka_unit_test(test_record_past_the_end),
		cmocka_unit_test(test_hostile_page),
		cmocka_unit_test(test_random_pages),
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_commit_of_32_bits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
