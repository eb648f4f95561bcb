/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The processes that export decisions, so that the console neither waits for a receiver nor needs a way out.
 *
 * exporter_start() forks one process before the console gives anything up or reads a byte from outside. It closes every other
 * descriptor and becomes the console's user. Each of its socket pairs is a channel of one target: the first message that comes over
 * it is the target's URL, behind a letter that says how it is to log (EXPORTER_LOGS_*). A channel that closes without a message is not used; when none is, the process ends at once: without export
 * there is no such process. Otherwise it executes opensnitch-exporter (api/exporter_main.c), which alone is linked with libcurl. That
 * one closes a sandbox of its own and forks a worker for each target, which may change no file but that target's. A worker that dies
 * is started again, after a while.
 *
 * Then each message is a struct export_event with the engine's IPC_CONNECTION behind it. The channel itself is the buffer, and it is
 * bounded (LIMIT_EXPORT_BUFFER): when it is full, sending fails at once and the decision is lost for this target. Back
 * comes a struct export_report, at most twice a second or when the state changes.
 *
 * A worker is no exception for the firewall: its connections are those of opensnitch-exporter, and the rules decide them.
 * Nobody waits for it, so one that is held or denied holds nothing else up.
 */
#ifndef API_EXPORTER_H
#define API_EXPORTER_H

#include <stdint.h>

#include "lib/err.h"
#include "lib/limits.h"

/* Descriptors that opensnitch-exporter is born with, beside the standard ones: one of each target. Its argument is the engine's PID. */
enum {
	EXPORTER_FD_CHANNEL = 3,
};

#define EXPORTER_LOGS_TEXT 't'
#define EXPORTER_LOGS_JSON 'j'

struct export_event {
	uint64_t id; /* of the history; 0: none */
	uint32_t sequence; /* counts decisions for this target, also those that were lost */
	uint32_t pad;
};

enum export_state {
	EXPORT_STARTING,
	EXPORT_OK,
	EXPORT_DOWN, /* `why` says what the last try met */
};

struct export_report {
	uint32_t state; /* enum export_state */
	uint32_t delivered; /* since the last report */
	char why[200];
};

/* The channels of LIMIT_EXPORT_TARGETS targets (SOCK_SEQPACKET, non-blocking, CLOEXEC; owned). 0 or a code with `err`. */
int exporter_start(int ret_fds[static LIMIT_EXPORT_TARGETS], struct error *err);

#endif
