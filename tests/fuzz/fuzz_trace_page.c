/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as a ring-buffer page: records lie inside it, and it ends. */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>

#include "daemon/trace_page.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_page(const struct trace_page_layout *layout, const uint8_t *data, size_t size)
{
	struct trace_record rec;
	struct trace_page page;
	size_t n = 0;

	if (trace_page_init(&page, layout, data, size) < 0)
		return;
	while (trace_page_next(&page, &rec) > 0) {
		if (rec.bytes < page.data || rec.bytes + rec.len > page.data + page.len)
			abort();
		if (++n > size / 4)
			abort();
	}
	if (trace_page_next(&page, &rec) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct trace_page_layout wide = { 0, 8, 8, 16, 4080 };
	static const struct trace_page_layout narrow = { 0, 8, 4, 12, 4084 };

	read_page(&wide, data, size);
	read_page(&narrow, data, size);
	return 0;
}
