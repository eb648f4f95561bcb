/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The channel to the engine, on the console's side. */
#include "config.h"

#include "api/ipc_client.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "api/configuration.h"
#include "api/loop.h"
#include "lib/cleanup.h"
#include "lib/log.h"

#define DATAGRAMS_PER_TURN 2 /* of up to some tens of messages each */
#define WAITING_MAX (1u << 20) /* bytes; the engine reads at once, unless something is very wrong */

struct waiting {
	struct waiting *next;
	size_t len;
	int fd; /* owned, or -1 */
	uint8_t msg[];
};

struct ipc_client {
	struct ipc_client_hooks hooks;
	struct loop *loop;
	int fd;
	struct watch *watch;
	bool watches_out;
	struct waiting *first, **last;
	size_t waiting_bytes;
	bool closed;
	_Alignas(8) uint8_t buf[LIMIT_IPC_MESSAGE];
};

static void on_events(void *ctx, uint32_t events);

/* Watches for writing only while something waits. */
static void rewatch(struct ipc_client *c, bool out)
{
	if (c->watch && c->watches_out == out)
		return;
	loop_unwatch(c->loop, c->watch);
	c->watches_out = out;
	c->watch = loop_watch(c->loop, c->fd, EPOLLIN | (out ? EPOLLOUT : 0), on_events, c);
}

static void close_channel(struct ipc_client *c)
{
	if (c->closed)
		return;
	c->closed = true;
	loop_unwatch(c->loop, c->watch);
	c->watch = NULL;
	c->hooks.closed(c->hooks.ctx);
}

static void drop_first(struct ipc_client *c)
{
	struct waiting *w = c->first;

	c->first = w->next;
	if (!c->first)
		c->last = &c->first;
	c->waiting_bytes -= w->len;
	cleanup_close(&w->fd);
	free(w);
}

static void send_waiting(struct ipc_client *c)
{
	while (c->first) {
		int r = ipc_send(c->fd, c->first->msg, c->first->len, c->first->fd);

		if (r == ERR_AGAIN)
			return;
		drop_first(c);
		if (r < 0) {
			close_channel(c);
			return;
		}
	}
	rewatch(c, false);
}

static void receive(struct ipc_client *c)
{
	for (int i = 0; i < DATAGRAMS_PER_TURN && !c->closed; i++) {
		_cleanup_close_ int fd = -1;
		int n = ipc_receive_packed(c->fd, c->buf, &fd);
		const struct ipc_header *message;
		size_t pos = 0;

		if (n == ERR_AGAIN)
			return;
		while (n > 0 && !c->closed && (message = ipc_unpack(c->buf, (size_t)n, &pos)))
			c->hooks.message(c->hooks.ctx, message, fd);
		if (c->closed || (n > 0 && pos == (size_t)n))
			continue;
		if (n != 0)
			log_error("the engine's message cannot be read (%s): ending",
				err_str(n < 0 ? n : ERR_MALFORMED));
		close_channel(c);
	}
}

void ipc_client_read(struct ipc_client *c)
{
	receive(c);
}

static void on_events(void *ctx, uint32_t events)
{
	struct ipc_client *c = ctx;

	if (events & EPOLLOUT)
		send_waiting(c);
	if (events & ~(uint32_t)EPOLLOUT)
		receive(c);
}

struct ipc_client *ipc_client_new(struct loop *loop, int fd, const struct ipc_client_hooks *hooks)
{
	struct ipc_client *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->hooks = *hooks;
	c->loop = loop;
	c->fd = fd;
	c->last = &c->first;
	rewatch(c, false);
	if (!c->watch) {
		free(c);
		return NULL;
	}
	return c;
}

void ipc_client_free(struct ipc_client *c)
{
	if (!c)
		return;
	loop_unwatch(c->loop, c->watch);
	while (c->first)
		drop_first(c);
	free(c);
}

static int enqueue(struct ipc_client *c, const struct ipc_builder *b, int pass_fd)
{
	struct waiting *w;

	if (c->waiting_bytes + b->len > WAITING_MAX)
		return ERR_FULL;
	w = malloc(sizeof(*w) + b->len);
	if (!w)
		return ERR_NOMEM;
	w->next = NULL;
	w->len = b->len;
	w->fd = pass_fd >= 0 ? fcntl(pass_fd, F_DUPFD_CLOEXEC, 3) : -1;
	if (pass_fd >= 0 && w->fd < 0) {
		free(w);
		return ERR_FULL;
	}
	memcpy(w->msg, b->buf, b->len);
	*c->last = w;
	c->last = &w->next;
	c->waiting_bytes += w->len;
	rewatch(c, true);
	return 0;
}

int ipc_client_send(struct ipc_client *c, struct ipc_builder *b, int pass_fd)
{
	int r;

	if (c->closed)
		return ERR_CLOSED;
	ipc_end(b);
	r = c->first ? ERR_AGAIN : ipc_send(c->fd, b->buf, b->len, pass_fd);
	return r == ERR_AGAIN ? enqueue(c, b, pass_fd) : r;
}

int ipc_client_send_ready(struct ipc_client *c)
{
	struct ipc_builder b;
	struct ipc_ready *m = ipc_begin(&b, IPC_READY);

	m->pid = getpid();
	return ipc_client_send(c, &b, -1);
}

int ipc_client_send_settings(struct ipc_client *c, const struct config_values *v)
{
	struct ipc_builder b;

	config_fill_settings(v, ipc_begin(&b, IPC_SETTINGS));
	return ipc_client_send(c, &b, -1);
}

int ipc_client_send_ruleset(struct ipc_client *c, uint64_t generation, uint64_t answers, int fd)
{
	struct ipc_builder b;
	struct ipc_ruleset *m = ipc_begin(&b, IPC_RULESET);

	m->generation = generation;
	m->answers = answers;
	return ipc_client_send(c, &b, fd);
}

int ipc_client_send_list(struct ipc_client *c, unsigned operand, const char *folder, int fd)
{
	struct ipc_builder b;
	struct ipc_list *m = ipc_begin(&b, IPC_LIST);

	m->operand = operand;
	ipc_put(&b, &m->folder, folder, strlen(folder));
	return ipc_client_send(c, &b, fd);
}

int ipc_client_send_answer(struct ipc_client *c, uint64_t request, uint64_t prompt_id,
	uint8_t action, const char *rule)
{
	struct ipc_builder b;
	struct ipc_answer *m = ipc_begin(&b, IPC_ANSWER);

	m->request = request;
	m->prompt_id = prompt_id;
	m->action = action;
	ipc_put(&b, &m->rule, rule, strlen(rule));
	return ipc_client_send(c, &b, -1);
}

int ipc_client_send_clients(struct ipc_client *c, unsigned n)
{
	struct ipc_builder b;
	struct ipc_clients *m = ipc_begin(&b, IPC_CLIENTS);

	m->n = n;
	return ipc_client_send(c, &b, -1);
}

int ipc_client_send_interception(
	struct ipc_client *c, uint16_t number, bool enabled, uint32_t for_ms)
{
	struct ipc_builder b;
	struct ipc_interception *m = ipc_begin(&b, IPC_INTERCEPTION);

	m->enabled = enabled;
	m->number = number;
	m->for_ms = for_ms;
	return ipc_client_send(c, &b, -1);
}
