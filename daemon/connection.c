/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The end of a connection record. */
#include "daemon/connection.h"

#include <string.h>

void connection_done(struct connection *c)
{
	process_unref(c->process);
	process_unref(c->creator);
	memset(c, 0, sizeof(*c));
}
