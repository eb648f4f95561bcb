/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which connections a list of live things is asked for, by the fields of their JSON. */
#ifndef API_CONNECTION_FILTER_H
#define API_CONNECTION_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/ipc.h"
#include "lib/addr.h"

struct http_request;

#define CONNECTION_FILTERS                                                                         \
	"process.path", "dest.host", "dest.ip", "dest.port", "protocol", "user.id"

/* Texts are borrowed from the request. */
struct connection_filter {
	const char *path, *host, *protocol; /* NULL: any */
	bool has_ip, has_port, has_uid;
	struct ip_addr ip;
	uint16_t port;
	uint32_t uid;
};

/* Reads CONNECTION_FILTERS. False after a 422 naming the bad one. */
bool connection_filter_read(struct http_request *req, struct connection_filter *ret);

/* Whether a checked message is one of them. */
bool connection_filter_takes(const struct connection_filter *f, const struct ipc_connection *msg);

#endif
