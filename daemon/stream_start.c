/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bytes, and a bit for each. */
#include "config.h"

#include "daemon/stream_start.h"

#include <stdbool.h>

static bool is_known(const struct stream_start *s, size_t at)
{
	return s->known[at / 8] & 1u << at % 8;
}

void stream_start_init(struct stream_start *s)
{
	s->len = 0;
	for (size_t i = 0; i < sizeof(s->known); i++)
		s->known[i] = 0;
}

void stream_start_add(struct stream_start *s, uint64_t offset, const void *bytes, size_t len)
{
	const uint8_t *from = bytes;

	if (offset >= sizeof(s->bytes))
		return;
	for (size_t i = 0; i < len && offset + i < sizeof(s->bytes); i++) {
		size_t at = (size_t)offset + i;

		if (is_known(s, at))
			continue;
		s->bytes[at] = from[i];
		s->known[at / 8] |= (uint8_t)(1u << at % 8);
	}
	while (s->len < sizeof(s->bytes) && is_known(s, s->len))
		s->len++;
}
