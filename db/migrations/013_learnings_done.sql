-- SPDX-License-Identifier: GPL-2.0-or-later
-- Learnings whose proposal was dealt with: not to be offered again.
CREATE TABLE learnings_done (
	name TEXT NOT NULL, -- of the rule that learned
	began_us INTEGER NOT NULL,
	PRIMARY KEY (name, began_us)
) WITHOUT ROWID;
