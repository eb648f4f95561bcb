/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Entries of ip_tables and ip6_tables, built and compared by one code. */
#include "config.h"

#include "daemon/firewall_rules.h"

/* The C library's headers before the kernel's: those then leave out what both define. */
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <linux/netfilter/xt_NFLOG.h>
#include <linux/netfilter/xt_NFQUEUE.h>
#include <linux/netfilter/xt_comment.h>
#include <linux/netfilter/xt_connmark.h>
#include <linux/netfilter/xt_conntrack.h>
#include <linux/netfilter/xt_mark.h>
#include <linux/netfilter/xt_tcpudp.h>
#include <linux/netfilter_ipv4/ipt_REJECT.h>
#include <linux/netfilter_ipv6/ip6t_REJECT.h>
#include <libiptc/libip6tc.h>
#include <libiptc/libiptc.h>
#include <stdio.h>
#include <string.h>

const struct fw_layout fw_layout_v4 = {
	.af = AF_INET,
	.name = "IPv4",
	.entry_size = XT_ALIGN(sizeof(struct ipt_entry)),
	.ip_size = offsetof(struct ipt_ip, invflags) + 1,
	.offsets = offsetof(struct ipt_entry, target_offset),
};

const struct fw_layout fw_layout_v6 = {
	.af = AF_INET6,
	.name = "IPv6",
	.entry_size = XT_ALIGN(sizeof(struct ip6t_entry)),
	.ip_size = offsetof(struct ip6t_ip6, invflags) + 1,
	.offsets = offsetof(struct ip6t_entry, target_offset),
};

static uint16_t target_offset(const struct fw_layout *l, const void *entry)
{
	uint16_t v;

	memcpy(&v, (const uint8_t *)entry + l->offsets, sizeof(v));
	return v;
}

static uint16_t next_offset(const struct fw_layout *l, const void *entry)
{
	uint16_t v;

	memcpy(&v, (const uint8_t *)entry + l->offsets + sizeof(v), sizeof(v));
	return v;
}

/* ---- building: begin, matches, one target */

struct builder {
	const struct fw_layout *layout;
	uint8_t *entry;
	size_t len;
};

static void begin_rule(struct builder *b, const struct fw_layout *l, struct fw_rule *r, int proto)
{
	memset(r->entry, 0, sizeof(r->entry));
	b->layout = l;
	b->entry = r->entry;
	b->len = l->entry_size;
	if (l->af == AF_INET) {
		((struct ipt_entry *)r->entry)->ip.proto = (uint16_t)proto;
	} else {
		struct ip6t_ip6 *ip = &((struct ip6t_entry *)r->entry)->ipv6;

		ip->proto = (uint16_t)proto;
		ip->flags = proto ? IP6T_F_PROTO : 0;
	}
}

static void put_match(
	struct builder *b, const char *name, uint8_t revision, const void *data, size_t len)
{
	struct xt_entry_match *m = (struct xt_entry_match *)(b->entry + b->len);

	m->u.user.match_size = (uint16_t)(XT_ALIGN(sizeof(*m)) + XT_ALIGN(len));
	snprintf(m->u.user.name, sizeof(m->u.user.name), "%s", name);
	m->u.user.revision = revision;
	memcpy(m->data, data, len);
	b->len += m->u.user.match_size;
}

static void put_target(
	struct builder *b, const char *name, uint8_t revision, const void *data, size_t len)
{
	struct xt_entry_target *t = (struct xt_entry_target *)(b->entry + b->len);
	uint16_t offsets[2];

	t->u.user.target_size = (uint16_t)(XT_ALIGN(sizeof(*t)) + XT_ALIGN(len));
	snprintf(t->u.user.name, sizeof(t->u.user.name), "%s", name);
	t->u.user.revision = revision;
	memcpy(t->data, data, len);
	offsets[0] = (uint16_t)b->len;
	offsets[1] = (uint16_t)(b->len + t->u.user.target_size);
	memcpy(b->entry + b->layout->offsets, offsets, sizeof(offsets));
}

