/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The vocabulary of rules: operator types and operands, with their names (OpenSnitch's). */
#ifndef LIB_OPERAND_H
#define LIB_OPERAND_H

#include <stdbool.h>

enum operator_type {
	OPERATOR_SIMPLE = 0,
	OPERATOR_REGEXP = 1,
	OPERATOR_NETWORK = 2,
	OPERATOR_LIST = 3, /* all of its operators must match */
	OPERATOR_RANGE = 4,
	OPERATOR_LISTS = 5,
	OPERATOR_COUNT_,
};

enum operand {
	OPERAND_TRUE = 0,
	OPERAND_PROCESS_ID,
	OPERAND_PROCESS_PATH,
	OPERAND_PROCESS_PARENT_PATH, /* any ancestor */
	OPERAND_PROCESS_COMMAND, /* arguments joined by a space */
	OPERAND_PROCESS_ENV, /* "process.env.NAME" */
	OPERAND_PROCESS_HASH_MD5,
	OPERAND_PROCESS_HASH_SHA1,
	OPERAND_PROCESS_HASH_SHA256,
	OPERAND_USER_ID,
	OPERAND_USER_NAME,
	OPERAND_SOURCE_IP,
	OPERAND_SOURCE_PORT,
	OPERAND_SOURCE_NETWORK,
	OPERAND_DEST_IP,
	OPERAND_DEST_HOST,
	OPERAND_DEST_PORT,
	OPERAND_DEST_NETWORK,
	OPERAND_PROTOCOL,
	OPERAND_IFACE_IN,
	OPERAND_IFACE_OUT,
	OPERAND_LISTS_DOMAINS,
	OPERAND_LISTS_DOMAINS_REGEXP,
	OPERAND_LISTS_IPS,
	OPERAND_LISTS_NETS,
	OPERAND_LISTS_HASH_MD5,
	OPERAND_LISTS_HASH_SHA256,
	OPERAND_LIST, /* of an operator of type list */
	OPERAND_COUNT_,
};

const char *operator_type_str(enum operator_type t);
bool operator_type_parse(const char *name, enum operator_type *ret);

/* "process.path" ...; for OPERAND_PROCESS_ENV the prefix "process.env." alone. */
const char *operand_str(enum operand o);

/* By name. "process.env.NAME" sets *ret_extra to NAME (inside `name`); otherwise it is set to NULL. */
bool operand_parse(const char *name, enum operand *ret, const char **ret_extra);

#endif
