/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PCRE2 behind the narrow door that rules need: pcre2api(3), pcre2jit(3). */
#include "config.h"

#include "lib/pattern.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "lib/utf8.h"

#define JIT_STACK_START (32u << 10)
#define JIT_STACK_MAX (512u << 10)
#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */
#define HEAP_LIMIT_KIB 1024 /* of the interpreter, where JIT is not to be had */

struct pattern {
	pcre2_code *code;
};

/* What a match works in. It lives as long as any pattern, so that a match finds all its memory ready. */
static struct {
	pthread_mutex_t lock; /* of `users`, and of all at its first and its last */
	unsigned users;
	pcre2_match_context *context;
	pcre2_match_data *data;
	pcre2_jit_stack *stack;
	char *mended; /* for a string that is not UTF-8 */
	uint64_t limit_hits;
} shared = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void release_locked(void)
{
	if (--shared.users)
		return;
	pcre2_match_data_free(shared.data);
	pcre2_match_context_free(shared.context);
	pcre2_jit_stack_free(shared.stack);
	free(shared.mended);
	shared.data = NULL;
	shared.context = NULL;
	shared.stack = NULL;
	shared.mended = NULL;
}

static void shared_release(void)
{
	pthread_mutex_lock(&shared.lock);
	release_locked();
	pthread_mutex_unlock(&shared.lock);
}

static int acquire_locked(void)
{
	if (shared.users++)
		return 0;
	shared.context = pcre2_match_context_create(NULL);
	shared.data = pcre2_match_data_create(1, NULL);
	shared.stack = pcre2_jit_stack_create(JIT_STACK_START, JIT_STACK_MAX, NULL);
	shared.mended = malloc(strlen(REPLACEMENT) * PATTERN_BROKEN_MAX);
	if (!shared.context || !shared.data || !shared.mended) {
		release_locked();
		return ERR_NOMEM;
	}
	pcre2_set_match_limit(shared.context, LIMIT_REGEXP_MATCH);
	pcre2_set_depth_limit(shared.context, LIMIT_REGEXP_DEPTH);
	pcre2_set_heap_limit(shared.context, HEAP_LIMIT_KIB);
	/* Without a stack of its own JIT code uses 32 KiB of the machine's: still right, only gives up sooner. */
	if (shared.stack)
		pcre2_jit_stack_assign(shared.context, NULL, shared.stack);
	return 0;
}

static int shared_acquire(void)
{
	int r;

	pthread_mutex_lock(&shared.lock);
	r = acquire_locked();
	pthread_mutex_unlock(&shared.lock);
	return r;
}

static int compile_error(struct error *err, int code, size_t offset)
{
	PCRE2_UCHAR text[200];

	if (code == PCRE2_ERROR_HEAP_FAILED)
		return error_set(err, ERR_NOMEM, NULL, "%s", err_str(ERR_NOMEM));
	if (pcre2_get_error_message(code, text, sizeof(text)) < 0)
		text[0] = '\0';
	return error_set(err, ERR_INVALID, NULL, "the pattern is wrong at offset %zu: %s", offset,
		(const char *)text);
}

int pattern_new(const char *s, size_t len, bool sensitive, struct pattern **ret, struct error *err)
{
	uint32_t options =
		PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_NO_AUTO_CAPTURE | PCRE2_NEVER_BACKSLASH_C;
	struct pattern *p;
	PCRE2_SIZE offset = 0;
	int code = 0;

	if (len > LIMIT_RULE_DATA)
		return error_set(err, ERR_TOO_BIG, NULL, "the pattern is longer than %d bytes",
			LIMIT_RULE_DATA);
	if (!sensitive)
		options |= PCRE2_CASELESS;
	p = calloc(1, sizeof(*p));
	if (!p || shared_acquire() < 0) {
		free(p);
		return error_set(err, ERR_NOMEM, NULL, "%s", err_str(ERR_NOMEM));
	}
	p->code = pcre2_compile((PCRE2_SPTR)(len ? s : ""), len, options, &code, &offset, NULL);
	if (!p->code) {
		pattern_free(p);
		return compile_error(err, code, offset);
	}
	(void)pcre2_jit_compile(p->code, PCRE2_JIT_COMPLETE);
	*ret = p;
	return 0;
}

void pattern_free(struct pattern *p)
{
	if (!p)
		return;
	pcre2_code_free(p->code);
	free(p);
	shared_release();
}

static int match(const struct pattern *p, const char *s, size_t len, uint32_t options)
{
	return pcre2_match(
		p->code, (PCRE2_SPTR)(len ? s : ""), len, 0, options, shared.data, shared.context);
}

/*
 * PCRE2 has an option for such strings (PCRE2_MATCH_INVALID_UTF), but the JIT code of 10.42 then finds less than its interpreter
 * does: \W misses what follows a broken byte. So the string is mended first.
 */
static int match_broken(const struct pattern *p, const char *s, size_t len)
{
	size_t used = 0;

	if (len > PATTERN_BROKEN_MAX)
		len = PATTERN_BROKEN_MAX;
	for (size_t i = 0; i < len;) {
		size_t n = utf8_char_len(s + i, len - i);

		if (n) {
			memcpy(shared.mended + used, s + i, n);
			used += n;
			i += n;
		} else {
			memcpy(shared.mended + used, REPLACEMENT, strlen(REPLACEMENT));
			used += strlen(REPLACEMENT);
			i++;
		}
	}
	return match(p, shared.mended, used, PCRE2_NO_UTF_CHECK);
}

bool pattern_match(const struct pattern *p, const char *s, size_t len)
{
	int r = match(p, s, len, 0);

	if (r <= PCRE2_ERROR_UTF8_ERR1 && r >= PCRE2_ERROR_UTF8_ERR21)
		r = match_broken(p, s, len);
	if (r < 0 && r != PCRE2_ERROR_NOMATCH)
		shared.limit_hits++;
	return r >= 0;
}

uint64_t pattern_limit_hits(void)
{
	return shared.limit_hits;
}