static void match_comment(struct builder *b, const char *text)
{
	struct xt_comment_info info = { "" };

	snprintf(info.comment, sizeof(info.comment), "%s", text);
	put_match(b, "comment", 0, &info, sizeof(info));
}

/* The mark that the verdict has set: see struct firewall_config.packet_marks. */
static void match_verdict_mark(
	struct builder *b, const struct firewall_config *config, uint32_t bit, uint32_t mask)
{
	struct xt_connmark_mtinfo1 connmark = { .mark = bit, .mask = mask };
	struct xt_mark_mtinfo1 mark = { .mark = bit, .mask = mask };

	if (config->packet_marks)
		put_match(b, "mark", 1, &mark, sizeof(mark));
	else
		put_match(b, "connmark", 1, &connmark, sizeof(connmark));
}

static void target_reject(struct builder *b, bool tcp_reset)
{
	struct ipt_reject_info v4 = { tcp_reset ? IPT_TCP_RESET : IPT_ICMP_PORT_UNREACHABLE };
	struct ip6t_reject_info v6 = { tcp_reset ? IP6T_TCP_RESET : IP6T_ICMP6_PORT_UNREACH };

	if (b->layout->af == AF_INET)
		put_target(b, "REJECT", 0, &v4, sizeof(v4));
	else
		put_target(b, "REJECT", 0, &v6, sizeof(v6));
}

static void target_queue(struct builder *b, uint16_t num, bool bypass)
{
	struct xt_NFQ_info_v3 info = {
		.queuenum = num,
		.queues_total = 1,
		.flags = bypass ? NFQ_FLAG_BYPASS : 0,
	};

	put_target(b, "NFQUEUE", 3, &info, sizeof(info));
}

/* Copies, packet by packet, to the group of the same number as our queue. */
static void target_log(struct builder *b, uint16_t group)
{
	struct xt_nflog_info info = { .group = group, .threshold = 1 };

	put_target(b, "NFLOG", 0, &info, sizeof(info));
}

/* ---- our rules */

static void begin_table(struct fw_table *t, const struct fw_layout *l, const char *name,
	const struct firewall_config *config)
{
	memset(t, 0, sizeof(*t));
	t->layout = l;
	t->name = name;
	snprintf(t->comment, sizeof(t->comment), "opensnitch:%u", config->queue_num);
}

static struct fw_chain *add_chain(struct fw_table *t, const char *name)
{
	struct fw_chain *c = &t->chains[t->n_chains++];

	snprintf(c->name, sizeof(c->name), "%s", name);
	return c;
}

static void add_rule(struct builder *b, const struct fw_table *t, struct fw_chain *c, int proto)
{
	begin_rule(b, t->layout, &c->rules[c->n_rules++], proto);
	match_comment(b, t->comment);
}

/* What the packet mark says goes into the conntrack mark, and leaves the packet. */
static void build_mark_keepers(
	struct fw_table *t, struct fw_chain *c, const struct firewall_config *config)
{
	uint32_t both = config->mark_allow | config->mark_reject;
	struct xt_connmark_tginfo2 save = {
		.ctmark = 0,
		.ctmask = both,
		.nfmask = both,
		.mode = XT_CONNMARK_SAVE,
	};
	struct xt_mark_tginfo2 clear = { .mark = 0, .mask = both };
	struct builder b;

	add_rule(&b, t, c, 0);
	match_verdict_mark(&b, config, config->mark_allow, config->mark_allow);
	put_target(&b, "CONNMARK", 2, &save, sizeof(save));
	add_rule(&b, t, c, 0);
	match_verdict_mark(&b, config, config->mark_allow, config->mark_allow);
	put_target(&b, "MARK", 2, &clear, sizeof(clear));
}

