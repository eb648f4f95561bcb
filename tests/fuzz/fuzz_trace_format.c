/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any text as an event's format, up to a NUL; what follows as one record of each source. */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/trace_event.h"
#include "daemon/trace_page.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t text_len = strnlen((const char *)data, size);
	struct trace_decoder *decoder = trace_decoder_new();
	struct trace_page_layout layout;
	struct trace_event ev;

	if (!decoder)
		return 0;
	(void)trace_page_layout_parse((const char *)data, text_len, &layout);
	for (unsigned i = 0; i < TRACE_SOURCE_COUNT_; i++) {
		if (trace_decoder_add(
			    decoder, (enum trace_source_id)i, (const char *)data, text_len) < 0)
			continue;
		if (text_len < size)
			(void)trace_decoder_decode(
				decoder, data + text_len + 1, size - text_len - 1, &ev);
	}
	trace_decoder_free(decoder);
	return 0;
}
