/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Decisions to the targets of the config's `export`, on the console's side: sent to api/exporter.h without ever waiting, counted,
 * and told when they do not arrive. The decisions of rules with `nolog` are not exported.
 */
#ifndef API_EXPORTS_H
#define API_EXPORTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "api/options.h"
#include "api/textbuf.h"
#include "daemon/ipc.h"

struct exports;
struct loop;

struct exports_hooks {
	/* Decisions have not reached a target for LIMIT_EXPORT_ALERT_MS (`is_down`), or do again. `text` is a sentence. */
	void (*changed)(void *ctx, bool is_down, const char *text);
	/* No target is down that was told. */
	void (*all_well)(void *ctx);
	void *ctx;
};

/*
 * Takes the LIMIT_EXPORT_TARGETS channels of exporter_start() (-1: it could not be started), closes those without a target, and so
 * ends the exporter when there is none. Returns owned; NULL when out of memory, with the channels closed.
 */
struct exports *exports_new(struct loop *loop, const int fds[static LIMIT_EXPORT_TARGETS],
	const struct config_list *targets, const struct exports_hooks *hooks);
void exports_free(struct exports *x);

/*
 * Says where to, so that the exporter reaches out: once the firewall stands, which is to judge these connections too. Again is
 * fine. exports_send() does it as well.
 */
void exports_begin(struct exports *x);

/* A checked message (borrowed) with its id in the history, to every target; what cannot be sent now is lost, and counted. */
void exports_send(struct exports *x, const struct ipc_connection *m, uint64_t id);

/* The array of GET /status (returned owned), and the lines of /metrics. */
json_t *exports_json(const struct exports *x);
void exports_metrics(const struct exports *x, struct textbuf *b);

#endif
