/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Believes an answer only when this machine was seen asking: copies of DNS packets in (both ways), names out.
 *
 * A question counts with its socket, the server it went to, its ID, type and name; an answer must fit all of them, and counts
 * once. Over TCP the streams are put together (dns_stream.h). The letters of the name must be as they were asked (a resolver that
 * mixes them throws others away).
 *
 * Multicast DNS (RFC 6762) and LLMNR (RFC 4795) say that a name came of them (HOST_MDNS). Who is asked through a group may be anybody on
 * the link, for seconds only; but not a program of this machine, which could give itself any name. Who asked for a kind of service
 * (RFC 6763) has asked for the machines that offer it. LLMNR answers that are tentative or cut short do not count: who gets one of
 * the latter asks that machine again over TCP.
 *
 * A question to a resolver on loopback (systemd-resolved, dnsmasq, unbound) ties its names to the program that asked; what that
 * resolver asks in turn is its own question. Who asks is told by dns_watch_asker() where the question was attributed anyhow,
 * and by the callback where it was not. A name that the resolver has from a neighbour stays a neighbour's for who asked the resolver.
 *
 * All tables are bounded, the oldest entry goes first.
 */
#ifndef DAEMON_DNS_WATCH_H
#define DAEMON_DNS_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/names.h"
#include "daemon/packet.h"

struct dns_watch;

struct dns_watch_stats {
	uint64_t questions;
	uint64_t answers; /* learnt from */
	uint64_t refused; /* malformed, or nobody asked */
};

/*
 * Learns into `names` (borrowed). `who` fills in the process that has the socket of this flow (pid 0: not known); it is called
 * when an answer came to a question whose asker was not told a moment ago.
 */
struct dns_watch *dns_watch_new(struct names *names,
	void (*who)(void *ctx, const struct flow *flow, struct name_asker *ret), void *ctx);
void dns_watch_free(struct dns_watch *w); /* NULL is fine */

/* How a packet comes by. */
enum dns_way {
	DNS_FROM_LINK, /* received from another machine, over a link with hardware addresses */
	DNS_FROM_ELSEWHERE, /* received otherwise: from this machine itself, or over a tunnel */
	DNS_SENT, /* by this machine */
};

/* One packet to or from a port of DNS. `now_ns` is CLOCK_BOOTTIME. */
void dns_watch_packet(
	struct dns_watch *w, const struct packet *p, enum dns_way way, uint64_t now_ns);

/* Whether a flow that this machine begins asks questions. */
bool dns_watch_is_question(const struct flow *flow);

/* This process sends on this flow. */
void dns_watch_asker(struct dns_watch *w, const struct flow *flow, const struct name_asker *asker,
	uint64_t now_ns);

void dns_watch_stats(const struct dns_watch *w, struct dns_watch_stats *ret);

#endif
