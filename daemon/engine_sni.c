/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names from the first words of a connection: TLS's ClientHello, QUIC's Initial packets.
 *
 * A datagram has its words with it, and waits in the kernel's queue until all of them are there. TCP says nothing before it is connected:
 * unless the rules block the flow whatever its name, its SYN goes out with the mark "undecided" (both bits), by which the kernel
 * queues everything else of it in the second queue, until the first data decide. So a flow in this table is
 *
 *     OPEN      begun, and nothing said yet, or not all; told after a while, and still open
 *     JUDGED    put to the rules; a person or a digest may still be waited for
 *     DECIDED   further packets get the same
 *
 * What is not in the table any more (it is bounded) and comes from the second queue is attributed and judged anew: an undecided
 * flow never gets through by being forgotten.
 */
#include "config.h"

#include "daemon/engine_internal.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "daemon/quic_initial.h"
#include "daemon/stream_start.h"
#include "daemon/tls_hello.h"
#include "lib/clock.h"
#include "lib/err.h"

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04

#define MS 1000000ull
#define FORGET_NS (130000 * MS) /* a judged one that is silent for so long */

enum sni_state { SNI_OPEN, SNI_JUDGED, SNI_DECIDED };

struct sni_flow {
	struct flow flow;
	uint32_t tcp_seq; /* of the SYN */
	enum sni_state state;
	struct connection connection; /* owned while open */
	enum action action; /* when decided, by the rules of this generation */
	uint64_t generation;
	uint64_t time_ns; /* of its last packet */
	uint64_t hello_ns; /* of its first words; 0: none yet */
	bool is_told; /* while open: an event said that it is there */
	uint32_t ifindex_out;
	unsigned n_packets;
	struct queue_ref packets[LIMIT_SNI_PACKETS]; /* that wait in the kernel */
	struct quic_client quic; /* whose words they are */
	struct stream_start *start; /* while open and words are there; owned */
	struct sni_flow *prev, *next; /* the one silent longest first */
	struct hash_node node;
};

/* ---- the table */

static struct sni_flow *find(const struct engine *e, const struct flow *flow)
{
	if (!e->sni_stalest)
		return NULL;
	return hash_entry(hash_find(&e->sni_flows, flow, sizeof(*flow)), struct sni_flow, node);
}

static void drop(struct engine *e, struct sni_flow *f)
{
	hash_del(&e->sni_flows, &f->node);
	DL_DELETE(e->sni_stalest, f);
	connection_done(&f->connection);
	free(f->start);
	free(f);
}

static void renew(struct engine *e, struct sni_flow *f)
{
	f->time_ns = clock_mono_ns();
	DL_DELETE(e->sni_stalest, f);
	DL_APPEND(e->sni_stalest, f);
}

static uint64_t generation(const struct engine *e)
{
	return e->ruleset ? ruleset_generation(e->ruleset) : 0;
}

/* ---- verdicts */

/* The packet goes on, its flow stays undecided. */
static void let_begin(struct engine *e, const struct queue_ref *ref)
{
	uint32_t both = e->mark_allow | e->mark_reject;

	queue_verdict(e->queue, ref, QUEUE_ACCEPT, both, both);
}

static void let_pass(struct engine *e, const struct queue_ref *ref)
{
	queue_verdict(e->queue, ref, QUEUE_ACCEPT, 0, 0);
}

/* As decided; also while paused the mark goes, or every packet of the flow would come here. */
static void give(struct engine *e, const struct queue_ref *ref, enum action action)
{
	if (action == ACTION_ALLOW)
		queue_verdict(
			e->queue, ref, QUEUE_ACCEPT, e->mark_allow, e->mark_allow | e->mark_reject);
	else
		engine_verdict(e, ref, action);
}

static void release(struct engine *e, struct sni_flow *f, enum action action)
{
	for (unsigned i = 0; i < f->n_packets; i++)
		give(e, &f->packets[i], action);
	f->n_packets = 0;
}

/* Of an older try, or one too many: packets that wait are dropped, and what is sent again is judged anew. */
static void forget(struct engine *e, struct sni_flow *f)
{
	release(e, f, ACTION_DENY);
	drop(e, f);
}

