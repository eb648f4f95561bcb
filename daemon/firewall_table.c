/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libiptc for both families behind one set of operations. */
#include "config.h"

#include "daemon/firewall_table.h"

#include <errno.h>
#include <libiptc/libip6tc.h>
#include <libiptc/libiptc.h>
#include <string.h>

#include "lib/cleanup.h"

#define COMMIT_TRIES 5

/* The functions of libip4tc or libip6tc; entries are bytes here. */
struct table_ops {
	struct xtc_handle *(*init)(const char *table);
	void (*free)(struct xtc_handle *h);
	const void *(*first_rule)(const char *chain, struct xtc_handle *h);
	const void *(*next_rule)(const void *prev, struct xtc_handle *h);
	int (*insert)(const char *chain, const void *entry, unsigned pos, struct xtc_handle *h);
	int (*delete_num)(const char *chain, unsigned pos, struct xtc_handle *h);
	int (*commit)(struct xtc_handle *h);
	const char *(*strerror)(int errnum);
};

#define TABLE_OPS(prefix, entry_type)                                                              \
	static const void *prefix##_first(const char *chain, struct xtc_handle *h)                 \
	{                                                                                          \
		return prefix##_first_rule(chain, h);                                              \
	}                                                                                          \
	static const void *prefix##_next(const void *prev, struct xtc_handle *h)                   \
	{                                                                                          \
		return prefix##_next_rule(prev, h);                                                \
	}                                                                                          \
	static int prefix##_insert(                                                                \
		const char *chain, const void *entry, unsigned pos, struct xtc_handle *h)          \
	{                                                                                          \
		return prefix##_insert_entry(chain, (const entry_type *)entry, pos, h);            \
	}                                                                                          \
	static const struct table_ops prefix##_functions = {                                       \
		.init = prefix##_init,                                                             \
		.free = prefix##_free,                                                             \
		.first_rule = prefix##_first,                                                      \
		.next_rule = prefix##_next,                                                        \
		.insert = prefix##_insert,                                                         \
		.delete_num = prefix##_delete_num_entry,                                           \
		.commit = prefix##_commit,                                                         \
		.strerror = prefix##_strerror,                                                     \
	}

TABLE_OPS(iptc, struct ipt_entry);
TABLE_OPS(ip6tc, struct ip6t_entry);

static const struct table_ops *ops_of(const struct fw_table *t)
{
	return t->layout->af == AF_INET ? &iptc_functions : &ip6tc_functions;
}

static const char *module_prefix(const struct fw_table *t)
{
	return t->layout->af == AF_INET ? "ip" : "ip6";
}

/* Why the table could not be read; errno is libiptc's. */
static int init_error(const struct fw_table *t, int errnum, struct error *err)
{
	if (errnum == EPERM || errnum == EACCES)
		return error_set(err, ERR_PERMISSION, NULL,
			"reading the %s table %s needs root (CAP_NET_ADMIN and CAP_NET_RAW)",
			t->layout->name, t->name);
	if (errnum == ENOENT || errnum == ENOPROTOOPT || errnum == EPROTONOSUPPORT)
		return error_set(err, ERR_UNSUPPORTED, NULL,
			"the kernel has no legacy %s table %s: load it with 'modprobe %stable_%s'",
			t->layout->name, t->name, module_prefix(t), t->name);
	return error_set(err, err_from_errno(errnum), NULL, "cannot read the %s table %s: %s",
		t->layout->name, t->name, ops_of(t)->strerror(errnum));
}

static int commit_error(const struct fw_table *t, int errnum, struct error *err)
{
	if (errnum == EAGAIN)
		return error_set(err, ERR_BUSY, NULL,
			"another program keeps changing the %s table %s", t->layout->name, t->name);
	if (errnum == ENOENT || errnum == EINVAL)
		return error_set(err, ERR_UNSUPPORTED, NULL,
			"the kernel refused our rules for the %s table %s (%s): are the modules "
			"xt_NFQUEUE, xt_NFLOG, xt_conntrack, xt_connmark, xt_comment and "
			"%st_REJECT there?",
			t->layout->name, t->name, strerror(errnum), module_prefix(t));
	return error_set(err, err_from_errno(errnum), NULL, "cannot change the %s table %s: %s",
		t->layout->name, t->name, ops_of(t)->strerror(errnum));
}

