-- SPDX-License-Identifier: GPL-2.0-or-later
-- The optional password: no row, no password.
CREATE TABLE password (
	one INTEGER PRIMARY KEY CHECK (one = 1),
	hash TEXT NOT NULL, -- argon2id, with its salt and costs, as libsodium writes it
	changed_us INTEGER NOT NULL
);