/* Keeps the packet in the kernel's queue; false: too many wait, and it is dropped. TCP and QUIC send it again. */
static bool keep(struct engine *e, struct sni_flow *f, const struct queue_packet *p)
{
	if (f->n_packets >= LIMIT_SNI_PACKETS) {
		queue_verdict(e->queue, &p->ref, QUEUE_DROP, 0, 0);
		return false;
	}
	f->ifindex_out = p->ifindex_out;
	f->packets[f->n_packets++] = p->ref;
	return true;
}

/* ---- judging */

static bool is_known_name(struct engine *e, const struct connection *c, const struct tls_hello *h)
{
	struct text names[LIMIT_NAMES_PER_ADDR + 1];
	unsigned n = engine_names_all(e, c, names, LIMIT_NAMES_PER_ADDR + 1);

	for (unsigned i = 0; i < n; i++)
		if (names[i].len == h->host_len && memcmp(names[i].s, h->host, h->host_len) == 0)
			return true;
	return n == 0;
}

/* What the program said itself. Where the address is known by other names, it may lie: then all of them count. */
static void set_name(struct engine *e, struct connection *c, const struct tls_hello *h)
{
	if (!h->host_len)
		return;
	memcpy(c->name.host, h->host, h->host_len + 1);
	c->name.len = h->host_len;
	c->name.source = HOST_SNI;
	if (!is_known_name(e, c, h))
		c->name.certainty = HOST_CERTAINTY_GUESS;
	else
		c->name.certainty = h->has_ech ? HOST_CERTAINTY_LIKELY : HOST_CERTAINTY_EXACT;
}

/* Puts an open flow, some of whose packets wait, to the rules with the name that was found (or none). */
static void judge(struct engine *e, struct sni_flow *f, const struct tls_hello *h)
{
	struct queue_packet first = { .ref = f->packets[0], .ifindex_out = f->ifindex_out };
	struct connection c = f->connection;

	memset(&f->connection, 0, sizeof(f->connection));
	f->state = SNI_JUDGED;
	free(f->start);
	f->start = NULL;
	f->n_packets--;
	memmove(f->packets, f->packets + 1, f->n_packets * sizeof(f->packets[0]));
	connection_read_now(&c);
	set_name(e, &c, h);
	engine_judge(e, &first, &c);
}

void engine_sni_decided(struct engine *e, const struct flow *flow, enum action action)
{
	struct sni_flow *f = find(e, flow);

	if (!f || f->state != SNI_JUDGED)
		return;
	f->state = SNI_DECIDED;
	f->action = action;
	f->generation = generation(e);
	release(e, f, action);
	/* Datagrams have recent.h. */
	if (flow->proto != IPPROTO_TCP)
		drop(e, f);
}

/* It ended, or is silent: what there is to tell of it is that it was there, once. */
static void tell_silent(struct engine *e, struct sni_flow *f)
{
	const struct text no_rule = { NULL, 0 };
	struct ruleset_match match;

	if (f->is_told)
		return;
	f->is_told = true;
	if (!e->enabled)
		engine_decided(e, &f->connection, ACTION_ALLOW, REASON_PAUSED, NULL, no_rule, 0);
	else if (engine_match(e, &f->connection, &match))
		engine_decided(e, &f->connection, match.action, REASON_RULE, &match, match.rule, 0);
	else
		engine_decided(e, &f->connection, (enum action)e->settings.default_action,
			REASON_DEFAULT, NULL, no_rule, 0);
	/* It stays undecided: its SYN sent again, and keepalives, which have the same sequence number, must not take this for an answer. */
	recent_forget(e->recent, &f->flow);
}

/* ---- what is said */

/* Reads on in the words that are there. True: no more need be waited for. */
static bool read_name(struct sni_flow *f, struct tls_hello *ret)
{
	const struct stream_start *s = f->start;
	int r = f->flow.proto == IPPROTO_TCP ? tls_stream_parse(s->bytes, s->len, ret)
					     : tls_hello_parse(s->bytes, s->len, ret);

	return r != ERR_AGAIN || s->len == sizeof(s->bytes);
}

/* Takes in one packet of an open flow. True: what can be known is known. */
static bool hear(
	struct sni_flow *f, const struct packet *packet, bool is_cut, struct tls_hello *ret)
{
	uint32_t seq = packet->tcp_seq + (packet->tcp_flags & TCP_SYN ? 1 : 0);
	int32_t at = (int32_t)(seq - (f->tcp_seq + 1));
	size_t old = at < 0 ? (size_t)(-(int64_t)at) : 0;

