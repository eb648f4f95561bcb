/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Queue and firewall as the daemon has them, and a record of every packet that came. */
#ifndef TESTS_NET_RIG_H
#define TESTS_NET_RIG_H

#include "daemon/firewall.h"
#include "daemon/packet.h"
#include "daemon/queue.h"

#define RIG_QUEUE 20000
#define RIG_ALLOW (1u << 28)
#define RIG_REJECT (1u << 29)
#define RIG_MASK (RIG_ALLOW | RIG_REJECT)
#define RIG_SEEN 512
#define RIG_PAYLOAD 4096

struct rig_packet {
	struct queue_packet q; /* payload points into `bytes` */
	struct packet p;
	int parsed;
	uint8_t bytes[RIG_PAYLOAD];
};

struct rig {
	struct queue *queue;
	struct firewall *fw;
	/* Given to each packet at once; keep: none yet. */
	bool keep;
	enum queue_verdict verdict;
	uint32_t mark, mask;
	unsigned n_seen;
	struct rig_packet seen[RIG_SEEN];
};

/*
 * cmocka test fixtures: *state is the rig, with the rules installed. Packets are kept until a
 * verdict is given.
 */
int rig_setup(void **state);
int rig_teardown(void **state);

struct firewall_config rig_config(const struct rig *r);

/* From now on every packet gets this verdict at once. */
void rig_answer(struct rig *r, enum queue_verdict v, uint32_t mark, uint32_t mask);
void rig_keep(struct rig *r);

/* Reads until `n` packets have been seen since the start, or `ms` went by. Whether they came. */
bool rig_wait(struct rig *r, unsigned n, int ms);
/* Reads what is there now. */
void rig_drain(struct rig *r);

/* A verdict for the packet seen as number `i`, sent at once. */
void rig_verdict(struct rig *r, unsigned i, enum queue_verdict v, uint32_t mark, uint32_t mask);

#endif
