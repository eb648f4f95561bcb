-- SPDX-License-Identifier: GPL-2.0-or-later
-- Live settings, log-in sessions, and counters that must never go back.
CREATE TABLE settings (
	name TEXT PRIMARY KEY,
	value TEXT NOT NULL -- JSON
) WITHOUT ROWID;

CREATE TABLE sessions (
	hash BLOB PRIMARY KEY CHECK (length(hash) = 32), -- SHA-256 of the cookie, never the cookie
	created_us INTEGER NOT NULL,
	expires_us INTEGER NOT NULL,
	scopes INTEGER NOT NULL -- bits
) WITHOUT ROWID;

CREATE TABLE counters (
	name TEXT PRIMARY KEY,
	value INTEGER NOT NULL
) WITHOUT ROWID;
