// SPDX-License-Identifier: GPL-2.0-or-later
// The Flows page: what is open right now, how much goes over it, which rule allowed it, and a way to end it.

import * as api from './api.js';
import { ConnectionDetail } from './connection-detail.js';
import { serverNow } from './clock.js';
import { button, fill, h, icon, uid } from './dom.js';
import { FlowBook } from './flow-book.js';
import { bytes, decidedTime, duration, fullTime, latency, plural } from './format.js';
import { compileFilter, parseFilter } from './filter.js';
import { destinationName, emptyState, hasPort, hostHint, programLabel, programName, programTile } from './pieces.js';
import { plain, untrusted } from './text.js';
import { reasonName } from './words.js';

const MAX_ROWS = 300;
/** A rate without news for so long is over. */
const QUIET_MS = 4000;

const COLUMNS = [
	{ key: 'program', label: 'Program', sort: ({ flow }) => programName(flow.connection).toLowerCase() },
	{ key: 'dest', label: 'Destination', sort: ({ flow }) => destinationName(flow.connection).toLowerCase() },
	{ key: 'port', label: 'Port', sort: ({ flow }) => flow.connection.dest.port ?? 0 },
	{ key: 'age', label: 'Open for', sort: ({ flow }) => -Date.parse(openSince(flow)) },
	{ key: 'sent', label: 'Sent', sort: ({ flow }) => flow.bytes_out ?? -1, downFirst: true },
	{ key: 'received', label: 'Received', sort: ({ flow }) => flow.bytes_in ?? -1, downFirst: true },
	{ key: 'rate', label: 'Now', sort: (entry) => rateNow(entry), downFirst: true },
	{ key: 'rule', label: 'Allowed by', sort: ({ flow }) => decidedBy(flow).toLowerCase() },
	{ key: 'tools', label: 'Actions' },
];

/** @param {object} context of app.js */
export function createFlowsPage(context) {
	const memory = { filter: '', sort: 'age', down: false };
	return { title: 'Flows', mount: (root) => new FlowsPage(root, context, memory).unmount };
}

class FlowsPage {
	constructor(root, context, memory) {
		Object.assign(this, { context, memory });
		/** @type {Map<number, object>} elements by flow */
		this.rows = new Map();
		this.build(root);
		this.book = new FlowBook(context, { changed: () => this.soon(), failed: (error) => this.failed(error) });
		this.book.load();
		const timer = setInterval(() => this.updateTimes(), 1000);
		this.unmount = () => {
			clearInterval(timer);
			this.book.close();
			this.detail.close();
			this.over = true;
		};
	}

	build(root) {
		const id = uid('filter');
		const caption = uid('caption');
		this.box = h('input', { class: 'input filter-input', id, type: 'search', autocomplete: 'off', spellcheck: 'false', value: this.memory.filter,
			placeholder: 'Filter: firefox, host:example.com, port:443', on: { input: () => {
				this.memory.filter = this.box.value;
				this.show();
			} } });
		this.summary = h('span', { class: 'list-summary', role: 'status' });
		this.body = h('tbody', {});
		this.heads = COLUMNS.map((c) => this.head(c));
		this.wrap = h('div', { class: 'table-wrap', hidden: true }, h('table', { class: 'table flows', 'aria-labelledby': caption },
			h('caption', { class: 'sr-only', id: caption }, 'Open connections'), h('thead', {}, h('tr', {}, this.heads)), this.body));
		this.empty = h('div', { class: 'list-empty', hidden: true });
		this.detail = new ConnectionDetail(this.context, { filter: (text) => this.context.go(`/?q=${encodeURIComponent(text)}`), closed: () => this.select(null) });
		root.append(h('div', { class: 'page-head' }, h('h1', {}, 'Flows')),
			h('div', { class: 'toolbar' }, h('div', { class: 'search' }, icon('search'), h('label', { class: 'sr-only', for: id }, 'Filter flows'), this.box), this.summary),
			this.wrap, this.empty, this.detail.el);
	}

