/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as a DNS answer, a query and a multicast response: what is learnt is text to show, and within bounds. */
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

static void check_query(const uint8_t *data, size_t size)
{
	struct dns_question questions[DNS_QUESTIONS_MAX];
	int n = dns_parse_query(data, size, questions, DNS_QUESTIONS_MAX);

	FUZZ_ASSERT((n > 0 && n <= DNS_QUESTIONS_MAX) || n == ERR_MALFORMED || n == ERR_NOT_FOUND);
	for (int i = 0; i < n; i++)
		FUZZ_ASSERT(questions[i].name.len > 0 && questions[i].name.len <= DNS_NAME_LEN);
}

static void check_response(const uint8_t *data, size_t size)
{
	struct dns_question q;
	int r = dns_parse_response(data, size, &q);

	FUZZ_ASSERT(r == 0 || r == ERR_MALFORMED || r == ERR_NOT_FOUND);
	if (r < 0)
		return;
	FUZZ_ASSERT(q.name.len > 0 && q.name.len <= DNS_NAME_LEN);
	dns_name_lower(&q.spelled);
	FUZZ_ASSERT(dns_name_equal(&q.name, &q.spelled));
}

static void check_multicast(const uint8_t *data, size_t size)
{
	struct mdns_response m;
	int r = mdns_parse_response(data, size, &m);

	FUZZ_ASSERT(r == 0 || r == ERR_MALFORMED || r == ERR_NOT_FOUND);
	FUZZ_ASSERT(m.n_addresses <= MDNS_RECORDS_MAX && m.n_links <= MDNS_RECORDS_MAX);
	for (unsigned i = 0; i < m.n_addresses; i++)
		FUZZ_ASSERT(m.addresses[i].ttl_s > 0 && m.addresses[i].owner.len <= DNS_NAME_LEN &&
			    (m.addresses[i].addr.family == 4 || m.addresses[i].addr.family == 6));
	for (unsigned i = 0; i < m.n_links; i++)
		FUZZ_ASSERT(m.links[i].owner.len > 0 && m.links[i].target.len > 0 &&
			    m.links[i].target.len <= DNS_NAME_LEN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = fuzz_copy(data, size);
	struct dns_answer answer;
	int r = dns_parse_answer(copy, size, &answer);

	FUZZ_ASSERT(r == 0 || r == ERR_MALFORMED || r == ERR_NOT_FOUND);
	if (r == 0)
		check(&answer);
	check_query(copy, size);
	check_response(copy, size);
	check_multicast(copy, size);
	free(copy);
	return 0;
}
