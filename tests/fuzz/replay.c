/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A target without libFuzzer, for the suite: its corpus, then a bounded number of mutations of it, the same ones every time.
 *
 *     replay_NAME [FILE...]    the files named; otherwise tests/fuzz/corpus/NAME, with mutations
 *
 * A child does the work. When it dies the input that it died of is written to replay_NAME.crash in the current folder.
 */
#include "config.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"
#include "tests/unit/random_kit.h"

#define MUTATIONS 6000 /* of all seeds together */
#define SEEDS_MAX 256
#define INPUT_MAX 65536

struct seed {
	char name[256];
	uint8_t *bytes;
	size_t len;
};

/* Shared with the child: what it is at, and how far it got. */
struct progress {
	size_t len;
	unsigned seeds, mutations;
	uint8_t bytes[INPUT_MAX];
};

static struct seed seeds[SEEDS_MAX];
static unsigned n_seeds;

static void die(const char *what)
{
	printf("Bail out! %s\n", what);
	exit(99);
}

static void read_seed(const char *path, const char *name)
{
	struct seed *s = &seeds[n_seeds];
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) < 0)
		die(path);
	if (!S_ISREG(st.st_mode) || st.st_size > INPUT_MAX || n_seeds == SEEDS_MAX) {
		close(fd);
		return;
	}
	s->bytes = malloc((size_t)st.st_size + 1);
	if (!s->bytes || read(fd, s->bytes, (size_t)st.st_size) != st.st_size)
		die(path);
	close(fd);
	s->len = (size_t)st.st_size;
	snprintf(s->name, sizeof(s->name), "%s", name);
	n_seeds++;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void read_corpus(const char *name)
{
	const char *top = getenv("TOP_SRCDIR");
	char folder[2048], path[4096];
	struct dirent **entries;
	int n;

	snprintf(folder, sizeof(folder), "%s/tests/fuzz/corpus/%s", top ? top : ".", name);
	n = scandir(folder, &entries, NULL, by_name);
	for (int i = 0; i < n; i++) {
		if (entries[i]->d_name[0] != '.') {
			snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
			read_seed(path, entries[i]->d_name);
		}
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	if (!n_seeds)
		die("the corpus is empty");
}

/* ---- mutations */

static void insert(uint8_t *bytes, size_t *len, size_t at, const uint8_t *what, size_t n)
{
	if (*len + n > INPUT_MAX)
		return;
	memmove(bytes + at + n, bytes + at, *len - at);
	memcpy(bytes + at, what, n);
	*len += n;
}

/* A run of another seed in the place of what stands here. */
static void graft(struct random_state *r, uint8_t *bytes, size_t *len)
{
	const struct seed *s = &seeds[random_below(r, n_seeds)];
	size_t from, n, at;

	if (!s->len || !*len)
		return;
	from = random_below(r, (unsigned)s->len);
	n = 1 + random_below(r, (unsigned)(s->len - from));
	at = random_below(r, (unsigned)*len);
	if (n > *len - at)
		n = *len - at;
	memcpy(bytes + at, s->bytes + from, n);
}

static void mutate_once(struct random_state *r, uint8_t *bytes, size_t *len)
{
	static const uint8_t odd[] = { 0, 1, 0x7f, 0x80, 0xc0, 0xff, 4, 6, '"', '{', '}', '\\',
		'.' };
	size_t at = *len ? random_below(r, (unsigned)*len) : 0;
	uint8_t some[8];

	for (size_t i = 0; i < sizeof(some); i++)
		some[i] = (uint8_t)random_next(r);
	switch (random_below(r, 8)) {
	case 0:
		*len = at;
		break;
	case 1:
		insert(bytes, len, at, some, 1 + random_below(r, sizeof(some)));
		break;
	case 2:
		graft(r, bytes, len);
		break;
	case 3:
		if (*len - at > 1)
			memmove(bytes + at, bytes + at + 1, --*len - at);
		break;
	case 4:
		if (*len)
			bytes[at] = some[0];
		break;
	case 5:
		if (*len)
			bytes[at] = (uint8_t)(bytes[at] + (some[0] & 1 ? 1 : -1));
		break;
	case 6:
		if (*len)
			bytes[at] ^= (uint8_t)(1u << (some[0] & 7));
		break;
	default:
		if (*len)
			bytes[at] = odd[random_below(r, sizeof(odd))];
		break;
	}
}

static void run_all(struct progress *p, bool with_mutations)
{
	unsigned each = with_mutations ? MUTATIONS / n_seeds + 1 : 0;
	struct random_state r = { 1 };

	for (unsigned i = 0; i < n_seeds; i++) {
		p->len = seeds[i].len;
		memcpy(p->bytes, seeds[i].bytes, p->len);
		LLVMFuzzerTestOneInput(p->bytes, p->len);
		p->seeds++;
	}
	for (unsigned i = 0; i < n_seeds; i++) {
		for (unsigned k = 0; k < each; k++) {
			p->len = seeds[i].len;
			memcpy(p->bytes, seeds[i].bytes, p->len);
			for (unsigned n = 1 + random_below(&r, 4); n; n--)
				mutate_once(&r, p->bytes, &p->len);
			LLVMFuzzerTestOneInput(p->bytes, p->len);
			p->mutations++;
		}
	}
}

/* ---- reporting */

static void save(const char *program, const struct progress *p)
{
	char path[300];
	int fd;

	snprintf(path, sizeof(path), "%s.crash", program);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd >= 0 && write(fd, p->bytes, p->len) == (ssize_t)p->len)
		printf("# the input is in %s\n", path);
	if (fd >= 0)
		close(fd);
}

static int report(const char *program, const struct progress *p, int status, bool with_mutations)
{
	bool ended_well = WIFEXITED(status) && WEXITSTATUS(status) == 0;
	bool seeds_well = p->seeds == n_seeds;

	printf("1..%d\n", with_mutations ? 2 : 1);
	printf("%sok 1 - %u seeds\n", seeds_well && (ended_well || with_mutations) ? "" : "not ",
		n_seeds);
	if (!seeds_well)
		printf("# at %s\n", seeds[p->seeds].name);
	if (with_mutations)
		printf("%sok 2 - %u mutations\n", ended_well ? "" : "not ", p->mutations);
	if (!ended_well)
		save(program, p);
	return ended_well ? 0 : 1;
}

static void free_seeds(void)
{
	for (unsigned i = 0; i < n_seeds; i++)
		free(seeds[i].bytes);
}

int main(int argc, char **argv)
{
	const char *slash = strrchr(argv[0], '/'), *program = slash ? slash + 1 : argv[0];
	const char *name = strncmp(program, "replay_", 7) == 0 ? program + 7 : program;
	struct progress *p =
		mmap(NULL, sizeof(*p), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status = -1, r;
	pid_t pid;

	if (p == MAP_FAILED)
		die("no memory");
	for (int i = 1; i < argc; i++)
		read_seed(argv[i], argv[i]);
	if (argc < 2)
		read_corpus(name);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		run_all(p, argc < 2);
		free_seeds();
		exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		die("no child");
	r = report(program, p, status, argc < 2);
	munmap(p, sizeof(*p));
	free_seeds();
	return r;
}
