/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The one table of routes. The first line that fits wins. */
#include "config.h"

#include "api/audit.h"
#include "api/auth.h"
#include "api/configuration.h"
#include "api/engine_view.h"
#include "api/explain.h"
#include "api/http.h"
#include "api/learnings.h"
#include "api/list_routes.h"
#include "api/pages.h"
#include "api/connections.h"
#include "api/metrics.h"
#include "api/flows.h"
#include "api/names.h"
#include "api/password.h"
#include "api/prompts.h"
#include "api/rule_history.h"
#include "api/rule_report.h"
#include "api/rule_suggest.h"
#include "api/rule_test.h"
#include "api/rules.h"
#include "api/rule_transfer.h"
#include "api/sse.h"
#include "api/stats.h"
#include "api/tokens.h"
#include "lib/cleanup.h"

#define API "/api/v1"
#define NO_BODY 0
#define SMALL 4096
#define QUERY(...) ((const char *const[]) { __VA_ARGS__, NULL })
#define NO_QUERY ((const char *const[]) { NULL })

const struct route routes[] = {
	{ HTTP_GET, API "/health", SCOPE_NONE, NO_BODY, health_get, NO_QUERY },
	{ HTTP_GET, API "/status", SCOPE_READ, NO_BODY, status_get, NO_QUERY },
	{ HTTP_GET, API "/config", SCOPE_READ, NO_BODY, config_get_handler, NO_QUERY },
	{ HTTP_PATCH, API "/config", SCOPE_ADMIN, LIMIT_HTTP_BODY, config_patch_handler, NO_QUERY },
	{ HTTP_GET, API "/config/schema", SCOPE_READ, NO_BODY, config_schema_handler, NO_QUERY },
	{ HTTP_POST, API "/interception", SCOPE_ADMIN, SMALL, interception_post, NO_QUERY },

	{ HTTP_GET, API "/prompts", SCOPE_READ, NO_BODY, prompts_list,
		QUERY("limit", "cursor", "sort", "process.path", "dest.host", "dest.ip",
			"dest.port", "protocol", "user.id") },
	{ HTTP_GET, API "/prompts/{id}", SCOPE_READ, NO_BODY, prompts_get, NO_QUERY },
	{ HTTP_POST, API "/prompts/{id}/answer", SCOPE_PROMPTS, LIMIT_HTTP_BODY, prompts_answer,
		NO_QUERY },

	{ HTTP_GET, API "/rules", SCOPE_READ, NO_BODY, route_rules_list,
		QUERY("limit", "cursor", "sort", "action", "duration", "q", "name", "enabled",
			"precedence", "nolog") },
	{ HTTP_POST, API "/rules", SCOPE_RULES, LIMIT_HTTP_BODY, route_rules_create, NO_QUERY },
	{ HTTP_GET, API "/rules/report", SCOPE_READ, NO_BODY, rule_report_get, QUERY("days") },
	{ HTTP_GET, API "/rules/export", SCOPE_READ, NO_BODY, rules_export, NO_QUERY },
	{ HTTP_POST, API "/rules/import", SCOPE_RULES, LIMIT_HTTP_BODY, rules_import,
		QUERY("replace", "dry_run") },
	{ HTTP_GET, API "/rules/suggestions", SCOPE_READ, NO_BODY, rule_suggestions_get,
		QUERY("process.path", "from", "to") },
	{ HTTP_GET, API "/learnings/done", SCOPE_READ, NO_BODY, learnings_done_get, NO_QUERY },
	{ HTTP_POST, API "/learnings/done", SCOPE_RULES, SMALL, learnings_done_post, NO_QUERY },
	{ HTTP_POST, API "/rules/test", SCOPE_READ, LIMIT_HTTP_BODY, rule_test_post, NO_QUERY },
	{ HTTP_GET, API "/rules/{name}", SCOPE_READ, NO_BODY, route_rules_get, NO_QUERY },
	{ HTTP_PUT, API "/rules/{name}", SCOPE_RULES, LIMIT_HTTP_BODY, route_rules_put, NO_QUERY },
	{ HTTP_PATCH, API "/rules/{name}", SCOPE_RULES, LIMIT_HTTP_BODY, route_rules_patch,
		NO_QUERY },
	{ HTTP_DELETE, API "/rules/{name}", SCOPE_RULES, NO_BODY, route_rules_delete, NO_QUERY },
	{ HTTP_GET, API "/rules/{name}/history", SCOPE_READ, NO_BODY, rule_history_get,
		QUERY("limit", "cursor", "sort", "from", "to", "change", "by.kind", "by.name") },
	{ HTTP_POST, API "/rules/{name}/revert", SCOPE_RULES, SMALL, rule_history_revert,
		NO_QUERY },

	{ HTTP_GET, API "/lists", SCOPE_READ, NO_BODY, route_lists_list,
		QUERY("limit", "cursor", "sort", "kind", "name", "operand", "folder", "url",
			"enabled") },
	{ HTTP_POST, API "/lists", SCOPE_RULES, SMALL, route_lists_create, NO_QUERY },
	{ HTTP_GET, API "/lists/{name}", SCOPE_READ, NO_BODY, route_lists_get, NO_QUERY },
	{ HTTP_PATCH, API "/lists/{name}", SCOPE_RULES, SMALL, route_lists_patch, NO_QUERY },
	{ HTTP_DELETE, API "/lists/{name}", SCOPE_RULES, NO_BODY, route_lists_delete, NO_QUERY },
	{ HTTP_POST, API "/lists/{name}/refresh", SCOPE_RULES, NO_BODY, route_lists_refresh,
		NO_QUERY },

	{ HTTP_POST, API "/explain", SCOPE_READ, LIMIT_HTTP_BODY, explain_post, NO_QUERY },

	{ HTTP_GET, API "/connections", SCOPE_READ, NO_BODY, connections_list,
		QUERY("limit", "cursor", "sort", "action", "process.path", "dest.host", "dest.ip",
			"dest.port", "protocol", "user.id", "rule", "from", "to", "q") },
	{ HTTP_GET, API "/connections/{id}", SCOPE_READ, NO_BODY, connections_get, NO_QUERY },

	{ HTTP_GET, API "/stats", SCOPE_READ, NO_BODY, stats_get,
		QUERY("from", "to", "bucket", "by", "limit") },
	{ HTTP_GET, "/metrics", SCOPE_READ, NO_BODY, metrics_get, NO_QUERY },
	{ HTTP_GET, API "/openapi.json", SCOPE_NONE, NO_BODY, openapi_get, NO_QUERY },

	{ HTTP_GET, API "/flows", SCOPE_READ, NO_BODY, flows_list,
		QUERY("limit", "cursor", "sort", "process.path", "dest.host", "dest.ip",
			"dest.port", "protocol", "user.id") },
	{ HTTP_GET, API "/flows/{id}", SCOPE_READ, NO_BODY, flows_get, NO_QUERY },
	{ HTTP_DELETE, API "/flows/{id}", SCOPE_ADMIN, NO_BODY, flows_delete, NO_QUERY },

	{ HTTP_GET, API "/names", SCOPE_READ, NO_BODY, names_list_handler,
		QUERY("address", "name", "limit", "cursor", "sort", "source", "server") },

	{ HTTP_GET, API "/events", SCOPE_READ, NO_BODY, events_get, QUERY("types") },

	{ HTTP_POST, API "/session", SCOPE_NONE, SMALL, session_post, NO_QUERY },
	{ HTTP_GET, API "/session", SCOPE_READ, NO_BODY, session_get, NO_QUERY },
	{ HTTP_DELETE, API "/session", SCOPE_READ, NO_BODY, session_delete, NO_QUERY },
	{ HTTP_POST, API "/session/codes", SCOPE_ADMIN, NO_BODY, session_code_post, NO_QUERY },

	{ HTTP_GET, API "/password", SCOPE_ADMIN, NO_BODY, password_get, NO_QUERY },
	{ HTTP_PUT, API "/password", SCOPE_ADMIN, SMALL, password_put, NO_QUERY },
	{ HTTP_DELETE, API "/password", SCOPE_ADMIN, NO_BODY, password_delete, NO_QUERY },

	{ HTTP_GET, API "/sessions", SCOPE_ADMIN, NO_BODY, sessions_list,
		QUERY("limit", "cursor", "sort", "login", "scopes", "current") },
	{ HTTP_DELETE, API "/sessions/{id}", SCOPE_ADMIN, NO_BODY, sessions_revoke, NO_QUERY },

	{ HTTP_GET, API "/audit", SCOPE_ADMIN, NO_BODY, audit_list,
		QUERY("limit", "cursor", "sort", "from", "to", "who.kind", "who.name", "who.uid",
			"action", "object", "q") },

	{ HTTP_GET, API "/tokens", SCOPE_ADMIN, NO_BODY, tokens_list,
		QUERY("limit", "cursor", "sort", "name", "scopes", "created_by") },
	{ HTTP_POST, API "/tokens", SCOPE_ADMIN, SMALL, tokens_post, NO_QUERY },
	{ HTTP_DELETE, API "/tokens", SCOPE_ADMIN, NO_BODY, tokens_revoke_named, QUERY("name") },
	{ HTTP_GET, API "/tokens/{name}", SCOPE_ADMIN, NO_BODY, tokens_get, NO_QUERY },
	{ HTTP_DELETE, API "/tokens/{name}", SCOPE_ADMIN, NO_BODY, tokens_revoke, NO_QUERY },

	{ HTTP_GET, "/", SCOPE_NONE, NO_BODY, page_app },
	{ HTTP_GET, "/flows", SCOPE_NONE, NO_BODY, page_app },
	{ HTTP_GET, "/rules", SCOPE_NONE, NO_BODY, page_app },
	{ HTTP_GET, "/lists", SCOPE_NONE, NO_BODY, page_app },
	{ HTTP_GET, "/suggestions", SCOPE_NONE, NO_BODY, page_app },
	{ HTTP_GET, "/statistics", SCOPE_NONE, NO_BODY, page_app },
	{ HTTP_GET, "/settings", SCOPE_NONE, NO_BODY, page_app },
	{ HTTP_GET, "/audit", SCOPE_NONE, NO_BODY, page_app },
	{ HTTP_GET, "/reference", SCOPE_NONE, NO_BODY, page_app },
	{ HTTP_GET, "/login", SCOPE_NONE, NO_BODY, page_login },
	{ HTTP_GET, "/static/{*}", SCOPE_NONE, NO_BODY, page_asset },
};
const size_t n_routes = array_len(routes);
