/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Counted references to what a process runs. */
#include "config.h"
#include "daemon/process_image.h"

#include <stdlib.h>

struct process_image *process_image_new(void)
{
	struct process_image *im = calloc(1, sizeof(*im));

	if (im)
		im->refs = 1;
	return im;
}

struct process_image *process_image_ref(struct process_image *im)
{
	if (im)
		im->refs++;
	return im;
}

void process_image_unref(struct process_image *im)
{
	if (!im || --im->refs)
		return;
	free(im->path);
	free(im->given);
	free(im);
}

const char *process_image_path(const struct process_image *im)
{
	return im && im->path ? im->path : "";
}
