/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Turns files into one C file that holds them (struct embedded of lib/embedded.h). Runs at build time.
 *
 *     embed SYMBOL PREFIX OUT FILE...
 *
 * PREFIX is taken off the front of each FILE to make its name. Defines `const struct embedded SYMBOL[]`, sorted by
 * name, and `const size_t SYMBOL_n`. The same files give the same output, bit for bit.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/sha256.h"

static const char *base_name(const char *prefix, const char *path)
{
	size_t n = strlen(prefix);

	return strncmp(path, prefix, n) == 0 ? path + n : path;
}

static const char *content_type(const char *name)
{
	static const char *const types[][2] = {
		{ ".html", "text/html; charset=utf-8" },
		{ ".js", "text/javascript; charset=utf-8" },
		{ ".css", "text/css; charset=utf-8" },
		{ ".svg", "image/svg+xml" },
		{ ".png", "image/png" },
		{ ".ico", "image/x-icon" },
		{ ".woff2", "font/woff2" },
		{ ".json", "application/json" },
		{ ".webmanifest", "application/manifest+json" },
		{ ".txt", "text/plain; charset=utf-8" },
	};
	size_t len = strlen(name);

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		size_t n = strlen(types[i][0]);

		if (len > n && strcmp(name + len - n, types[i][0]) == 0)
			return types[i][1];
	}
	return "application/octet-stream";
}

static unsigned char *read_all(const char *path, size_t *ret_len)
{
	FILE *f = fopen(path, "rb");
	unsigned char *data = NULL;
	size_t len = 0, room = 0, n;

	if (!f)
		return NULL;
	do {
		if (len == room) {
			unsigned char *bigger = realloc(data, room = room * 2 + 65536);

			if (!bigger)
				break;
			data = bigger;
		}
		n = fread(data + len, 1, room - len, f);
		len += n;
	} while (n);
	if (ferror(f) || !feof(f)) {
		free(data);
		data = NULL;
	}
	fclose(f);
	*ret_len = len;
	return data;
}

static void write_bytes(FILE *out, const unsigned char *data, size_t len)
{
	for (size_t i = 0; i < len; i += 64) {
		fputs("\n\t\"", out);
		for (size_t j = i; j < len && j < i + 64; j++) {
			unsigned char c = data[j];

			if (c >= ' ' && c < 127 && c != '"' && c != '\\' && c != '?')
				fputc(c, out);
			else
				fprintf(out, "\\%03o", c);
		}
		fputc('"', out);
	}
	if (!len)
		fputs("\"\"", out);
}

static int write_file(FILE *out, unsigned i, const char *path, char etag[static 65])
{
	size_t len;
	unsigned char *data = read_all(path, &len);
	unsigned char digest[SHA256_LEN];

	if (!data) {
		perror(path);
		return -1;
	}
	sha256_of(data, len, digest);
	hex_write(digest, 16, etag);
	fprintf(out, "\nstatic const unsigned char data_%u[%zu] =", i, len + 1);
	write_bytes(out, data, len);
	fputs(";\n", out);
	free(data);
	return (int)len;
}

static int compare_paths(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int write_all(FILE *out, const char *symbol, const char *prefix, char **paths, unsigned n)
{
	char(*etags)[65] = calloc(n + 1, sizeof(*etags));
	int *lens = calloc(n + 1, sizeof(*lens));
	int result = -1;

	if (!etags || !lens)
		goto done;
	fprintf(out, "/* Made by tools/embed.c: do not edit. */\n#include \"lib/embedded.h\"\n");
	fprintf(out, "\nextern const struct embedded %s[];\nextern const size_t %s_n;\n", symbol,
		symbol);
	for (unsigned i = 0; i < n; i++) {
		lens[i] = write_file(out, i, paths[i], etags[i]);
		if (lens[i] < 0)
			goto done;
	}
	fprintf(out, "\nconst struct embedded %s[] = {\n", symbol);
	for (unsigned i = 0; i < n; i++) {
		const char *name = base_name(prefix, paths[i]);

		fprintf(out, "\t{ \"%s\", \"%s\", \"\\\"%s\\\"\", data_%u, %d },\n", name,
			content_type(name), etags[i], i, lens[i]);
	}
	fprintf(out, "\t{ 0, 0, 0, 0, 0 },\n};\nconst size_t %s_n = %u;\n", symbol, n);
	result = 0;
done:
	free(etags);
	free(lens);
	return result;
}

int main(int argc, char **argv)
{
	FILE *out;
	int result;

	if (argc < 4) {
		fprintf(stderr, "usage: embed SYMBOL PREFIX OUT FILE...\n");
		return 2;
	}
	qsort(argv + 4, (size_t)argc - 4, sizeof(*argv), compare_paths);
	out = fopen(argv[3], "wb");
	if (!out) {
		perror(argv[3]);
		return 1;
	}
	result = write_all(out, argv[1], argv[2], argv + 4, (unsigned)argc - 4);
	if (fclose(out) != 0 || result < 0) {
		remove(argv[3]);
		return 1;
	}
	return 0;
}
