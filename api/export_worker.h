/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The life of a worker of api/exporter.h: decisions from the channel to one target, until the channel ends. */
#ifndef API_EXPORT_WORKER_H
#define API_EXPORT_WORKER_H

#include <stdint.h>

#include "api/export_target.h"

/*
 * Reads events from `fd` and delivers each, in order, trying again for as long as it takes; `pid` is told as the sender's. Returns when
 * the console closed the channel and everything in it was delivered, or could not be within a short time.
 */
void export_worker_run(int fd, const struct export_target *target, int32_t pid);

#endif