	memset(ret, 0, sizeof(*ret));
	if (!f->hello_ns)
		f->hello_ns = clock_mono_ns();
	if (!f->start)
		f->start = calloc(1, sizeof(*f->start));
	if (!f->start)
		return true;
	if (f->flow.proto == IPPROTO_UDP) {
		if (quic_initial_read(packet->payload, packet->payload_len, &f->quic, f->start) < 0)
			return true;
	} else if (old < packet->payload_len)
		stream_start_add(f->start, at < 0 ? 0 : (uint64_t)at, packet->payload + old,
			packet->payload_len - old);
	return read_name(f, ret) || is_cut;
}

static bool is_cut(const struct queue_packet *p)
{
	return p->packet_len > p->payload_len;
}

/* ---- beginnings */

/* Where TLS and QUIC are spoken without another protocol before them: HTTPS, DNS over TLS and QUIC, HTTPS's other port. */
static bool is_spoken(const struct flow *flow)
{
	static const uint16_t ports[] = { 443, 853, 8443 };

	if (flow->proto != IPPROTO_TCP && flow->proto != IPPROTO_UDP)
		return false;
	for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++)
		if (flow->dst_port == ports[i])
			return true;
	return false;
}

/* The name is worth waiting for: the program did not ask DNS for it, and the rules may let the flow through. */
static bool wants_name(struct engine *e, const struct queue_packet *p, const struct connection *c)
{
	unsigned blocks = 1u << ACTION_DENY | 1u << ACTION_REJECT;
	bool is_asked = c->name.certainty == HOST_CERTAINTY_EXACT && c->name.source != HOST_HOSTS;

	if (!e->setup.config->read_sni || !e->enabled || !e->ruleset || !is_spoken(&c->flow) ||
		is_asked)
		return false;
	/* Only what is sent here is queued again by its mark. */
	if (c->flow.proto == IPPROTO_TCP && c->is_forwarded)
		return false;
	/* A packet's own mark stays as it is, so the flow could not be marked: see queue_verdict(). */
	if (c->flow.proto == IPPROTO_TCP && p->ref.mark && !queue_has_conntrack(e->queue))
		return false;
	return engine_outcomes(e, c) & ~blocks;
}

/* Takes what is in *c. NULL: out of memory, and *c is the caller's. */
static struct sni_flow *add(struct engine *e, struct connection *c)
{
	struct sni_flow *f = find(e, &c->flow);

	if (f)
		forget(e, f);
	if (hash_count(&e->sni_flows) >= LIMIT_SNI_FLOWS) {
		if (e->sni_stalest->state == SNI_OPEN)
			tell_silent(e, e->sni_stalest);
		forget(e, e->sni_stalest);
	}
	f = calloc(1, sizeof(*f));
	if (!f)
		return NULL;
	f->flow = c->flow;
	if (!hash_add(&e->sni_flows, &f->node, &f->flow, sizeof(f->flow))) {
		free(f);
		return NULL;
	}
	DL_APPEND(e->sni_stalest, f);
	f->tcp_seq = c->tcp_seq;
	f->time_ns = clock_mono_ns();
	f->connection = *c;
	memset(c, 0, sizeof(*c));
	return f;
}

bool engine_sni_begin(struct engine *e, const struct queue_packet *p, const struct packet *packet,
	struct connection *c)
{
	struct sni_flow *f;
	struct tls_hello h;

	if (!wants_name(e, p, c))
		return false;
	f = add(e, c);
	if (!f)
		return false;
	if (!packet->payload_len) {
		/* Without words: a SYN. An empty datagram is none of QUIC's. */
		if (f->flow.proto == IPPROTO_TCP) {
			let_begin(e, &p->ref);
			return true;
		}
		keep(e, f, p);
		memset(&h, 0, sizeof(h));
		judge(e, f, &h);
		return true;
	}
	keep(e, f, p);
	if (hear(f, packet, is_cut(p), &h))
		judge(e, f, &h);
	return true;
}

/* ---- what follows */

/* One more packet of an open flow, with words in it. */
static void go_on(struct engine *e, struct sni_flow *f, const struct queue_packet *p,
	const struct packet *packet)
{
	struct tls_hello h;

	renew(e, f);
	if (!keep(e, f, p))
		return;
	if (hear(f, packet, is_cut(p), &h))
		judge(e, f, &h);
}

