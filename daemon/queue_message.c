/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Attributes of NFQNL_MSG_PACKET, each checked for its size. */
#include "daemon/queue_message.h"

#include <arpa/inet.h>
#include <limits.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <string.h>

struct parse_state {
	struct queue_packet *packet;
	bool has_id;
	bool has_ct_info;
	bool has_cap_len;
};

bool queue_message_is_whole(const struct nlmsghdr *nlh, int len)
{
	return mnl_nlmsg_ok(nlh, len) && nlh->nlmsg_len <= INT_MAX;
}

bool queue_message_is_packet(const struct nlmsghdr *nlh)
{
	return nlh->nlmsg_type == (NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET) &&
	       mnl_nlmsg_get_payload_len(nlh) >= sizeof(struct nfgenmsg);
}

static bool get_be32(const struct nlattr *attr, uint32_t *ret)
{
	if (mnl_attr_validate(attr, MNL_TYPE_U32) < 0)
		return false;
	*ret = ntohl(mnl_attr_get_u32(attr));
	return true;
}

static void parse_header(const struct nlattr *attr, struct parse_state *s)
{
	struct nfqnl_msg_packet_hdr h;

	if (mnl_attr_get_payload_len(attr) < sizeof(h))
		return;
	memcpy(&h, mnl_attr_get_payload(attr), sizeof(h));
	s->packet->ref.id = ntohl(h.packet_id);
	s->packet->hook = h.hook;
	s->has_id = true;
}

static void parse_mac(const struct nlattr *attr, struct queue_packet *p)
{
	struct nfqnl_msg_packet_hw h;

	if (mnl_attr_get_payload_len(attr) < sizeof(h))
		return;
	memcpy(&h, mnl_attr_get_payload(attr), sizeof(h));
	p->has_mac = ntohs(h.hw_addrlen) == sizeof(p->mac);
	if (p->has_mac)
		memcpy(p->mac, h.hw_addr, sizeof(p->mac));
}

static void parse_conntrack(const struct nlattr *nest, struct queue_packet *p)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, nest)
	{
		if (mnl_attr_get_type(attr) == CTA_MARK)
			get_be32(attr, &p->ct_mark);
		else if (mnl_attr_get_type(attr) == CTA_ID)
			get_be32(attr, &p->ct_id);
	}
}

static int parse_attr(const struct nlattr *attr, void *data)
{
	struct parse_state *s = data;
	struct queue_packet *p = s->packet;

	switch (mnl_attr_get_type(attr)) {
	case NFQA_PACKET_HDR:
		parse_header(attr, s);
		break;
	case NFQA_MARK:
		get_be32(attr, &p->ref.mark);
		break;
	case NFQA_IFINDEX_INDEV:
		get_be32(attr, &p->ifindex_in);
		break;
	case NFQA_IFINDEX_OUTDEV:
		get_be32(attr, &p->ifindex_out);
		break;
	case NFQA_HWADDR:
		parse_mac(attr, p);
		break;
	case NFQA_PAYLOAD:
		p->payload = mnl_attr_get_payload(attr);
		p->payload_len = mnl_attr_get_payload_len(attr);
		break;
	case NFQA_CAP_LEN:
		s->has_cap_len = get_be32(attr, &p->packet_len);
		break;
	case NFQA_CT:
		parse_conntrack(attr, p);
		break;
	case NFQA_CT_INFO:
		s->has_ct_info = get_be32(attr, &p->ct_info);
		break;
	case NFQA_UID:
		p->has_uid = get_be32(attr, &p->uid);
		break;
	default:
		break;
	}
	return MNL_CB_OK;
}

int queue_message_parse(const struct nlmsghdr *nlh, struct queue_packet *ret)
{
	const struct nfgenmsg *nfg = mnl_nlmsg_get_payload(nlh);
	struct parse_state s = { .packet = ret };

	memset(ret, 0, sizeof(*ret));
	ret->ref.queue_num = ntohs(nfg->res_id);
	mnl_attr_parse(nlh, sizeof(*nfg), parse_attr, &s);
	if (!s.has_id)
		return ERR_MALFORMED;
	ret->has_ct = s.has_ct_info;
	/* NFQA_CAP_LEN comes only with a packet that was cut, and says its whole length. */
	if (!s.has_cap_len)
		ret->packet_len = (uint32_t)ret->payload_len;
	return 0;
}
