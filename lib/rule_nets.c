/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Networks by name: the shipped aliases, and those that come with their networks. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "lib/rule_op.h"

#define NET4(a, b, c, d, bits)                                                                     \
	{                                                                                          \
		.addr = { .family = 4, .bytes = { a, b, c, d } }, .prefix_len = bits               \
	}
#define NET6(a, b, bits)                                                                           \
	{                                                                                          \
		.addr = { .family = 6, .bytes = { a, b } }, .prefix_len = bits                     \
	}

/* Those of OpenSnitch's network_aliases.json, and link-local. */
static const struct ip_net lan[] = {
	NET4(10, 0, 0, 0, 8),
	NET4(172, 16, 0, 0, 12),
	NET4(192, 168, 0, 0, 16),
	NET4(127, 0, 0, 0, 8),
	NET4(169, 254, 0, 0, 16),
	NET6(0xfc, 0, 7),
	NET6(0xfe, 0x80, 10),
	{ .addr = { .family = 6, .bytes = { [15] = 1 } }, .prefix_len = 128 },
};

static const struct ip_net multicast[] = {
	NET4(224, 0, 0, 0, 4),
	NET6(0xff, 0, 8),
};

static const struct alias {
	const char *name;
	const struct ip_net *list;
	size_t n;
} aliases[] = {
	{ "LAN", lan, array_len(lan) },
	{ "MULTICAST", multicast, array_len(multicast) },
};

const struct ip_net *rule_alias_find(const char *name, size_t *ret_n)
{
	for (size_t i = 0; i < array_len(aliases); i++) {
		if (strcmp(name, aliases[i].name) == 0) {
			*ret_n = aliases[i].n;
			return aliases[i].list;
		}
	}
	return NULL;
}

int rule_nets_parse(struct text list, struct ip_net **ret, size_t *ret_n)
{
	_cleanup_free_ struct ip_net *nets = calloc(list.len / 3 + 1, sizeof(*nets));
	_cleanup_free_ char *copy = strndup(list.s, list.len);
	char *rest = copy, *word;
	size_t n = 0;

	if (!nets || !copy)
		return ERR_NOMEM;
	while ((word = strsep(&rest, " ")))
		if (ip_net_parse(word, &nets[n++]) < 0)
			return ERR_MALFORMED;
	*ret = steal_ptr(nets);
	*ret_n = n;
	return 0;
}
