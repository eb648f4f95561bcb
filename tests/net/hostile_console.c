/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A console that has been taken over: put in the real one's place, it says to the engine what no console would. Which attack is the
 * text of the file `attack` in the state folder; `attacked` is made there once it was carried out. Then it stays, deaf.
 * The config is read by the real console, which stands beside this program as `real-console`.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/ipc.h"
#include "lib/cleanup.h"
#include "lib/log.h"
#include "lib/rulewire_build.h"
#include "lib/verdict.h"

#define ROUNDS 4000
#define MANY_FDS 253 /* SCM_MAX_FD */

static uint64_t state = 88172645463325252u;

static uint64_t next_random(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static void say(const void *msg, size_t len, int flags)
{
	while (send(IPC_FD_CHANNEL, msg, len, MSG_NOSIGNAL | flags) < 0 && errno == EINTR)
		;
}

static void ready(void)
{
	struct ipc_builder b;
	struct ipc_ready *m = ipc_begin(&b, IPC_READY);

	m->pid = (int32_t)getpid();
	ipc_end(&b);
	say(b.buf, b.len, 0);
}

/* ---- messages */

/* Bytes of any kind and number; the engine ends us for the first of them. */
static void attack_noise(void)
{
	static uint8_t buf[2 * LIMIT_IPC_MESSAGE];

	for (size_t i = 0; i < sizeof(buf); i++)
		buf[i] = (uint8_t)next_random();
	say(buf, 1 + next_random() % (sizeof(buf) - 1), 0);
	say(buf, sizeof(buf), 0);
}

static const uint16_t ours[] = { IPC_SETTINGS, IPC_RULESET, IPC_ANSWER, IPC_CLIENTS,
	IPC_INTERCEPTION, IPC_READY };

static void extreme_message(struct ipc_builder *b)
{
	static const uint8_t values[] = { 0, 1, 2, 0x7f, 0x80, 0xff };
	uint16_t type = ours[next_random() % array_len(ours)];
	size_t fixed;

	ipc_begin(b, (enum ipc_type)type);
	fixed = ipc_fixed_size(type);
	for (size_t i = sizeof(struct ipc_header); i < fixed; i++) {
		uint64_t r = next_random();

		if (r % 4 == 0)
			b->buf[i] = values[(r >> 8) % array_len(values)];
	}
	b->len = fixed;
	if (next_random() % 2) {
		size_t more = next_random() % (LIMIT_IPC_MESSAGE - fixed);

		for (size_t i = 0; i < more; i++)
			b->buf[fixed + i] = (uint8_t)next_random();
		b->len += more;
	}
	ipc_end(b);
}

/* Well-formed, with extreme values: whatever the check lets through. */
static void attack_extremes(void)
{
	struct ipc_builder *b = malloc(sizeof(*b));

	if (!b)
		_exit(1);
	for (int i = 0; i < ROUNDS; i++) {
		do
			extreme_message(b);
		while (ipc_check(b->buf, b->len) < 0);
		say(b->buf, b->len, 0);
	}
	free(b);
}

/* More than anybody can take in, without ever reading an answer. */
static void attack_flood(void)
{
	struct ipc_builder b;
	struct ipc_answer *m;

	for (int i = 0; i < 10 * ROUNDS; i++) {
		m = ipc_begin(&b, IPC_ANSWER);
		m->request = next_random();
		m->prompt_id = next_random();
		ipc_end(&b);
		say(b.buf, b.len, 0);
		if (i % 100 == 0)
			ready();
	}
}

/* ---- rule sets */

static void send_ruleset(const int *fds, size_t n)
{
	struct ipc_builder b;
	struct ipc_ruleset *m = ipc_begin(&b, IPC_RULESET);
	char control[CMSG_SPACE(MANY_FDS * sizeof(int))];
	struct iovec iov;
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;

	m->generation = next_random();
	ipc_end(&b);
	iov = (struct iovec) { b.buf, b.len };
	memset(control, 0, sizeof(control));
	msg.msg_control = control;
	msg.msg_controllen = CMSG_SPACE(n * sizeof(int));
	c = CMSG_FIRSTHDR(&msg);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(c), fds, n * sizeof(int));
	while (sendmsg(IPC_FD_CHANNEL, &msg, MSG_NOSIGNAL) < 0 && errno == EINTR)
		;
}

static void send_one(int fd)
{
	send_ruleset(&fd, 1);
	close(fd);
}

static int memory(size_t size, bool noise, int seals)
{
	int fd = memfd_create("rules", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || ftruncate(fd, (off_t)size) < 0)
		_exit(1);
	for (size_t at = 0; noise && at < size; at += 8) {
		uint64_t r = next_random();

		if (pwrite(fd, &r, size - at < 8 ? size - at : 8, (off_t)at) < 0)
			_exit(1);
	}
	if (seals && fcntl(fd, F_ADD_SEALS, seals) < 0)
		_exit(1);
	return fd;
}

static struct rulewire_builder *few_rules(void)
{
	static const struct text none = { "", 0 };
	struct rulewire_builder *b = rulewire_builder_new();
	uint32_t op;

