/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The audit log of requests. */
#include "config.h"

#include "api/audit.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "api/auth.h"
#include "api/console.h"
#include "api/password.h"
#include "api/exchange.h"
#include "api/log_page.h"
#include "daemon/ipc.h"
#include "db/audit.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/sha256.h"
#include "lib/utf8.h"

#define FAILED_LOGIN_EVERY_US UINT64_C(10000000)

/* ---- writing */

/* Log-ins carry a secret in their body; reading routes that take one change nothing. */
static bool is_login(const struct route *route)
{
	return route->handler == session_post;
}

static bool changes_something(const struct http_request *req)
{
	if (!req->route || req->method == HTTP_GET)
		return false;
	return req->route->scope != SCOPE_READ || req->method == HTTP_DELETE;
}

static void format_origin(const struct exchange *x, char *buf, size_t size)
{
	const union MHD_ConnectionInfo *info;
	char ip[INET6_ADDRSTRLEN] = "";
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (x->is_unix) {
		info = MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
		if (info && getsockopt(info->connect_fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0)
			snprintf(buf, size, "unix pid %d", (int)cred.pid);
		else
			snprintf(buf, size, "unix");
		return;
	}
	info = MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	if (info && info->client_addr && info->client_addr->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)info->client_addr;

		inet_ntop(AF_INET, &in->sin_addr, ip, sizeof(ip));
		snprintf(buf, size, "%s:%u", ip, ntohs(in->sin_port));
	} else if (info && info->client_addr && info->client_addr->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const void *)info->client_addr;

		inet_ntop(AF_INET6, &in6->sin6_addr, ip, sizeof(ip));
		snprintf(buf, size, "[%s]:%u", ip, ntohs(in6->sin6_port));
	} else {
		snprintf(buf, size, "unknown");
	}
}

/* The body as text, cut at a character. */
static void format_detail(const struct http_request *req, char buf[static LIMIT_AUDIT_DETAIL + 8])
{
	_cleanup_free_ char *text = NULL;
	size_t len;

	buf[0] = '\0';
	if (!req->body || is_login(req->route) || req->route->handler == password_put)
		return;
	text = json_dumps(req->body, JSON_COMPACT | JSON_ENCODE_ANY);
	len = text ? strlen(text) : 0;
	if (len > LIMIT_AUDIT_DETAIL) {
		len = LIMIT_AUDIT_DETAIL;
		while (len && ((unsigned char)text[len] & 0xc0) == 0x80)
			len--;
		snprintf(buf, LIMIT_AUDIT_DETAIL + 8, "%.*s...", (int)len, text);
	} else if (text) {
		memcpy(buf, text, len + 1);
	}
}

/* What was changed: the rule that an answer made; by the path; or by the name that the request gives, which the answer says was a good one. */
static const char *object_of(struct exchange *x)
{
	const struct http_request *req = &x->req;
	const char *name = json_string_value(json_object_get(req->body, "name"));

	if (req->made[0])
		return req->made;
	if (req->param[0])
		return req->param[0];
	if (!name && req->route->query[0])
		name = http_query(&x->req, "name");
	return name && x->reply.status < 400 ? name : "";
}

static bool is_wanted(struct exchange *x)
{
	struct console *c = x->console;
	uint64_t now = clock_real_us();

	if (!c->store || !changes_something(&x->req))
		return false;
	if (x->reply.status < 400)
		return true;
	if (!is_login(x->req.route) || x->reply.status != 401 ||
		now - c->failed_login_us < FAILED_LOGIN_EVERY_US)
		return false;
	c->failed_login_us = now;
	return true;
}

void audit_request(struct exchange *x)
{
	static const char *const methods[HTTP_METHOD_COUNT_] = { "GET", "POST", "PUT", "PATCH",
		"DELETE" };
	const struct http_request *req = &x->req;
	char origin[80], action[120], session[20] = "", uid[24] = "",
				      detail[LIMIT_AUDIT_DETAIL + 8];
	struct error err = { 0 };
	struct audit_row row = { .time_us = clock_real_us(), .status = x->reply.status };

	if (!is_wanted(x))
		return;
	format_origin(x, origin, sizeof(origin));
	format_detail(req, detail);
	snprintf(action, sizeof(action), "%s %s", methods[req->method], req->route->path);
	if (req->caller.kind == CALLER_SESSION)
		snprintf(session, sizeof(session), "%016" PRIx64, req->caller.credential);
	if (req->caller.uid >= 0)
		snprintf(uid, sizeof(uid), "%" PRId64, req->caller.uid);
	row.kind = caller_kind_str(req->caller.kind);
	row.name = req->caller.login;
	row.session = session;
	row.uid = uid;
	row.origin = origin;
	row.action = action;
	row.object = object_of(x);
	row.detail = detail;
	if (audit_add(x->console->store, &row, &err) < 0)
		log_warning("a change is not in the audit log: %s", err.message);
}

/* ---- reading */

static json_t *text_json(const char *s)
{
	return http_json_text(s, strlen(s));
}

static json_t *text_or_null(const char *s)
{
	return *s ? text_json(s) : json_null();
}

static int add_row(void *ctx, const struct audit_row *row)
{
	struct log_page *page = ctx;
	char hash[2 * 32 + 1];

	if (!log_page_has_room(page))
		return 1;
	hex_write(row->hash, 32, hash);
	log_page_add(page, row->id,
		json_pack("{s:I, s:o, s:{s:s, s:o, s:o, s:o}, s:o, s:o, s:o, s:i, s:o, s:s}", "id",
			(json_int_t)row->id, "time", http_json_time(row->time_us), "who", "kind",
			row->kind, "name", text_or_null(row->name), "session",
			text_or_null(row->session), "uid",
			*row->uid ? json_integer(strtoll(row->uid, NULL, 10)) : json_null(), "from",
			text_json(row->origin), "action", text_json(row->action), "object",
			text_or_null(row->object), "status", (int)row->status, "detail",
			text_or_null(row->detail), "hash", hash));
	return 0;
}

void audit_list(struct http_request *req)
{
	static const char *const kinds[] = { "token", "session", "user", "nobody", NULL };
	struct audit_filter f = {
		.name = http_query(req, "who.name"),
		.uid = http_query(req, "who.uid"),
		.object = http_query(req, "object"),
		.action = http_query(req, "action"),
		.text = http_query(req, "q"),
	};
	struct log_page page;
	uint64_t rest = 0, uid = 0;
	int r;

	if (!http_query_word(req, "who.kind", kinds, &f.kind) ||
		!http_query_number(req, "who.uid", 0, UINT32_MAX, &uid) ||
		!log_page_read(req, &page))
		return;
	f.span = page.span;
	r = audit_each(req->console->store, &f, add_row, &page, &rest);
	if (r < 0) {
		json_decref(page.items);
		http_reply_error(req, r, NULL);
		return;
	}
	log_page_reply(req, &page, rest);
}

/* ---- verifying */

int audit_verify_main(void)
{
	const char *dir = getenv(IPC_ENV_STATE_DIR);
	struct audit_report report;
	struct error err = { 0 };
	char head[2 * 32 + 1];
	int r = audit_verify(dir ? dir : ".", &report, &err);

	if (r < 0) {
		fprintf(stderr, "the audit log is not good: %s (%" PRIu64 " rows before are)\n",
			err.message, report.n);
		return 1;
	}
	hex_write(report.head, 32, head);
	printf("the audit log is good: %" PRIu64 " rows, head %s\n", report.n, head);
	return 0;
}
