// SPDX-License-Identifier: GPL-2.0-or-later
// One row of the list of rules.

import { serverNow } from './clock.js';
import { h, iconButton } from './dom.js';
import { ago, count, duration, fullTime } from './format.js';
import { actionBadge } from './pieces.js';
import { endOf } from './rule-model.js';
import { operatorSummary } from './rule-text.js';
import { plain, untrusted } from './text.js';
import { DURATIONS, durationName } from './words.js';

/** `sort` gives the value to order by; columns without one are not sortable. */
export const COLUMNS = [
	{ key: 'enabled', label: 'On', sort: (r) => (r.enabled ? 0 : 1) },
	{ key: 'name', label: 'Rule', sort: (r) => r.name },
	{ key: 'action', label: 'Action', sort: (r) => r.action },
	{ key: 'duration', label: 'Lasts', sort: (r) => endOf(r) ?? 1e15 + DURATIONS.indexOf(r.duration) },
	{ key: 'hits', label: 'Hits', sort: (r) => r.hits ?? 0, downFirst: true },
	{ key: 'last', label: 'Last hit', sort: (r) => r.last_hit ?? '', downFirst: true },
	{ key: 'tools', label: 'Actions' },
];

/**
 * @param {object} rule
 * @param {{edit: (r: object) => void, remove: (r: object) => void, toggle: (r: object, on: boolean) => void}} actions
 * @returns {HTMLElement}
 */
export function ruleRow(rule, actions) {
	const name = plain(rule.name);
	const toggle = h('input', { type: 'checkbox', class: 'switch', role: 'switch', checked: rule.enabled, 'aria-label': `Enabled: ${name}`, data: { focus: 'toggle' },
		on: { change: () => actions.toggle(rule, toggle.checked) } });
	const row = h('tr', { class: rule.enabled ? '' : 'is-off', data: { rule: rule.name } },
		cell('enabled', toggle),
		cell('name', h('button', { type: 'button', class: 'rule-open', data: { focus: 'open' }, on: { click: () => actions.edit(rule) } },
			operatorSummary(rule.operator), h('span', { class: 'rule-name' }, untrusted(rule.name), flags(rule)))),
		cell('action', actionBadge(rule.action)),
		cell('duration', lasts(rule)),
		cell('hits', h('span', { class: 'num' }, count(rule.hits ?? 0))),
		cell('last', h('time', { class: 'ago muted', datetime: rule.last_hit ?? null, title: rule.last_hit ? fullTime(rule.last_hit) : null })),
		cell('tools', iconButton('edit', `Edit ${name}`, () => actions.edit(rule), { class: 'btn btn-icon btn-quiet', data: { focus: 'edit' } }),
			iconButton('trash', `Delete ${name}`, () => actions.remove(rule), { class: 'btn btn-icon btn-quiet', data: { focus: 'delete' } })));
	row.addEventListener('click', (event) => {
		if (event.target instanceof Element && !event.target.closest('button, input, label, a') && String(getSelection()) === '') {
			actions.edit(rule);
		}
	});
	updateTimes(row);
	return row;
}

function cell(key, ...children) {
	return h('td', { class: `c-${key}` }, h('div', { class: 'cell' }, children));
}

function flags(rule) {
	return [
		rule.precedence ? h('span', { class: 'flag', title: 'Decides at once, before rules that follow' }, 'precedence') : null,
		rule.nolog ? h('span', { class: 'flag', title: 'Its connections are not recorded' }, 'not recorded') : null,
		rule.source === 'prompt' ? h('span', { class: 'flag flag-quiet', title: 'Made by answering a prompt' }, 'from prompt') : null,
	];
}

function lasts(rule) {
	const end = endOf(rule);
	if (end === null) {
		return h('span', { class: rule.duration === 'always' ? '' : 'muted' }, durationName(rule.duration));
	}
	return h('span', { class: 'remaining', title: `Ends ${fullTime(end)}`, data: { end: String(end) } });
}

/** Brings all relative times inside `root` up to date. @param {ParentNode} root */
export function updateTimes(root) {
	const now = serverNow();
	for (const el of root.querySelectorAll('time.ago')) {
		setText(el, el.hasAttribute('datetime') ? ago(el.getAttribute('datetime'), now) : 'never');
	}
	for (const el of root.querySelectorAll('.remaining')) {
		const left = (Number(el.dataset.end) - now) / 1000;
		setText(el, left > 0 ? `${duration(left)} left` : 'ended');
	}
}

function setText(el, text) {
	if (el.textContent !== text) {
		el.textContent = text;
	}
}