	head(column) {
		if (!column.sort) {
			return h('th', { scope: 'col', class: `f-${column.key}` }, h('span', { class: 'sr-only' }, column.label));
		}
		return h('th', { scope: 'col', class: `f-${column.key}`, data: { key: column.key } }, h('button', { type: 'button', class: 'sort', on: { click: () => {
			const same = this.memory.sort === column.key;
			Object.assign(this.memory, { sort: column.key, down: same ? !this.memory.down : Boolean(column.downFirst) });
			this.show();
		} } }, column.label, icon('sort')));
	}

	failed(error) {
		if (!this.book.loaded && error.status !== 401 && error.status !== 0) {
			this.empty.hidden = false;
			fill(this.empty, emptyState('warning', 'The flows cannot be read', h('p', {}, plain(error.message))));
		}
	}

	/** Once a frame, however many events came. */
	soon() {
		this.frame ??= requestAnimationFrame(() => {
			this.frame = undefined;
			if (!this.over) {
				this.show();
			}
		});
	}

	selected() {
		const matches = compileFilter(parseFilter(this.memory.filter));
		const column = COLUMNS.find((c) => c.key === this.memory.sort);
		const turn = this.memory.down ? -1 : 1;
		return [...this.book.flows.values()].filter(({ flow }) => matches(flow.connection)).map((entry) => ({ entry, key: column.sort(entry) }))
			.sort((a, b) => turn * (a.key < b.key ? -1 : a.key > b.key ? 1 : a.entry.flow.id - b.entry.flow.id)).map(({ entry }) => entry);
	}

	show() {
		if (!this.book.loaded) {
			return;
		}
		const list = this.selected();
		const old = this.rows;
		this.rows = new Map();
		const wanted = list.slice(0, MAX_ROWS).map((entry) => {
			const known = old.get(entry.flow.id);
			// Told again with its process, a flow is another row.
			const row = known && known.program === entry.flow.connection.process?.path ? known : this.makeRow(entry.flow);
			this.rows.set(entry.flow.id, row);
			update(row, entry);
			return row.el;
		});
		this.place(wanted);
		this.showFrame(list.length);
	}

	/** Rows that stay in their place keep the focus and the pointer. @param {HTMLElement[]} wanted */
	place(wanted) {
		if (wanted.length === this.body.children.length && wanted.every((el, i) => this.body.children[i] === el)) {
			return;
		}
		const focused = document.activeElement;
		const inside = this.body.contains(focused);
		this.body.replaceChildren(...wanted);
		if (inside) {
			(this.body.contains(focused) ? focused : this.box).focus({ preventScroll: true });
		}
	}

	showFrame(found) {
		for (const th of this.heads.filter((t) => t.dataset.key)) {
			th.setAttribute('aria-sort', th.dataset.key !== this.memory.sort ? 'none' : this.memory.down ? 'descending' : 'ascending');
		}
		const text = found > MAX_ROWS ? `${MAX_ROWS} of ${plural(found, 'flow')}` : plural(found, 'flow');
		if (this.summary.textContent !== text) {
			this.summary.textContent = text;
		}
		this.wrap.hidden = found === 0;
		if (found === 0 && (this.empty.hidden || this.emptyFor !== this.memory.filter)) {
			fill(this.empty, this.memory.filter ? emptyState('search', 'No open flow matches') : emptyState('flows', 'Nothing is open', h('p', {}, 'Connections that programs hold open appear here.')));
		}
		this.emptyFor = this.memory.filter;
		this.empty.hidden = found > 0;
	}

	updateTimes() {
		for (const [id, row] of this.rows) {
			const entry = this.book.flows.get(id);
			if (entry) {
				update(row, entry);
			}
		}
	}

	makeRow(flow) {
		const c = flow.connection;
		const cell = (key) => h('span', { class: 'num', ...(key === 'age' ? { title: beginning(flow) } : {}) });
		const cells = Object.fromEntries(['age', 'sent', 'received', 'rate'].map((key) => [key, cell(key)]));
		const open = h('button', { type: 'button', class: 'flow-open', title: plain(c.process?.path ?? ''), on: { click: () => this.open(flow.id, open) } }, programLabel(c));
		const why = h('button', { type: 'button', class: 'link row-why', 'aria-label': `Why? ${plain(programName(c))} to ${plain(destinationName(c))}`, on: { click: () => this.open(flow.id, why, true) } }, 'Why?');
		const end = button('End', () => this.end(flow, end), { class: 'btn btn-small btn-danger-quiet', 'aria-label': `End ${plain(programName(c))} to ${plain(destinationName(c))}` });
		const el = h('tr', { data: { flow: String(flow.id) }, on: { click: (event) => !event.target.closest('a, button') && this.open(flow.id, open) } },
			td('program', programTile(c.process?.path), open), td('dest', destination(c)),
			td('port', hasPort(c) ? h('span', { class: 'num' }, c.dest.port) : null, h('span', { class: 'muted' }, plain(c.protocol))),
			td('age', cells.age), td('sent', cells.sent), td('received', cells.received), td('rate', cells.rate), td('rule', decision(flow), why), td('tools', end));
		return { el, cells, program: c.process?.path };
	}

