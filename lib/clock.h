/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Time: which clock for what, and RFC 3339 text. */
#ifndef LIB_CLOCK_H
#define LIB_CLOCK_H

#include <stddef.h>
#include <stdint.h>

/* CLOCK_MONOTONIC in nanoseconds: waits, deadlines, latencies. */
uint64_t clock_mono_ns(void);

/* CLOCK_BOOTTIME in nanoseconds: rule expiry and TTLs, which go on during suspend. */
uint64_t clock_boot_ns(void);

/* CLOCK_THREAD_CPUTIME_ID in nanoseconds: work of this thread, however much others get of its processor. A system call. */
uint64_t clock_work_ns(void);

/* CLOCK_REALTIME in microseconds since 1970: what people read. */
uint64_t clock_real_us(void);

#define CLOCK_TEXT_LEN 28 /* "2026-11-23T18:00:00.123456Z" and a NUL */

/* Writes `real_us` as RFC 3339 UTC with microseconds into `buf` and returns it. */
char *clock_format(uint64_t real_us, char buf[static CLOCK_TEXT_LEN]);

/*
 * Reads an RFC 3339 time (any offset, 0 to 9 fraction digits). Returns 0 and sets *ret_real_us, or
 * ERR_MALFORMED and leaves it alone.
 */
int clock_parse(const char *text, uint64_t *ret_real_us);

/*
 * Reads a duration as OpenSnitch and the config write it: digits and units h, m, s, ms, d in falling
 * order ("30s", "1h30m", "7d"). Returns 0 and sets *ret_ms, or ERR_MALFORMED (also on overflow).
 */
int clock_parse_duration(const char *text, uint64_t *ret_ms);

#endif
