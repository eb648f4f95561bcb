/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as an IP packet: the payload lies inside it, addresses are of the version that it says. */
#include "config.h"

#include <netinet/in.h>

#include "daemon/packet.h"
#include "lib/err.h"
#include "tests/fuzz/fuzz.h"

static void check(const struct packet *p, const uint8_t *data, size_t size)
{
	uint8_t version = data[0] >> 4;

	/* An IPv4 address mapped into IPv6 is that IPv4 address. */
	FUZZ_ASSERT(p->flow.src.family == 4 || p->flow.src.family == version);
	FUZZ_ASSERT(p->flow.dst.family == 4 || p->flow.dst.family == version);
	if (p->payload)
		FUZZ_ASSERT(p->payload >= data && p->payload_len <= size &&
			    p->payload <= data + (size - p->payload_len));
	else
		FUZZ_ASSERT(p->payload_len == 0);
	if (p->fragment)
		FUZZ_ASSERT(!p->payload && !p->flow.src_port && !p->flow.dst_port);
	if (p->flow.proto != IPPROTO_TCP)
		FUZZ_ASSERT(!p->tcp_flags && !p->tcp_seq);
	fuzz_touch(p->payload, p->payload_len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = fuzz_copy(data, size);
	struct packet p;
	int r = packet_parse(copy, size, &p);

	FUZZ_ASSERT(r == 0 || r == ERR_MALFORMED);
	if (r == 0)
		check(&p, copy, size);
	free(copy);
	return 0;
}
