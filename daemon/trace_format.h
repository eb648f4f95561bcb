/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The layout of a trace event as the kernel tells it in events/SYSTEM/EVENT/format (and of a ring-buffer page in
 * events/header_page): never assumed, because it differs between kernel versions.
 *
 * Source: kernel/trace/trace_events.c (f_show), Documentation/trace/events.rst.
 */
#ifndef DAEMON_TRACE_FORMAT_H
#define DAEMON_TRACE_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRACE_FIELDS_MAX 48
#define TRACE_FIELD_NAME 32
#define TRACE_OFFSET_MAX 65535 /* of a field; a page is at most 64 KiB */

enum trace_field_kind {
	TRACE_FIELD_PLAIN, /* the value itself, or an array of `size` bytes */
	TRACE_FIELD_DATA_LOC, /* u32: offset in the record | length << 16 */
	TRACE_FIELD_REL_LOC, /* the same, offset from the end of this u32 */
};

struct trace_field {
	char name[TRACE_FIELD_NAME]; /* without the array brackets */
	uint32_t offset; /* bytes from the start of the record */
	uint32_t size; /* bytes */
	enum trace_field_kind kind;
};

struct trace_format {
	uint32_t id; /* common_type of its records; 0: the text has none (header_page) */
	size_t n_fields;
	struct trace_field fields[TRACE_FIELDS_MAX];
};

/* Parses `len` bytes of such a file. 0, or ERR_MALFORMED when no field could be read or one lies past TRACE_OFFSET_MAX. */
int trace_format_parse(const char *text, size_t len, struct trace_format *ret);

/* The field of that name, or NULL. Borrowed from `format`. */
const struct trace_field *trace_format_find(const struct trace_format *format, const char *name);

/*
 * An unsigned number of 1, 2, 4 or 8 bytes in host order out of a record of `len` bytes. False, and 0 in *ret, when the
 * field is not inside the record or has another size.
 */
bool trace_field_uint(
	const struct trace_field *field, const uint8_t *record, size_t len, uint64_t *ret);

/* The `size` bytes of a plain field in place, or NULL when it has another size or is not inside the record. */
const uint8_t *trace_field_bytes(
	const struct trace_field *field, const uint8_t *record, size_t len, size_t size);

/*
 * A string of any kind of field, up to its NUL: in place, with its length in *ret_len; NULL when it is not inside
 * the record. It need not be NUL-terminated.
 */
const char *trace_field_string(
	const struct trace_field *field, const uint8_t *record, size_t len, size_t *ret_len);

#endif
