/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One walk over all types for their places; structures are then looked up by name. */
#include "config.h"

#include "daemon/btf.h"

#include <linux/btf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"

#define TYPES_MAX 4000000u
#define DEPTH_MAX 8 /* unnamed structures in each other, and names for names of types */
#define MEMBERS_MAX 100000u /* looked at for one name */

static const struct btf_type *type_of(const struct btf *b, uint32_t id)
{
	return id && id < b->n_types ? (const void *)(b->bytes + b->types[id]) : NULL;
}

/* What follows the fixed part of a type; -1: a kind that we do not know. */
static int64_t tail_of(const struct btf_type *t)
{
	uint64_t n = BTF_INFO_VLEN(t->info);

	switch (BTF_INFO_KIND(t->info)) {
	case BTF_KIND_INT:
	case BTF_KIND_VAR:
	case BTF_KIND_DECL_TAG:
		return 4;
	case BTF_KIND_ARRAY:
		return (int64_t)sizeof(struct btf_array);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return (int64_t)(n * sizeof(struct btf_member));
	case BTF_KIND_ENUM:
		return (int64_t)(n * sizeof(struct btf_enum));
	case BTF_KIND_ENUM64:
		return (int64_t)(n * sizeof(struct btf_enum64));
	case BTF_KIND_FUNC_PROTO:
		return (int64_t)(n * sizeof(struct btf_param));
	case BTF_KIND_DATASEC:
		return (int64_t)(n * sizeof(struct btf_var_secinfo));
	case BTF_KIND_PTR:
	case BTF_KIND_FWD:
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_FUNC:
	case BTF_KIND_FLOAT:
	case BTF_KIND_TYPE_TAG:
		return 0;
	default:
		return -1;
	}
}

/* Walks the types from `at` to `end`: their number with the void one, or -1. With `places` notes where each begins. */
static int64_t walk(const uint8_t *bytes, size_t at, size_t end, uint32_t *places)
{
	uint32_t n = 1;

	while (at < end) {
		const struct btf_type *t = (const void *)(bytes + at);
		int64_t tail;

		if (end - at < sizeof(*t) || n == TYPES_MAX)
			return -1;
		tail = tail_of(t);
		if (tail < 0 || (uint64_t)tail > end - at - sizeof(*t))
			return -1;
		if (places)
			places[n] = (uint32_t)at;
		at += sizeof(*t) + (size_t)tail;
		n++;
	}
	return n;
}

int btf_open(struct btf *b, const void *bytes, size_t len)
{
	const struct btf_header *h = bytes;
	uint64_t types, strings;
	int64_t n;

	memset(b, 0, sizeof(*b));
	if (len < sizeof(*h) || len > UINT32_MAX || h->magic != BTF_MAGIC ||
		h->version != BTF_VERSION || h->hdr_len < sizeof(*h))
		return ERR_MALFORMED;
	types = (uint64_t)h->hdr_len + h->type_off;
	strings = (uint64_t)h->hdr_len + h->str_off;
	if (types % 4 || h->type_len > len || types > len - h->type_len || !h->str_len ||
		h->str_len > len || strings > len - h->str_len)
		return ERR_MALFORMED;
	b->bytes = bytes;
	b->strings = (const char *)bytes + strings;
	b->strings_len = h->str_len;
	if (b->strings[b->strings_len - 1])
		return ERR_MALFORMED;
	n = walk(bytes, (size_t)types, (size_t)types + h->type_len, NULL);
	if (n < 0)
		return ERR_MALFORMED;
	b->types = calloc((size_t)n, sizeof(*b->types));
	if (!b->types)
		return ERR_NOMEM;
	b->n_types = (uint32_t)n;
	walk(bytes, (size_t)types, (size_t)types + h->type_len, b->types);
	return 0;
}

void btf_close(struct btf *b)
{
	free(b->types);
	memset(b, 0, sizeof(*b));
}

/* "" for what has no name. */
static const char *name_at(const struct btf *b, uint32_t off)
{
	return off < b->strings_len ? b->strings + off : "";
}

static bool is_named(const struct btf *b, uint32_t off, const char *name, size_t len)
{
	const char *is = name_at(b, off);

	return strncmp(is, name, len) == 0 && !is[len];
}

static bool is_compound(const struct btf_type *t)
{
	return t && (BTF_INFO_KIND(t->info) == BTF_KIND_STRUCT ||
			    BTF_INFO_KIND(t->info) == BTF_KIND_UNION);
}

/* The structure behind other names for it; or what is not one. */
static const struct btf_type *resolve(const struct btf *b, uint32_t id)
{
	const struct btf_type *t = type_of(b, id);

	for (unsigned depth = 0; t && depth < DEPTH_MAX; depth++) {
		switch (BTF_INFO_KIND(t->info)) {
		case BTF_KIND_TYPEDEF:
		case BTF_KIND_VOLATILE:
		case BTF_KIND_CONST:
		case BTF_KIND_TYPE_TAG:
			t = type_of(b, t->type);
			break;
		default:
			return t;
		}
	}
	return NULL;
}

/* Offset in bits, added to *bits. The member's type: 0 when there is none of this name. */
static uint32_t find_member(const struct btf *b, const struct btf_type *t, const char *name,
	size_t len, unsigned depth, unsigned *left, uint64_t *bits)
{
	const struct btf_member *members = (const void *)(t + 1);

	for (uint32_t i = 0; i < BTF_INFO_VLEN(t->info) && *left; i++, --*left) {
		const struct btf_member *m = &members[i];
		const struct btf_type *inner = resolve(b, m->type);
		uint32_t at =
			BTF_INFO_KFLAG(t->info) ? BTF_MEMBER_BIT_OFFSET(m->offset) : m->offset;
		uint32_t found;

		if (*name_at(b, m->name_off)) {
			if (!is_named(b, m->name_off, name, len))
				continue;
			*bits += at;
			return m->type;
		}
		if (!is_compound(inner) || depth == DEPTH_MAX)
			continue;
		found = find_member(b, inner, name, len, depth + 1, left, bits);
		if (found) {
			*bits += at;
			return found;
		}
	}
	return 0;
}

static const struct btf_type *find_struct(const struct btf *b, const char *name)
{
	size_t len = strlen(name);

	for (uint32_t id = 1; id < b->n_types; id++) {
		const struct btf_type *t = type_of(b, id);

		if (BTF_INFO_KIND(t->info) == BTF_KIND_STRUCT &&
			is_named(b, t->name_off, name, len))
			return t;
	}
	return NULL;
}

int btf_offset(const struct btf *b, const char *type, const char *path, uint32_t *ret)
{
	const struct btf_type *t = find_struct(b, type);
	uint64_t bits = 0;

	for (;;) {
		size_t len = strcspn(path, ".");
		unsigned left = MEMBERS_MAX;
		uint32_t id = is_compound(t) ? find_member(b, t, path, len, 0, &left, &bits) : 0;

		if (!id)
			return ERR_NOT_FOUND;
		if (!path[len])
			break;
		path += len + 1;
		t = resolve(b, id);
	}
	if (bits % 8 || bits / 8 > INT16_MAX)
		return ERR_NOT_FOUND;
	*ret = (uint32_t)(bits / 8);
	return 0;
}