	if (!b)
		_exit(1);
	for (const char *name = "abcd"; *name; name++) {
		op = rulewire_build_list(b,
			rulewire_build_rule(
				b, (struct text) { name, 1 }, ACTION_ALLOW, false, false, 0),
			2);
		rulewire_build_op(b, op, OPERATOR_SIMPLE, OPERAND_DEST_PORT, false,
			(struct text) { "443", 3 }, none);
		rulewire_build_op(b, op + 1, OPERATOR_REGEXP, OPERAND_DEST_HOST, false,
			(struct text) { "(a+)+$", 6 }, none);
	}
	return b;
}

/* A good set, some of whose bytes are not: sealed, so that all of it is looked at. */
static void send_corrupted(void)
{
	struct rulewire_builder *b = few_rules();
	uint8_t *set;
	size_t len;
	int fd;

	if (rulewire_build_finish(b, next_random(), (void **)&set, &len) < 0)
		_exit(1);
	rulewire_builder_free(b);
	for (uint64_t n = 1 + next_random() % 8; n; n--)
		set[next_random() % len] = (uint8_t)next_random();
	fd = memory(len, false, 0);
	if (pwrite(fd, set, len, 0) != (ssize_t)len ||
		fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) <
			0)
		_exit(1);
	free(set);
	send_one(fd);
}

/* What a console is there for: every connection is allowed again, and the engine starts to guard. */
static void be_good(void)
{
	struct rulewire_builder *rules = rulewire_builder_new();
	struct ipc_builder b;
	struct ipc_settings *s = ipc_begin(&b, IPC_SETTINGS);
	struct ipc_interception *i;

	s->prompt_timeout_ms = 30000;
	s->default_action = s->prompt_timeout_action = ACTION_ALLOW;
	s->log_level = LOG_LEVEL_INFO;
	ipc_end(&b);
	say(b.buf, b.len, 0);
	i = ipc_begin(&b, IPC_INTERCEPTION);
	i->enabled = 1;
	ipc_end(&b);
	say(b.buf, b.len, 0);
	/* Nobody is there to ask: what no rule decides is let through. */
	ipc_begin(&b, IPC_CLIENTS);
	ipc_end(&b);
	say(b.buf, b.len, 0);
	if (!rules)
		_exit(1);
	send_one(rulewire_build_fd(rules, next_random()));
	rulewire_builder_free(rules);
}

static void attack_rulesets(void)
{
	const int all = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	int fds[MANY_FDS], pipes[2], fd;

	for (size_t size = 0; size < 70000; size = size * 3 + 1) {
		send_one(memory(size, true, all));
		send_one(memory(size, true, 0));
		send_one(memory(size, false, F_SEAL_WRITE));
	}
	for (int i = 0; i < 400; i++)
		send_corrupted();
	send_one(memory((size_t)1 << 32, false, all));
	send_one(memory((size_t)1 << 40, false, all));
	/* Cut short right behind its arrival: reading on would be a SIGBUS. */
	for (int i = 0; i < 200; i++) {
		fd = memory(65536, true, 0);
		send_ruleset(&fd, 1);
		if (ftruncate(fd, 0) < 0)
			_exit(1);
		close(fd);
	}
	send_one(open("/dev/zero", O_RDONLY | O_CLOEXEC));
	send_one(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	send_one(open("/", O_PATH | O_CLOEXEC));
	send_one(dup(IPC_FD_CHANNEL));
	/* Nobody writes: a read of it would wait for ever. */
	if (pipe2(pipes, O_CLOEXEC) < 0)
		_exit(1);
	send_ruleset(pipes, 1);
	for (int round = 0; round < 50; round++) {
		for (int i = 0; i < MANY_FDS; i++)
			fds[i] = pipes[i % 2];
		send_ruleset(fds, MANY_FDS);
	}
}

static const struct {
	const char *name;
	void (*fn)(void);
} attacks[] = {
	{ "noise", attack_noise },
	{ "extremes", attack_extremes },
	{ "flood", attack_flood },
	{ "rulesets", attack_rulesets },
};

static void be_the_real_one(char **argv)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 20);
	char *slash;

	if (n <= 0)
		_exit(1);
	path[n] = '\0';
	slash = strrchr(path, '/');
	strcpy(slash + 1, "real-console");
	execv(path, argv);
	_exit(1);
}

int main(int argc, char **argv)
{
	const char *dir = getenv(IPC_ENV_STATE_DIR);
	char path[PATH_MAX], attack[32] = "";
	int fd;

	if (argc > 1 && strcmp(argv[1], "--read-config") == 0)
		be_the_real_one(argv);
	snprintf(path, sizeof(path), "%s/attack", dir ? dir : ".");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, attack, sizeof(attack) - 1) <= 0)
		return 1;
	close(fd);
	state ^= (uint64_t)getpid() << 20;
	ready();
	be_good();
	/* The engine ends when its first console does before it guards anything: `go` is there once it does. */
	snprintf(path, sizeof(path), "%s/go", dir);
	while (access(path, F_OK) < 0)
		poll(NULL, 0, 10);
	for (size_t i = 0; i < array_len(attacks); i++)
		if (strcmp(attack, attacks[i].name) == 0)
			attacks[i].fn();
	be_good();
	snprintf(path, sizeof(path), "%s/attacked", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd >= 0)
		close(fd);
	for (;;)
		poll(NULL, 0, -1);
}
