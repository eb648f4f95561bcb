/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Searching compiled lists. */
#include "config.h"

#include "lib/listset.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/hash.h"
#include "lib/limits.h"
#include "lib/listwire.h"
#include "lib/pattern.h"
#include "lib/utf8.h"

struct listset {
	atomic_uint refs;
	void *file;
	size_t len;
	bool is_mapped;
	const struct listwire_header *header;
	const uint64_t *slots;
	const struct listwire_net4 *nets4;
	const struct listwire_net6 *nets6;
	const struct listwire_pattern *wire_patterns;
	struct pattern **patterns;
};

uint64_t listset_hash(const uint64_t key[static 2], const void *bytes, size_t len)
{
	return hash_bytes_with(key, bytes, len);
}

uint64_t listset_hash_below(const uint64_t key[static 2], const void *name, size_t len)
{
	const uint64_t other[2] = { key[0], ~key[1] };

	return hash_bytes_with(other, name, len);
}

/* ---- loading */

static bool is_list(uint32_t operand)
{
	return operand >= OPERAND_LISTS_DOMAINS && operand <= OPERAND_LISTS_HASH_SHA256;
}

/* Every table inside the file, one behind the other without a gap. */
static int check_header(const struct listwire_header *h, size_t len, struct error *err)
{
	uint64_t need = sizeof(*h);

	if (len > LIMIT_LIST_BYTES)
		return error_set(err, ERR_TOO_BIG, "header", "the list is bigger than %u bytes",
			LIMIT_LIST_BYTES);
	if (len < sizeof(*h) || h->magic != LISTWIRE_MAGIC || h->version != LISTWIRE_VERSION ||
		h->total_len != len)
		return error_set(err, ERR_MALFORMED, "header", "not a list of this version");
	if (!is_list(h->operand) || h->flags > LISTWIRE_HAS_SUFFIXES || h->pad ||
		h->folder_len == 0 || h->folder_len > sizeof(h->folder) ||
		(h->n_slots & (h->n_slots - 1)) != 0 || h->max_probe > LIMIT_LIST_PROBES ||
		h->n_patterns > LIMIT_LIST_PATTERNS)
		return error_set(
			err, ERR_MALFORMED, "header", "a field has a value that does not exist");
	need += (uint64_t)h->n_slots * sizeof(uint64_t);
	need += (uint64_t)h->n_nets4 * sizeof(struct listwire_net4);
	need += (uint64_t)h->n_nets6 * sizeof(struct listwire_net6);
	need += (uint64_t)h->n_patterns * sizeof(struct listwire_pattern);
	need += h->strings_len;
	return need == len
		       ? 0
		       : error_set(err, ERR_MALFORMED, "header", "the tables do not fill the list");
}

static void find_tables(struct listset *l)
{
	const struct listwire_header *h = l->file;
	const uint8_t *p = (const uint8_t *)l->file + sizeof(*h);

	l->header = h;
	l->slots = (const void *)p;
	p += h->n_slots * sizeof(*l->slots);
	l->nets4 = (const void *)p;
	p += h->n_nets4 * sizeof(*l->nets4);
	l->nets6 = (const void *)p;
	p += h->n_nets6 * sizeof(*l->nets6);
	l->wire_patterns = (const void *)p;
}

static int compile_pattern(struct listset *l, uint32_t i, struct error *err)
{
	const struct listwire_pattern *w = &l->wire_patterns[i];
	uint64_t strings = l->header->total_len - l->header->strings_len;
	const char *s = (const char *)l->file + w->off;
	int r;

	if (w->off < strings || (uint64_t)w->off + w->len > l->header->total_len || w->len == 0 ||
		!utf8_valid(s, w->len))
		return error_set(err, ERR_MALFORMED, "patterns",
			"pattern %u is out of bounds or not UTF-8", i);
	r = pattern_new(s, w->len, false, &l->patterns[i], err);
	return r;
}