/* ---- reading */

static enum fw_table_state check_chain(const struct fw_table *t, const struct fw_chain *c,
	struct xtc_handle *h, const char **ret_what)
{
	const struct table_ops *ops = ops_of(t);
	enum fw_table_state state = FW_TABLE_GOOD;
	unsigned found = 0, pos = 0;

	for (const void *e = ops->first_rule(c->name, h); e; e = ops->next_rule(e, h), pos++) {
		if (!fw_entry_has_comment(t->layout, e, t->comment))
			continue;
		if (found == c->n_rules) {
			*ret_what = "a rule stands twice";
			return FW_TABLE_WRONG;
		}
		if (!fw_entry_equal(t->layout, e, c->rules[found].entry)) {
			*ret_what = "a rule is missing, changed or in the wrong place";
			return FW_TABLE_WRONG;
		}
		if (pos != found)
			state = FW_TABLE_BEHIND;
		found++;
	}
	if (found < c->n_rules) {
		*ret_what = "a rule is missing";
		return FW_TABLE_WRONG;
	}
	return state;
}

static enum fw_table_state check_chains(
	const struct fw_table *t, struct xtc_handle *h, const char **ret_what)
{
	enum fw_table_state state = FW_TABLE_GOOD, s;

	for (unsigned i = 0; i < t->n_chains; i++) {
		s = check_chain(t, &t->chains[i], h, ret_what);
		if (s > state)
			state = s;
	}
	return state;
}

int fw_table_check(const struct fw_table *t, enum fw_table_state *ret, const char **ret_what,
	struct error *err)
{
	struct xtc_handle *h = ops_of(t)->init(t->name);

	if (!h)
		return init_error(t, errno, err);
	*ret = check_chains(t, h, ret_what);
	ops_of(t)->free(h);
	return 0;
}

/* ---- changing */

/* The place of the first rule with our comment; -1 where there is none. */
static int find_ours(const struct fw_table *t, const struct fw_chain *c, struct xtc_handle *h)
{
	const struct table_ops *ops = ops_of(t);
	int pos = 0;

	for (const void *e = ops->first_rule(c->name, h); e; e = ops->next_rule(e, h), pos++)
		if (fw_entry_has_comment(t->layout, e, t->comment))
			return pos;
	return -1;
}

/* 1: changed, 0: nothing to do, -1 with errno. */
static int change_chain(
	const struct fw_table *t, const struct fw_chain *c, bool want, struct xtc_handle *h)
{
	const struct table_ops *ops = ops_of(t);
	int pos, changed = 0;

	while ((pos = find_ours(t, c, h)) >= 0) {
		if (!ops->delete_num(c->name, (unsigned)pos, h))
			return -1;
		changed = 1;
	}
	for (unsigned i = 0; want && i < c->n_rules; i++) {
		if (!ops->insert(c->name, c->rules[i].entry, i, h))
			return -1;
		changed = 1;
	}
	return changed;
}

static int change_table(const struct fw_table *t, bool want, struct xtc_handle *h)
{
	const char *what;
	int changed = 0;

	if (want && check_chains(t, h, &what) == FW_TABLE_GOOD)
		return 0;
	for (unsigned i = 0; i < t->n_chains; i++) {
		int r = change_chain(t, &t->chains[i], want, h);

		if (r < 0)
			return -1;
		changed |= r;
	}
	return changed;
}

int fw_table_sync(const struct fw_table *t, bool want, struct error *err)
{
	const struct table_ops *ops = ops_of(t);
	int errnum = 0;

	for (int i = 0; i < COMMIT_TRIES; i++) {
		struct xtc_handle *h = ops->init(t->name);
		int changed;

		if (!h)
			return init_error(t, errno, err);
		changed = change_table(t, want, h);
		if (changed > 0 && !ops->commit(h))
			changed = -1;
		errnum = errno;
		ops->free(h);
		if (changed >= 0)
			return 0;
		if (errnum != EAGAIN)
			break;
	}
	return commit_error(t, errnum, err);
}
