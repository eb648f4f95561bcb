// SPDX-License-Identifier: GPL-2.0-or-later
// The Monitor page: what is decided now, newest on top; what happened before, further down.

import * as api from './api.js';
import { Activity } from './activity.js';
import { ConnectionDetail } from './connection-detail.js';
import { ConnectionTable } from './connection-table.js';
import { button, fill, h, icon, uid } from './dom.js';
import { compileFilter, parseFilter, serverQuery } from './filter.js';
import { count, plural } from './format.js';
import { emptyState, kbd } from './pieces.js';

const SEARCH_DELAY_MS = 300;
const PAGE = 200;
/** Pages of history fetched for one click, when few rows pass the filter. */
const MAX_PAGES_AT_ONCE = 5;

/** @param {object} context of app.js */
export function createMonitorPage(context) {
	// The filter outlives a visit to another page.
	const memory = { filter: '', activity: new Activity(context.log) };
	return { title: 'Monitor', mount: (root, query) => new MonitorPage(root, context, memory, query).unmount };
}

class MonitorPage {
	constructor(root, context, memory, query) {
		this.context = context;
		this.memory = memory;
		this.log = context.log;
		memory.filter = query.get('q') ?? memory.filter;
		this.paused = false;
		/** @type {object[]} newest last, while paused */
		this.waiting = [];
		this.waitingMatches = 0;
		this.cursor = undefined;
		this.searchTimer = 0;
		this.build(root);
		const ends = [this.log.onLive((added, onTop) => this.arrived(added, onTop)), context.store.on('history', () => this.historyCame()), listenSlash(this.box)];
		this.applyFilter(memory.filter);
		this.activity.start();
		this.unmount = () => {
			clearTimeout(this.searchTimer);
			ends.forEach((end) => end());
			this.activity.stop();
			this.detail.close();
			this.table.destroy();
		};
	}

	build(root) {
		const id = uid('filter');
		this.box = h('input', { class: 'input filter-input', id, type: 'search', autocomplete: 'off', spellcheck: 'false', value: this.memory.filter,
			placeholder: 'Filter: curl, example.com, action:deny, port:443, -user:root', on: { input: () => this.applyFilter(this.box.value) } });
		this.pauseText = h('span', {}, 'Pause');
		this.pauseButton = button(this.pauseText, () => this.togglePause(), { icon: 'pause', 'aria-pressed': 'false' });
		this.activity = this.memory.activity;
		this.table = new ConnectionTable({ open: (c, el, why) => this.openDetail(c, el, why), showNew: () => this.scrollToTop() });
		this.detail = new ConnectionDetail(this.context, { filter: (text) => this.setFilter(text), closed: () => this.table.select(null) });
		this.summary = h('span', { class: 'list-summary', role: 'status' });
		this.older = button('Load older', () => this.loadOlder(), { class: 'btn older' });
		this.empty = h('div', { class: 'list-empty', hidden: true });
		root.append(
			h('div', { class: 'page-head' }, h('h1', {}, 'Monitor'), h('div', { class: 'grow' }), this.activity.el,
				h('a', { class: 'btn statistics-link', href: '/statistics', data: { nav: '' } }, icon('chart'), h('span', { class: 'btn-text' }, 'Statistics'))),
			h('div', { class: 'toolbar' },
				h('div', { class: 'search' }, icon('search'), h('label', { class: 'sr-only', for: id }, 'Filter connections'), this.box, kbd('/')),
				this.quickFilters(), this.pauseButton, this.summary),
			this.table.el, this.empty, h('div', { class: 'list-foot' }, this.older), this.detail.el);
	}

	quickFilters() {
		const make = (label, text) => h('button', { type: 'button', class: 'seg', data: { filter: text }, on: { click: () => this.setAction(text) } }, label);
		this.segments = [make('All', ''), make('Allowed', 'action:allow'), make('Denied', 'action:deny'), make('Rejected', 'action:reject')];
		return h('div', { class: 'segments', role: 'group', 'aria-label': 'Show only' }, this.segments);
	}

	/** @param {string} text */
	setFilter(text) {
		this.box.value = text;
		this.applyFilter(text);
	}

	/** Puts one action into the filter, in place of any other. @param {string} term */
	setAction(term) {
		const rest = this.box.value.replace(/(^|\s)-?action:\S*/gi, ' ').trim();
		this.setFilter([term, rest].filter(Boolean).join(' '));
	}

