/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Columns that fit. */
#include "config.h"

#include "cli/table.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/text.h"
#include "lib/cleanup.h"
#include "lib/err.h"

#define GAP 2 /* spaces between columns */
#define WIDTH_UNKNOWN 80

struct table {
	const struct table_column *columns;
	size_t n_columns;
	char **cells; /* row by row */
	size_t n_rows, room; /* rows */
};

struct table *table_new(const struct table_column *columns, size_t n)
{
	struct table *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->columns = columns;
	t->n_columns = n;
	return t;
}

void table_free(struct table *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->n_rows * t->n_columns; i++)
		free(t->cells[i]);
	free(t->cells);
	free(t);
}

static int grow(struct table *t)
{
	size_t room = t->room ? 2 * t->room : 32;
	char **cells;

	if (t->n_rows < t->room)
		return 0;
	cells = reallocarray(t->cells, room * t->n_columns, sizeof(*cells));
	if (!cells)
		return ERR_NOMEM;
	t->cells = cells;
	t->room = room;
	return 0;
}

int table_add(struct table *t, const char *const *cells)
{
	char **row;

	if (grow(t))
		return ERR_NOMEM;
	row = t->cells + t->n_rows * t->n_columns;
	for (size_t i = 0; i < t->n_columns; i++) {
		row[i] = text_safe(cells[i] ? cells[i] : "");
		if (!row[i]) {
			while (i--)
				free(row[i]);
			return ERR_NOMEM;
		}
	}
	t->n_rows++;
	return 0;
}

static size_t least_width(const struct table *t, size_t column, size_t natural)
{
	size_t least = t->columns[column].least;

	return least && least < natural ? least : natural;
}

/* The column that gives way next: the widest above its least; n_columns when none is. */
static size_t widest(const struct table *t, const size_t *widths, const size_t *least)
{
	size_t best = t->n_columns;

	for (size_t i = 0; i < t->n_columns; i++)
		if (widths[i] > least[i] && (best == t->n_columns || widths[i] > widths[best]))
			best = i;
	return best;
}

void table_layout(const struct table *t, size_t total, size_t *widths)
{
	_cleanup_free_ size_t *least = calloc(t->n_columns, sizeof(*least));
	size_t sum = GAP * (t->n_columns - 1);

	for (size_t i = 0; i < t->n_columns; i++) {
		widths[i] = text_width(t->columns[i].title);
		for (size_t row = 0; row < t->n_rows; row++) {
			size_t width = text_width(t->cells[row * t->n_columns + i]);

			widths[i] = width > widths[i] ? width : widths[i];
		}
		sum += widths[i];
		if (least)
			least[i] = least_width(t, i, widths[i]);
	}
	while (least && sum > total) {
		size_t i = widest(t, widths, least);

		if (i == t->n_columns)
			break;
		widths[i]--;
		sum--;
	}
}

static int print_cell(FILE *out, const char *text, size_t width, bool right, bool last)
{
	_cleanup_free_ char *cut = text_cut(text, width);
	int pad;

	if (!cut)
		return ERR_NOMEM;
	pad = (int)(width - text_width(cut));
	if (right)
		fprintf(out, "%*s%s", pad, "", cut);
	else
		fprintf(out, "%s%*s", cut, last ? 0 : pad, "");
	if (!last)
		fprintf(out, "%*s", GAP, "");
	return 0;
}

static int print_fitted(const struct table *t, FILE *out, size_t total)
{
	_cleanup_free_ size_t *widths = calloc(t->n_columns, sizeof(*widths));
	int r = 0;

	if (!widths)
		return ERR_NOMEM;
	table_layout(t, total, widths);
	for (size_t line = 0; line <= t->n_rows && !r; line++) {
		for (size_t i = 0; i < t->n_columns && !r; i++) {
			const char *text = line ? t->cells[(line - 1) * t->n_columns + i]
						: t->columns[i].title;

			r = print_cell(
				out, text, widths[i], t->columns[i].right, i + 1 == t->n_columns);
		}
		putc('\n', out);
	}
	return r;
}

int table_print(const struct table *t, FILE *out, size_t total)
{
	if (total)
		return print_fitted(t, out, total);
	for (size_t i = 0; i < t->n_rows * t->n_columns; i++)
		fprintf(out, "%s%c", t->cells[i], (i + 1) % t->n_columns ? '\t' : '\n');
	return 0;
}

size_t table_terminal_width(FILE *out)
{
	struct winsize size;
	const char *columns = getenv("COLUMNS");
	unsigned long width = columns ? strtoul(columns, NULL, 10) : 0;

	if (!isatty(fileno(out)))
		return 0;
	if (width > 0 && width < 10000)
		return width;
	if (!ioctl(fileno(out), TIOCGWINSZ, &size) && size.ws_col)
		return size.ws_col;
	return WIDTH_UNKNOWN;
}
