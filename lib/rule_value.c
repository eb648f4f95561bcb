/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a connection has for an operand. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/rule_op.h"

bool rule_number_value(enum operand o, const struct subject *s, uint64_t *ret)
{
	if (o == OPERAND_PROCESS_ID) {
		*ret = (uint64_t)s->pid;
		return s->has_process && s->pid >= 0;
	}
	if (o == OPERAND_USER_ID) {
		*ret = s->uid;
		return s->uid != UINT32_MAX;
	}
	*ret = o == OPERAND_SOURCE_PORT ? s->flow.src_port : s->flow.dst_port;
	return true;
}

const struct ip_addr *rule_addr_value(enum operand o, const struct subject *s)
{
	return o == OPERAND_SOURCE_IP || o == OPERAND_SOURCE_NETWORK ? &s->flow.src : &s->flow.dst;
}

static struct text text_from(const char *s)
{
	return (struct text) { s, strlen(s) };
}

/* Empty when it is not known; "" stands for "nothing known" in rules. */
static struct text number_text(
	enum operand o, const struct subject *s, char buf[static IP_ADDR_TEXT_LEN])
{
	uint64_t number;

	if (!rule_number_value(o, s, &number))
		return (struct text) { NULL, 0 };
	return (struct text) { buf, (size_t)snprintf(buf, IP_ADDR_TEXT_LEN, "%" PRIu64, number) };
}

bool rule_operand_digest(enum operand o, enum digest *ret)
{
	if (o == OPERAND_PROCESS_HASH_MD5 || o == OPERAND_LISTS_HASH_MD5)
		*ret = DIGEST_MD5;
	else if (o == OPERAND_PROCESS_HASH_SHA1)
		*ret = DIGEST_SHA1;
	else if (o == OPERAND_PROCESS_HASH_SHA256 || o == OPERAND_LISTS_HASH_SHA256)
		*ret = DIGEST_SHA256;
	else
		return false;
	return true;
}

static struct text digest_text(enum operand o, const struct subject *s)
{
	enum digest which;

	if (!s->digest || !rule_operand_digest(o, &which))
		return (struct text) { NULL, 0 };
	return s->digest(s->digest_ctx, which);
}

struct text rule_text_value(enum operand o, struct text extra, const struct subject *s,
	char buf[static IP_ADDR_TEXT_LEN])
{
	switch (o) {
	case OPERAND_PROCESS_ID:
	case OPERAND_USER_ID:
	case OPERAND_SOURCE_PORT:
	case OPERAND_DEST_PORT:
		return number_text(o, s, buf);
	case OPERAND_SOURCE_IP:
	case OPERAND_DEST_IP:
	case OPERAND_SOURCE_NETWORK:
	case OPERAND_DEST_NETWORK:
	case OPERAND_LISTS_IPS:
	case OPERAND_LISTS_NETS:
		return text_from(ip_addr_format(rule_addr_value(o, s), buf));
	case OPERAND_PROTOCOL:
		return text_from(flow_proto_str(&s->flow, buf));
	case OPERAND_PROCESS_PATH:
		return s->path;
	case OPERAND_PROCESS_COMMAND:
		return s->command;
	case OPERAND_PROCESS_ENV:
		return s->env ? s->env(s->env_ctx, extra) : (struct text) { NULL, 0 };
	case OPERAND_USER_NAME:
		return s->user;
	case OPERAND_DEST_HOST:
	case OPERAND_LISTS_DOMAINS:
	case OPERAND_LISTS_DOMAINS_REGEXP:
		return s->host;
	case OPERAND_IFACE_IN:
		return s->iface_in;
	case OPERAND_IFACE_OUT:
		return s->iface_out;
	case OPERAND_PROCESS_HASH_MD5:
	case OPERAND_PROCESS_HASH_SHA1:
	case OPERAND_PROCESS_HASH_SHA256:
	case OPERAND_LISTS_HASH_MD5:
	case OPERAND_LISTS_HASH_SHA256:
		return digest_text(o, s);
	case OPERAND_TRUE:
	case OPERAND_PROCESS_PARENT_PATH:
	case OPERAND_LIST:
	case OPERAND_COUNT_:
		break;
	}
	return (struct text) { NULL, 0 };
}
