-- SPDX-License-Identifier: GPL-2.0-or-later
-- What others sent through this machine.
ALTER TABLE connections ADD COLUMN forwarded INTEGER NOT NULL DEFAULT 0; -- 0 or 1
ALTER TABLE connections ADD COLUMN iface_in INTEGER; -- of strings, as netns; NULL: none
ALTER TABLE connections ADD COLUMN netns INTEGER;
