-- SPDX-License-Identifier: GPL-2.0-or-later
-- The executable that a rule on a program's path was made for, as it was then: "SIZE MTIME CTIME DEV INODE" (lib/file_identity.h).
ALTER TABLE rules ADD COLUMN program TEXT; -- NULL: not known
