/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Event formats, parsed line by line, and bounds-checked access to the fields they tell of. */
#include "config.h"
#include "daemon/trace_format.h"

#include <ctype.h>
#include <string.h>

#include "lib/err.h"

struct span {
	const char *s;
	size_t len;
};

/* What stands behind `key` up to the next ';', without blanks at its start. */
static bool span_value(struct span line, const char *key, struct span *ret)
{
	const char *at = memmem(line.s, line.len, key, strlen(key));
	const char *end;

	if (!at)
		return false;
	at += strlen(key);
	end = memchr(at, ';', (size_t)(line.s + line.len - at));
	if (!end)
		return false;
	while (at < end && isspace((unsigned char)*at))
		at++;
	ret->s = at;
	ret->len = (size_t)(end - at);
	return true;
}

static bool span_number(struct span v, uint32_t max, uint32_t *ret)
{
	uint64_t n = 0;

	if (!v.len)
		return false;
	for (size_t i = 0; i < v.len; i++) {
		if (!isdigit((unsigned char)v.s[i]))
			return false;
		n = n * 10 + (uint64_t)(v.s[i] - '0');
		if (n > max)
			return false;
	}
	*ret = (uint32_t)n;
	return true;
}

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/*
 * The name in a declaration: its last word, with array brackets behind it left out ("char comm[16]",
 * "__data_loc char[] filename", "const void * skaddr").
 */
static bool span_name(struct span decl, struct trace_field *f)
{
	size_t end = decl.len, start;

	while (end && !is_word(decl.s[end - 1])) {
		if (decl.s[end - 1] == ']') {
			while (end && decl.s[end - 1] != '[')
				end--;
		}
		if (end)
			end--;
	}
	start = end;
	while (start && is_word(decl.s[start - 1]))
		start--;
	if (start == end || end - start >= sizeof(f->name))
		return false;
	memcpy(f->name, decl.s + start, end - start);
	f->name[end - start] = '\0';
	return true;
}

static bool span_starts(struct span v, const char *with)
{
	return v.len >= strlen(with) && memcmp(v.s, with, strlen(with)) == 0;
}

/* 1 when the line told a field, 0 when it is another line, or ERR_MALFORMED. */
static int parse_field(struct span line, struct trace_field *f)
{
	struct span decl, offset, size;

	if (!span_value(line, "field:", &decl))
		return 0;
	if (!span_value(line, "offset:", &offset) || !span_value(line, "size:", &size))
		return ERR_MALFORMED;
	if (!span_number(offset, TRACE_OFFSET_MAX, &f->offset) ||
		!span_number(size, TRACE_OFFSET_MAX, &f->size))
		return ERR_MALFORMED;
	f->kind = span_starts(decl, "__data_loc")  ? TRACE_FIELD_DATA_LOC
		  : span_starts(decl, "__rel_loc") ? TRACE_FIELD_REL_LOC
						   : TRACE_FIELD_PLAIN;
	return span_name(decl, f) ? 1 : 0;
}

int trace_format_parse(const char *text, size_t len, struct trace_format *ret)
{
	memset(ret, 0, sizeof(*ret));
	while (len) {
		const char *nl = memchr(text, '\n', len);
		struct span line = { text, nl ? (size_t)(nl - text) : len };
		int r;

		/* What follows is how the kernel would print it, which may quote anything. */
		if (span_starts(line, "print fmt:"))
			break;
		if (span_starts(line, "ID:")) {
			struct span id = { line.s + 3, line.len - 3 };

			while (id.len && *id.s == ' ') {
				id.s++;
				id.len--;
			}
			if (!span_number(id, UINT16_MAX, &ret->id))
				return ERR_MALFORMED;
		} else if (ret->n_fields < TRACE_FIELDS_MAX) {
			r = parse_field(line, &ret->fields[ret->n_fields]);
			if (r < 0)
				return r;
			ret->n_fields += (size_t)r;
		}
		text += line.len + (nl ? 1 : 0);
		len -= line.len + (nl ? 1 : 0);
	}
	return ret->n_fields ? 0 : ERR_MALFORMED;
}

const struct trace_field *trace_format_find(const struct trace_format *format, const char *name)
{
	for (size_t i = 0; i < format->n_fields; i++)
		if (strcmp(format->fields[i].name, name) == 0)
			return &format->fields[i];
	return NULL;
}

bool trace_field_uint(
	const struct trace_field *field, const uint8_t *record, size_t len, uint64_t *ret)
{
	const uint8_t *p;
	uint16_t v16;
	uint32_t v32;

	*ret = 0;
	if (field->offset > len || field->size > len - field->offset)
		return false;
	p = record + field->offset;
	switch (field->size) {
	case 1:
		*ret = p[0];
		return true;
	case 2:
		memcpy(&v16, p, sizeof(v16));
		*ret = v16;
		return true;
	case 4:
		memcpy(&v32, p, sizeof(v32));
		*ret = v32;
		return true;
	case 8:
		memcpy(ret, p, sizeof(*ret));
		return true;
	default:
		return false;
	}
}

const uint8_t *trace_field_bytes(
	const struct trace_field *field, const uint8_t *record, size_t len, size_t size)
{
	if (field->kind != TRACE_FIELD_PLAIN || field->size != size || field->offset > len ||
		size > len - field->offset)
		return NULL;
	return record + field->offset;
}

const char *trace_field_string(
	const struct trace_field *field, const uint8_t *record, size_t len, size_t *ret_len)
{
	size_t offset = field->offset, size = field->size;
	uint64_t loc;

	if (field->kind != TRACE_FIELD_PLAIN) {
		if (field->size != 4 || !trace_field_uint(field, record, len, &loc))
			return NULL;
		offset = loc & 0xffff;
		size = (loc >> 16) & 0xffff;
		if (field->kind == TRACE_FIELD_REL_LOC)
			offset += field->offset + 4;
	}
	if (offset > len || size > len - offset)
		return NULL;
	*ret_len = strnlen((const char *)record + offset, size);
	return (const char *)record + offset;
}
