// SPDX-License-Identifier: GPL-2.0-or-later
// Rules as data: what they consist of, how the editor's conditions become an operator and back. Pure.

import { hasPort } from './pieces.js';
import { baseName } from './text.js';

/**
 * @typedef {{type: string, operand: string, data: string, sensitive: boolean, original?: object}} Condition
 * A condition of the editor; `original` keeps fields that the editor does not know.
 */

const TEXT = ['simple', 'regexp'];

/** What can be compared, in the order of the editor: operand, name for people, types, example. */
export const OPERANDS = [
	{ operand: 'process.path', label: 'Program', types: TEXT, example: '/usr/bin/curl' },
	{ operand: 'process.command', label: 'Command line', types: TEXT, example: 'python3 /opt/tool.py' },
	{ operand: 'process.parent.path', label: 'Started by (any ancestor)', types: TEXT, example: '/usr/bin/bash' },
	{ operand: 'process.id', label: 'Process id', types: ['simple', 'range'], example: '4711' },
	{ operand: 'process.env.', label: 'Environment variable', types: TEXT, example: 'value' },
	{ operand: 'process.hash.md5', label: 'Program’s MD5', types: ['simple'], example: 'd41d8cd98f00b204e9800998ecf8427e' },
	{ operand: 'process.hash.sha1', label: 'Program’s SHA-1', types: ['simple'], example: '' },
	{ operand: 'process.hash.sha256', label: 'Program’s SHA-256', types: ['simple'], example: '' },
	{ operand: 'user.id', label: 'User id', types: ['simple', 'regexp', 'range'], example: '1000' },
	{ operand: 'user.name', label: 'User name', types: TEXT, example: 'ann' },
	{ operand: 'dest.host', label: 'Host', types: TEXT, example: 'example.com' },
	{ operand: 'dest.ip', label: 'Address', types: TEXT, example: '192.0.2.1' },
	{ operand: 'dest.network', label: 'Network', types: ['network'], example: '192.0.2.0/24' },
	{ operand: 'dest.port', label: 'Port', types: ['simple', 'regexp', 'range'], example: '443' },
	{ operand: 'protocol', label: 'Protocol', types: TEXT, example: 'tcp' },
	{ operand: 'source.ip', label: 'Source address', types: TEXT, example: '192.0.2.7' },
	{ operand: 'source.network', label: 'Source network', types: ['network'], example: '192.0.2.0/24' },
	{ operand: 'source.port', label: 'Source port', types: ['simple', 'regexp', 'range'], example: '50000' },
	{ operand: 'iface.out', label: 'Interface (out)', types: TEXT, example: 'eth0' },
	{ operand: 'iface.in', label: 'Interface (in)', types: TEXT, example: 'eth0' },
	{ operand: 'lists.domains', label: 'List of domains', types: ['lists'], example: '/etc/opensnitchd/lists/domains' },
	{ operand: 'lists.domains_regexp', label: 'List of domain patterns', types: ['lists'], example: '/etc/opensnitchd/lists/regexp' },
	{ operand: 'lists.ips', label: 'List of addresses', types: ['lists'], example: '/etc/opensnitchd/lists/ips' },
	{ operand: 'lists.nets', label: 'List of networks', types: ['lists'], example: '/etc/opensnitchd/lists/nets' },
	{ operand: 'lists.hash.md5', label: 'List of MD5 sums', types: ['lists'], example: '/etc/opensnitchd/lists/md5' },
	{ operand: 'lists.hash.sha256', label: 'List of SHA-256 sums', types: ['lists'], example: '/etc/opensnitchd/lists/sha256' },
	{ operand: 'true', label: 'Everything', types: ['simple'], example: '' },
];

export const TYPE_NAMES = { simple: 'is', regexp: 'matches regexp', network: 'is in', range: 'is between', lists: 'is in folder' };
export const ENV_PREFIX = 'process.env.';

/** The entry of OPERANDS for an operand; undefined for one that the editor does not know. @param {string} operand */
export function operandInfo(operand) {
	return OPERANDS.find((o) => (o.operand === ENV_PREFIX ? operand.startsWith(ENV_PREFIX) : o.operand === operand));
}

/** @returns {Condition} */
export function emptyCondition() {
	return { type: 'simple', operand: 'process.path', data: '', sensitive: false };
}

/** @param {object} operator  @returns {Condition} */
function toCondition(operator) {
	return { type: operator.type, operand: operator.operand, data: operator.data ?? '', sensitive: Boolean(operator.sensitive), original: operator };
}

/**
 * @param {object} operator
 * @returns {Condition[]|null} null for one that only the JSON view can show: nested lists, unknown words
 */
export function conditionsOf(operator) {
	const parts = operator?.type === 'list' ? operator.list : [operator];
	if (!Array.isArray(parts) || parts.some((o) => !o || o.type === 'list' || !(o.type in TYPE_NAMES) || !operandInfo(o.operand ?? ''))) {
		return null;
	}
	return parts.map(toCondition);
}

/** @param {Condition} c  @returns {object} */
function toOperator(c) {
	return { ...c.original, type: c.type, operand: c.operand, sensitive: c.sensitive, data: c.data };
}

/** @param {Condition[]} conditions  @returns {object} */
export function operatorOf(conditions) {
	if (conditions.length === 1) {
		return toOperator(conditions[0]);
	}
	return { type: 'list', operand: 'list', sensitive: false, data: '', list: conditions.map(toOperator) };
}

/** The error field of a condition's part, as the daemon names it. @param {number} index @param {number} n of conditions */
export function conditionField(index, n) {
	return n === 1 ? 'operator' : `operator.list[${index}]`;
}

/** @returns {object} a rule to start from */
export function newRule() {
	return { name: '', description: '', enabled: true, precedence: false, nolog: false, action: 'allow', duration: 'always', operator: toOperator(emptyCondition()) };
}

/** Characters that make a good file name. @param {string} s */
function slug(s) {
	return s.toLowerCase().normalize('NFKD').replace(/[^a-z0-9.]+/g, '-').replace(/^[-.]+|[-.]+$/g, '').slice(0, 60);
}

/** A rule that would have decided this connection. @param {object} c */
export function ruleFromConnection(c) {
	const is = (operand, data) => ({ type: 'simple', operand, sensitive: false, data: String(data) });
	const list = [];
	if (c.process?.path) {
		list.push(is('process.path', c.process.path));
	} else if (c.forwarded && c.iface?.in) {
		list.push(is('iface.in', c.iface.in));
	}
	list.push(c.dest.host ? is('dest.host', c.dest.host) : is('dest.ip', c.dest.ip));
	if (hasPort(c)) {
		list.push(is('dest.port', c.dest.port));
	}
	list.push(is('protocol', c.protocol));
	const name = [c.action, baseName(c.process?.path ?? ''), c.dest.host ?? c.dest.ip].map((s) => slug(s ?? '')).filter(Boolean).join('-');
	return { ...newRule(), name, action: c.action, operator: operatorOf(list.map(toCondition)) };
}

/** When a rule that does not last for ever ends, in ms; null if it lasts. @param {object} rule */
export function endOf(rule) {
	return rule.expires ? Date.parse(rule.expires) : null;
}
