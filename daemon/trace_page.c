/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One event header is a u32, type_len:5 and time_delta:27; larger things stand in the words behind it. */
#include "config.h"
#include "daemon/trace_page.h"

#include <string.h>

#include "daemon/trace_format.h"
#include "lib/err.h"

#define COMMIT_LEN 0x3fffffffu
#define COMMIT_MISSED_STORED (1u << 30)
#define COMMIT_MISSED (1u << 31)

enum {
	TYPE_LONG = 0, /* length in the next word; 1..28: length in words */
	TYPE_PADDING = 29,
	TYPE_TIME_EXTEND = 30,
	TYPE_TIME_STAMP = 31,
};

#define DELTA_BITS 27
#define RECORD_MIN 8 /* bytes: RB_EVNT_MIN_SIZE */
#define TIME_TOP (UINT64_C(0x1f) << 59) /* an absolute stamp has no room for the top five bits */

int trace_page_layout_parse(const char *text, size_t len, struct trace_page_layout *ret)
{
	const struct trace_field *time, *commit, *data;
	struct trace_format format;
	int r = trace_format_parse(text, len, &format);

	if (r < 0)
		return r;
	time = trace_format_find(&format, "timestamp");
	commit = trace_format_find(&format, "commit");
	data = trace_format_find(&format, "data");
	if (!time || !commit || !data)
		return ERR_MALFORMED;
	if (time->size != 8 || (commit->size != 4 && commit->size != 8) || data->size < 64 ||
		time->offset + time->size > data->offset ||
		commit->offset + commit->size > data->offset ||
		data->offset + data->size > TRACE_OFFSET_MAX + 1u)
		return ERR_UNSUPPORTED;
	ret->time_offset = time->offset;
	ret->commit_offset = commit->offset;
	ret->commit_size = commit->size;
	ret->data_offset = data->offset;
	ret->data_size = data->size;
	return 0;
}

size_t trace_page_size(const struct trace_page_layout *layout)
{
	return layout->data_offset + layout->data_size;
}

static uint32_t word_at(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* The low word of the commit field; the flags are in it too. */
static uint32_t commit_of(const struct trace_page_layout *layout, const uint8_t *bytes)
{
	uint64_t v;

	if (layout->commit_size == 4) {
		v = word_at(bytes + layout->commit_offset);
	} else {
		memcpy(&v, bytes + layout->commit_offset, sizeof(v));
	}
	/* A mapped page is written to meanwhile: what is committed is read after this. */
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return (uint32_t)v;
}

/* The number of lost records stands behind the data, as a long, when there was room for it. */
static uint64_t lost_count(const struct trace_page_layout *layout, const struct trace_page *page,
	uint32_t commit, size_t space)
{
	uint64_t n = 0;

	if (!(commit & COMMIT_MISSED))
		return 0;
	if (commit & COMMIT_MISSED_STORED && space - page->len >= layout->commit_size) {
		if (layout->commit_size == 4)
			n = word_at(page->data + page->len);
		else
			memcpy(&n, page->data + page->len, sizeof(n));
	}
	return n ? n : 1;
}

int trace_page_init(struct trace_page *page, const struct trace_page_layout *layout,
	const uint8_t *bytes, size_t len)
{
	size_t space;
	uint32_t commit;

	memset(page, 0, sizeof(*page));
	if (len < layout->data_offset)
		return ERR_MALFORMED;
	space = len - layout->data_offset;
	if (space > layout->data_size)
		space = layout->data_size;
	commit = commit_of(layout, bytes);
	if ((commit & COMMIT_LEN) > space)
		return ERR_MALFORMED;
	memcpy(&page->time, bytes + layout->time_offset, sizeof(page->time));
	page->data = bytes + layout->data_offset;
	page->len = commit & COMMIT_LEN;
	page->lost = lost_count(layout, page, commit, space);
	return 0;
}

int trace_page_grow(
	struct trace_page *page, const struct trace_page_layout *layout, const uint8_t *bytes)
{
	uint32_t len = commit_of(layout, bytes) & COMMIT_LEN;

	if (len < page->len || len > layout->data_size)
		return ERR_MALFORMED;
	if (len == page->len)
		return 0;
	page->len = len;
	return 1;
}

bool trace_page_is_final(const struct trace_page *page, const struct trace_page_layout *layout)
{
	/* The kernel fills the rest with padding when it goes, unless not even that has room (rb_reset_tail). */
	return page->lost || layout->data_size - page->len < RECORD_MIN;
}

static unsigned header_type(uint32_t header)
{
	return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? header & 0x1f : header >> DELTA_BITS;
}

static uint64_t header_delta(uint32_t header)
{
	return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? header >> 5
							 : header & ((1u << DELTA_BITS) - 1);
}

/* An absolute time has 59 bits; the rest is that of the time before it, plus one when it went over. */
static uint64_t absolute_time(uint64_t stamp, uint64_t before)
{
	if (before & TIME_TOP) {
		stamp |= before & TIME_TOP;
		if (stamp < before)
			stamp += UINT64_C(1) << 59;
	}
	return stamp;
}

static int give_up(struct trace_page *page)
{
	page->pos = page->len;
	return ERR_MALFORMED;
}

int trace_page_next(struct trace_page *page, struct trace_record *ret)
{
	/* Every turn moves on by a word at least, so the loop ends with the page. */
	while (page->len - page->pos >= 4) {
		const uint8_t *p = page->data + page->pos;
		size_t left = page->len - page->pos - 4, size, skip = 0;
		uint32_t header = word_at(p), word;
		unsigned type = header_type(header);
		uint64_t delta = header_delta(header);

		if (type == TYPE_PADDING && delta == 0) {
			page->pos = page->len;
			return 0;
		}
		if (type == TYPE_LONG || type >= TYPE_PADDING) {
			if (left < 4)
				return give_up(page);
			word = word_at(p + 4);
			skip = 4;
		} else {
			word = type * 4;
		}
		if (type == TYPE_TIME_EXTEND || type == TYPE_TIME_STAMP) {
			delta += (uint64_t)word << DELTA_BITS;
			page->time = type == TYPE_TIME_EXTEND ? page->time + delta
							      : absolute_time(delta, page->time);
			page->pos += 8;
			continue;
		}
		/* The word of a long record or of padding counts itself. */
		if (word < skip || word > left)
			return give_up(page);
		size = (word + 3u) & ~(size_t)3;
		page->pos += 4 + (size > left ? left : size);
		page->time += delta;
		if (type == TYPE_PADDING)
			continue;
		ret->time = page->time;
		ret->bytes = p + 4 + skip;
		ret->len = word - skip;
		return 1;
	}
	page->pos = page->len;
	return 0;
}
