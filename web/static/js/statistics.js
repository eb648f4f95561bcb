// SPDX-License-Identifier: GPL-2.0-or-later
// The Statistics page: what was decided over time, and which programs, hosts, ports and rules most of it was.

import * as api from './api.js';
import { serverNow } from './clock.js';
import { fill, h } from './dom.js';
import { bytes, clockTime, count, fullTime, serviceName } from './format.js';
import { emptyState, programTile } from './pieces.js';
import { baseName, plain, untrusted } from './text.js';

const BARS = 60;
const TOP = 10;
const RENEW_MS = 30000;
/** Name, seconds of one bar. */
const SPANS = { '1h': ['Last hour', 60], '1d': ['Last day', 1440], '7d': ['Last week', 10080], '30d': ['Last 30 days', 43200] };
const SVG = 'http://www.w3.org/2000/svg';

/** What is counted: title, the API's name, a row's name, and its filter in the Monitor (null: none). */
const KINDS = [
	['Programs', 'process.path', (key) => [programTile(key), key === null ? quiet('Unknown program') : untrusted(baseName(key), 'strong')], (key) => quoted('program', key)],
	['Hosts', 'dest.host', (key) => (key === null ? quiet('No name is known') : untrusted(key, 'strong')), (key) => quoted('host', key)],
	['Ports', 'dest.port', (key) => [h('b', { class: 'num' }, plain(key)), ' ', quiet(serviceName(Number(key)))], (key) => quoted('port', key)],
	['Rules', 'rule', (key) => (key === null ? quiet('No rule') : untrusted(key, 'strong')), (key) => quoted('rule', key)],
];

/** @param {object} context of app.js */
export function createStatisticsPage(context) {
	const memory = { span: '1d' };
	return { title: 'Statistics', mount: (root) => new StatisticsPage(root, context, memory).unmount };
}

class StatisticsPage {
	constructor(root, context, memory) {
		Object.assign(this, { context, memory });
		this.turn = 0;
		this.span = h('select', { class: 'select', 'aria-label': 'Statistics of the', on: { change: () => {
			this.memory.span = this.span.value;
			this.load();
		} } }, Object.entries(SPANS).map(([value, [label]]) => h('option', { value, selected: value === memory.span }, label)));
		this.body = h('div', { class: 'statistics' });
		root.append(h('div', { class: 'page-head' }, h('h1', {}, 'Statistics'), this.span), this.body);
		const timer = setInterval(() => this.renew(), RENEW_MS);
		this.unmount = () => {
			clearInterval(timer);
			this.turn += 1;
		};
		this.load();
	}

	/** Not under somebody's fingers. */
	renew() {
		if (!this.body.contains(document.activeElement) && !document.hidden) {
			this.load();
		}
	}

	async load() {
		const turn = ++this.turn;
		const [, seconds] = SPANS[this.memory.span];
		const to = serverNow();
		const time = { from: new Date(to - BARS * seconds * 1000).toISOString(), to: new Date(to).toISOString() };
		try {
			const [all, ...groups] = await Promise.all([api.stats({ ...time, bucket: `${seconds}s` }), ...KINDS.map(([, by]) => api.stats({ ...time, by, limit: TOP }))]);
			if (turn === this.turn) {
				this.show(all, groups, seconds);
			}
		} catch (error) {
			if (turn === this.turn && error.status !== 401) {
				fill(this.body, h('p', { class: 'form-error', role: 'alert' }, `The statistics could not be loaded: ${plain(error.message)}`));
			}
		}
	}

