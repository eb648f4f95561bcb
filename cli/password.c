/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Without echo, twice. */
#include "cli/password.h"

#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static int read_line(char *buf, size_t size, struct error *e)
{
	size_t len;

	if (!fgets(buf, (int)size, stdin))
		return error_set(e, ERR_IO, NULL, "no password was given");
	len = strlen(buf);
	if (len && buf[len - 1] == '\n')
		buf[--len] = '\0';
	else if (len == size - 1)
		return error_set(e, ERR_INVALID, NULL, "the password is too long");
	return len ? 0 : error_set(e, ERR_INVALID, NULL, "the password is empty");
}

static int ask(const char *question, char *buf, size_t size, struct error *e)
{
	int r;

	fputs(question, stderr);
	r = read_line(buf, size, e);
	fputc('\n', stderr);
	return r;
}

int password_read(char *buf, size_t size, struct error *e)
{
	struct termios before, quiet;
	char again[512];
	int r;

	if (tcgetattr(STDIN_FILENO, &before) < 0)
		return read_line(buf, size, e);
	/* With signals off as well: Ctrl-C must not leave the terminal without echo. It then reads as a character. */
	quiet = before;
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
	r = ask("New password: ", buf, size, e);
	if (r == 0)
		r = ask("The same again: ", again, sizeof(again), e);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
	if (r == 0 && strcmp(buf, again) != 0)
		r = error_set(e, ERR_INVALID, NULL, "the two are not the same");
	explicit_bzero(again, sizeof(again));
	return r;
}
