/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as a DNS answer: what is learnt is text to show, and within bounds. */
#include "config.h"

#include "daemon/dns.h"
#include "daemon/names.h"
#include "lib/err.h"
#include "tests/fuzz/fuzz.h"

static void check(const struct dns_answer *a)
{
	FUZZ_ASSERT(a->n > 0 && a->n <= LIMIT_DNS_RECORDS);
	FUZZ_ASSERT(a->host_len <= LIMIT_HOST && a->host[a->host_len] == '\0' &&
		    strlen(a->host) == a->host_len);
	for (size_t i = 0; i < a->host_len; i++)
		FUZZ_ASSERT(a->host[i] > ' ' && a->host[i] < 127 &&
			    !(a->host[i] >= 'A' && a->host[i] <= 'Z'));
	for (unsigned i = 0; i < a->n; i++) {
		FUZZ_ASSERT(a->addresses[i].addr.family == 4 || a->addresses[i].addr.family == 6);
		for (unsigned k = 0; k < i; k++)
			FUZZ_ASSERT(!ip_addr_equal(&a->addresses[i].addr, &a->addresses[k].addr));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = fuzz_copy(data, size);
	struct dns_answer answer;
	int r = dns_parse_answer(copy, size, &answer);

	FUZZ_ASSERT(r == 0 || r == ERR_MALFORMED || r == ERR_NOT_FOUND);
	if (r == 0)
		check(&answer);
	free(copy);
	return 0;
}
