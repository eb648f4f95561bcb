// SPDX-License-Identifier: GPL-2.0-or-later
// The Audit log page: who changed what, when, and from where.

import * as api from './api.js';
import { AREAS, bodyOf, KINDS, objectOf, ruleOf, whatText, whoText } from './audit-words.js';
import { serverNow } from './clock.js';
import { button, fill, h, icon, iconButton, uid } from './dom.js';
import { setDrawer } from './drawer.js';
import { clockTime, dayUnlessToday, fullTime, plural } from './format.js';
import { emptyState } from './pieces.js';
import { plain, untrusted, visibleJson } from './text.js';

const PAGE = 100;
const REFRESH_MS = 10000;
const SEARCH_DELAY_MS = 300;
/** Pages fetched for one click, where a search finds little in each. */
const MAX_PAGES_AT_ONCE = 5;
const TIMES = [['', 'Any time'], ['3600', 'Last hour'], ['86400', 'Last day'], ['604800', 'Last week'], ['2592000', 'Last 30 days']];

/** @param {object} context of app.js */
export function createAuditPage(context) {
	return { title: 'Audit log', mount: (root, query) => new AuditPage(root, context, query).unmount };
}

class AuditPage {
	constructor(root, context, query) {
		this.context = context;
		/** @type {object[]} newest first */
		this.items = [];
		this.next = null;
		this.turn = 0;
		this.build(root, query.get('q') ?? '');
		const refresh = setInterval(() => !document.hidden && this.refresh(), REFRESH_MS);
		this.load();
		this.unmount = () => {
			clearInterval(refresh);
			clearTimeout(this.timer);
			this.turn += 1;
			this.close();
		};
	}

	build(root, text) {
		const id = uid('search');
		const caption = uid('caption');
		this.box = h('input', { class: 'input filter-input', id, type: 'search', autocomplete: 'off', spellcheck: 'false', value: text, placeholder: 'Search rule, name, address…', on: { input: () => {
			clearTimeout(this.timer);
			this.timer = setTimeout(() => this.load(), SEARCH_DELAY_MS);
		} } });
		const choice = (label, options) => h('select', { class: 'select', 'aria-label': label, on: { change: () => this.load() } }, options.map(([value, name]) => h('option', { value }, name)));
		this.area = choice('What was changed', AREAS);
		this.kind = choice('Who changed it', KINDS);
		this.time = choice('When', TIMES);
		this.summary = h('span', { class: 'list-summary', role: 'status' });
		this.body = h('tbody', {});
		const heads = [['time', 'Time'], ['who', 'Who'], ['what', 'What'], ['from', 'From']];
		this.wrap = h('div', { class: 'table-wrap', hidden: true }, h('table', { class: 'table audit', 'aria-labelledby': caption }, h('caption', { class: 'sr-only', id: caption }, 'Changes, newest first'),
			h('thead', {}, h('tr', {}, heads.map(([key, name]) => h('th', { scope: 'col', class: `a-${key}` }, name)))), this.body));
		this.empty = h('div', { class: 'list-empty', hidden: true });
		this.older = button('Load older', () => this.loadOlder(), { class: 'btn older', hidden: true });
		this.drawer = h('aside', { class: 'drawer', 'aria-label': 'Details of the change', hidden: true, tabindex: '-1' });
		this.drawer.addEventListener('keydown', (event) => event.key === 'Escape' && this.close());
		root.append(h('div', { class: 'page-head' }, h('h1', {}, 'Audit log')),
			h('p', { class: 'page-text muted' }, 'What was changed from this dashboard and through the API. ', h('code', { class: 'mono' }, 'opensnitchd --verify-audit'), ' finds entries that were tampered with.'),
			h('div', { class: 'toolbar' }, h('div', { class: 'search' }, icon('search'), h('label', { class: 'sr-only', for: id }, 'Search changes'), this.box), this.area, this.kind, this.time, this.summary),
			this.wrap, this.empty, h('div', { class: 'list-foot' }, this.older), this.drawer);
	}

