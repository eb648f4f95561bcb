// SPDX-License-Identifier: GPL-2.0-or-later
// What an answer can apply to: a destination, a program, a user. Pure; the card shows it.

import { hasPort } from './pieces.js';

/**
 * @typedef {object} Target
 * @property {string} id
 * @property {string[]} match fields of the contract
 * @property {{strong?: string, text?: string}[]} parts what to show: `strong` is untrusted
 */

/**
 * The destinations to choose from, narrowest first.
 * @param {object} c the connection
 * @returns {Target[]}
 */
export function targets(c) {
	const named = Boolean(c.dest.host);
	const name = named ? c.dest.host : c.dest.ip;
	const field = named ? 'dest.host' : 'dest.ip';
	const list = [];
	if (hasPort(c)) {
		// A name may have addresses of both families, and "tcp" is IPv4 alone: the next try would be asked about again.
		list.push(named ? { id: 'exact', match: [field, 'dest.port'], parts: [{ strong: name }, { text: `port ${c.dest.port}` }] }
			: { id: 'exact', match: [field, 'dest.port', 'protocol'], parts: [{ strong: name }, { text: `port ${c.dest.port} ${c.protocol}` }] });
		list.push({ id: 'name', match: [field], parts: [{ strong: name }, { text: 'any port' }] });
		if (named && c.dest.ip) {
			list.push({ id: 'address', match: ['dest.ip', 'dest.port', 'protocol'],
				parts: [{ text: 'only address' }, { strong: c.dest.ip }, { text: `port ${c.dest.port}` }] });
		}
		list.push({ id: 'port', match: ['dest.port'], parts: [{ text: 'any host,' }, { text: `port ${c.dest.port}` }] });
	} else {
		list.push({ id: 'exact', match: [field, 'protocol'], parts: [{ strong: name }, { text: c.protocol }] });
		list.push({ id: 'name', match: [field], parts: [{ strong: name }, { text: 'any protocol' }] });
	}
	list.push({ id: 'anywhere', match: [], parts: [{ text: 'anywhere' }] });
	return list;
}

/**
 * @param {object} c the connection
 * @param {{target: Target, anyProgram: boolean, onlyUser: boolean, exactCommand: boolean}} choice
 * @returns {string[]} the answer's `match`; empty when it would match everything
 */
export function matchOf(c, choice) {
	const match = [];
	if (c.process?.path && !choice.anyProgram) {
		match.push('process.path');
		if (choice.exactCommand && c.process.args?.length > 0) {
			match.push('process.command');
		}
	}
	if (choice.onlyUser && Number.isInteger(c.process?.uid)) {
		match.push('user.id');
	}
	match.push(...choice.target.match);
	return match;
}

/**
 * The target that the daemon suggests first.
 * @param {object} prompt @param {Target[]} list
 * @returns {Target}
 */
export function suggestedTarget(prompt, list) {
	const wanted = prompt.suggestions?.[0]?.match;
	if (!Array.isArray(wanted)) {
		return list[0];
	}
	const key = wanted.filter((m) => m.startsWith('dest.') || m === 'protocol').sort().join();
	return list.find((t) => [...t.match].sort().join() === key) ?? list[0];
}
