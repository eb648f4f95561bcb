/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One open way to a target: a connection by libcurl (TCP, TLS), a datagram socket, a file or a pipe.
 *
 * Only the process that exports opens one (api/exporter.h): opening may wait for a name or a handshake, up to some seconds.
 */
#ifndef API_EXPORT_SINK_H
#define API_EXPORT_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "api/export_target.h"

struct export_sink {
	const struct export_target *target; /* borrowed */
	int fd; /* to wait on; -1: not open. libcurl's own where `curl` is set */
	void *curl; /* NULL: none */
	bool is_framed; /* a stream of counted messages */
	bool is_datagram; /* one message a write, all or nothing */
	bool keeps_parts; /* a file: what was written of a message is there, also after a failure */
	dev_t dev; /* of a file: which one it is */
	ino_t ino;
	uint64_t looked_ns; /* CLOCK_MONOTONIC: at whether it still is */
	char why[200]; /* after a failure */
};

/* Before the first is opened, while files may still be opened and code mapped. 0 or ERR_IO. */
int export_sink_init(void);

/* 0, or ERR_IO with sink->why. A sink starts as { .target = T, .fd = -1 }. */
int export_sink_open(struct export_sink *s);
void export_sink_close(struct export_sink *s);

/* Writes what goes without waiting, at least one byte: how many, ERR_AGAIN, or ERR_CLOSED with sink->why. */
ssize_t export_sink_write(struct export_sink *s, const void *data, size_t len);

/* Reads away what the receiver says, which is nothing. False when it is gone, or the file is another one now; with sink->why. */
bool export_sink_is_good(struct export_sink *s);

#endif
