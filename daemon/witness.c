/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bpf(2): maps, programs and links, which end with their descriptors; and the tables read. */
#include "config.h"

#include "daemon/witness.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "daemon/btf.h"
#include "daemon/witness_code.h"
#include "lib/cleanup.h"
#include "lib/fd_read.h"

#define BTF_FILE "/sys/kernel/btf/vmlinux"
#define BTF_SIZE_MAX (64u << 20)
#define NO_TYPES "this kernel does not describe its types (BTF)"
#define TRIES 4 /* to read an entry that is being written */
#define EXEC_AGE_NS                                                                                \
	1000000000ull /* noted so long before its trace event at most: by the same processor, the line before */

/* Of Linux 6.4; older headers do not have them. */
#define TYPE_NETFILTER 32 /* BPF_PROG_TYPE_NETFILTER */
#define ATTACH_NETFILTER 45 /* BPF_NETFILTER */
#define HOOK_LOCAL_OUT 3 /* NF_INET_LOCAL_OUT */
/* After conntrack (-200), before mangle (-150), where the queue is: one that no other program has, nor another daemon. */
#define PRIORITY_FIRST (-190)
#define PRIORITY_LAST (-151)

struct netfilter_link { /* of union bpf_attr, behind link_create.flags */
	uint32_t pf, hooknum;
	int32_t priority;
	uint32_t flags;
};

enum { LINK_V4, LINK_V6, LINK_CGROUP, LINK_EXEC, LINK_COUNT_ };

struct witness {
	const struct witness_flow_set *flows; /* NULL: senders are not seen */
	const struct witness_socket_slot *sockets; /* NULL: creators are not */
	const struct witness_exec_slot *execs; /* NULL: what is executed is not */
	uint64_t key;
	int links[LINK_COUNT_];
	char what[300];
};

/* Descriptors of what bpf(2) makes are always closed on exec. */
static int call_bpf(int command, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, command, attr, sizeof(*attr));
}

static size_t mapped_len(uint32_t n, uint32_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), len = (size_t)n * size;

	return (len + page - 1) / page * page;
}

/* A table that the program writes and we read: its descriptor, or -1 with errno. */
static int make_table(uint32_t n, uint32_t size, const void **ret)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_ARRAY,
		.key_size = sizeof(uint32_t),
		.value_size = size,
		.max_entries = n,
		.map_flags = BPF_F_MMAPABLE,
	};
	int fd = call_bpf(BPF_MAP_CREATE, &attr);
	void *memory;

	if (fd < 0)
		return -1;
	memory = mmap(NULL, mapped_len(n, size), PROT_READ, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED) {
		close(fd);
		return -1;
	}
	*ret = memory;
	return fd;
}

static int load(const struct bpf_code *code, uint32_t type, uint32_t attach_type, const char *name)
{
	union bpf_attr attr = {
		.prog_type = type,
		.expected_attach_type = attach_type,
		.insns = (uintptr_t)code->insns,
		.insn_cnt = code->n,
		.license = (uintptr_t) "GPL",
	};

	if (code->is_full) {
		errno = E2BIG;
		return -1;
	}
	memcpy(attr.prog_name, name, strlen(name));
	return call_bpf(BPF_PROG_LOAD, &attr);
}

static int link_output(int program, uint32_t pf)
{
	struct netfilter_link link = {
		.pf = pf, .hooknum = HOOK_LOCAL_OUT, .priority = PRIORITY_FIRST
	};
	int fd;

	do {
		union bpf_attr attr = { .link_create = { .prog_fd = (uint32_t)program,
						.attach_type = ATTACH_NETFILTER } };

		memcpy((char *)&attr.link_create.flags + sizeof(attr.link_create.flags), &link,
			sizeof(link));
		fd = call_bpf(BPF_LINK_CREATE, &attr);
	} while (fd < 0 && errno == EBUSY && link.priority++ < PRIORITY_LAST);
	return fd;
}

struct wanted_place {
	const char *type, *path;
	uint32_t *ret;
};

