/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A process that changes what /proc says it executes (PR_SET_MM_MAP), as every user can in a user namespace, and connects. The kernel
 * lets it once nothing of the executed file is mapped any more: so what does it is copied elsewhere first, and needs nothing
 * of this program, nor of libc.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/net/attribution/corpus.h"

#define MAPS_MAX 32

struct forge {
	struct prctl_mm_map mm; /* as it is, but for the file */
	long n_maps;
	struct {
		unsigned long start, len;
	} maps[MAPS_MAX];
	struct sockaddr_in to;
};

#if defined(__x86_64__) || defined(__aarch64__)

#define ALONE                                                                                      \
	__attribute__((section("forge"), noinline, used, no_stack_protector,                       \
		no_sanitize("address", "undefined")))

static inline __attribute__((always_inline)) long call(long n, long a, long b, long c, long d)
{
#if defined(__x86_64__)
	register long fourth __asm__("r10") = d;
	register long fifth __asm__("r8") = 0;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(n), "D"(a), "S"(b), "d"(c), "r"(fourth), "r"(fifth)
			 : "rcx", "r11", "memory");
	return ret;
#else
	register long number __asm__("x8") = n;
	register long ret __asm__("x0") = a;
	register long second __asm__("x1") = b;
	register long third __asm__("x2") = c;
	register long fourth __asm__("x3") = d;
	register long fifth __asm__("x4") = 0;

	__asm__ volatile("svc 0"
			 : "+r"(ret)
			 : "r"(number), "r"(second), "r"(third), "r"(fourth), "r"(fifth)
			 : "memory");
	return ret;
#endif
}

ALONE static void forge_main(const struct forge *f)
{
	long fd;
	long r;

	for (long i = 0; i < f->n_maps; i++)
		call(SYS_munmap, (long)f->maps[i].start, (long)f->maps[i].len, 0, 0);
	r = call(SYS_prctl, PR_SET_MM, PR_SET_MM_MAP, (long)&f->mm, sizeof(f->mm));
	if (r < 0)
		call(SYS_exit_group, r == -EPERM || r == -EINVAL ? 77 : -r, 0, 0, 0);
	fd = call(SYS_socket, AF_INET, SOCK_STREAM, 0, 0);
	call(SYS_connect, fd, (long)&f->to, sizeof(f->to), 0);
	call(SYS_exit_group, 0, 0, 0, 0);
}

extern char __start_forge[], __stop_forge[];

/* What of `path` is mapped. */
static void read_maps(struct forge *f, const char *path)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	unsigned long start, end;
	char line[4400], name[4096];

	while (maps && f->n_maps < MAPS_MAX && fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%lx-%lx %*s %*s %*s %*s %4095s", &start, &end, name) != 3 ||
			strcmp(name, path) != 0)
			continue;
		f->maps[f->n_maps].start = start;
		f->maps[f->n_maps++].len = end - start;
	}
	if (maps)
		fclose(maps);
}

/* Fields of /proc/self/stat, counted from 1 as proc(5) does, into the places that prctl(2) wants them in. */
static void read_mm(struct prctl_mm_map *m)
{
	unsigned long long fields[53] = { 0 };
	FILE *stat = fopen("/proc/self/stat", "re");
	char text[2048] = "", *p;

	if (!stat || !fgets(text, sizeof(text), stat) || !(p = strrchr(text, ')')))
		_exit(1);
	fclose(stat);
	p += 3;
	for (int i = 4; i <= 51; i++)
		fields[i] = strtoull(p, &p, 10);
	m->start_code = fields[26];
	m->end_code = fields[27];
	m->start_stack = fields[28];
	m->start_data = fields[45];
	m->end_data = fields[46];
	m->start_brk = fields[47];
	m->brk = (uintptr_t)sbrk(0);
	m->arg_start = fields[48];
	m->arg_end = fields[49];
	m->env_start = fields[50];
	m->env_end = fields[51];
}

void forge_exe(const char *self, const char *exe, const union address *to)
{
	size_t len = (size_t)(__stop_forge - __start_forge);
	struct forge f = { .to = to->v4 };
	char *code = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void (*run)(const struct forge *);

	if (code == MAP_FAILED)
		_exit(1);
	memcpy(code, __start_forge, len);
	code += (char *)(uintptr_t)forge_main - __start_forge;
	if (mprotect((void *)((uintptr_t)code & ~(uintptr_t)4095), len, PROT_READ | PROT_EXEC) < 0)
		_exit(1);
	__builtin___clear_cache(code, code + len);
	read_maps(&f, self);
	read_mm(&f.mm);
	f.mm.exe_fd = (uint32_t)open(exe, O_RDONLY | O_CLOEXEC);
	(void)unshare(CLONE_NEWUSER);
	run = (void (*)(const struct forge *))(uintptr_t)code;
	run(&f);
	_exit(1);
}

#else

void forge_exe(const char *self, const char *exe, const union address *to)
{
	(void)self;
	(void)exe;
	(void)to;
	_exit(77);
}

#endif
