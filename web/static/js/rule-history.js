// SPDX-License-Identifier: GPL-2.0-or-later
// What became of one rule: each change, who made it, and the way back.

import * as api from './api.js';
import { button, fill, h } from './dom.js';
import { fullTime } from './format.js';
import { operatorText } from './rule-text.js';
import { plain, untrusted } from './text.js';

const PAGE = 20;
const DONE = { created: 'Created', updated: 'Changed', renamed: 'Renamed', deleted: 'Deleted' };
const BY = { token: 'token', user: 'user', file: 'file', session: 'dashboard', clock: 'the clock: its time was over' };
/** What changes by itself, or is no part of what a rule does. */
const QUIET = new Set(['updated', 'created', 'hits', 'last_hit', 'expires', 'file', 'source']);

/**
 * A part of the editor that loads when it is opened.
 * @param {string} name
 * @param {(change: object) => Promise<void>} revert
 */
export function historyBlock(name, revert) {
	const body = h('div', {});
	const el = h('details', { class: 'raw history' }, h('summary', {}, 'History'), body);

	async function load() {
		try {
			const page = await api.rules.history(name, { limit: PAGE });
			fill(body, page.items.length === 0 ? h('p', { class: 'hint' }, 'No change of this rule was recorded.')
				: h('ol', { class: 'changes' }, page.items.map((c) => change(c, revert))),
			h('p', { class: 'hint' }, page.next ? `The newest ${PAGE} changes. ` : '', h('a', { href: `/audit?q=${encodeURIComponent(name)}`, data: { nav: '' } }, 'Audit log')));
		} catch (error) {
			fill(body, h('p', { class: 'field-error', role: 'alert' }, plain(error.message)));
		}
	}

	el.addEventListener('toggle', () => el.open && load());
	return el;
}

function change(c, revert) {
	const who = BY[c.by?.kind] ?? c.by?.kind ?? '';
	return h('li', { class: 'change' },
		h('div', { class: 'change-head' }, h('b', {}, DONE[c.change] ?? plain(c.change)), h('time', { class: 'muted', datetime: c.time }, fullTime(c.time)),
			h('span', { class: 'grow' }),
			button('Put back', () => revert(c), { class: 'btn btn-small', title: c.before ? 'Make the rule what it was before this change' : 'Remove the rule, as before this change' })),
		h('p', { class: 'hint' }, 'by ', plain(who), c.by?.name ? [' ', untrusted(c.by.name)] : null),
		c.before && c.after ? h('ul', { class: 'change-list' }, differences(c.before, c.after)) : null);
}

function differences(before, after) {
	const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter((k) => !QUIET.has(k) && JSON.stringify(before[k]) !== JSON.stringify(after[k]));
	return keys.map((key) => h('li', {}, h('span', { class: 'muted' }, `${plain(key)} `), h('del', {}, untrusted(short(key, before[key]))), ' → ', h('ins', {}, untrusted(short(key, after[key])))));
}

function short(key, v) {
	const text = v === undefined ? 'not set' : key === 'operator' ? operatorText(v) : typeof v === 'string' ? v : JSON.stringify(v);
	return text === '' ? 'empty' : text.length > 200 ? `${text.slice(0, 200)}…` : text;
}
