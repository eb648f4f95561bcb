-- SPDX-License-Identifier: GPL-2.0-or-later
-- All rules: of the durable ones (files are the truth) the last good copy and the hits, and the temporary ones.
CREATE TABLE rules (
	name TEXT PRIMARY KEY,
	doc TEXT NOT NULL, -- JSON, OpenSnitch's format
	source TEXT NOT NULL CHECK (source IN ('file', 'api', 'prompt')),
	file TEXT, -- name in the rules folder; NULL: a temporary rule
	expires_us INTEGER, -- wall clock; NULL: never
	instance INTEGER, -- of the engine that an "until restart" rule lives with
	hits INTEGER NOT NULL DEFAULT 0,
	last_hit_us INTEGER
) WITHOUT ROWID;
