/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as a datagram of the kernel's queue, read as queue.c does: what a packet points at lies inside. */
#include "config.h"

#include "daemon/packet.h"
#include "daemon/queue_message.h"
#include "lib/err.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = fuzz_copy(data, size);
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)copy;
	int left = (int)size;

	for (; queue_message_is_whole(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		struct queue_packet p;
		struct packet parsed;
		int r;

		if (!queue_message_is_packet(nlh))
			continue;
		r = queue_message_parse(nlh, &p);
		FUZZ_ASSERT(r == 0 || r == ERR_MALFORMED);
		if (r < 0)
			continue;
		FUZZ_ASSERT(!p.payload || (p.payload >= copy && p.payload_len <= size &&
						  p.payload <= copy + (size - p.payload_len)));
		fuzz_touch(p.payload, p.payload_len);
		if (p.payload)
			(void)packet_parse(p.payload, p.payload_len, &parsed);
	}
	free(copy);
	return 0;
}