/* What becomes of a packet that has its verdict. */
static void build_verdicts(
	struct fw_table *t, struct fw_chain *c, const struct firewall_config *config)
{
	uint32_t both = config->mark_allow | config->mark_reject;
	struct builder b;

	add_rule(&b, t, c, IPPROTO_TCP);
	match_verdict_mark(&b, config, config->mark_reject, both);
	target_reject(&b, true);
	add_rule(&b, t, c, 0);
	match_verdict_mark(&b, config, config->mark_reject, both);
	target_reject(&b, false);
	if (config->packet_marks)
		build_mark_keepers(t, c, config);
}

void fw_build_filter(
	struct fw_table *t, const struct fw_layout *layout, const struct firewall_config *config)
{
	struct fw_chain *c;

	begin_table(t, layout, "filter", config);
	build_verdicts(t, add_chain(t, "OUTPUT"), config);
	c = add_chain(t, "FORWARD");
	if (config->queue_forwarded)
		build_verdicts(t, c, config);
}

/* Ports of DNS: questions go there, answers come from there. 5353 is mDNS; 5355 is LLMNR, which has both. */
static const struct {
	int proto;
	uint16_t first, last;
} dns_ports[] = { { IPPROTO_UDP, 53, 53 }, { IPPROTO_UDP, 5353, 5355 }, { IPPROTO_TCP, 53, 53 },
	{ IPPROTO_TCP, 5355, 5355 } };

/* Rules that copy what asks (`is_source` false) or answers. */
static void build_dns_copies(struct fw_table *t, struct fw_chain *c, bool is_source,
	const struct firewall_config *config)
{
	for (size_t i = 0; i < sizeof(dns_ports) / sizeof(dns_ports[0]); i++) {
		uint16_t first = dns_ports[i].first, last = dns_ports[i].last;
		struct xt_udp udp = { .spts = { 0, 65535 }, .dpts = { 0, 65535 } };
		struct xt_tcp tcp = { .spts = { 0, 65535 }, .dpts = { 0, 65535 } };
		struct builder b;

		(is_source ? udp.spts : udp.dpts)[0] = first;
		(is_source ? udp.spts : udp.dpts)[1] = last;
		(is_source ? tcp.spts : tcp.dpts)[0] = first;
		(is_source ? tcp.spts : tcp.dpts)[1] = last;
		add_rule(&b, t, c, dns_ports[i].proto);
		if (dns_ports[i].proto == IPPROTO_UDP)
			put_match(&b, "udp", 0, &udp, sizeof(udp));
		else
			put_match(&b, "tcp", 0, &tcp, sizeof(tcp));
		target_log(&b, config->queue_num);
	}
}

/* What programs here send on flows that began before they were decided; not what answers on loopback. */
static void build_undecided(
	struct fw_table *t, struct fw_chain *c, const struct firewall_config *config)
{
	uint32_t both = config->mark_allow | config->mark_reject;
	struct xt_conntrack_mtinfo3 original = { .match_flags = XT_CONNTRACK_DIRECTION };
	struct xt_connmark_mtinfo1 undecided = { .mark = both, .mask = both };
	struct builder b;

	add_rule(&b, t, c, IPPROTO_TCP);
	put_match(&b, "conntrack", 3, &original, sizeof(original));
	put_match(&b, "connmark", 1, &undecided, sizeof(undecided));
	target_queue(&b, (uint16_t)(config->queue_num + 1), !config->fail_closed);
}

static void match_new(struct builder *b)
{
	struct xt_conntrack_mtinfo3 is_new = {
		.match_flags = XT_CONNTRACK_STATE,
		.state_mask = XT_CONNTRACK_STATE_BIT(IP_CT_NEW),
	};

	put_match(b, "conntrack", 3, &is_new, sizeof(is_new));
}

/* New flows that nobody allowed yet go to the queue. */
static void build_queue(
	struct fw_table *t, struct fw_chain *c, const struct firewall_config *config)
{
	struct xt_connmark_mtinfo1 not_allowed = {
		.mark = config->mark_allow,
		.mask = config->mark_allow,
		.invert = 1,
	};
	struct builder b;

