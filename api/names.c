/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asks the engine, whose table it is. */
#include "config.h"

#include "api/names.h"

#include <ctype.h>
#include <string.h>

#include "api/console.h"
#include "api/engine_ask.h"
#include "api/http.h"
#include "api/items.h"
#include "daemon/ipc.h"
#include "lib/addr.h"
#include "lib/verdict.h"

/* Lower case without the trailing dot, as the engine has names; false after a 422. */
static bool read_name(struct http_request *req, const char *text, char to[static LIMIT_HOST + 1])
{
	size_t len = strlen(text);

	if (len > 1 && text[len - 1] == '.')
		len--;
	if (len == 0 || len > LIMIT_HOST) {
		http_reply_invalid(
			req, "name", "must be a host name of at most %d octets", LIMIT_HOST);
		return false;
	}
	for (size_t i = 0; i < len; i++)
		to[i] = (char)tolower((unsigned char)text[i]);
	to[len] = '\0';
	return true;
}

void names_list_handler(struct http_request *req)
{
	struct engine_asks *asks = req->console->asks;
	const char *address = http_query(req, "address"), *name = http_query(req, "name");
	char host[LIMIT_HOST + 1] = "";
	struct ipc_builder b;
	struct ipc_names *m;

	if (!address == !name) {
		http_reply_invalid(
			req, address ? "name" : "address", "give either an address or a name");
		return;
	}
	m = ipc_begin(&b, IPC_NAMES);
	if (address && ip_addr_parse(address, &m->addr) < 0) {
		http_reply_invalid(req, "address", "must be an IPv4 or IPv6 address");
		return;
	}
	if (name && !read_name(req, name, host))
		return;
	m->request = engine_ask_number(asks);
	ipc_put(&b, &m->host, host, strlen(host));
	engine_ask(asks, req, m->request, &b);
}

void names_told(struct console *c, const struct ipc_name *msg)
{
	char address[IP_ADDR_TEXT_LEN], server[IP_ADDR_TEXT_LEN];
	json_t *askers = json_array();
	const char *host;
	size_t len;

	host = ipc_get(msg, msg->host, &len);
	for (uint32_t i = 0; i < msg->n_askers; i++)
		json_array_append_new(askers, json_integer(msg->askers[i]));
	ip_addr_format(&msg->server, server);
	engine_ask_item(c->asks, msg->request,
		json_pack("{s:s, s:o, s:s, s:o, s:o, s:o, s:o}", "address",
			ip_addr_format(&msg->addr, address), "name", http_json_text(host, len),
			"source", host_source_str((enum host_source)msg->source), "server",
			*server ? json_string(server) : json_null(), "learned",
			http_json_time(msg->learnt_us), "expires", http_json_time(msg->expires_us),
			"asked_by", askers));
}

void names_end(struct console *c, const struct ipc_names_end *msg)
{
	static const char *const sorts[] = { "address", "name", "learned", "expires", NULL };
	static const char *const ids[] = { "address", "name", "source", "server", NULL };
	const char *sources[HOST_COUNT_ + 1] = { NULL };
	const struct items_filter filters[] = { { "source", sources }, { "server", NULL },
		{ NULL, NULL } };
	const struct items_kind kind = { sorts, ids, filters };
	json_t *items;
	struct http_request *req = engine_ask_end(c->asks, msg->request, &items);

	for (unsigned i = 0; i < HOST_COUNT_; i++)
		sources[i] = host_source_str((enum host_source)i);
	if (req)
		items_reply(req, items, &kind);
	else
		json_decref(items);
}
