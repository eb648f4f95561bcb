/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Clocks and their text forms (RFC 3339, section 5.6). */
#include "lib/clock.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/cleanup.h"
#include "lib/err.h"

static uint64_t clock_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint64_t clock_mono_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

uint64_t clock_boot_ns(void)
{
	return clock_ns(CLOCK_BOOTTIME);
}

uint64_t clock_work_ns(void)
{
	return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

uint64_t clock_real_us(void)
{
	return clock_ns(CLOCK_REALTIME) / 1000;
}

char *clock_format(uint64_t real_us, char buf[static CLOCK_TEXT_LEN])
{
	time_t sec = (time_t)(real_us / 1000000);
	struct tm tm;
	char date[CLOCK_TEXT_LEN];

	/* Past the year 9999 RFC 3339 has no text: show its last instant. */
	if (sec > 253402300799 || !gmtime_r(&sec, &tm)) {
		memcpy(buf, "9999-12-31T23:59:59.999999Z", CLOCK_TEXT_LEN);
		return buf;
	}
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(buf, CLOCK_TEXT_LEN, "%.19s.%06uZ", date, (unsigned)(real_us % 1000000));
	return buf;
}

/* Reads exactly `n` digits; -1 where there are fewer. */
static int take_digits(const char **p, int n)
{
	int v = 0;

	for (int i = 0; i < n; i++, (*p)++) {
		if (!isdigit((unsigned char)**p))
			return -1;
		v = v * 10 + (**p - '0');
	}
	return v;
}

static int take_char(const char **p, const char *set)
{
	if (**p == '\0' || !strchr(set, **p))
		return -1;
	return *(*p)++;
}

/* The fraction after the seconds in microseconds; what is finer is cut off. */
static int take_fraction(const char **p, uint64_t *us)
{
	uint64_t scale = 100000;
	int n = 0;

	*us = 0;
	if (**p != '.')
		return 0;
	for ((*p)++; isdigit((unsigned char)**p); (*p)++, n++) {
		*us += (uint64_t)(**p - '0') * scale;
		scale /= 10;
	}
	return n >= 1 && n <= 9 ? 0 : -1;
}

/* "Z" or "+hh:mm"; the offset in seconds. */
static int take_zone(const char **p, int *offset)
{
	int sign, h, m;

	*offset = 0;
	sign = take_char(p, "Zz+-");
	if (sign < 0)
		return -1;
	if (sign == 'Z' || sign == 'z')
		return 0;
	h = take_digits(p, 2);
	if (h < 0 || h > 23 || take_char(p, ":") < 0)
		return -1;
	m = take_digits(p, 2);
	if (m < 0 || m > 59)
		return -1;
	*offset = (sign == '-' ? -1 : 1) * (h * 3600 + m * 60);
	return 0;
}

int clock_parse(const char *text, uint64_t *ret_real_us)
{
	struct tm tm = { 0 }, check;
	const char *p = text;
	uint64_t us;
	int offset;
	time_t t;

	tm.tm_year = take_digits(&p, 4) - 1900;
	if (tm.tm_year < 70 || take_char(&p, "-") < 0)
		return ERR_MALFORMED;
	tm.tm_mon = take_digits(&p, 2) - 1;
	if (tm.tm_mon < 0 || take_char(&p, "-") < 0)
		return ERR_MALFORMED;
	tm.tm_mday = take_digits(&p, 2);
	if (tm.tm_mday < 1 || take_char(&p, "Tt ") < 0)
		return ERR_MALFORMED;
	tm.tm_hour = take_digits(&p, 2);
	if (tm.tm_hour < 0 || take_char(&p, ":") < 0)
		return ERR_MALFORMED;
	tm.tm_min = take_digits(&p, 2);
	if (tm.tm_min < 0 || take_char(&p, ":") < 0)
		return ERR_MALFORMED;
	tm.tm_sec = take_digits(&p, 2);
	if (tm.tm_sec < 0 || take_fraction(&p, &us) < 0 || take_zone(&p, &offset) < 0 || *p)
		return ERR_MALFORMED;
	check = tm;
	t = timegm(&check);
	/* timegm normalises 31 February; a date that changed was none (a leap second may). */
	if (check.tm_mday != tm.tm_mday && tm.tm_sec != 60)
		return ERR_MALFORMED;
	if (tm.tm_mon > 11 || tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60 || t < offset)
		return ERR_MALFORMED;
	*ret_real_us = (uint64_t)(t - offset) * 1000000 + us;
	return 0;
}

int clock_parse_duration(const char *text, uint64_t *ret_ms)
{
	static const struct {
		const char *unit;
		uint64_t ms;
	} units[] = { { "d", 86400000 }, { "h", 3600000 }, { "ms", 1 }, { "m", 60000 },
		{ "s", 1000 } };
	uint64_t total = 0, last = UINT64_MAX;
	const char *p = text;

	if (!*p)
		return ERR_MALFORMED;
	while (*p) {
		uint64_t v = 0;
		size_t i;

		if (!isdigit((unsigned char)*p))
			return ERR_MALFORMED;
		for (; isdigit((unsigned char)*p); p++) {
			v = v * 10 + (uint64_t)(*p - '0');
			if (v > UINT32_MAX)
				return ERR_MALFORMED;
		}
		for (i = 0; i < array_len(units); i++)
			if (strncmp(p, units[i].unit, strlen(units[i].unit)) == 0)
				break;
		if (i == array_len(units) || units[i].ms >= last)
			return ERR_MALFORMED;
		last = units[i].ms;
		p += strlen(units[i].unit);
		total += v * units[i].ms;
	}
	*ret_ms = total;
	return 0;
}