	add_rule(&b, t, c, 0);
	match_new(&b);
	put_match(&b, "connmark", 1, &not_allowed, sizeof(not_allowed));
	target_queue(&b, config->queue_num, !config->fail_closed);
}

/*
 * A SYN of a tuple that was allowed, while conntrack still waits for the answer to the one before (SYN_SENT, up to two minutes): it may be
 * another program's, to which no entry of its own is given (see nf_conntrack_proto_tcp.c). Those sent again are known by their number.
 */
static void build_other_tries(
	struct fw_table *t, struct fw_chain *c, const struct firewall_config *config)
{
	struct xt_tcp syn = {
		.spts = { 0, 65535 },
		.dpts = { 0, 65535 },
		.flg_mask = TH_SYN | TH_ACK | TH_RST | TH_FIN,
		.flg_cmp = TH_SYN,
	};
	struct xt_connmark_mtinfo1 allowed = {
		.mark = config->mark_allow,
		.mask = config->mark_allow,
	};
	struct builder b;

	add_rule(&b, t, c, IPPROTO_TCP);
	put_match(&b, "tcp", 0, &syn, sizeof(syn));
	match_new(&b);
	put_match(&b, "connmark", 1, &allowed, sizeof(allowed));
	target_queue(&b, config->queue_num, !config->fail_closed);
}

void fw_build_mangle(
	struct fw_table *t, const struct fw_layout *layout, const struct firewall_config *config)
{
	struct fw_chain *c;

	begin_table(t, layout, "mangle", config);
	build_dns_copies(t, add_chain(t, "INPUT"), true, config);

	c = add_chain(t, "OUTPUT");
	build_dns_copies(t, c, false, config);
	build_queue(t, c, config);
	if (config->read_sni)
		build_undecided(t, c, config);
	build_other_tries(t, c, config);

	c = add_chain(t, "FORWARD");
	if (!config->queue_forwarded)
		return;
	build_dns_copies(t, c, true, config);
	build_dns_copies(t, c, false, config);
	build_queue(t, c, config);
	build_other_tries(t, c, config);
}

/* ---- comparing */

static const struct xt_entry_match *match_at(const void *entry, size_t off)
{
	return (const struct xt_entry_match *)((const uint8_t *)entry + off);
}

bool fw_entry_has_comment(const struct fw_layout *l, const void *entry, const char *comment)
{
	size_t end = target_offset(l, entry);

	for (size_t off = l->entry_size; off < end;) {
		const struct xt_entry_match *m = match_at(entry, off);

		if (strcmp(m->u.user.name, "comment") == 0 &&
			strncmp((const char *)m->data, comment, XT_MAX_COMMENT_LEN) == 0)
			return true;
		off += m->u.user.match_size;
	}
	return false;
}

/* Matches and targets have the same header. Behind the name's NUL the kernel may leave anything. */
static bool part_equal(const struct xt_entry_match *a, const struct xt_entry_match *b)
{
	return a->u.user.match_size == b->u.user.match_size &&
	       a->u.user.revision == b->u.user.revision &&
	       strcmp(a->u.user.name, b->u.user.name) == 0 &&
	       memcmp(a->data, b->data, a->u.user.match_size - sizeof(*a)) == 0;
}

bool fw_entry_equal(const struct fw_layout *l, const void *a, const void *b)
{
	size_t end = next_offset(l, a);

	if (target_offset(l, a) != target_offset(l, b) || end != next_offset(l, b) ||
		memcmp(a, b, l->ip_size) != 0)
		return false;
	for (size_t off = l->entry_size; off < end;) {
		if (!part_equal(match_at(a, off), match_at(b, off)))
			return false;
		off += match_at(a, off)->u.user.match_size;
	}
	return true;
}
