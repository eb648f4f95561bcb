// SPDX-License-Identifier: GPL-2.0-or-later
// A rule in one line: "curl → example.com port 443 tcp".

import { h } from './dom.js';
import { operandInfo } from './rule-model.js';
import { baseName, plain, untrusted } from './text.js';

/** All operators at the bottom of a tree. @param {object} operator  @returns {object[]} */
function leaves(operator) {
	if (!operator || typeof operator !== 'object') {
		return [];
	}
	return operator.type === 'list' ? (operator.list ?? []).flatMap(leaves) : [operator];
}

const PROGRAM = new Set(['process.path']);
const HOST = new Set(['dest.host', 'dest.ip', 'dest.network']);
const TAIL = new Set(['dest.port', 'protocol']);

/** The value with what says how it is compared. @param {object} o @param {boolean} [short] */
function value(o, short = false) {
	const data = String(o.data ?? '');
	if (o.type === 'regexp') {
		return h('span', { class: 'rx', title: 'Regular expression' }, '/', untrusted(data), '/');
	}
	return untrusted(short ? baseName(data) || data : data, 'strong');
}

/**
 * @param {object} operator
 * @returns {HTMLElement}
 */
export function operatorSummary(operator) {
	const all = leaves(operator);
	const pick = (set) => all.filter((o) => set.has(o.operand));
	const rest = all.filter((o) => !PROGRAM.has(o.operand) && !HOST.has(o.operand) && !TAIL.has(o.operand) && o.operand !== 'true');
	const out = h('span', { class: 'op', title: plain(operatorText(operator)) });
	const programs = pick(PROGRAM);
	out.append(...(programs.length > 0 ? programs.map((o) => value(o, true)) : [h('span', { class: 'op-any' }, 'Any program')]));
	out.append(h('span', { class: 'op-arrow', 'aria-label': 'to' }, '→'));
	const hosts = pick(HOST);
	out.append(...(hosts.length > 0 ? hosts.map((o) => value(o)) : [h('span', { class: 'op-any' }, 'anywhere')]));
	for (const o of pick(TAIL)) {
		out.append(h('span', { class: 'op-tail' }, o.operand === 'dest.port' ? 'port ' : '', value(o)));
	}
	for (const o of rest) {
		const name = o.operand?.startsWith('process.env.') ? o.operand.slice(12) : (operandInfo(o.operand ?? '')?.label ?? plain(o.operand));
		out.append(h('span', { class: 'op-more' }, h('span', { class: 'muted' }, plain(name), ' '), value(o)));
	}
	return out;
}

/** For searching and tooltips. @param {object} operator  @returns {string} */
export function operatorText(operator) {
	return leaves(operator).map((o) => (o.operand === 'true' ? 'everything' : `${o.operand} ${o.type === 'simple' ? '=' : o.type} ${o.data ?? ''}`)).join(', ');
}
