/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Alerts: to the log, the clients and the warnings of /status. */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "api/console.h"
#include "api/engine_view.h"
#include "api/http.h"
#include "api/sse.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/utf8.h"

void console_told_alert(struct console *c, unsigned code, uint64_t time_us, const char *message)
{
	if (strcmp(alert_severity_str(code), "info") != 0)
		engine_view_warn(c->engine, code, time_us, message);
	sse_publish(c->sse, SSE_ALERT,
		json_pack("{s:o, s:s, s:s, s:s}", "time", http_json_time(time_us), "code",
			alert_code_str(code), "severity", alert_severity_str(code), "message",
			message));
}

void console_alert(struct console *c, unsigned code, const char *fmt, ...)
{
	char text[400], message[320];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	utf8_sanitize(text, strlen(text), message, sizeof(message));
	log_write_about(code,
		strcmp(alert_severity_str(code), "info") == 0 ? LOG_LEVEL_NOTICE
							      : LOG_LEVEL_WARNING,
		"%s", message);
	console_told_alert(c, code, clock_real_us(), message);
}

void console_alert_over(struct console *c, unsigned code)
{
	engine_view_unwarn(c->engine, code);
}
