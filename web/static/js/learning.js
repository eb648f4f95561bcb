// SPDX-License-Identifier: GPL-2.0-or-later
// Learning: a rule that allows a program (or all) for a while. What it let through is in the history, from which a proposal is made.

import * as api from './api.js';
import { serverNow } from './clock.js';
import { newRule } from './rule-model.js';

const PREFIX = 'learning-';
const DAY_MS = 86400e3;
/** So long ago a learning may have been to be offered still. */
const KEEP_MS = 7 * DAY_MS;
const MAX_GROUPS = 1000;

/**
 * @typedef {{name: string, program: string|null, from: string, until: string|null, runs: boolean, expires: string|null}} Learning
 * `program` null: all programs.
 */

/** A rule name for a path that does not meet another one's. @param {string} path */
function nameFor(path) {
	const tail = path.replace(/[^A-Za-z0-9.]+/g, '-').replace(/^[-.]+|[-.]+$/g, '').slice(-80);
	let hash = 0;
	for (let i = 0; i < path.length; i++) {
		hash = (hash * 31 + path.charCodeAt(i)) >>> 0;
	}
	return `${PREFIX}${tail || 'program'}-${hash.toString(36)}`;
}

/** @param {string} name of a rule */
export function isLearning(name) {
	return name.startsWith(PREFIX);
}

/** @param {string|null} program null: all @param {string} duration of a rule  @returns {Promise<object>} the rule */
export async function startLearning(program, duration) {
	const operator = program === null ? { type: 'simple', operand: 'true', sensitive: false, data: '' } : { type: 'simple', operand: 'process.path', sensitive: true, data: program };
	const rule = { ...newRule(), name: program === null ? `${PREFIX}everything` : nameFor(program), description: 'Learning: allows and records, to propose rules from.', action: 'allow', duration, operator };
	return (await api.rules.create(rule)).data;
}

/** What learns now, and what did in the last week and was not dealt with. @param {Map<string, object>} rules @returns {Promise<Learning[]>} */
export async function learnings(rules) {
	const { items } = await api.stats({ by: 'rule', from: new Date(serverNow() - KEEP_MS).toISOString(), limit: MAX_GROUPS });
	const names = new Set([...rules.keys(), ...items.map((i) => i.key ?? '')].filter(isLearning));
	const [dealtWith, ...all] = await Promise.all([api.learnings.done(), ...[...names].map((name) => period(name, rules.get(name)))]);
	const done = new Set(dealtWith.map(keyOf));
	return all.filter((l) => l && (l.runs || !done.has(keyOf(l)))).sort((a, b) => Number(b.runs) - Number(a.runs) || (a.from < b.from ? 1 : -1));
}

/** @param {string} name @param {object} [rule] that stands now @returns {Promise<Learning|null>} */
async function period(name, rule) {
	const { items } = await api.rules.history(name, { limit: 100 });
	const begun = items.findIndex((c) => c.change === 'created');
	const doc = items[begun]?.after ?? rule;
	if (!doc || doc.action !== 'allow' || doc.duration === 'always') {
		return null;
	}
	const over = rule ? null : (items.slice(0, begun).find((c) => !c.after)?.time ?? null);
	const { operator } = doc;
	return { name, program: operator.operand === 'process.path' ? operator.data : null, from: items[begun]?.time ?? doc.created, until: over, runs: Boolean(rule), expires: rule?.expires ?? null };
}

function keyOf(l) {
	return `${l.name} ${l.from}`;
}

/** Not to be offered again. @param {Learning} l */
export async function learningDone(l) {
	await api.learnings.addDone(l.name, l.from);
}

/** The programs that were seen in a time, most active first. @param {{from: string, to?: string}} span */
export async function programsOf(span) {
	const { items } = await api.stats({ by: 'process.path', ...span, limit: MAX_GROUPS });
	return items.filter((i) => i.key?.startsWith('/'));
}
