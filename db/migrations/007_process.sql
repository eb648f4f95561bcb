-- SPDX-License-Identifier: GPL-2.0-or-later
-- What was odd about the process, and the script that it ran.
ALTER TABLE connections ADD COLUMN flags INTEGER NOT NULL DEFAULT 0; -- bits of enum process_flag
ALTER TABLE connections ADD COLUMN script INTEGER; -- of strings; NULL: none
