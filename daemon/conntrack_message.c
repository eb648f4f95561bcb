/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Attributes of IPCTNL_MSG_CT_*, each checked for its size. */
#include "config.h"

#include "daemon/conntrack_message.h"

#include <arpa/inet.h>
#include <endian.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <string.h>

static bool get_be16(const struct nlattr *attr, uint16_t *ret)
{
	if (mnl_attr_validate(attr, MNL_TYPE_U16) < 0)
		return false;
	*ret = ntohs(mnl_attr_get_u16(attr));
	return true;
}

static uint64_t get_be64(const struct nlattr *attr)
{
	return mnl_attr_validate(attr, MNL_TYPE_U64) < 0 ? 0 : be64toh(mnl_attr_get_u64(attr));
}

static void parse_addr(const struct nlattr *attr, struct flow *f)
{
	const void *bytes = mnl_attr_get_payload(attr);
	size_t len = mnl_attr_get_payload_len(attr);

	switch (mnl_attr_get_type(attr)) {
	case CTA_IP_V4_SRC:
		if (len == 4)
			f->src = ip_addr_v4(bytes);
		break;
	case CTA_IP_V4_DST:
		if (len == 4)
			f->dst = ip_addr_v4(bytes);
		break;
	case CTA_IP_V6_SRC:
		if (len == 16)
			f->src = ip_addr_v6(bytes);
		break;
	case CTA_IP_V6_DST:
		if (len == 16)
			f->dst = ip_addr_v6(bytes);
		break;
	default:
		break;
	}
}

/* Ports, or what stands for them: see struct flow. */
static void parse_proto(const struct nlattr *attr, struct flow *f)
{
	switch (mnl_attr_get_type(attr)) {
	case CTA_PROTO_NUM:
		if (mnl_attr_validate(attr, MNL_TYPE_U8) >= 0)
			f->proto = mnl_attr_get_u8(attr);
		break;
	case CTA_PROTO_SRC_PORT:
	case CTA_PROTO_ICMP_ID:
	case CTA_PROTO_ICMPV6_ID:
		get_be16(attr, &f->src_port);
		break;
	case CTA_PROTO_DST_PORT:
		get_be16(attr, &f->dst_port);
		break;
	case CTA_PROTO_ICMP_TYPE:
	case CTA_PROTO_ICMPV6_TYPE:
		if (mnl_attr_validate(attr, MNL_TYPE_U8) >= 0)
			f->dst_port = (uint16_t)(f->dst_port | mnl_attr_get_u8(attr) << 8);
		break;
	case CTA_PROTO_ICMP_CODE:
	case CTA_PROTO_ICMPV6_CODE:
		if (mnl_attr_validate(attr, MNL_TYPE_U8) >= 0)
			f->dst_port = (uint16_t)(f->dst_port | mnl_attr_get_u8(attr));
		break;
	default:
		break;
	}
}

static void parse_tuple(const struct nlattr *tuple, struct flow *f)
{
	const struct nlattr *part, *attr;

	mnl_attr_for_each_nested(part, tuple)
	{
		if (mnl_attr_get_type(part) == CTA_TUPLE_IP) {
			mnl_attr_for_each_nested(attr, part) parse_addr(attr, f);
		} else if (mnl_attr_get_type(part) == CTA_TUPLE_PROTO) {
			mnl_attr_for_each_nested(attr, part) parse_proto(attr, f);
		}
	}
}

static void parse_counters(const struct nlattr *nest, uint64_t *packets, uint64_t *bytes)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, nest)
	{
		if (mnl_attr_get_type(attr) == CTA_COUNTERS_PACKETS)
			*packets = get_be64(attr);
		else if (mnl_attr_get_type(attr) == CTA_COUNTERS_BYTES)
			*bytes = get_be64(attr);
	}
}

static bool is_over(const struct nlattr *protoinfo)
{
	const struct nlattr *tcp, *attr;

	mnl_attr_for_each_nested(tcp, protoinfo)
	{
		if (mnl_attr_get_type(tcp) != CTA_PROTOINFO_TCP)
			continue;
		mnl_attr_for_each_nested(
			attr, tcp) if (mnl_attr_get_type(attr) == CTA_PROTOINFO_TCP_STATE &&
				       mnl_attr_validate(attr, MNL_TYPE_U8) >=
					       0) return mnl_attr_get_u8(attr) ==
				TCP_CONNTRACK_TIME_WAIT ||
			mnl_attr_get_u8(attr) == TCP_CONNTRACK_CLOSE;
	}
	return false;
}