	/** @param {string} text */
	applyFilter(text) {
		this.memory.filter = text;
		this.terms = parseFilter(text);
		this.matches = compileFilter(this.terms);
		const actions = this.terms.filter((t) => t.field === 'action' && !t.not).map((t) => `action:${t.value}`);
		for (const s of this.segments) {
			s.setAttribute('aria-pressed', String(actions.length === 0 ? s.dataset.filter === '' : actions.includes(s.dataset.filter)));
		}
		this.cursor = undefined;
		this.refresh();
		clearTimeout(this.searchTimer);
		if (this.terms.length > 0) {
			this.searchTimer = setTimeout(() => this.loadOlder(), SEARCH_DELAY_MS);
		}
	}

	/** The figures of the last minute do not wait for the next second. */
	historyCame() {
		this.refresh();
		this.activity.draw();
	}

	/** Shows everything that is known and passes the filter. */
	refresh() {
		const held = new Set(this.waiting);
		this.waitingMatches = this.waiting.filter(this.matches).length;
		this.table.reset(this.log.items.filter((c) => !held.has(c) && this.matches(c)));
		this.showSummary();
	}

	/** @param {object[]} added oldest first @param {boolean} onTop */
	arrived(added, onTop) {
		if (this.paused) {
			this.waiting = [...this.waiting, ...added].slice(-5000);
			this.waitingMatches += added.filter(this.matches).length;
		} else if (onTop) {
			this.table.prepend(added.filter(this.matches));
		} else {
			this.refresh();
		}
		this.showSummary();
	}

	togglePause() {
		this.paused = !this.paused;
		fill(this.pauseButton, icon(this.paused ? 'play' : 'pause'), this.pauseText);
		this.pauseButton.setAttribute('aria-pressed', String(this.paused));
		if (!this.paused) {
			const waited = this.waiting;
			this.waiting = [];
			this.waitingMatches = 0;
			this.table.prepend(waited.filter(this.matches));
		}
		this.showSummary();
	}

	showSummary() {
		const waiting = this.waitingMatches;
		this.pauseText.textContent = this.paused ? `Resume${waiting > 0 ? ` (${count(waiting)} new)` : ''}` : 'Pause';
		const n = this.table.length;
		this.summary.textContent = this.terms.length > 0 ? `${plural(n, 'match', 'matches')}` : '';
		const loaded = this.log.loaded === true;
		this.empty.hidden = n > 0 || !loaded;
		this.table.el.hidden = n === 0;
		if (n === 0 && loaded) {
			this.showEmpty();
		}
		this.older.hidden = n === 0 && this.terms.length === 0;
		const more = this.nextCursor() !== null;
		this.older.disabled = !more || this.table.isFull;
		this.older.textContent = this.table.isFull ? 'Narrow the filter to see more' : more ? 'Load older' : 'That is all there is';
	}

	showEmpty() {
		if (this.terms.length > 0) {
			fill(this.empty, emptyState('search', 'Nothing matches this filter', h('p', {}, 'New connections that match appear here.'),
				button('Clear filter', () => this.setFilter(''), {})));
		} else {
			fill(this.empty, emptyState('activity', 'No connections yet', h('p', {}, 'As soon as a program on this machine opens a connection, it appears here.')));
		}
	}

	nextCursor() {
		return this.cursor === undefined ? (this.terms.length > 0 ? undefined : (this.log.cursor ?? null)) : this.cursor;
	}

	async loadOlder() {
		const filter = this.memory.filter;
		this.older.classList.add('is-busy');
		try {
			let found = 0;
			for (let i = 0; i < MAX_PAGES_AT_ONCE && found < PAGE / 2 && this.nextCursor() !== null; i++) {
				const page = await api.connections.page({ ...serverQuery(this.terms), limit: PAGE, cursor: this.nextCursor() });
				if (filter !== this.memory.filter) {
					return;
				}
				this.cursor = page.next;
				if (this.terms.length === 0) {
					this.log.cursor = page.next;
				}
				found += this.log.merge(page.items).filter(this.matches).length;
			}
			this.table.allowMore(found);
			this.refresh();
		} catch (error) {
			this.context.toaster.failure(error, 'Older connections could not be loaded');
		} finally {
			this.older.classList.remove('is-busy');
		}
	}

	openDetail(connection, from, why) {
		this.table.select(connection);
		this.detail.open(connection, from, why);
	}

	scrollToTop() {
		scrollTo({ top: 0, behavior: matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth' });
	}
}

/** "/" jumps to the filter box. @param {HTMLElement} box */
function listenSlash(box) {
	const listener = (event) => {
		const typing = event.target instanceof HTMLElement && event.target.matches('input, textarea, select');
		if (event.key === '/' && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
			event.preventDefault();
			box.focus();
		}
	};
	document.addEventListener('keydown', listener);
	return () => document.removeEventListener('keydown', listener);
}
