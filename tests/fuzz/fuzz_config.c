/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any text as a config file: accepted values make messages that the engine believes, refused ones have a line and a reason. */
#include "config.h"

#include "api/configuration.h"
#include "lib/err.h"
#include "tests/fuzz/fuzz.h"

static void check_values(const struct config_values *v)
{
	struct ipc_builder *b = malloc(sizeof(*b));
	struct config *cfg = config_new(v);
	json_t *json;

	FUZZ_ASSERT(b && cfg);
	config_fill(v, ipc_begin(b, IPC_CONFIG));
	ipc_end(b);
	FUZZ_ASSERT(ipc_check(b->buf, b->len) == 0);
	config_fill_settings(v, ipc_begin(b, IPC_SETTINGS));
	ipc_end(b);
	FUZZ_ASSERT(ipc_check(b->buf, b->len) == 0);
	json = config_json(cfg);
	FUZZ_ASSERT(json);
	json_decref(json);
	config_free(cfg);
	free(b);
}

/* The same text as a patch of the running config. */
static void check_patch(const char *text, size_t len)
{
	static struct config_values values;
	struct config_problems problems;
	json_t *json = json_loadb(text, len, 0, NULL);
	struct config *cfg;
	int r;

	if (!json)
		return;
	options_defaults(&values);
	cfg = config_new(&values);
	FUZZ_ASSERT(cfg);
	problems.n = 0;
	r = config_patch(cfg, json, &problems);
	FUZZ_ASSERT(r == 0 || r == ERR_INVALID);
	FUZZ_ASSERT((r == 0) == (problems.n == 0));
	check_values(config_get(cfg));
	config_free(cfg);
	json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct config_values values;
	struct config_problems problems;
	/* config_parse() is given text that ends with a NUL, as it reads files. */
	char *text = malloc(size + 1);
	int r;

	FUZZ_ASSERT(text);
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	r = config_parse(text, size, &values, &problems);
	FUZZ_ASSERT(r == 0 || r == ERR_INVALID);
	FUZZ_ASSERT((r == 0) == (problems.n == 0) && problems.n <= CONFIG_PROBLEMS_MAX);
	for (unsigned i = 0; i < problems.n; i++)
		FUZZ_ASSERT(problems.items[i].line > 0 && problems.items[i].message[0]);
	if (r == 0)
		check_values(&values);
	check_patch(text, size);
	free(text);
	return 0;
}
