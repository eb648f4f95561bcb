// SPDX-License-Identifier: GPL-2.0-or-later
// Why a connection is decided as it is: each rule in order, each comparison with the connection's value.

import * as api from './api.js';
import { fill, h, icon } from './dom.js';
import { plural } from './format.js';
import { actionBadge } from './pieces.js';
import { operandInfo } from './rule-model.js';
import { plain, untrusted } from './text.js';

/** So many rules that did not match are listed; of more there is only the number. */
const MAX_MISSES = 200;

const COMPARISON = { simple: 'is', regexp: 'matches', network: 'is in', range: 'is in', lists: 'is listed in' };

/** A button that opens the explanation below it. @param {object} c connection */
export function whyBlock(c) {
	const body = h('div', { class: 'why-body', hidden: true });
	const toggle = h('button', { type: 'button', class: 'link why-toggle', 'aria-expanded': 'false', on: { click: () => (body.hidden ? open() : close()) } }, 'Why?');

	async function open() {
		body.hidden = false;
		toggle.setAttribute('aria-expanded', 'true');
		fill(body, h('p', { class: 'muted', role: 'status' }, 'Comparing with every rule…'));
		try {
			fill(body, explanation(await api.explain(described(c)), c));
		} catch (error) {
			fill(body, h('p', { class: 'form-error', role: 'alert' }, plain(error.message)));
		}
	}

	function close() {
		body.hidden = true;
		toggle.setAttribute('aria-expanded', 'false');
	}

	return { toggle, body, open };
}

/** What the daemon needs to know of a connection, also of one that it did not record. */
function described(c) {
	const { protocol, source, dest, process, iface } = c;
	return Object.fromEntries(Object.entries({ protocol, source, dest, process, iface }).filter(([, v]) => v !== null && v !== undefined));
}

/** @param {object} result of POST /explain @param {object} c */
export function explanation(result, c) {
	const misses = result.steps.filter((s) => !s.matched);
	const changed = c.action && c.action !== result.action && !result.asks;
	return [
		h('p', { class: 'why-sentence' }, plain(result.why ?? '')),
		changed || (c.rule ?? null) !== (result.rule ?? null) ? h('p', { class: 'why-now' }, icon('info'), h('span', {}, 'With the rules as they are now: ', outcome(result))) : null,
		result.steps.some((s) => s.matched) ? h('ol', { class: 'steps' }, result.steps.filter((s) => s.matched).map((s) => step(s, s.decided))) : null,
		misses.length > 0 ? h('details', { class: 'why-misses' }, h('summary', {}, plural(misses.length, 'rule'), ' did not match'),
			h('ol', { class: 'steps' }, misses.slice(0, MAX_MISSES).map((s) => step(s, false))),
			misses.length > MAX_MISSES ? h('p', { class: 'muted small' }, `and ${plural(misses.length - MAX_MISSES, 'more')}`) : null) : null,
		result.not_reached > 0 ? h('p', { class: 'muted small' }, `${plural(result.not_reached, 'rule')} behind it ${result.not_reached === 1 ? 'was' : 'were'} not looked at.`) : null,
	];
}

function outcome(result) {
	if (result.asks) {
		return 'you would be asked.';
	}
	return [actionBadge(result.action, true), result.rule ? [' by ', untrusted(result.rule, 'strong')] : ' by the default action'];
}

/** @param {object} s one rule @param {boolean} open */
function step(s, open) {
	const word = s.decided ? 'decided' : s.matched ? 'matched' : s.skipped ? plain(s.skipped) : 'did not match';
	const operands = s.operands ?? [];
	return h('li', { class: `step ${s.decided ? 'step-decided' : s.matched ? 'step-matched' : ''}` },
		h('details', { open: open || null }, h('summary', {},
			h('a', { class: 'step-name', href: `/rules?edit=${encodeURIComponent(s.rule)}`, data: { nav: '' } }, untrusted(s.rule)),
			actionBadge(s.action), h('span', { class: 'step-word' }, word)),
		h('ul', { class: 'operands' }, operands.map(operand))));
}

function operand(o) {
	const name = o.operand?.startsWith('process.env.') ? `$${o.operand.slice(12)}` : (operandInfo(o.operand ?? '')?.label ?? o.operand);
	if (o.operand === 'true') {
		return h('li', { class: 'operand is-met' }, icon('check'), h('span', {}, 'Everything'));
	}
	return h('li', { class: `operand ${o.matched ? 'is-met' : 'is-missed'}` }, icon(o.matched ? 'check' : 'close'),
		h('span', {}, h('span', { class: 'sr-only' }, o.matched ? 'Holds: ' : 'Does not hold: '), `${plain(name)} ${COMPARISON[o.type] ?? plain(o.type)} `, untrusted(o.data ?? '', 'mono strong'),
			o.matched && o.value === o.data ? null : h('span', { class: 'operand-value' }, 'here: ', value(o.value))));
}

function value(v) {
	if (v === null || v === undefined) {
		return h('i', { class: 'muted' }, 'not known');
	}
	return Array.isArray(v) ? v.map((one, i) => [i > 0 ? ', ' : '', untrusted(one, 'mono')]) : v === '' ? h('i', { class: 'muted' }, 'empty') : untrusted(v, 'mono');
}
