// SPDX-License-Identifier: GPL-2.0-or-later
// The table of connections: bounded in rows, fed in batches, steady under the pointer.

import { h, uid } from './dom.js';
import { clockTime, count, dayUnlessToday, decidedTime, fullTime, latency, serviceName } from './format.js';
import { actionBadge, hasPort, hostHint, programLabel, programTile } from './pieces.js';
import { plain, untrusted } from './text.js';
import { reasonName, reasonText } from './words.js';

const LIVE_ROWS = 500;
const MAX_ROWS = 3000;
/** Scrolled down by more than this one reads, and new rows wait above. */
const READING_PX = 160;

const COLUMNS = [['time', 'Time'], ['action', 'Action'], ['program', 'Program'], ['dest', 'Destination'], ['port', 'Port'], ['user', 'User'],
	['why', 'Decided by'], ['latency', 'Latency']];

export class ConnectionTable {
	/** @param {{open: (c: object, row: HTMLElement, why: boolean) => void, showNew: () => void}} handlers */
	constructor(handlers) {
		this.handlers = handlers;
		this.limit = LIVE_ROWS;
		/** @type {Map<object, HTMLElement>} insertion order means nothing */
		this.rows = new Map();
		/** @type {WeakMap<HTMLElement, object>} */
		this.connections = new WeakMap();
		/** @type {object[]} oldest first: arrived while somebody reads further down */
		this.above = [];
		this.selected = null;
		this.build();
	}

	build() {
		// Not a <table>: the layout of a table goes through all rows whenever one is added.
		this.body = h('div', { class: 'conn-body', role: 'rowgroup' });
		this.newButton = h('button', { type: 'button', class: 'new-rows', hidden: true, on: { click: () => this.takeNew() } });
		const caption = uid('caption');
		this.el = h('div', { class: 'table-wrap' }, this.newButton,
			h('span', { class: 'sr-only', id: caption }, 'Connections, newest first. Enter opens the details of a row, W tells why it was decided so.'),
			h('div', { class: 'connections', role: 'table', 'aria-labelledby': caption },
				h('div', { class: 'conn-head', role: 'rowgroup' }, h('div', { class: 'conn', role: 'row' }, COLUMNS.map(([key, name]) => h('span', { role: 'columnheader', class: `c-${key}` }, name)))),
				this.body));
		// The row under the pointer may move before the button comes up: what was pressed counts.
		this.body.addEventListener('pointerdown', (event) => {
			this.pressed = event.button === 0 ? this.rowOf(event.target) : null;
		});
		this.body.addEventListener('click', (event) => this.clicked(event));
		this.body.addEventListener('keydown', (event) => this.keyed(event));
		this.onScroll = () => this.maybeTakeNew();
		addEventListener('scroll', this.onScroll, { passive: true });
	}

	/** Ends what reaches outside of `el`. */
	destroy() {
		removeEventListener('scroll', this.onScroll);
	}

	get length() {
		return this.rows.size + this.above.length;
	}

	get isFull() {
		return this.rows.size >= MAX_ROWS;
	}

	/** @param {EventTarget|null} target */
	rowOf(target) {
		return target instanceof Element ? target.closest('.conn') : null;
	}

	clicked(event) {
		const row = this.pressed?.isConnected ? this.pressed : this.rowOf(event.target);
		this.pressed = null;
		if (row && String(getSelection()) === '') {
			this.handlers.open(this.connections.get(row), row, event.target.closest?.('.row-why') !== null);
		}
	}

