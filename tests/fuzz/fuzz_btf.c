/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as a description of types, asked for the names of the seeds. */
#include "config.h"

#include "daemon/btf.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const paths[] = { "a", "b", "flag", "name", "name.a", "name.b.a", "no",
		"", ".", "name." };
	uint8_t *copy = fuzz_copy(data, size);
	struct btf btf;

	if (btf_open(&btf, copy, size) == 0) {
		for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
			uint32_t offset = UINT32_MAX;

			if (btf_offset(&btf, "outer", paths[i], &offset) == 0)
				FUZZ_ASSERT(offset <= INT16_MAX);
			(void)btf_offset(&btf, "inner", paths[i], &offset);
		}
		btf_close(&btf);
	}
	free(copy);
	return 0;
}
