/* SPDX-License-Identifier: GPL-2.0-or-later */
/* if_indextoname(3) with a small cache; an index can be used again, so an entry is believed for 2 s. */
#include "config.h"

#include "daemon/interfaces.h"

#include <string.h>

#define BELIEVED_NS 2000000000u

void interfaces_name(
	struct interfaces *i, uint32_t index, uint64_t now_ns, char ret[static IF_NAMESIZE])
{
	unsigned slot = index % INTERFACES_CACHED;

	if (index == 0) {
		memset(ret, 0, IF_NAMESIZE);
		return;
	}
	if (i->cache[slot].index != index || now_ns - i->cache[slot].asked_ns > BELIEVED_NS) {
		memset(i->cache[slot].name, 0, IF_NAMESIZE);
		if (!if_indextoname(index, i->cache[slot].name))
			i->cache[slot].name[0] = '\0';
		i->cache[slot].index = index;
		i->cache[slot].asked_ns = now_ns;
	}
	memcpy(ret, i->cache[slot].name, IF_NAMESIZE);
}