	isFiltered() {
		return [this.box, this.area, this.kind, this.time].some((el) => el.value !== '');
	}

	query() {
		return { q: this.box.value.trim(), action: this.area.value, 'who.kind': this.kind.value, limit: PAGE,
			from: this.time.value ? new Date(serverNow() - Number(this.time.value) * 1000).toISOString() : '' };
	}

	/** Starts anew, with other filters. */
	async load() {
		this.items = [];
		this.next = undefined;
		await this.fetchMore();
	}

	loadOlder() {
		return this.fetchMore();
	}

	async fetchMore() {
		const turn = ++this.turn;
		this.older.classList.add('is-busy');
		try {
			const query = this.query();
			let found = 0;
			for (let i = 0; i < MAX_PAGES_AT_ONCE && found < PAGE / 2 && this.next !== null; i++) {
				const page = await api.audit.page({ ...query, cursor: this.next });
				if (turn !== this.turn) {
					return;
				}
				this.items = [...this.items, ...page.items];
				this.next = page.next;
				found += page.items.length;
			}
			this.show();
		} catch (error) {
			if (turn === this.turn && error.status !== 401) {
				this.failed(error);
			}
		} finally {
			this.older.classList.remove('is-busy');
		}
	}

	/** What came since goes on top; where that is more than a page, the list begins anew. */
	async refresh() {
		const newest = this.items[0]?.id;
		const turn = this.turn;
		if (this.next === undefined) {
			return;
		}
		try {
			const page = await api.audit.page(this.query());
			const fresh = page.items.filter((e) => newest === undefined || e.id > newest);
			if (turn !== this.turn || fresh.length === 0) {
				return;
			}
			const isGap = fresh.length === page.items.length && page.next !== null;
			this.items = isGap ? fresh : [...fresh, ...this.items];
			this.next = isGap ? page.next : this.next;
			this.show();
		} catch {
			// The next look is soon.
		}
	}

	failed(error) {
		if (this.items.length > 0) {
			this.context.toaster.failure(error, 'Older changes could not be loaded');
			return;
		}
		this.wrap.hidden = true;
		this.older.hidden = true;
		this.summary.textContent = '';
		this.empty.hidden = false;
		fill(this.empty, error.status === 403 ? emptyState('shield', 'Only administrators can read this', h('p', {}, 'Log in with a token that may administer.'))
			: emptyState('warning', 'The audit log cannot be read', h('p', {}, plain(error.message)), button('Try again', () => this.load())));
	}

	show() {
		const old = this.rows ?? new Map();
		this.rows = new Map(this.items.map((e) => [e.id, old.get(e.id) ?? this.row(e)]));
		const focused = this.body.contains(document.activeElement) ? document.activeElement : null;
		this.body.replaceChildren(...this.rows.values());
		focused?.isConnected && focused.focus({ preventScroll: true });
		const n = this.items.length;
		this.summary.textContent = n === 0 ? '' : `${plural(n, 'change')}${this.next === null ? '' : ', and older'}`;
		this.wrap.hidden = n === 0;
		this.empty.hidden = n > 0;
		if (n === 0) {
			fill(this.empty, this.isFiltered() ? emptyState('search', 'No change matches', this.next === null ? null : h('p', {}, 'Not all of the log was searched yet.')) : emptyState('history', 'Nothing was changed yet', h('p', {}, 'Changes of rules, settings and access appear here.')));
		}
		this.older.hidden = n === 0 && this.next === null;
		this.older.disabled = this.next === null;
		this.older.textContent = this.next === null ? 'That is all there is' : 'Load older';
	}