static int find_places(const struct wanted_place *wanted, size_t n)
{
	_cleanup_close_ int fd = open(BTF_FILE, O_RDONLY | O_CLOEXEC);
	_cleanup_free_ char *bytes = NULL;
	struct btf btf;
	struct stat st;
	int r = 0;

	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size <= 0 || st.st_size > BTF_SIZE_MAX)
		return -1;
	bytes = malloc((size_t)st.st_size);
	if (!bytes || fd_read(fd, bytes, (size_t)st.st_size) != st.st_size ||
		btf_open(&btf, bytes, (size_t)st.st_size) < 0)
		return -1;
	for (size_t i = 0; i < n && r == 0; i++)
		r = btf_offset(&btf, wanted[i].type, wanted[i].path, wanted[i].ret);
	btf_close(&btf);
	return r;
}

static int find_sender_places(struct witness_places *at)
{
	const struct wanted_place wanted[] = {
		{ "bpf_nf_ctx", "state", &at->ctx_state },
		{ "bpf_nf_ctx", "skb", &at->ctx_skb },
		{ "sk_buff", "sk", &at->skb_sk },
		{ "sk_buff", "data", &at->skb_data },
		{ "sk_buff", "_nfct", &at->skb_conntrack },
		{ "sock", "__sk_common.skc_state", &at->sk_state },
		{ "sock", "sk_protocol", &at->sk_protocol },
		{ "sock", "sk_lock.owned", &at->sk_owned },
		{ "sock", "__sk_common.skc_num", &at->sk_port },
		{ "sock", "__sk_common.skc_cookie", &at->sk_cookie },
		{ "task_struct", "tgid", &at->task_tgid },
	};

	return find_places(wanted, array_len(wanted));
}

static int find_exec_places(struct witness_exec_places *at)
{
	const struct wanted_place wanted[] = {
		{ "linux_binprm", "file", &at->bprm_file },
		{ "file", "f_inode", &at->file_inode },
		{ "inode", "i_ino", &at->inode_number },
		{ "inode", "i_sb", &at->inode_super },
		{ "super_block", "s_dev", &at->super_dev },
		{ "super_block", "s_magic", &at->super_magic },
	};

	return find_places(wanted, array_len(wanted));
}

/* "" when it works, else what is missing. */
static const char *watch_senders(struct witness *w)
{
	struct bpf_code code = { 0 };
	struct witness_places at = { 0 };
	const void *table = NULL;
	_cleanup_close_ int map = -1, program = -1;

	if (find_sender_places(&at) < 0) {
		errno = 0;
		return NO_TYPES;
	}
	map = make_table(WITNESS_SETS, sizeof(struct witness_flow_set), &table);
	if (map < 0)
		return "no eBPF table";
	w->flows = table;
	witness_code_sender(&code, &at, map, w->key);
	program = load(&code, TYPE_NETFILTER, ATTACH_NETFILTER, "opensnitch_out");
	if (program < 0)
		return "no eBPF program at a netfilter hook";
	w->links[LINK_V4] = link_output(program, NFPROTO_IPV4);
	if (w->links[LINK_V4] < 0)
		return "cannot attach to the output hook";
	/* A machine without IPv6 has no such hook. */
	w->links[LINK_V6] = link_output(program, NFPROTO_IPV6);
	return "";
}

