/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A window of bytes with the pieces that came early. */
#include "config.h"

#include "daemon/dns_stream.h"

#include <string.h>

#define PREFIX 2 /* bytes of a message's length */

void dns_stream_init(struct dns_stream *s, uint32_t isn)
{
	s->base_seq = isn + 1;
	s->len = 0;
	s->n_later = 0;
	s->given_up = false;
}

/* Pieces that now touch the start are part of it. */
static void close_gaps(struct dns_stream *s)
{
	unsigned n = 0;

	while (n < s->n_later && s->later[n].from <= s->len) {
		if (s->later[n].to > s->len)
			s->len = s->later[n].to;
		n++;
	}
	s->n_later -= n;
	memmove(s->later, s->later + n, s->n_later * sizeof(s->later[0]));
}

/* Notes that [from, to) is there, joining what it touches. */
static void note_piece(struct dns_stream *s, uint32_t from, uint32_t to)
{
	unsigned at = 0, end;

	while (at < s->n_later && s->later[at].to < from)
		at++;
	for (end = at; end < s->n_later && s->later[end].from <= to; end++) {
		if (s->later[end].from < from)
			from = s->later[end].from;
		if (s->later[end].to > to)
			to = s->later[end].to;
	}
	if (end == at && s->n_later == DNS_STREAM_HOLES) {
		s->given_up = true;
		return;
	}
	memmove(s->later + at + 1, s->later + end, (s->n_later - end) * sizeof(s->later[0]));
	s->n_later = s->n_later - (end - at) + 1;
	s->later[at].from = from;
	s->later[at].to = to;
}

/* What came first stays, as it does in the kernel: who sends the same place again cannot change it. */
static void copy_missing(struct dns_stream *s, const uint8_t *data, size_t from, size_t to)
{
	size_t at = from > s->len ? from : s->len;

	for (unsigned i = 0; i < s->n_later && s->later[i].from < to; i++) {
		if (s->later[i].from > at)
			memcpy(s->bytes + at, data + (at - from), s->later[i].from - at);
		if (s->later[i].to > at)
			at = s->later[i].to;
	}
	if (at < to)
		memcpy(s->bytes + at, data + (at - from), to - at);
}

static void drop_front(struct dns_stream *s, size_t n)
{
	size_t end = s->n_later ? s->later[s->n_later - 1].to : s->len;

	memmove(s->bytes, s->bytes + n, end - n);
	s->base_seq += (uint32_t)n;
	s->len -= n;
	for (unsigned i = 0; i < s->n_later; i++) {
		s->later[i].from -= (uint32_t)n;
		s->later[i].to -= (uint32_t)n;
	}
}

static void hand_out(
	struct dns_stream *s, void (*fn)(void *ctx, const uint8_t *message, size_t len), void *ctx)
{
	size_t done = 0;

	while (s->len - done >= PREFIX) {
		const uint8_t *at = s->bytes + done;
		size_t len = (size_t)at[0] << 8 | at[1];

		if (s->len - done < PREFIX + len)
			break;
		fn(ctx, at + PREFIX, len);
		done += PREFIX + len;
	}
	if (done)
		drop_front(s, done);
}

bool dns_stream_segment(struct dns_stream *s, uint32_t seq, const uint8_t *data, size_t len,
	void (*fn)(void *ctx, const uint8_t *message, size_t len), void *ctx)
{
	int32_t at = (int32_t)(seq - s->base_seq);

	if (s->given_up)
		return false;
	if (at < 0) {
		size_t old = (size_t)(-(int64_t)at);

		if (old >= len)
			return true; /* all of it was there before */
		data += old;
		len -= old;
		at = 0;
	}
	if (len == 0)
		return true;
	if ((size_t)at >= sizeof(s->bytes) || len > sizeof(s->bytes) - (size_t)at) {
		s->given_up = true;
		return false;
	}
	copy_missing(s, data, (size_t)at, (size_t)at + len);
	note_piece(s, (uint32_t)at, (uint32_t)((size_t)at + len));
	close_gaps(s);
	hand_out(s, fn, ctx);
	return !s->given_up;
}
