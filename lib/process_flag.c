/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names in the order of the bits. */
#include "config.h"
#include "lib/process_flag.h"

#include "lib/cleanup.h"

static const char *const names[] = { "deleted", "memfd", "other_root", "traced", "preload",
	"kernel", "exe_forged", "shared_socket" };

_Static_assert(array_len(names) == PROCESS_FLAG_COUNT, "a name for each flag");

const char *process_flag_str(unsigned bit)
{
	return bit < array_len(names) ? names[bit] : "?";
}
