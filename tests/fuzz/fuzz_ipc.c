/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes as a message between engine and console. The first byte chooses: odd, the rest as it is; even, the rest with a
 * header that fits, so that the checks behind it are reached.
 */
#include "config.h"

#include "daemon/ipc.h"
#include "lib/cleanup.h"
#include "lib/err.h"
#include "lib/verdict.h"
#include "tests/fuzz/fuzz.h"

static void read_str(const uint8_t *msg, size_t len, struct ipc_str s)
{
	size_t got_len;
	const char *got = ipc_get(msg, s, &got_len);

	FUZZ_ASSERT(got && got_len == s.len);
	if (got_len)
		FUZZ_ASSERT(
			(const uint8_t *)got >= msg && (const uint8_t *)got + got_len <= msg + len);
	fuzz_touch(got, got_len);
}

static void read_connection(const uint8_t *msg, size_t len, const struct ipc_connection *c)
{
	const struct ipc_process *p = &c->process;
	const struct ipc_str strs[] = { c->host, c->rule, p->path, p->args, p->cwd, p->user,
		p->cgroup, p->container, p->creator.path, p->creator.name };

	for (size_t i = 0; i < array_len(strs); i++)
		read_str(msg, len, strs[i]);
	FUZZ_ASSERT(p->n_parents <= LIMIT_PARENTS);
	for (uint32_t i = 0; i < p->n_parents; i++) {
		read_str(msg, len, p->parents[i].path);
		read_str(msg, len, p->parents[i].name);
	}
	/* Each has a name: a value outside its enum would make these read behind their tables. */
	FUZZ_ASSERT(action_str((enum action)c->action) && reason_str((enum reason)c->reason) &&
		    attribution_method_str((enum attribution_method)c->method) &&
		    confidence_str((enum confidence)c->confidence));
	FUZZ_ASSERT(memchr(c->iface_in, 0, sizeof(c->iface_in)));
	FUZZ_ASSERT(memchr(c->iface_out, 0, sizeof(c->iface_out)));
}

static void read_message(const uint8_t *msg, size_t len)
{
	const struct ipc_header *h = (const struct ipc_header *)msg;

	FUZZ_ASSERT(h->len == len && len >= ipc_fixed_size(h->type));
	fuzz_touch(msg, len);
	switch (h->type) {
	case IPC_CONNECTION:
	case IPC_PROMPT:
		read_connection(msg, len, (const struct ipc_connection *)msg);
		break;
	case IPC_STATUS:
		read_str(msg, len, ((const struct ipc_status *)msg)->method_why);
		read_str(msg, len, ((const struct ipc_status *)msg)->netns);
		break;
	case IPC_ALERT:
		read_str(msg, len, ((const struct ipc_alert *)msg)->text);
		break;
	case IPC_RULESET_RESULT:
		read_str(msg, len, ((const struct ipc_ruleset_result *)msg)->text);
		break;
	case IPC_ANSWER:
		read_str(msg, len, ((const struct ipc_answer *)msg)->rule);
		break;
	default:
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ipc_header *h;
	const struct ipc_header *next;
	size_t pos = 0;
	uint8_t *msg;
	int r;

	if (size < 1)
		return 0;
	msg = fuzz_copy(data + 1, size - 1);
	h = (struct ipc_header *)msg;
	if (!(data[0] & 1) && size - 1 >= sizeof(*h)) {
		h->len = (uint32_t)(size - 1);
		h->version = IPC_VERSION;
		h->type = data[0] / 2;
	}
	r = ipc_check(msg, size - 1);
	FUZZ_ASSERT(r == 0 || r == ERR_MALFORMED);
	if (r == 0)
		read_message(msg, size - 1);
	while ((next = ipc_unpack(msg, size - 1, &pos)))
		read_message((const uint8_t *)next, next->len);
	FUZZ_ASSERT(pos <= size - 1);
	free(msg);
	return 0;
}
