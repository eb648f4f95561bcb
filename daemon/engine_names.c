/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where names come from: copies of DNS packets, and the hosts file. */
#include "config.h"

#include "daemon/engine_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/packet.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/fd_read.h"
#include "lib/log.h"

#define NF_INET_FORWARD 2
#define NF_INET_LOCAL_OUT 3
#define COPIES_A_TURN 256
#define HOSTS_FILE "/etc/hosts"

static void who_asks(void *engine, const struct flow *flow, struct name_asker *ret)
{
	struct engine *e = engine;
	struct attribution_result who;

	attribution_drain(e->attribution);
	attribution_find(e->attribution, flow, UINT32_MAX, 0, false, &who);
	*ret = name_asker_of(who.process);
	process_unref(who.process);
	process_unref(who.creator);
}

int engine_names_open(struct engine *e, struct error *err)
{
	e->names = names_new();
	e->dns = e->names ? dns_watch_new(e->names, who_asks, e) : NULL;
	e->forwarded_names = names_new();
	e->forwarded_dns =
		e->forwarded_names ? dns_watch_new(e->forwarded_names, NULL, NULL) : NULL;
	if (!e->dns || !e->forwarded_dns)
		return error_set(err, ERR_NOMEM, NULL, "out of memory");
	e->hosts_watch = file_watch_new(HOSTS_FILE);
	return nflog_open(e->setup.options->queue_num, &e->nflog, err);
}

void engine_names_close(struct engine *e)
{
	nflog_close(e->nflog);
	file_watch_free(e->hosts_watch);
	dns_watch_free(e->dns);
	names_free(e->names);
	dns_watch_free(e->forwarded_dns);
	names_free(e->forwarded_names);
}

void engine_names_find(struct engine *e, struct connection *c)
{
	struct name_asker asker = name_asker_of(c->process);
	uint64_t now = clock_boot_ns();

	if (c->is_forwarded)
		names_find(e->forwarded_names, &c->flow.dst, &asker, now, &c->name);
	/* It may have asked a resolver of this machine. */
	if (!c->name.len)
		names_find(e->names, &c->flow.dst, &asker, now, &c->name);
}

unsigned engine_names_all(
	struct engine *e, const struct connection *c, struct text *ret, unsigned max)
{
	unsigned n = c->is_forwarded ? names_of(e->forwarded_names, &c->flow.dst, ret, max) : 0;

	return n ? n : names_of(e->names, &c->flow.dst, ret, max);
}

void engine_names_keep(struct engine *e, const struct connection *c)
{
	if (c->name.len)
		names_keep(c->is_forwarded ? e->forwarded_names : e->names, &c->flow.dst,
			c->name.host, c->name.len, clock_boot_ns());
}

/* What is forwarded and asks is sent by whom it is forwarded for. */
static enum dns_way way_of(const struct nflog_packet *copy, const struct packet *packet)
{
	if (copy->hook == NF_INET_LOCAL_OUT)
		return DNS_SENT;
	if (copy->hook == NF_INET_FORWARD)
		return dns_watch_is_question(&packet->flow) ? DNS_SENT : DNS_FROM_LINK;
	return copy->is_from_link ? DNS_FROM_LINK : DNS_FROM_ELSEWHERE;
}

static void on_copy(void *engine, const struct nflog_packet *copy)
{
	struct engine *e = engine;
	struct packet packet;

	if (!e->settings.intercept_dns ||
		packet_parse(copy->payload, copy->payload_len, &packet) < 0)
		return;
	dns_watch_packet(copy->hook == NF_INET_FORWARD ? e->forwarded_dns : e->dns, &packet,
		way_of(copy, &packet), clock_boot_ns());
}

void engine_names_drain(struct engine *e)
{
	nflog_read(e->nflog, COPIES_A_TURN, on_copy, e);
}

void engine_names_asker(struct engine *e, const struct connection *c)
{
	struct name_asker asker = name_asker_of(c->process);

	if (e->settings.intercept_dns && dns_watch_is_question(&c->flow))
		dns_watch_asker(c->is_forwarded ? e->forwarded_dns : e->dns, &c->flow, &asker,
			clock_boot_ns());
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

void engine_names_tick(struct engine *e)
{
	_cleanup_close_ int fd = open(HOSTS_FILE, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	_cleanup_free_ char *text = NULL;
	struct stat st;
	ssize_t len;
	int n;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		memset(&e->hosts_seen, 0, sizeof(e->hosts_seen));
		names_set_hosts(e->names, "", 0);
		return;
	}
	if (same_file(&st, &e->hosts_seen))
		return;
	text = malloc(LIMIT_HOSTS_BYTES);
	len = text ? fd_read(fd, text, LIMIT_HOSTS_BYTES) : -1;
	if (len < 0)
		return;
	e->hosts_seen = st;
	/* A line cut by the bound might name somebody else. */
	while (len == LIMIT_HOSTS_BYTES && len > 0 && text[len - 1] != '\n')
		len--;
	n = names_set_hosts(e->names, text, (size_t)len);
	log_debug("%d addresses have a name in " HOSTS_FILE, n < 0 ? 0 : n);
}

void engine_names_hosts(struct engine *e)
{
	if (!file_watch_read(e->hosts_watch))
		return;
	/* Also when it looks the same: two changes may have one time. */
	memset(&e->hosts_seen, 0, sizeof(e->hosts_seen));
	engine_names_tick(e);
}

/* ---- telling the console */

struct telling {
	struct engine *engine;
	uint64_t request;
	uint64_t boot_ns, real_us; /* now, on both clocks */
};

static uint64_t real_us(const struct telling *t, uint64_t boot_ns)
{
	return t->real_us + boot_ns / 1000 - t->boot_ns / 1000;
}

static void tell_name(void *ctx, const struct name_view *view)
{
	const struct telling *t = ctx;
	struct engine *e = t->engine;
	struct ipc_name *m = ipc_begin(&e->builder, IPC_NAME);

	m->request = t->request;
	m->addr = view->addr;
	m->server = view->server;
	m->source = (uint8_t)view->source;
	m->learnt_us = view->learnt_ns ? real_us(t, view->learnt_ns) : 0;
	m->expires_us = view->expires_ns == UINT64_MAX ? 0 : real_us(t, view->expires_ns);
	m->n_askers = view->n_askers;
	for (unsigned i = 0; i < view->n_askers; i++)
		m->askers[i] = view->askers[i].pid;
	ipc_put(&e->builder, &m->host, view->host, view->host_len);
	ipc_end(&e->builder);
	outbox_urgent(e->outbox, e->builder.buf, e->builder.len);
}

void engine_names_tell(struct engine *e, const struct ipc_names *m)
{
	struct telling t = { e, m->request, clock_boot_ns(), clock_real_us() };
	struct ipc_names_end *end;
	struct text host;
	unsigned n;

	host.s = ipc_get(m, m->host, &host.len);
	n = names_list(e->names, m->addr.family ? &m->addr : NULL, host.len ? &host : NULL,
		LIMIT_NAMES_TOLD, t.boot_ns, tell_name, &t);
	n += names_list(e->forwarded_names, m->addr.family ? &m->addr : NULL,
		host.len ? &host : NULL, LIMIT_NAMES_TOLD - n, t.boot_ns, tell_name, &t);
	end = ipc_begin(&e->builder, IPC_NAMES_END);
	end->request = m->request;
	end->n = n;
	ipc_end(&e->builder);
	outbox_urgent(e->outbox, e->builder.buf, e->builder.len);
}
