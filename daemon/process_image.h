/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a process runs. A fork shares its parent's image and an exec makes a new one, so that a child which never
 * executed anything, and is gone, ran what its parent runs.
 */
#ifndef DAEMON_PROCESS_IMAGE_H
#define DAEMON_PROCESS_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

struct process_image {
	unsigned refs;
	bool is_known; /* the path is what /proc said; else it is what exec was given, or NULL */
	char *path;
	char *given; /* to exec, where it is no absolute path; or NULL */
	uint64_t dev, inode; /* of the file, where the path is known; 0: not told */
	bool is_seen; /* the exec was, by the witness */
	uint64_t exec_dev, exec_inode; /* of the file; 0: its file system has other numbers */
};

/* An image that nothing is known of; the caller has the only reference. NULL when out of memory. */
struct process_image *process_image_new(void);

/* Another reference to `im`; NULL is passed through. */
struct process_image *process_image_ref(struct process_image *im);

/* Gives a reference back; the last one frees. Accepts NULL. */
void process_image_unref(struct process_image *im);

/* The path, or "" where there is none; it lives as long as the image keeps it. Accepts NULL. */
const char *process_image_path(const struct process_image *im);

#endif
