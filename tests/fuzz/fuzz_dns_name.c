/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as names of a DNS message, one after the other: reading ends, and what was read stays within its bounds. */
#include "config.h"

#include "daemon/dns_name.h"
#include "tests/fuzz/fuzz.h"

#define HEADER 12
#define NAMES 8

/* The labels add up to the length, and the root label is the last. */
static void check_labels(const struct dns_name *n)
{
	size_t at = 0;

	FUZZ_ASSERT(n->len > 0);
	while (n->bytes[at]) {
		FUZZ_ASSERT(n->bytes[at] < 64);
		at += n->bytes[at] + 1u;
		FUZZ_ASSERT(at < n->len);
	}
	FUZZ_ASSERT(at + 1u == n->len);
}

static void check_text(const struct dns_name *n)
{
	char text[4 * DNS_NAME_LEN + 1];
	size_t len = dns_name_text(n, text, sizeof(text));

	FUZZ_ASSERT(len < sizeof(text) && text[len] == '\0' && strlen(text) == len);
	FUZZ_ASSERT((len == 0) == (n->len == 1));
	FUZZ_ASSERT(dns_name_text(n, text, len ? len : 1) == 0);
}

static void check_pops(struct dns_name n)
{
	for (unsigned i = 0; i < DNS_NAME_LEN && n.len > 1; i++) {
		(void)dns_name_first(&n);
		dns_name_pop(&n);
		check_labels(&n);
	}
	FUZZ_ASSERT(n.len == 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dns_name names[NAMES], joined;
	uint8_t *copy = fuzz_copy(data, size);
	struct cursor c;
	unsigned n = 0;

	cursor_init(&c, copy, size);
	cursor_skip(&c, HEADER);
	for (; n < NAMES; n++) {
		dns_name_read(&c, &names[n]);
		if (!cursor_ok(&c))
			break;
		check_labels(&names[n]);
		check_text(&names[n]);
		check_pops(names[n]);
		FUZZ_ASSERT(dns_name_equal(&names[n], &names[n]));
	}
	for (unsigned i = 0; i + 2 < n; i++) {
		joined = names[i];
		(void)dns_name_substitute(&joined, &names[i + 1], &names[i + 2]);
		check_labels(&joined);
	}
	free(copy);
	return 0;
}
