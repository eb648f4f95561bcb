/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as the start of a TLS stream: a name that is found is one, and more bytes never bring another. */
#include "config.h"

#include "daemon/tls_hello.h"
#include "lib/err.h"
#include "tests/fuzz/fuzz.h"

static void check_name(const struct tls_hello *h)
{
	FUZZ_ASSERT(h->host_len <= LIMIT_HOST);
	if (!h->host_len)
		return;
	FUZZ_ASSERT(strlen(h->host) == h->host_len && h->host[h->host_len - 1] != '.');
	for (size_t i = 0; i < h->host_len; i++)
		FUZZ_ASSERT(strchr("abcdefghijklmnopqrstuvwxyz0123456789-_.", h->host[i]));
}

static int read_stream(const uint8_t *data, size_t size, struct tls_hello *ret)
{
	uint8_t *copy = fuzz_copy(data, size);
	int r = tls_stream_parse(copy, size, ret);

	FUZZ_ASSERT(r == 0 || r == ERR_AGAIN || r == ERR_MALFORMED);
	check_name(ret);
	free(copy);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tls_hello all, part;
	int r = read_stream(data, size, &all);
	size_t cut = size > 1 ? 1 + data[size - 1] * (size - 1) / 256 : size;

	/* What was whole before stays so. */
	if (read_stream(data, cut, &part) == 0)
		FUZZ_ASSERT(r == 0 && strcmp(all.host, part.host) == 0);
	check_name(&part);
	(void)tls_hello_parse(data, size, &all);
	check_name(&all);
	return 0;
}
