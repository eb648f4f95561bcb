/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lines like "   3: 00000000:0001 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 12345 2 ..." */
#include "config.h"
#include "daemon/ping_sockets.h"

#include <netinet/in.h>
#include <stdio.h>

#include "lib/cleanup.h"

bool ping_socket_find(
	const char *proc_root, const struct flow *flow, uint32_t *ret_inode, uint32_t *ret_uid)
{
	char path[256], line[512];
	_cleanup_fclose_ FILE *f = NULL;

	snprintf(path, sizeof(path), "%s/thread-self/net/%s", proc_root,
		flow->proto == IPPROTO_ICMP ? "icmp" : "icmp6");
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		unsigned id, uid, inode;

		if (sscanf(line, "%*u: %*[0-9A-F]:%x %*s %*s %*s %*s %*s %u %*u %u", &id, &uid,
			    &inode) != 3 ||
			id != flow->src_port || !inode)
			continue;
		*ret_inode = inode;
		*ret_uid = uid;
		return true;
	}
	return false;
}
