/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who changed what through the API: written as each request is answered, read by its route. db/audit.h has the chain. */
#ifndef API_AUDIT_H
#define API_AUDIT_H

#include "api/http.h"

struct exchange;

/*
 * Notes an answered request, if it was one that changes something and did so, or a log-in that failed (at most one of those in
 * ten seconds: a stranger cannot fill the disk). Secrets are left out.
 */
void audit_request(struct exchange *x);

/* GET /api/v1/audit */
void audit_list(struct http_request *req);

/* opensnitch-console --verify-audit: reads the chain in IPC_ENV_STATE_DIR and says what it found. The exit status. */
int audit_verify_main(void);

#endif
