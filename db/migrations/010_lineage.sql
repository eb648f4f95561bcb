-- SPDX-License-Identifier: GPL-2.0-or-later
-- Since when and as whom the process ran, and who made its socket.
ALTER TABLE connections ADD COLUMN started_us INTEGER; -- wall clock; NULL or 0: not known
ALTER TABLE connections ADD COLUMN real_uid INTEGER; -- NULL: not known
ALTER TABLE connections ADD COLUMN euid INTEGER; -- NULL: not known
ALTER TABLE connections ADD COLUMN creator INTEGER; -- of strings, as one of the parents; NULL: the process itself, as far as is known
