-- SPDX-License-Identifier: GPL-2.0-or-later
-- What became of rules: each change with both documents, so that it can be told, and undone.
CREATE TABLE rule_changes (
	id INTEGER PRIMARY KEY AUTOINCREMENT, -- never used again
	time_us INTEGER NOT NULL,
	name TEXT NOT NULL,
	kind TEXT NOT NULL, -- created, updated, renamed, deleted
	by_kind TEXT NOT NULL, -- token, session, user, file, clock
	by_name TEXT, -- NULL: there is none
	via TEXT, -- prompt, api ...; NULL: nothing special
	before TEXT, -- documents; NULL: there was no rule
	after TEXT
);
CREATE INDEX rule_changes_name ON rule_changes (name, id);
