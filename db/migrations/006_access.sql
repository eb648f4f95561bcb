-- SPDX-License-Identifier: GPL-2.0-or-later
-- Who may call, and who did what.
CREATE TABLE tokens (
	name TEXT PRIMARY KEY,
	hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32), -- SHA-256 of the secret, never the secret
	scopes INTEGER NOT NULL, -- bits
	created_us INTEGER NOT NULL,
	created_by TEXT NOT NULL,
	expires_us INTEGER NOT NULL, -- 0: never
	used_us INTEGER NOT NULL -- 0: never
) WITHOUT ROWID;

ALTER TABLE sessions ADD COLUMN login TEXT NOT NULL DEFAULT ''; -- how: the token's name, or who made the code
ALTER TABLE sessions ADD COLUMN seen_us INTEGER NOT NULL DEFAULT 0;

-- Each row's hash covers the row and the hash before it.
CREATE TABLE audit (
	id INTEGER PRIMARY KEY,
	time_us INTEGER NOT NULL,
	kind TEXT NOT NULL, -- token, session, user, nobody
	name TEXT NOT NULL,
	session TEXT NOT NULL,
	uid TEXT NOT NULL,
	origin TEXT NOT NULL,
	action TEXT NOT NULL,
	object TEXT NOT NULL,
	status INTEGER NOT NULL,
	detail TEXT NOT NULL,
	hash BLOB NOT NULL CHECK (length(hash) = 32)
);
CREATE TRIGGER audit_is_kept BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END;
CREATE TRIGGER audit_stays BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END;

-- Where the chain ends, so that a missing last row shows.
CREATE TABLE audit_head (
	one INTEGER PRIMARY KEY CHECK (one = 1),
	id INTEGER NOT NULL,
	hash BLOB NOT NULL CHECK (length(hash) = 32)
);