	/** @param {object} e of the log */
	row(e) {
		const [name, how] = whoText(e.who);
		const open = h('button', { type: 'button', class: 'flow-open', on: { click: () => this.open(e, open) } }, h('span', { class: e.status >= 400 ? 'audit-refused' : 'strong' }, plain(whatText(e))));
		return h('tr', { data: { entry: String(e.id) }, on: { click: (event) => !event.target.closest('a, button') && String(getSelection()) === '' && this.open(e, open) } },
			td('time', h('time', { datetime: e.time, title: fullTime(e.time) }, clockTime(e.time)), day(e.time)),
			td('who', h('span', { class: 'cut' }, untrusted(name)), how ? h('span', { class: 'muted small' }, how) : null),
			td('what', open, object(e)),
			td('from', h('span', { class: 'cut', title: plain(e.from) }, untrusted(e.from, 'muted'))));
	}

	open(e, from) {
		this.from = from;
		const rule = ruleOf(e);
		fill(this.drawer, h('div', { class: 'drawer-head' }, h('div', { class: 'drawer-title' }, h('h2', {}, plain(whatText(e))), objectOf(e) ? h('p', {}, untrusted(objectOf(e))) : null), iconButton('close', 'Close details', () => this.close())),
			h('div', { class: 'drawer-body' }, h('section', { class: 'drawer-section' }, h('dl', { class: 'pairs' }, facts(e).filter(([, value]) => value !== null).map(([key, value]) => h('div', {}, h('dt', {}, key), h('dd', {}, value))))), detail(e)),
			rule ? h('div', { class: 'drawer-foot' }, h('a', { class: 'btn', href: ruleHref(rule), data: { nav: '' } }, icon('rules'), 'Open the rule')) : null);
		this.rows.forEach((row, id) => (id === e.id ? row.setAttribute('aria-selected', 'true') : row.removeAttribute('aria-selected')));
		setDrawer(this.drawer, true);
		this.drawer.focus({ preventScroll: true });
	}

	close() {
		if (this.drawer.hidden) {
			return;
		}
		setDrawer(this.drawer, false);
		this.rows.forEach((row) => row.removeAttribute('aria-selected'));
		if (this.from?.isConnected) {
			this.from.focus({ preventScroll: true });
		}
	}
}

function td(key, ...children) {
	return h('td', { class: `a-${key}` }, h('div', { class: 'cell' }, children));
}

function day(time) {
	const text = dayUnlessToday(time);
	return text ? h('span', { class: 'muted small' }, text) : null;
}

function ruleHref(name) {
	return `/rules?edit=${encodeURIComponent(name)}`;
}

function object(e) {
	const name = objectOf(e);
	if (!name) {
		return null;
	}
	return h('span', { class: 'cut' }, ruleOf(e) ? h('a', { href: ruleHref(name), data: { nav: '' } }, untrusted(name)) : untrusted(name, 'muted'));
}

/** @param {object} e @returns {[string, any][]} */
function facts(e) {
	const [name, how] = whoText(e.who);
	return [['Time', fullTime(e.time)], ['Who', [untrusted(name), how ? h('span', { class: 'note' }, how) : null]], ['User id', e.who.uid === null ? null : h('span', { class: 'mono' }, e.who.uid)],
		['Session', e.who.session ? untrusted(e.who.session, 'mono') : null], ['From', untrusted(e.from, 'mono')], ['Request', untrusted(e.action, 'mono')],
		['Object', e.object ? untrusted(e.object, 'mono') : null], ['Answer', h('span', { class: 'mono' }, e.status)], ['Entry', h('span', { class: 'mono' }, e.id)], ['Hash', untrusted(e.hash, 'mono')]];
}

/** The body of the request; cut ones are no JSON any more. @param {object} e */
function detail(e) {
	if (!e.detail) {
		return null;
	}
	const body = bodyOf(e);
	const lines = body === null ? [e.detail] : visibleJson(body).split('\n');
	return h('section', { class: 'drawer-section raw' }, h('h3', {}, 'What was sent'), h('pre', { class: 'mono', tabindex: '0' }, lines.map((line) => h('div', { class: 'json-line' }, untrusted(line)))),
		body === null ? h('p', { class: 'hint' }, 'It was longer: only its beginning is kept.') : null);
}
