/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files that may come in pieces. */
#ifndef LIB_FD_READ_H
#define LIB_FD_READ_H

#include <stddef.h>
#include <sys/types.h>

/* Reads until the end or until `max` bytes are there: their number, or -1 with errno. read(2); a signal interrupts nothing. */
ssize_t fd_read(int fd, char *buf, size_t max);

#endif