static int compile_patterns(struct listset *l, struct error *err)
{
	int r = 0;

	if (!l->header->n_patterns)
		return 0;
	l->patterns = calloc(l->header->n_patterns, sizeof(struct pattern *));
	if (!l->patterns)
		return error_set(err, ERR_NOMEM, NULL, "%s", err_str(ERR_NOMEM));
	for (uint32_t i = 0; r == 0 && i < l->header->n_patterns; i++)
		r = compile_pattern(l, i, err);
	return r;
}

/* Takes what is in *l, also on failure. */
static int finish(struct listset *l, struct listset **ret, struct error *err)
{
	int r = check_header(l->file, l->len, err);

	if (r == 0) {
		find_tables(l);
		r = compile_patterns(l, err);
	}
	if (r < 0) {
		listset_unref(l);
		return r;
	}
	*ret = l;
	return 0;
}

static struct listset *new_listset(struct error *err)
{
	struct listset *l = calloc(1, sizeof(*l));

	if (!l) {
		error_set(err, ERR_NOMEM, NULL, "%s", err_str(ERR_NOMEM));
		return NULL;
	}
	atomic_init(&l->refs, 1);
	return l;
}

int listset_load(const void *data, size_t len, struct listset **ret, struct error *err)
{
	struct listset *l = new_listset(err);

	if (!l)
		return ERR_NOMEM;
	l->len = len;
	l->file = malloc(len + sizeof(struct listwire_header));
	if (!l->file) {
		listset_unref(l);
		return error_set(err, ERR_NOMEM, NULL, "%s", err_str(ERR_NOMEM));
	}
	memset(l->file, 0, sizeof(struct listwire_header));
	if (len)
		memcpy(l->file, data, len);
	return finish(l, ret, err);
}

int listset_load_fd(int fd, struct listset **ret, struct error *err)
{
	const int needed = F_SEAL_WRITE | F_SEAL_SHRINK;
	struct listset *l;
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals < 0 || (seals & needed) != needed)
		return error_set(err, ERR_INVALID, NULL,
			"the list did not come in a memory file sealed against changes");
	if (fstat(fd, &st) < 0)
		return error_set(err, ERR_IO, NULL, "fstat: %s", strerror(errno));
	if (st.st_size < (off_t)sizeof(struct listwire_header))
		return error_set(err, ERR_MALFORMED, "header", "not a list of this version");
	if (st.st_size > (off_t)LIMIT_LIST_BYTES)
		return error_set(err, ERR_TOO_BIG, "header", "the list is bigger than %u bytes",
			LIMIT_LIST_BYTES);
	l = new_listset(err);
	if (!l)
		return ERR_NOMEM;
	l->len = (size_t)st.st_size;
	l->file = mmap(NULL, l->len, PROT_READ, MAP_SHARED, fd, 0);
	if (l->file == MAP_FAILED) {
		l->file = NULL;
		listset_unref(l);
		return error_set(err, err_from_errno(errno), NULL, "mmap: %s", strerror(errno));
	}
	l->is_mapped = true;
	return finish(l, ret, err);
}

struct listset *listset_ref(struct listset *l)
{
	atomic_fetch_add_explicit(&l->refs, 1, memory_order_relaxed);
	return l;
}

