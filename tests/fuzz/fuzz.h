/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What every target shares. A target is one function over any bytes, which aborts where a promise of the parser is broken;
 * libFuzzer calls it (make fuzz), and so does replay.c in the suite.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A promise: what does not hold ends the run, with the input that broke it. */
#define FUZZ_ASSERT(condition)                                                                     \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

/* A copy of exactly these bytes on the heap, 8-aligned, so that a read behind its end is seen. Never NULL. */
static inline uint8_t *fuzz_copy(const uint8_t *data, size_t size)
{
	uint8_t *copy = calloc(1, size ? size : 1);

	FUZZ_ASSERT(copy);
	if (size)
		memcpy(copy, data, size);
	return copy;
}

/* Reads every byte, so that a sanitizer sees one that is not ours; the sum keeps the reads. */
static inline unsigned fuzz_touch(const void *bytes, size_t len)
{
	const volatile uint8_t *p = bytes;
	unsigned sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += p[i];
	return sum;
}

#endif
