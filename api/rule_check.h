/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rule files of a folder, judged as the daemon would judge them, without one. */
#ifndef API_RULE_CHECK_H
#define API_RULE_CHECK_H

/*
 * Prints {"rules": N, "problems": [{"file","place","message"}], "warnings": [...]} on standard output: what would keep a rule out of
 * force, and what means another thing in OpenSnitch. The exit status: 0, or 1 when the folder cannot be read (told on stderr).
 */
int rule_check_folder(const char *path);

#endif
