/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One list fetched from its URL by libcurl, which only opensnitch-fetcher is linked with. */
#ifndef API_TRANSFER_H
#define API_TRANSFER_H

#include "api/fetch.h"

/* Before transfer_run(), while files may still be opened and code mapped. 0 or ERR_IO. */
int transfer_init(void);

/*
 * Fetches it into `fd`, an empty file: *ret always. Waits as long as it takes, at most request->timeout_ms. A list counts as whole
 * where the server said how long it is, or that this was all of it.
 */
void transfer_run(const struct fetch_request *request, int fd, struct fetch_result *ret);

#endif