void listset_unref(struct listset *l)
{
	if (!l || atomic_fetch_sub_explicit(&l->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (uint32_t i = 0; l->patterns && i < l->header->n_patterns; i++)
		pattern_free(l->patterns[i]);
	free(l->patterns);
	if (l->is_mapped)
		munmap(l->file, l->len);
	else
		free(l->file);
	free(l);
}

enum operand listset_operand(const struct listset *l)
{
	return (enum operand)l->header->operand;
}

struct text listset_folder(const struct listset *l)
{
	return (struct text) { l->header->folder, l->header->folder_len };
}

uint64_t listset_count(const struct listset *l)
{
	return l->header->n_entries;
}

size_t listset_bytes(const struct listset *l)
{
	return l->len;
}

/* ---- searching */

static unsigned find_slot(const struct listset *l, uint64_t hash)
{
	const uint64_t fingerprint = hash >> 8;
	const uint32_t mask = l->header->n_slots - 1;
	uint32_t at = (uint32_t)hash & mask;

	if (!l->header->n_slots)
		return 0;
	for (uint32_t i = 0; i <= l->header->max_probe; i++, at = (at + 1) & mask) {
		uint64_t slot = l->slots[at];

		if (!slot)
			return 0;
		if ((slot ^ fingerprint) << 8 == 0)
			return (unsigned)(slot >> LISTWIRE_SOURCE_SHIFT);
	}
	return 0;
}

/* The name itself, then each name that it lies below. */
static unsigned find_host(const struct listset *l, struct text host)
{
	char lower[LIMIT_HOST];
	unsigned found;

	if (!host.len || host.len > sizeof(lower))
		return 0;
	for (size_t i = 0; i < host.len; i++)
		lower[i] =
			(char)(host.s[i] >= 'A' && host.s[i] <= 'Z' ? host.s[i] | 0x20 : host.s[i]);
	found = find_slot(l, listset_hash(l->header->key, lower, host.len));
	if (found || !(l->header->flags & LISTWIRE_HAS_SUFFIXES))
		return found;
	for (size_t i = 1; i + 1 < host.len && !found; i++)
		if (lower[i] == '.')
			found = find_slot(l, listset_hash_below(l->header->key, lower + i + 1,
						     host.len - i - 1));
	return found;
}

static unsigned find_net4(const struct listset *l, const uint8_t *bytes)
{
	uint32_t a = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
		     bytes[3];
	size_t lo = 0, hi = l->header->n_nets4;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (l->nets4[mid].last < a)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < l->header->n_nets4 && l->nets4[lo].first <= a ? l->nets4[lo].source : 0;
}

static unsigned find_net6(const struct listset *l, const uint8_t *bytes)
{
	size_t lo = 0, hi = l->header->n_nets6;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (memcmp(l->nets6[mid].last, bytes, 16) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < l->header->n_nets6 && memcmp(l->nets6[lo].first, bytes, 16) <= 0
		       ? l->nets6[lo].source
		       : 0;
}

static unsigned find_pattern(const struct listset *l, struct text host)
{
	for (uint32_t i = 0; host.len && i < l->header->n_patterns; i++)
		if (pattern_match(l->patterns[i], host.s, host.len))
			return l->wire_patterns[i].source;
	return 0;
}

static unsigned find_digest(const struct listset *l, const struct subject *s, enum digest which)
{
	struct text value = s->digest ? s->digest(s->digest_ctx, which) : (struct text) { 0 };

	return value.len ? find_slot(l, listset_hash(l->header->key, value.s, value.len)) : 0;
}

unsigned listset_find(const struct listset *l, const struct subject *s)
{
	const struct ip_addr *dst = &s->flow.dst;

	switch (listset_operand(l)) {
	case OPERAND_LISTS_DOMAINS:
		return find_host(l, s->host);
	case OPERAND_LISTS_DOMAINS_REGEXP:
		return find_pattern(l, s->host);
	case OPERAND_LISTS_IPS:
		return find_slot(l, listset_hash(l->header->key, dst, sizeof(*dst)));
	case OPERAND_LISTS_NETS:
		if (dst->family == 4)
			return find_net4(l, dst->bytes);
		return dst->family == 6 ? find_net6(l, dst->bytes) : 0;
	case OPERAND_LISTS_HASH_MD5:
		return find_digest(l, s, DIGEST_MD5);
	case OPERAND_LISTS_HASH_SHA256:
		return find_digest(l, s, DIGEST_SHA256);
	default:
		return 0;
	}
}
