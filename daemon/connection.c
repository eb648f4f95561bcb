/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Begin and end of a connection record. */
#include "daemon/connection.h"

#include <string.h>

#include "lib/clock.h"

void connection_read_now(struct connection *c)
{
	/* In this order: a pause in between would count twice otherwise, and put this one behind later ones. */
	c->time_us = clock_real_us();
	c->read_ns = clock_mono_ns();
}

void connection_done(struct connection *c)
{
	process_unref(c->process);
	process_unref(c->creator);
	memset(c, 0, sizeof(*c));
}
