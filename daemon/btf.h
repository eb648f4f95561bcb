/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the members of the kernel's structures are: its own description of its types (BTF), read for byte offsets.
 * Source: Documentation/bpf/btf.rst, <linux/btf.h>.
 */
#ifndef DAEMON_BTF_H
#define DAEMON_BTF_H

#include <stddef.h>
#include <stdint.h>

struct btf {
	const uint8_t *bytes; /* the caller's */
	const char *strings;
	uint32_t strings_len;
	uint32_t *types; /* offset of each type in `bytes`; number 0 is void */
	uint32_t n_types;
};

/*
 * Takes in a description, whose bytes must stay while it is used and are aligned to 4. 0, ERR_MALFORMED (also for the other byte
 * order) or ERR_NOMEM.
 */
int btf_open(struct btf *b, const void *bytes, size_t len);
void btf_close(struct btf *b);

/*
 * The offset in bytes of "member" or "member.member" in "struct type"; members of unnamed structures and unions in it count as its own.
 * 0, or ERR_NOT_FOUND (also for what does not begin at a byte).
 */
int btf_offset(const struct btf *b, const char *type, const char *path, uint32_t *ret);

#endif
