-- SPDX-License-Identifier: GPL-2.0-or-later
-- How sure the host is, and what went over the connection until its end.
ALTER TABLE connections ADD COLUMN host_certainty INTEGER NOT NULL DEFAULT 0;
ALTER TABLE connections ADD COLUMN bytes_out INTEGER; -- NULL: not known, or it lives
ALTER TABLE connections ADD COLUMN bytes_in INTEGER;
ALTER TABLE connections ADD COLUMN packets_out INTEGER;
ALTER TABLE connections ADD COLUMN packets_in INTEGER;
ALTER TABLE connections ADD COLUMN ended_us INTEGER;
