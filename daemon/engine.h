/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine: one thread, one epoll loop, no locks, no disk writes. It decides; nothing the console does can make it wait.
 *
 * The life of a packet (engine_packet.c reads like this, top to bottom):
 *
 *  1. The kernel queues the first packet of a NEW flow; queue.c hands it over.
 *  2. packet.c makes a flow of its bytes. What copies of DNS packets told is learnt first (dns_watch.c). A TCP packet in the middle of a connection
 *     that is older than the daemon is accepted: nothing from before the start is judged.
 *  3. A flow that is held already, or was decided a moment ago, gets the same again (pending.c, recent.c): no second prompt or event.
 *  4. attribution.c says who, names.c which host.
 *     With read_sni a flow whose name DNS does not tell begins undecided, and goes on here with its first words (engine_sni.c).
 *  5. ruleset.c decides, or nobody does: then the packet is held and a prompt opened (engine_prompt.c), if somebody is there to
 *     answer and no bound is reached; otherwise the default action decides, and the reason says why.
 *  6. The verdict: allow accepts with the ALLOW mark on the conntrack entry, so that the kernel does not ask again; reject accepts with
 *     the REJECT mark, which a rule in filter OUTPUT turns into a reset; deny drops.
 *  7. One event goes to the console.
 *
 * A held packet sits in the kernel's second queue. It leaves by an answer, by a rule set that matches it, at its deadline,
 * or when filtering is paused; pending.c calls back for each packet exactly once.
 *
 * The console (engine_console.c) is a child: started again when it dies, told of all open prompts; meanwhile the engine decides with
 * the rules that it has.
 */
#ifndef DAEMON_ENGINE_H
#define DAEMON_ENGINE_H

#include "daemon/folders.h"
#include "daemon/ipc.h"
#include "daemon/listeners.h"
#include "daemon/options.h"
#include "daemon/witness.h"
#include "lib/err.h"

struct engine;

struct engine_setup {
	const struct options *options;
	const struct ipc_config *config;
	const struct folders *folders;
	const struct listeners *listeners;
	struct witness *witness; /* or NULL */
	int home_netns; /* where consoles belong, or -1: where we are */
};

/*
 * Opens queue, tracing and tables in the network namespace that we are in (the guarded one), and starts the first console. Borrows
 * everything in `setup` for its life. Nothing is filtered yet. 0, or a code with a clear `err`.
 */
int engine_new(const struct engine_setup *setup, struct engine **ret, struct error *err);

/*
 * Waits for the console's first rule set, installs the netfilter rules, then runs until SIGTERM or SIGINT. 0 after a clean
 * end, or a code with `err`. The rules are removed in any case.
 */
int engine_run(struct engine *e, struct error *err);

/* Ends the console, gives held packets the default action, closes. NULL is fine. */
void engine_free(struct engine *e);

#endif