	show(all, groups, seconds) {
		if (all.connections === 0) {
			fill(this.body, h('div', { class: 'list-empty' }, emptyState('activity', 'Nothing was recorded in that time', h('p', {}, 'Decided connections are counted here.'))));
			return;
		}
		fill(this.body, h('dl', { class: 'figures card' }, figure('Connections', count(all.connections)), figure('Allowed', count(all.allow)), figure('Blocked', count(all.deny + all.reject), all.deny + all.reject > 0 ? 'bad' : ''),
			figure('Sent', bytes(all.bytes_out)), figure('Received', bytes(all.bytes_in)), this.chart(all, seconds)),
		h('div', { class: 'tops' }, KINDS.map(([title, , name, filter], i) => top(title, groups[i].items, name, filter))));
	}

	/** Allowed over blocked, a bar for each part of the time. */
	chart(all, seconds) {
		const from = Date.parse(all.from);
		const bars = Array.from({ length: BARS }, () => ({ allow: 0, blocked: 0 }));
		for (const s of all.items[0]?.series ?? []) {
			const bar = bars[Math.floor((Date.parse(s.time) - from) / 1000 / seconds + 0.5)];
			if (bar) {
				bar.allow += s.allow;
				bar.blocked += s.deny + s.reject;
			}
		}
		const most = Math.max(1, ...bars.map((b) => b.allow + b.blocked));
		const day = seconds > 60;
		return h('div', { class: 'chart' }, svg('svg', { class: 'plot', viewBox: `0 0 ${BARS} 100`, preserveAspectRatio: 'none', role: 'img', 'aria-label': `Connections over time, at most ${count(most)} in one of ${BARS} parts` }, bars.flatMap((b, i) => {
			const low = (b.blocked / most) * 100;
			const high = (b.allow / most) * 100;
			return [bar('chart-allowed', i, 100 - low - high, high), bar('chart-blocked', i, 100 - low, low)];
		})), h('div', { class: 'chart-times muted small' }, h('span', {}, day ? fullTime(all.from) : clockTime(all.from)), h('span', {}, day ? fullTime(all.to) : clockTime(all.to))));
	}
}

function bar(className, i, y, height) {
	return svg('rect', { class: className, x: i + 0.1, width: 0.8, y, height });
}

function svg(tag, attributes, children = []) {
	const el = document.createElementNS(SVG, tag);
	for (const [name, value] of Object.entries(attributes)) {
		el.setAttribute(name, String(value));
	}
	el.append(...children);
	return el;
}

function figure(name, value, className = '') {
	return h('div', { class: 'figure' }, h('dt', {}, name), h('dd', { class: `num ${className}` }, value));
}

/** A card with the most frequent of a kind; each leads to its connections. */
function top(title, items, name, filter) {
	const most = Math.max(1, ...items.map((i) => i.connections));
	return h('section', { class: 'card top', 'aria-label': title }, h('div', { class: 'card-head' }, h('h2', {}, title)),
		h('ol', {}, items.map((i) => {
			const blocked = i.deny + i.reject;
			const text = filter(i.key);
			const inside = [h('span', { class: 'top-name cut' }, name(i.key)), h('span', { class: 'num' }, count(i.connections), blocked > 0 ? [' · ', h('span', { class: 'top-blocked' }, `${count(blocked)} blocked`)] : null),
				svg('svg', { class: 'plot top-bar', viewBox: '0 0 100 1', preserveAspectRatio: 'none', 'aria-hidden': 'true' }, [
					svg('rect', { class: 'chart-allowed', width: (i.allow / most) * 100, height: 1 }), svg('rect', { class: 'chart-blocked', x: (i.allow / most) * 100, width: (blocked / most) * 100, height: 1 })])];
			return h('li', {}, text === null ? h('div', { class: 'top-row' }, inside)
				: h('a', { class: 'top-row', href: `/?q=${encodeURIComponent(text)}`, data: { nav: '' }, title: `${plain(i.key)}: show its connections` }, inside));
		})));
}

function quiet(text) {
	return text ? h('span', { class: 'muted' }, text) : null;
}

/** The filter box has no way to write a quote. @param {string} field @param {string|null} key */
function quoted(field, key) {
	return key === null || key === '' || key.includes('"') ? null : `${field}:"${key}"`;
}
