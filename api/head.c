/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The head of a request, held against the words that libmicrohttpd found in it. */
#include "config.h"

#include "api/head.h"

#include <stdint.h>
#include <string.h>

#define VERSION_LEN 8u /* "HTTP/1.1" */

static const char fault[] =
	"the head has a NUL or a bare CR character, a folded field, or line ends of two kinds";

/* Its length and one, which is no address and not NULL. */
void *head_note(void *cls, const char *target, struct MHD_Connection *connection)
{
	(void)cls;
	(void)connection;
	return (void *)(uintptr_t)((target ? strlen(target) : 0) + 1);
}

bool head_is_note(const void *con_cls)
{
	return con_cls && (uintptr_t)con_cls <= HEAD_ROOM;
}

struct walk {
	const char *at, *end; /* where the last line has its end; the head's end */
	size_t eol; /* bytes of the end of a line; 0: none was seen */
	bool ok;
};

static bool are_nuls(const char *p, size_t n)
{
	for (; n; n--)
		if (*p++)
			return false;
	return true;
}

/* Line ends from `at` to `to`, all of one kind: so many. */
static bool takes_ends(struct walk *w, const char *to, size_t n)
{
	uintptr_t len = (uintptr_t)to - (uintptr_t)w->at;

	if (!w->eol)
		w->eol = len / n;
	return w->eol >= 1 && w->eol <= 2 && len == n * w->eol && are_nuls(w->at, len);
}

static enum MHD_Result walk_field(
	void *cls, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct walk *w = cls;
	const char *p;

	(void)kind;
	w->ok = takes_ends(w, name, 1);
	if (!w->ok)
		return MHD_NO;
	p = name + strlen(name) + 1;
	p += strspn(p, " \t");
	w->ok = p == value && !strchr(value, '\r');
	if (w->ok)
		w->at = value + strlen(value);
	return w->ok ? MHD_YES : MHD_NO;
}

static bool is_first_line_whole(
	const char *method, const char *url, const char *version, const void *note)
{
	const char *p = method + strlen(method) + 1;

	p += strspn(p, " ");
	return p == url && head_is_note(note) && url + (uintptr_t)note == version;
}

const char *head_fault(struct MHD_Connection *connection, const char *method, const char *url,
	const char *version, const void *note)
{
	const union MHD_ConnectionInfo *info;
	struct walk w = { .ok = true };

	if (strncmp(MHD_get_version(), "0.", 2) != 0)
		return NULL;
	info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
	if (!info || !is_first_line_whole(method, url, version, note))
		return fault;
	w.at = version + VERSION_LEN;
	w.end = method + info->header_size;
	MHD_get_connection_values(connection, MHD_HEADER_KIND, walk_field, &w);
	return w.ok && takes_ends(&w, w.end, 2) ? NULL : fault;
}
