/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Remembering, comparing. */
#include "config.h"

#include "api/rule_program.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/rule_doc.h"
#include "api/rule_leaf.h"

void rule_program_init(struct rule_program *p, const struct rule_doc *doc)
{
	struct rule_leaves *leaves = doc->wire ? rule_leaves_new(doc) : NULL;

	memset(p, 0, sizeof(*p));
	for (size_t i = 0; leaves && i < leaves->n && !p->path; i++) {
		const struct rule_leaf *l = &leaves->items[i];

		if (l->type != OPERATOR_SIMPLE || l->operand != OPERAND_PROCESS_PATH ||
			!l->data.len || l->data.s[0] != '/' || l->data.len > LIMIT_PATH)
			continue;
		p->path = strndup(l->data.s, l->data.len);
		p->sensitive = l->sensitive;
	}
	rule_leaves_free(leaves);
}

void rule_program_done(struct rule_program *p)
{
	free(p->path);
	memset(p, 0, sizeof(*p));
}

void rule_program_set(struct rule_program *p, const struct file_identity *file)
{
	struct file_identity now;

	if (!p->path || (!file && !file_identity_read(AT_FDCWD, p->path, &now)))
		return;
	p->file = file ? *file : now;
	p->is_known = true;
	file_identity_format(&p->file, p->text);
}

bool rule_program_is(const struct rule_program *p, struct text path)
{
	return p->path && strlen(p->path) == path.len &&
	       (p->sensitive ? memcmp(p->path, path.s, path.len)
			     : strncasecmp(p->path, path.s, path.len)) == 0;
}

bool rule_program_changed(
	const struct rule_program *p, uint64_t updated_us, const struct file_identity *file)
{
	if (p->is_known)
		return !file_identity_is_unchanged(&p->file, file);
	/* By the time of the inode: packages keep the time of the content as it was built. */
	return updated_us && file->ctime_ns / 1000 > (int64_t)updated_us;
}
