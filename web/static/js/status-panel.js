// SPDX-License-Identifier: GPL-2.0-or-later
// What the daemon says of itself: how it identifies programs, how its queue and its two processes are.

import { fill, h, icon, uid } from './dom.js';
import { count, duration, fullTime, kib } from './format.js';
import { untrusted } from './text.js';
import { methodName } from './words.js';

export class StatusPanel {
	/** @param {import('./store.js').Store} store */
	constructor(store) {
		this.store = store;
		const id = uid('status');
		this.body = h('div', { class: 'status-body' });
		this.el = h('section', { class: 'card', 'aria-labelledby': id }, h('div', { class: 'card-head' }, h('h2', { id }, 'Status')), this.body);
	}

	show() {
		const s = this.store.state.status;
		if (!s) {
			fill(this.body, h('p', { class: 'muted pad' }, 'Waiting for the daemon…'));
			return;
		}
		fill(this.body, this.warnings(s), group('Program identification',
			[['Method', methodName(s.attribution?.method)], ['Why', untrusted(s.attribution?.why)]]),
		group('Queue', [['Number', s.queue?.number], ['Received', count(s.queue?.received)], ['Dropped by the kernel', lossy(s.queue?.dropped)],
			['Decided by default, overloaded', lossy(s.queue?.overflow)], ['Dropped, buffer full', lossy(s.queue?.user_dropped)], ['Verdicts too late', count(s.queue?.verdict_lost)]]),
		group('Engine', [['State', state(s.engine?.state)], ['Process', s.engine?.pid], ['Memory', s.engine ? kib(s.engine.rss_kib) : '—'],
			['Netfilter rules', state(s.engine?.rules_ok === false ? 'missing' : 'ok')], ['If the daemon stops', s.engine?.fail_closed ? 'traffic is blocked' : 'traffic flows'],
			['Network namespace', s.engine?.netns ? untrusted(s.engine.netns) : 'the machine’s own']]),
		group('Console', [['State', state(s.console?.state)], ['Process', s.console?.pid], ['Memory', s.console ? kib(s.console.rss_kib) : '—'], ['Open dashboards', count(s.console?.clients)],
			['Started', `${count(s.console?.starts)}×`]]),
		group('History', [['State', state(s.console?.history?.state, s.console?.history?.why)], ['Connections kept', count(s.console?.history?.rows)], ['Lost', lossy(s.console?.history?.lost)]]),
		group('Daemon', [['Version', untrusted(s.version)], ['Running for', duration(s.uptime_s ?? 0)], ['Since', fullTime(s.started)], ['Prompts waiting', count(s.prompts)], ['Packets held', count(s.held)]]));
	}

	warnings(s) {
		const all = [...(s.warnings ?? []), ...this.store.state.alerts.slice(0, 5)];
		const seen = new Set();
		const list = all.filter((w) => !seen.has(w.message) && seen.add(w.message));
		if (list.length === 0) {
			return h('p', { class: 'all-well' }, icon('check'), 'Nothing to worry about.');
		}
		return h('ul', { class: 'warnings' }, list.map((w) => h('li', {}, icon('warning'), h('div', {}, untrusted(w.message), w.time ? h('span', { class: 'muted small' }, ` ${fullTime(w.time)}`) : null))));
	}
}

function group(title, rows) {
	return h('div', { class: 'status-group' }, h('h3', {}, title), h('dl', { class: 'pairs' }, rows.map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value ?? '—')))));
}

/** A number that should be nought. @param {number|undefined} n */
function lossy(n) {
	return h('span', { class: n > 0 ? 'bad' : '' }, count(n));
}

function state(word, why = null) {
	return h('span', { class: word === 'ok' ? 'good' : 'bad' }, word === 'ok' ? 'OK' : untrusted(word ?? 'unknown'), why ? [': ', untrusted(why)] : null);
}
