/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The inside of struct process_table: for process.c (the table, fed by events) and process_look.c (looks at /proc) only. */
#ifndef DAEMON_PROCESS_PRIVATE_H
#define DAEMON_PROCESS_PRIVATE_H

#include <uthash.h>

#include "daemon/process.h"
#include "daemon/process_image.h"
#include "daemon/process_read.h"
#include "daemon/process_threads.h"

#define PROCESS_SETTLE_MAX 256

struct ancestor {
	int32_t pid;
	struct process_image *image;
	struct process_who who;
};

struct entry {
	int32_t pid;
	uint64_t born_ns; /* 0: before we looked */
	uint64_t exec_ns; /* 0: not since birth, or since we looked */
	uint64_t dead_ns; /* 0: alive, as far as we know */
	uint64_t forked_ns; /* its last child's birth */
	uint64_t netns; /* as read at a look; 0 not known */
	struct process_who who; /* likewise */
	struct process_image *image;
	uint32_t image_generation; /* of the table when the image was set */
	struct ancestor parents[LIMIT_PARENTS]; /* nearest first */
	unsigned n_parents;
	bool has_lineage; /* the parents are all there are, or all that fit */
	struct process *record; /* NULL: not looked at since its last exec */
	struct process_life life; /* of the record */
	uint32_t generation; /* of the table when the record was last known to be right */
	struct entry *prev, *next; /* in one of the table's two lists */
	UT_hash_handle hh;
};

struct process_table {
	int proc_fd;
	uint64_t host_mnt;
	uint64_t booted_us; /* CLOCK_REALTIME when this machine started */
	bool is_traced;
	uint32_t generation;
	uint64_t looks;
	struct entry *entries;
	struct entry *alive; /* least recently used first */
	struct entry *dead; /* earliest death first */
	struct process_threads threads;
	int32_t executed[PROCESS_SETTLE_MAX]; /* not settled yet; a ring */
	unsigned executed_at, n_executed;
};

/* By PID; NULL: nothing is known. The second makes one where there is none, for which others may go; NULL when out of memory. */
struct entry *process_entry_find(const struct process_table *t, int32_t pid);
struct entry *process_entry_get(struct process_table *t, int32_t pid);

/* Most recently used last; who is asked about after its last thread was seen to end is not dead after all, or will be soon. */
void process_entry_touch(struct process_table *t, struct entry *e);

/* It is not dead after all. */
void process_entry_revive(struct process_table *t, struct entry *e);

/* Gives the entry another image; takes the reference. */
void process_entry_set_image(struct entry *e, struct process_image *im);

void process_entry_clear_parents(struct entry *e);
void process_entry_add_parent(
	struct entry *e, int32_t pid, struct process_image *im, const struct process_who *who);

/* The parent, then the parent's own ancestors. */
void process_entry_inherit(struct entry *e, const struct entry *parent);

#endif