	keyed(event) {
		const row = this.rowOf(event.target);
		if (!row || event.ctrlKey || event.altKey || event.metaKey) {
			return;
		}
		if (event.key === 'Enter' || event.key === ' ') {
			event.preventDefault();
			this.handlers.open(this.connections.get(row), row);
		} else if (event.key === 'w') {
			event.preventDefault();
			this.handlers.open(this.connections.get(row), row, true);
		} else if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
			const next = event.key === 'ArrowDown' ? row.nextElementSibling : row.previousElementSibling;
			if (next) {
				event.preventDefault();
				this.focusRow(next);
			}
		}
	}

	/** One row is in the tab order: the last one focused. @param {Element} row */
	focusRow(row) {
		this.tabRow?.setAttribute('tabindex', '-1');
		this.tabRow = row;
		row.setAttribute('tabindex', '0');
		row.focus();
	}

	/** Shows exactly these. @param {object[]} list newest first */
	reset(list) {
		this.above = [];
		const wanted = list.slice(0, this.limit);
		const keep = new Map();
		const fragment = document.createDocumentFragment();
		for (const c of wanted) {
			const row = this.rows.get(c) ?? this.makeRow(c);
			keep.set(c, row);
			fragment.append(row);
		}
		const focused = this.body.contains(document.activeElement) ? document.activeElement : null;
		this.body.replaceChildren(fragment);
		this.rows = keep;
		this.ensureTabRow();
		if (focused?.isConnected) {
			focused.focus({ preventScroll: true });
		}
		this.showNewButton();
	}

	/** Adds live ones on top. @param {object[]} added oldest first */
	prepend(added) {
		if (added.length === 0) {
			return;
		}
		if (this.isReading()) {
			this.above = [...this.above, ...added].slice(-LIVE_ROWS);
			this.showNewButton();
			return;
		}
		const fragment = document.createDocumentFragment();
		for (const c of added.slice(-LIVE_ROWS).reverse()) {
			const row = this.makeRow(c);
			this.rows.set(c, row);
			fragment.append(row);
		}
		this.body.prepend(fragment);
		this.trim();
		this.ensureTabRow();
	}

	isReading() {
		return scrollY > READING_PX && !this.el.hidden;
	}

	trim() {
		while (this.rows.size > this.limit) {
			const last = this.body.lastElementChild;
			this.rows.delete(this.connections.get(last));
			last.remove();
		}
	}

	/** Makes room for rows that somebody asked for. @param {number} n */
	allowMore(n) {
		this.limit = Math.min(MAX_ROWS, Math.max(this.limit, this.rows.size + n));
	}

	showNewButton() {
		this.newButton.hidden = this.above.length === 0;
		this.newButton.textContent = `↑ ${count(this.above.length)} new`;
	}

	takeNew() {
		this.handlers.showNew();
	}

	maybeTakeNew() {
		if (this.above.length > 0 && this.el.isConnected && !this.isReading()) {
			const added = this.above;
			this.above = [];
			this.showNewButton();
			this.prepend(added);
		}
	}

	ensureTabRow() {
		if (!this.tabRow?.isConnected) {
			this.tabRow = this.body.firstElementChild;
			this.tabRow?.setAttribute('tabindex', '0');
		}
	}

	/** @param {object|null} connection */
	select(connection) {
		this.rows.get(this.selected)?.removeAttribute('aria-current');
		this.selected = connection;
		this.rows.get(connection)?.setAttribute('aria-current', 'true');
	}

	/** @param {object} c */
	makeRow(c) {
		const row = h('div', { role: 'row', tabindex: '-1', class: `conn row-${c.action}`, 'aria-current': c === this.selected ? 'true' : null },
			decided(c),
			cell('action', actionBadge(c.action, true)),
			cell('program', programTile(c.process?.path), h('span', { class: 'cut', title: plain(c.process?.path ?? '') }, programLabel(c))),
			destination(c),
			cell('port', hasPort(c) ? h('span', { class: 'num' }, c.dest.port) : null, h('span', { class: 'muted proto', title: hasPort(c) ? serviceName(c.dest.port) : null }, plain(c.protocol))),
			cell('user', h('span', { class: 'cut' }, c.process ? untrusted(c.process.user ?? c.process.uid ?? '') : '')),
			cell('why', why(c), h('button', { type: 'button', class: 'link row-why', tabindex: '-1', 'aria-label': 'Why?' }, 'why?')), cell('latency', h('span', { class: 'num' }, latency(c.latency_us))));
		this.connections.set(row, c);
		return row;
	}
}

function cell(key, ...children) {
	return h('div', { class: `c c-${key}`, role: 'cell' }, children);
}

/** Rows stand in the order of decisions: so do their times. */
function decided(c) {
	const time = decidedTime(c);
	return cell('time', h('time', { datetime: time, title: `Decided ${fullTime(time)}\nBegan ${fullTime(c.time)}, waited ${latency(c.latency_us)}` }, clockTime(time)), day(time));
}

function day(time) {
	const text = dayUnlessToday(time);
	return text ? h('span', { class: 'muted day' }, text) : null;
}

function destination(c) {
	const name = c.dest.host ? untrusted(c.dest.host, 'strong') : untrusted(c.dest.ip ?? '?', 'mono');
	const extra = c.dest.host ? untrusted(c.dest.ip ?? '', 'mono muted dest-ip') : null;
	return h('div', { class: 'c c-dest', role: 'cell', title: hostHint(c) }, h('span', { class: 'cut' }, name), extra);
}

function why(c) {
	if (c.rule) {
		return h('span', { class: 'cut', title: plain(`Rule ${c.rule}`) }, untrusted(c.rule));
	}
	return h('span', { class: 'cut muted', title: reasonText(c.reason) || null }, plain(reasonName(c.reason)));
}
