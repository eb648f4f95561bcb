/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of operator types and operands. */
#include "lib/operand.h"

#include <string.h>

#define ENV_PREFIX "process.env."

static const char *const type_names[OPERATOR_COUNT_] = {
	[OPERATOR_SIMPLE] = "simple",
	[OPERATOR_REGEXP] = "regexp",
	[OPERATOR_NETWORK] = "network",
	[OPERATOR_LIST] = "list",
	[OPERATOR_RANGE] = "range",
	[OPERATOR_LISTS] = "lists",
};

static const char *const operand_names[OPERAND_COUNT_] = {
	[OPERAND_TRUE] = "true",
	[OPERAND_PROCESS_ID] = "process.id",
	[OPERAND_PROCESS_PATH] = "process.path",
	[OPERAND_PROCESS_PARENT_PATH] = "process.parent.path",
	[OPERAND_PROCESS_COMMAND] = "process.command",
	[OPERAND_PROCESS_ENV] = ENV_PREFIX,
	[OPERAND_PROCESS_HASH_MD5] = "process.hash.md5",
	[OPERAND_PROCESS_HASH_SHA1] = "process.hash.sha1",
	[OPERAND_PROCESS_HASH_SHA256] = "process.hash.sha256",
	[OPERAND_USER_ID] = "user.id",
	[OPERAND_USER_NAME] = "user.name",
	[OPERAND_SOURCE_IP] = "source.ip",
	[OPERAND_SOURCE_PORT] = "source.port",
	[OPERAND_SOURCE_NETWORK] = "source.network",
	[OPERAND_DEST_IP] = "dest.ip",
	[OPERAND_DEST_HOST] = "dest.host",
	[OPERAND_DEST_PORT] = "dest.port",
	[OPERAND_DEST_NETWORK] = "dest.network",
	[OPERAND_PROTOCOL] = "protocol",
	[OPERAND_IFACE_IN] = "iface.in",
	[OPERAND_IFACE_OUT] = "iface.out",
	[OPERAND_LISTS_DOMAINS] = "lists.domains",
	[OPERAND_LISTS_DOMAINS_REGEXP] = "lists.domains_regexp",
	[OPERAND_LISTS_IPS] = "lists.ips",
	[OPERAND_LISTS_NETS] = "lists.nets",
	[OPERAND_LISTS_HASH_MD5] = "lists.hash.md5",
	[OPERAND_LISTS_HASH_SHA256] = "lists.hash.sha256",
	[OPERAND_LIST] = "list",
};

const char *operator_type_str(enum operator_type t)
{
	return (unsigned)t < OPERATOR_COUNT_ ? type_names[t] : "?";
}

bool operator_type_parse(const char *name, enum operator_type *ret)
{
	for (int i = 0; i < OPERATOR_COUNT_; i++) {
		if (strcmp(name, type_names[i]) == 0) {
			*ret = (enum operator_type)i;
			return true;
		}
	}
	return false;
}

const char *operand_str(enum operand o)
{
	return (unsigned)o < OPERAND_COUNT_ ? operand_names[o] : "?";
}

bool operand_parse(const char *name, enum operand *ret, const char **ret_extra)
{
	*ret_extra = NULL;
	if (strncmp(name, ENV_PREFIX, strlen(ENV_PREFIX)) == 0 && name[strlen(ENV_PREFIX)]) {
		*ret = OPERAND_PROCESS_ENV;
		*ret_extra = name + strlen(ENV_PREFIX);
		return true;
	}
	for (int i = 0; i < OPERAND_COUNT_; i++) {
		if (i != OPERAND_PROCESS_ENV && strcmp(name, operand_names[i]) == 0) {
			*ret = (enum operand)i;
			return true;
		}
	}
	return false;
}