	/** @param {number} id @param {HTMLElement} from gets the focus back @param {boolean} [why] with its explanation */
	open(id, from, why = false) {
		const entry = this.book.flows.get(id);
		if (entry) {
			const { flow } = entry;
			const traffic = flow.bytes_in === null ? null : { bytes_in: flow.bytes_in, bytes_out: flow.bytes_out, packets_in: flow.packets_in, packets_out: flow.packets_out };
			this.select(id);
			this.detail.open({ ...flow.connection, traffic: flow.connection.traffic ?? traffic }, from, why);
		}
	}

	select(id) {
		this.rows.forEach((row, own) => (own === id ? row.el.setAttribute('aria-selected', 'true') : row.el.removeAttribute('aria-selected')));
	}

	async end(flow, control) {
		control.disabled = true;
		try {
			await api.flows.end(flow.id);
			this.context.toaster.show(`Ended ${plain(programName(flow.connection))} → ${plain(destinationName(flow.connection))}`, { kind: 'ok' });
		} catch (error) {
			// Gone already is what was wanted.
			if (error.status !== 404) {
				this.context.toaster.failure(error, 'It could not be ended');
			}
			control.disabled = false;
		}
		await this.book.load();
	}
}

function td(key, ...children) {
	return h('td', { class: `f-${key}` }, h('div', { class: 'cell' }, children));
}

/** Host, and the address behind it. */
function destination(c) {
	return h('span', { class: 'flow-dest', title: hostHint(c) }, h('span', { class: 'cut' }, untrusted(destinationName(c), c.dest.host ? 'strong' : 'mono')),
		c.dest.host && c.dest.ip ? untrusted(c.dest.ip, 'muted mono dest-ip') : null);
}

/** Open since it was let through, which may be long after it began: it may have been asked about. @param {object} flow */
function openSince(flow) {
	return decidedTime(flow.connection);
}

function beginning(flow) {
	const { connection: c } = flow;
	return flow.before_start ? `Known since ${fullTime(flow.started)}` : `Decided ${fullTime(openSince(flow))}\nBegan ${fullTime(c.time)}, waited ${latency(c.latency_us)}`;
}

/** What let it through, as text to sort by. @param {object} flow */
function decidedBy(flow) {
	return flow.connection.rule ?? (flow.before_start ? '' : reasonName(flow.connection.reason));
}

function decision(flow) {
	const { rule } = flow.connection;
	if (rule) {
		return h('a', { class: 'cut', href: `/rules?edit=${encodeURIComponent(rule)}`, data: { nav: '' } }, untrusted(rule));
	}
	return flow.before_start ? h('span', { class: 'muted cut', title: 'Older than the daemon: nothing was decided about it' }, 'Older') : h('span', { class: 'muted cut' }, reasonName(flow.connection.reason));
}

/** Bytes a second, 0 when nothing came for a while. */
function rateNow({ flow, rate }) {
	return rate !== null && serverNow() - Date.parse(flow.updated) < QUIET_MS ? rate : 0;
}

function update(row, entry) {
	const { flow } = entry;
	const rate = rateNow(entry);
	const text = { age: duration((serverNow() - Date.parse(openSince(flow))) / 1000), sent: bytes(flow.bytes_out), received: bytes(flow.bytes_in), rate: rate >= 1 ? `${bytes(Math.round(rate))}/s` : '—' };
	for (const [key, el] of Object.entries(row.cells)) {
		if (el.textContent !== text[key]) {
			el.textContent = text[key];
		}
	}
}
