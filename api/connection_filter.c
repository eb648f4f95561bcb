/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Filters on connections that are not in the history (yet). */
#include "config.h"

#include "api/connection_filter.h"

#include <string.h>
#include <strings.h>

#include "api/http.h"

bool connection_filter_read(struct http_request *req, struct connection_filter *ret)
{
	const char *ip = http_query(req, "dest.ip");
	uint64_t port = 0, uid = 0;

	*ret = (struct connection_filter) {
		.path = http_query(req, "process.path"),
		.host = http_query(req, "dest.host"),
		.protocol = http_query(req, "protocol"),
		.has_ip = ip != NULL,
		.has_port = http_query(req, "dest.port") != NULL,
		.has_uid = http_query(req, "user.id") != NULL,
	};
	if (ip && ip_addr_parse(ip, &ret->ip) < 0) {
		http_reply_invalid(req, "dest.ip", "must be an IP address");
		return false;
	}
	if (!http_query_number(req, "dest.port", 0, UINT16_MAX, &port) ||
		!http_query_number(req, "user.id", 0, UINT32_MAX, &uid))
		return false;
	ret->port = (uint16_t)port;
	ret->uid = (uint32_t)uid;
	return true;
}

bool connection_filter_takes(const struct connection_filter *f, const struct ipc_connection *msg)
{
	char buf[8];
	size_t len;
	const char *s = ipc_get(msg, msg->process.path, &len);

	if (f->path && (strlen(f->path) != len || memcmp(f->path, s, len) != 0))
		return false;
	s = ipc_get(msg, msg->host, &len);
	if (f->host && (strlen(f->host) != len || strncasecmp(f->host, s, len) != 0))
		return false;
	return (!f->has_ip || ip_addr_equal(&f->ip, &msg->flow.dst)) &&
	       (!f->has_port || f->port == msg->flow.dst_port) &&
	       (!f->has_uid || f->uid == msg->process.uid) &&
	       (!f->protocol || strcmp(f->protocol, flow_proto_str(&msg->flow, buf)) == 0);
}
