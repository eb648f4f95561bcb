// SPDX-License-Identifier: GPL-2.0-or-later
// The filter box of the monitor: plain words, and field:value. All terms must hold; a leading - turns one round.

/** @typedef {{field: string|null, value: string, not: boolean}} Term */

const FIELDS = {
	action: (c) => [c.action],
	program: (c) => [c.process?.path],
	path: (c) => [c.process?.path],
	host: (c) => [c.dest.host],
	ip: (c) => [c.dest.ip],
	port: (c) => [c.dest.port],
	protocol: (c) => [c.protocol],
	proto: (c) => [c.protocol],
	user: (c) => [c.process?.user, c.process?.uid],
	uid: (c) => [c.process?.uid],
	pid: (c) => [c.process?.pid],
	rule: (c) => [c.rule],
	reason: (c) => [c.reason],
	parent: (c) => (c.process?.parents ?? []).map((p) => p.path ?? p.name),
	args: (c) => [(c.process?.args ?? []).join(' ')],
	confidence: (c) => [c.attribution?.confidence],
};

/** Fields whose value must be equal, not contained. */
const EXACT = new Set(['port', 'uid', 'pid']);
/** Fields where the beginning is enough. */
const PREFIX = new Set(['action', 'protocol', 'proto', 'reason', 'confidence']);

export const FIELD_NAMES = Object.keys(FIELDS);

/**
 * @param {string} text
 * @returns {Term[]}
 */
export function parseFilter(text) {
	const terms = [];
	for (const match of text.matchAll(/(-?)(?:([a-z]+):)?(?:"([^"]*)"|(\S+))/gi)) {
		const [, minus, name, quoted, bare] = match;
		const field = name?.toLowerCase() ?? null;
		const value = (quoted ?? bare).toLowerCase();
		if (field === null || Object.hasOwn(FIELDS, field)) {
			terms.push({ field, value, not: minus === '-' });
		} else {
			// Not a field of ours: an IPv6 address, say.
			terms.push({ field: null, value: `${name}:${quoted ?? bare}`.toLowerCase(), not: minus === '-' });
		}
	}
	return terms.filter((t) => t.value !== '');
}

/** All that plain words are looked for in. @param {object} c */
function haystack(c) {
	return [c.process?.path, c.dest.host, c.dest.ip, c.rule, c.process?.user, c.action]
		.filter((s) => s !== null && s !== undefined).join('\n').toLowerCase();
}

/** @param {Term} term @param {unknown} value */
function holds(term, value) {
	if (value === null || value === undefined) {
		return false;
	}
	const s = String(value).toLowerCase();
	if (EXACT.has(term.field)) {
		const range = /^(\d+)-(\d+)$/.exec(term.value);
		return range ? Number(s) >= Number(range[1]) && Number(s) <= Number(range[2]) : s === term.value;
	}
	return PREFIX.has(term.field) ? s.startsWith(term.value) : s.includes(term.value);
}

/**
 * @param {Term[]} terms
 * @returns {(connection: object) => boolean}
 */
export function compileFilter(terms) {
	return (c) => terms.every((term) => {
		const found = term.field === null ? haystack(c).includes(term.value) : FIELDS[term.field](c).some((v) => holds(term, v));
		return found !== term.not;
	});
}

/**
 * What of a filter the daemon can look for in its history; the rest is filtered here.
 * @param {Term[]} terms
 * @returns {Object<string, string>} query parameters
 */
export function serverQuery(terms) {
	const query = {};
	const word = terms.find((t) => t.field === null && !t.not);
	if (word) {
		query.q = word.value;
	}
	for (const term of terms.filter((t) => !t.not)) {
		if (term.field === 'action' && ['allow', 'deny', 'reject'].includes(term.value)) {
			query.action = term.value;
		} else if (term.field === 'port' && /^\d+$/.test(term.value)) {
			query['dest.port'] = term.value;
		} else if (term.field === 'uid' && /^\d+$/.test(term.value)) {
			query['user.id'] = term.value;
		}
	}
	return query;
}
