-- SPDX-License-Identifier: GPL-2.0-or-later
-- Lists from a URL, and how their last fetch ended. The lists themselves are files.
CREATE TABLE subscriptions (
	name TEXT PRIMARY KEY,
	url TEXT NOT NULL,
	operand TEXT NOT NULL, -- lists.domains ...
	folder TEXT NOT NULL, -- below lists/ of the state folder
	enabled INTEGER NOT NULL,
	interval TEXT NOT NULL, -- a duration
	created_us INTEGER NOT NULL,
	checked_us INTEGER NOT NULL, -- the last fetch, however it ended; 0: never
	updated_us INTEGER NOT NULL, -- when the copy came that is in force; 0: there is none
	failures INTEGER NOT NULL, -- in a row
	error TEXT NOT NULL, -- of the last fetch; '': it went well
	bytes INTEGER NOT NULL, -- of the copy, as are the next two
	entries INTEGER NOT NULL,
	bad_lines INTEGER NOT NULL,
	etag TEXT NOT NULL,
	last_modified TEXT NOT NULL
) WITHOUT ROWID;