bool engine_sni_more(struct engine *e, const struct queue_packet *p, const struct packet *packet)
{
	struct sni_flow *f = find(e, &packet->flow);

	if (!f || f->state == SNI_DECIDED)
		return false;
	if (packet->flow.proto == IPPROTO_TCP) {
		/* The SYN again: its conntrack entry was lost. Another SYN is another try. */
		if (f->tcp_seq != packet->tcp_seq)
			return false;
		let_begin(e, &p->ref);
	} else if (f->state == SNI_JUDGED) {
		keep(e, f, p);
	} else {
		go_on(e, f, p, packet);
	}
	return true;
}

/* A flow that is undecided by its mark, and not in the table. */
static void begin_anew(struct engine *e, const struct queue_packet *p, const struct packet *packet)
{
	struct sni_flow *f;
	struct connection c;

	engine_learn(e, p, packet, &c);
	c.tcp_seq = packet->tcp_seq - 1;
	f = add(e, &c);
	if (f) {
		go_on(e, f, p, packet);
		return;
	}
	engine_judge(e, p, &c);
}

/* Packets without words: those of the handshake pass, and an end without a word is told. */
static void on_empty(struct engine *e, struct sni_flow *f, const struct queue_packet *p,
	const struct packet *packet)
{
	let_pass(e, &p->ref);
	if (!f || f->state != SNI_OPEN || f->n_packets ||
		!(packet->tcp_flags & (TCP_FIN | TCP_RST)))
		return;
	tell_silent(e, f);
	drop(e, f);
}

bool engine_sni_undecided(
	struct engine *e, const struct queue_packet *p, const struct packet *packet)
{
	struct sni_flow *f = find(e, &packet->flow);

	if (!e->setup.config->read_sni || packet->flow.proto != IPPROTO_TCP)
		return false;
	if (packet->tcp_flags & TCP_SYN) {
		if (f && f->tcp_seq == packet->tcp_seq && f->state != SNI_DECIDED)
			let_begin(e, &p->ref);
		else
			engine_judge_packet(e, p, packet);
		return true;
	}
	if (!packet->payload_len) {
		on_empty(e, f, p, packet);
		return true;
	}
	/* Other rules stand now: what is sent again is judged by them. */
	if (f && f->state == SNI_DECIDED && f->generation != generation(e)) {
		drop(e, f);
		f = NULL;
	}
	if (!f) {
		begin_anew(e, p, packet);
	} else if (f->state == SNI_OPEN) {
		go_on(e, f, p, packet);
	} else if (f->state == SNI_JUDGED) {
		keep(e, f, p);
	} else {
		renew(e, f);
		give(e, &p->ref, f->action);
	}
	return true;
}

/* ---- time */

/* Until when all that was said is known. Under a flood that leaves always something unread, it is not waited for endlessly. */
static uint64_t heard_until_ns(const struct engine *e, uint64_t now_ns)
{
	uint64_t at_least = now_ns - LIMIT_SNI_HELLO_MS * MS;

	return e->heard_ns > at_least ? e->heard_ns : at_least;
}

/* No more can be waited for: what was read so far counts. */
static void judge_late(struct engine *e, struct sni_flow *f)
{
	struct tls_hello h;

	memset(&h, 0, sizeof(h));
	if (f->start)
		read_name(f, &h);
	judge(e, f, &h);
}

void engine_sni_tick(struct engine *e, uint64_t now_ns)
{
	uint64_t heard_ns = heard_until_ns(e, now_ns);
	struct sni_flow *f, *next;

	/* Judging may drop its own flow, and no other. */
	DL_FOREACH_SAFE (e->sni_stalest, f, next) {
		if (f->state == SNI_OPEN && f->n_packets &&
			heard_ns > f->hello_ns + LIMIT_SNI_HELLO_MS * MS)
			judge_late(e, f);
		else if (f->state == SNI_OPEN && !f->n_packets &&
			 now_ns > f->time_ns + LIMIT_SNI_SILENT_MS * MS)
			tell_silent(e, f);
		else if (f->state != SNI_OPEN && now_ns > f->time_ns + FORGET_NS)
			forget(e, f);
	}
	queue_flush(e->queue);
}

void engine_sni_close(struct engine *e)
{
	while (e->sni_stalest) {
		release(e, e->sni_stalest, (enum action)e->settings.default_action);
		drop(e, e->sni_stalest);
	}
}
