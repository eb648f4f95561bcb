/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the engine last said of itself (IPC_STATUS), the warnings that stand, and /api/v1/status made of both. */
#ifndef API_ENGINE_VIEW_H
#define API_ENGINE_VIEW_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "api/textbuf.h"
#include "daemon/ipc.h"

struct console;
struct http_request;

#define WARNINGS_MAX 32

struct warning {
	unsigned code; /* enum ipc_alert_code */
	uint64_t time_us;
	char message[320];
};

struct engine_view {
	int32_t engine_pid; /* 0: no IPC_HELLO yet */
	uint64_t status_ns; /* CLOCK_MONOTONIC of the last IPC_STATUS; 0: none yet */
	struct ipc_status status; /* its strings are below */
	uint16_t interception_sent; /* number of our last IPC_INTERCEPTION; 0: none */
	char method_why[256];
	char netns[256];
	unsigned n_warnings;
	struct warning warnings[WARNINGS_MAX]; /* oldest first, one a code */
};

/*
 * Takes it over. One that was under way when we last turned interception on or off knows nothing of that yet: `enabled` and
 * `paused_until_us` stay as they were told to whoever turned it.
 */
void engine_view_status(struct engine_view *v, const struct ipc_status *msg);

/* Remembers a warning; one of the same code gives way. Takes one away again. */
void engine_view_warn(struct engine_view *v, unsigned code, uint64_t time_us, const char *message);
void engine_view_unwarn(struct engine_view *v, unsigned code);

/* "rules_flushed" ...; "unknown" for a code without a name. Whether it is told as "error", "warning" or "info". */
const char *alert_code_str(unsigned code);
const char *alert_severity_str(unsigned code);

/* Resident memory of this process. */
uint64_t console_rss_kib(void);

/* The GET /status object (returned owned, NULL when out of memory). */
json_t *status_json(struct console *c);

/* ---- handlers */
void health_get(struct http_request *req);
void status_get(struct http_request *req);
void interception_post(struct http_request *req);

#endif