static int parse_attr(const struct nlattr *attr, void *data)
{
	struct conntrack_entry *e = data;

	switch (mnl_attr_get_type(attr)) {
	case CTA_TUPLE_ORIG:
		parse_tuple(attr, &e->flow);
		break;
	case CTA_ID:
		if (mnl_attr_validate(attr, MNL_TYPE_U32) >= 0)
			e->id = mnl_attr_get_u32(attr);
		break;
	case CTA_COUNTERS_ORIG:
		parse_counters(attr, &e->packets_out, &e->bytes_out);
		e->has_counters = true;
		break;
	case CTA_COUNTERS_REPLY:
		parse_counters(attr, &e->packets_in, &e->bytes_in);
		break;
	case CTA_PROTOINFO:
		e->is_over = is_over(attr);
		break;
	default:
		break;
	}
	return MNL_CB_OK;
}

int conntrack_message_parse(const struct nlmsghdr *nlh, struct conntrack_entry *ret)
{
	memset(ret, 0, sizeof(*ret));
	flow_init(&ret->flow);
	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(struct nfgenmsg))
		return ERR_MALFORMED;
	mnl_attr_parse(nlh, sizeof(struct nfgenmsg), parse_attr, ret);
	ret->is_end = nlh->nlmsg_type == (NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE);
	return ret->flow.src.family && ret->flow.proto ? 0 : ERR_MALFORMED;
}

static void put_proto(struct nlmsghdr *nlh, const struct flow *f)
{
	struct nlattr *nest = mnl_attr_nest_start(nlh, CTA_TUPLE_PROTO);

	mnl_attr_put_u8(nlh, CTA_PROTO_NUM, f->proto);
	if (f->proto == IPPROTO_ICMP) {
		mnl_attr_put_u8(nlh, CTA_PROTO_ICMP_TYPE, (uint8_t)(f->dst_port >> 8));
		mnl_attr_put_u8(nlh, CTA_PROTO_ICMP_CODE, (uint8_t)f->dst_port);
		mnl_attr_put_u16(nlh, CTA_PROTO_ICMP_ID, htons(f->src_port));
	} else if (f->proto == IPPROTO_ICMPV6) {
		mnl_attr_put_u8(nlh, CTA_PROTO_ICMPV6_TYPE, (uint8_t)(f->dst_port >> 8));
		mnl_attr_put_u8(nlh, CTA_PROTO_ICMPV6_CODE, (uint8_t)f->dst_port);
		mnl_attr_put_u16(nlh, CTA_PROTO_ICMPV6_ID, htons(f->src_port));
	} else {
		mnl_attr_put_u16(nlh, CTA_PROTO_SRC_PORT, htons(f->src_port));
		mnl_attr_put_u16(nlh, CTA_PROTO_DST_PORT, htons(f->dst_port));
	}
	mnl_attr_nest_end(nlh, nest);
}

struct nlmsghdr *conntrack_message_put(
	void *buf, int type, uint16_t flags, uint32_t seq, const struct flow *flow)
{
	bool six = flow->dst.family == 6;
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct nlattr *tuple, *ip;
	struct nfgenmsg *nfg;

	nlh->nlmsg_type = (uint16_t)(NFNL_SUBSYS_CTNETLINK << 8 | type);
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	nlh->nlmsg_seq = seq;
	nfg = mnl_nlmsg_put_extra_header(nlh, sizeof(*nfg));
	nfg->nfgen_family = six ? AF_INET6 : AF_INET;
	nfg->version = NFNETLINK_V0;
	tuple = mnl_attr_nest_start(nlh, CTA_TUPLE_ORIG);
	ip = mnl_attr_nest_start(nlh, CTA_TUPLE_IP);
	mnl_attr_put(nlh, six ? CTA_IP_V6_SRC : CTA_IP_V4_SRC, six ? 16 : 4, flow->src.bytes);
	mnl_attr_put(nlh, six ? CTA_IP_V6_DST : CTA_IP_V4_DST, six ? 16 : 4, flow->dst.bytes);
	mnl_attr_nest_end(nlh, ip);
	put_proto(nlh, flow);
	mnl_attr_nest_end(nlh, tuple);
	return nlh;
}