/* Where cgroup2 is mounted: a descriptor, or -1 with errno. */
static int open_cgroups(void)
{
	FILE *f = setmntent("/proc/self/mounts", "re");
	const struct mntent *m;
	int fd = -1;

	errno = ENOENT;
	while (f && fd < 0 && (m = getmntent(f)))
		if (strcmp(m->mnt_type, "cgroup2") == 0)
			fd = open(m->mnt_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (f)
		endmntent(f);
	return fd;
}

static const char *watch_creators(struct witness *w)
{
	struct bpf_code code = { 0 };
	const void *table = NULL;
	_cleanup_close_ int map = -1, program = -1, cgroups = open_cgroups();
	union bpf_attr attr = { .link_create = { .attach_type = BPF_CGROUP_INET_SOCK_CREATE } };

	if (cgroups < 0)
		return "no cgroup2 is mounted";
	map = make_table(WITNESS_SOCKETS, sizeof(struct witness_socket_slot), &table);
	if (map < 0)
		return "no eBPF table";
	w->sockets = table;
	witness_code_creator(&code, map);
	program = load(
		&code, BPF_PROG_TYPE_CGROUP_SOCK, BPF_CGROUP_INET_SOCK_CREATE, "opensnitch_sock");
	if (program < 0)
		return "no eBPF program for sockets";
	attr.link_create.prog_fd = (uint32_t)program;
	attr.link_create.target_fd = (uint32_t)cgroups;
	w->links[LINK_CGROUP] = call_bpf(BPF_LINK_CREATE, &attr);
	return w->links[LINK_CGROUP] < 0 ? "cannot attach to the cgroups" : "";
}

static const char *watch_execs(struct witness *w)
{
	struct bpf_code code = { 0 };
	struct witness_exec_places at = { 0 };
	const void *table = NULL;
	_cleanup_close_ int map = -1, program = -1;
	union bpf_attr attr = { .raw_tracepoint = { .name = (uintptr_t) "sched_process_exec" } };

	if (find_exec_places(&at) < 0) {
		errno = 0;
		return NO_TYPES;
	}
	map = make_table(WITNESS_EXECS, sizeof(struct witness_exec_slot), &table);
	if (map < 0)
		return "no eBPF table";
	w->execs = table;
	witness_code_exec(&code, &at, map);
	program = load(&code, BPF_PROG_TYPE_RAW_TRACEPOINT, 0, "opensnitch_exec");
	if (program < 0)
		return "no eBPF program for execs";
	attr.raw_tracepoint.prog_fd = (uint32_t)program;
	w->links[LINK_EXEC] = call_bpf(BPF_RAW_TRACEPOINT_OPEN, &attr);
	return w->links[LINK_EXEC] < 0 ? "cannot attach to the tracepoint of execs" : "";
}

static void forget_flows(struct witness *w)
{
	if (w->flows)
		munmap((void *)(uintptr_t)w->flows, mapped_len(WITNESS_SETS, sizeof(*w->flows)));
	w->flows = NULL;
}

static void forget_sockets(struct witness *w)
{
	if (w->sockets)
		munmap((void *)(uintptr_t)w->sockets,
			mapped_len(WITNESS_SOCKETS, sizeof(*w->sockets)));
	w->sockets = NULL;
}

static void forget_execs(struct witness *w)
{
	if (w->execs)
		munmap((void *)(uintptr_t)w->execs, mapped_len(WITNESS_EXECS, sizeof(*w->execs)));
	w->execs = NULL;
}

void witness_close(struct witness *w)
{
	if (!w)
		return;
	for (unsigned i = 0; i < LINK_COUNT_; i++)
		if (w->links[i] >= 0)
			close(w->links[i]);
	forget_flows(w);
	forget_sockets(w);
	forget_execs(w);
	free(w);
}

static const struct part {
	const char *name;
	const char *(*watch)(struct witness
			*w); /* "" when it works, else what is missing; errno with it, or 0 */
	void (*forget)(struct witness *w);
} parts[] = {
	{ "senders", watch_senders, forget_flows },
	{ "creators of sockets", watch_creators, forget_sockets },
	{ "executed files", watch_execs, forget_execs },
};

/* "NAME, NAME (WHY: what the kernel said; WHY)" */
static void watch(struct witness *w)
{
	char missing[sizeof(w->what) / 2] = "";
	size_t n = 0, n_missing = 0;

	for (size_t i = 0; i < array_len(parts); i++) {
		const char *why = parts[i].watch(w);
		int error = errno;

		if (!*why) {
			n += (size_t)snprintf(w->what + n, sizeof(w->what) - n, "%s%s",
				n ? ", " : "", parts[i].name);
			continue;
		}
		parts[i].forget(w);
		if (n_missing < sizeof(missing) && !strstr(missing, why))
			n_missing += (size_t)snprintf(missing + n_missing,
				sizeof(missing) - n_missing, "%s%s%s%s", n_missing ? "; " : "", why,
				error ? ": " : "", error ? strerror(error) : "");
	}
	if (!n)
		n = (size_t)snprintf(w->what, sizeof(w->what), "nothing");
	if (n_missing)
		snprintf(w->what + n, sizeof(w->what) - n, " (%s)", missing);
}

struct witness *witness_open(void)
{
	struct witness *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	for (unsigned i = 0; i < LINK_COUNT_; i++)
		w->links[i] = -1;
	if (getrandom(&w->key, sizeof(w->key), 0) != sizeof(w->key)) {
		free(w);
		return NULL;
	}
	watch(w);
	return w;
}

const char *witness_what(const struct witness *w)
{
	return w->what;
}

bool witness_has_senders(const struct witness *w)
{
	return w->flows;
}

/* ---- reading */

static bool is_for(uint64_t word, uint64_t hash)
{
	return (uint32_t)word && word >> 32 == hash >> 32;
}

/* The entry of this hash, and its word. False: none, or one that is just being written. */
static bool find_entry(
	const struct witness_flow_set *set, uint64_t hash, unsigned *ret, uint64_t *ret_word)
{
	for (unsigned i = 0; i < WITNESS_WAYS; i++) {
		*ret_word = __atomic_load_n(&set->word[i], __ATOMIC_ACQUIRE);
		*ret = i;
		if (is_for(*ret_word, hash))
			return true;
	}
	return false;
}

bool witness_find_sender(
	const struct witness *w, const struct flow *flow, struct witness_sender *ret)
{
	const struct witness_flow_set *set;
	uint64_t hash, word;

	if (!w->flows)
		return false;
	hash = witness_flow_hash(flow, w->key);
	set = &w->flows[witness_flow_place(hash)];
	for (unsigned try = 0; try < TRIES; try++) {
		struct witness_sender sender;
		uint64_t former;
		unsigned i;

		if (!find_entry(set, hash, &i, &word))
			continue;
		former = __atomic_load_n(&set->former_word[i], __ATOMIC_ACQUIRE);
		sender = (struct witness_sender) {
			.pid = (int32_t)(uint32_t)word,
			.since_ns = __atomic_load_n(&set->since_ns[i], __ATOMIC_ACQUIRE),
			.cookie = __atomic_load_n(&set->cookie[i], __ATOMIC_ACQUIRE),
			.former_pid = is_for(former, hash) ? (int32_t)(uint32_t)former : 0,
			.former_cookie = __atomic_load_n(&set->former_cookie[i], __ATOMIC_ACQUIRE),
		};
		if (__atomic_load_n(&set->word[i], __ATOMIC_RELAXED) == word) {
			*ret = sender;
			return true;
		}
	}
	return false;
}

bool witness_find_creator(const struct witness *w, uint64_t cookie, struct witness_creator *ret)
{
	const struct witness_socket_slot *at;

	if (!w->sockets || !cookie)
		return false;
	at = &w->sockets[witness_socket_place(cookie)];
	for (unsigned i = 0; i < TRIES; i++) {
		uint64_t word = __atomic_load_n(&at->word, __ATOMIC_ACQUIRE);
		uint64_t made_ns = __atomic_load_n(&at->made_ns, __ATOMIC_ACQUIRE);

		if (word && !is_for(word, cookie << 32))
			return false;
		if (!word || __atomic_load_n(&at->word, __ATOMIC_RELAXED) != word)
			continue;
		*ret = (struct witness_creator) { (int32_t)(uint32_t)word, made_ns };
		return true;
	}
	return false;
}

bool witness_find_exec(
	const struct witness *w, int32_t pid, uint64_t time_ns, struct file_identity *ret)
{
	const struct witness_exec_slot *at;

	if (!w->execs)
		return false;
	at = &w->execs[witness_exec_place(pid)];
	for (unsigned i = 0; i < TRIES; i++) {
		uint64_t word = __atomic_load_n(&at->word, __ATOMIC_ACQUIRE);
		struct witness_exec_slot exec = {
			.word = word,
			.time_ns = __atomic_load_n(&at->time_ns, __ATOMIC_ACQUIRE),
			.inode = __atomic_load_n(&at->inode, __ATOMIC_ACQUIRE),
			.fs = __atomic_load_n(&at->fs, __ATOMIC_ACQUIRE),
		};
		uint32_t dev = (uint32_t)exec.fs;

		if (__atomic_load_n(&at->word, __ATOMIC_RELAXED) != word || !word)
			continue;
		if ((uint32_t)word != (uint32_t)pid ||
			word != (witness_exec_check(&exec) | (uint32_t)pid) ||
			time_ns < exec.time_ns || time_ns - exec.time_ns > EXEC_AGE_NS)
			return false;
		*ret = (struct file_identity) { 0 };
		if (!file_identity_is_plain_on(exec.fs >> 32))
			return true;
		/* MINORBITS of include/linux/kdev_t.h */
		ret->dev = makedev(dev >> 20, dev & 0xfffff);
		ret->inode = exec.inode;
		return true;
	}
	return false;
}
