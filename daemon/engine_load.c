/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rule sets and lists on their way into force. While one is loaded the packets go on with what there is, and the console is not
 * listened to: what it says next (an answer that belongs to the set) counts after it.
 */
#include "config.h"

#include "daemon/engine_internal.h"

#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>

#include "lib/cleanup.h"
#include "lib/log.h"

/* Bytes: a set so small is loaded at once, in less time than a change of threads may take, and is in force for the next packet. */
#define SMALL_RULESET 8192

static void listen_to_console(struct engine *e, bool listen)
{
	struct epoll_event channel = { .events = EPOLLIN, .data.fd = e->channel };
	struct epoll_event pidfd = { .events = EPOLLIN, .data.fd = e->console_pidfd };
	int op = listen ? EPOLL_CTL_ADD : EPOLL_CTL_DEL;

	if (e->channel >= 0)
		(void)epoll_ctl(e->epoll_fd, op, e->channel, &channel);
	if (e->console_pidfd >= 0)
		(void)epoll_ctl(e->epoll_fd, op, e->console_pidfd, &pidfd);
	e->channel_waits_out = false;
}

static void tell_result(struct engine *e, const struct loader_result *r)
{
	struct ipc_ruleset_result *m = ipc_begin(&e->builder, IPC_RULESET_RESULT);

	m->generation = e->load.generation;
	m->error = r->code;
	m->n_rules = e->ruleset ? ruleset_count(e->ruleset) : 0;
	ipc_put(&e->builder, &m->text, r->err.message, strlen(r->err.message));
	ipc_end(&e->builder);
	outbox_urgent(e->outbox, e->builder.buf, e->builder.len);
}

static void ruleset_loaded(struct engine *e, struct loader_result *r)
{
	if (r->code == 0) {
		loader_discard_ruleset(e->loader, e->ruleset);
		e->ruleset = steal_ptr(r->ruleset);
		e->reevaluate = true;
		e->reevaluate_except = e->load.answers;
	} else {
		engine_alert(e, ALERT_RULESET_REFUSED, "a rule set was refused: %s%s%s",
			r->err.place, *r->err.place ? ": " : "", r->err.message);
	}
	tell_result(e, r);
}

static bool is_same_list(const struct listset *l, enum operand operand, struct text folder)
{
	struct text own = listset_folder(l);

	return listset_operand(l) == operand && own.len == folder.len &&
	       memcmp(own.s, folder.s, own.len) == 0;
}

/* The place of the list of this operand and folder, or n_lists. */
static unsigned find_list(const struct engine *e, enum operand operand, struct text folder)
{
	unsigned i = 0;

	while (i < e->n_lists && !is_same_list(e->lists[i], operand, folder))
		i++;
	return i;
}

static void list_loaded(struct engine *e, struct loader_result *r)
{
	unsigned i;

	if (r->code < 0) {
		engine_alert(e, ALERT_RULESET_REFUSED, "a list was refused: %s%s%s", r->err.place,
			*r->err.place ? ": " : "", r->err.message);
		return;
	}
	i = find_list(e, listset_operand(r->list), listset_folder(r->list));
	if (i == LIMIT_LISTS) {
		engine_alert(e, ALERT_RULESET_REFUSED, "there are more than %d folders of lists",
			LIMIT_LISTS);
		loader_discard_list(e->loader, r->list);
		return;
	}
	if (i < e->n_lists)
		loader_discard_list(e->loader, e->lists[i]);
	else
		e->n_lists++;
	e->lists[i] = steal_ptr(r->list);
}

void engine_on_loaded(struct engine *e)
{
	struct loader_result r;

	if (!loader_take(e->loader, &r))
		return;
	if (e->load.is_ruleset)
		ruleset_loaded(e, &r);
	else
		list_loaded(e, &r);
	e->load.is_running = false;
	listen_to_console(e, true);
	/* What it said meanwhile, before the new set is put to what is held. */
	engine_console_readable(e);
}

static void begun(struct engine *e, int code, bool is_ruleset)
{
	struct loader_result r = { .code = code };

	e->load.is_ruleset = is_ruleset;
	e->load.is_running = code == 0;
	if (code == 0) {
		listen_to_console(e, false);
		return;
	}
	error_set(&r.err, code, NULL, "it cannot be loaded: %s", err_str(code));
	if (is_ruleset)
		ruleset_loaded(e, &r);
	else
		list_loaded(e, &r);
}

void engine_load_ruleset(struct engine *e, const struct ipc_ruleset *m, int fd)
{
	struct loader_result r;
	struct stat st;

	e->load.generation = m->generation;
	e->load.answers = m->answers;
	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size <= SMALL_RULESET) {
		loader_ruleset_now(fd, e->lists, e->n_lists, &r);
		ruleset_loaded(e, &r);
		return;
	}
	begun(e, fd < 0 ? ERR_MALFORMED : loader_ruleset(e->loader, fd, e->lists, e->n_lists),
		true);
}

void engine_load_list(struct engine *e, const struct ipc_list *m, int fd)
{
	struct text folder;
	unsigned i;

	if (fd >= 0) {
		begun(e, loader_list(e->loader, fd), false);
		return;
	}
	folder.s = ipc_get(m, m->folder, &folder.len);
	i = find_list(e, (enum operand)m->operand, folder);
	if (i == e->n_lists)
		return;
	loader_discard_list(e->loader, e->lists[i]);
	e->lists[i] = e->lists[--e->n_lists];
}

void engine_forget_lists(struct engine *e)
{
	while (e->n_lists)
		loader_discard_list(e->loader, e->lists[--e->n_lists]);
}
