/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Random numbers for tests: the same ones every time from the same seed. */
#ifndef TESTS_UNIT_RANDOM_KIT_H
#define TESTS_UNIT_RANDOM_KIT_H

#include <stdint.h>

struct random_state {
	uint64_t s;
};

/* SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators"). */
static inline uint64_t random_next(struct random_state *r)
{
	uint64_t z = r->s += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* 0 .. n - 1 */
static inline unsigned random_below(struct random_state *r, unsigned n)
{
	return (unsigned)(random_next(r) % n);
}

#endif
