// SPDX-License-Identifier: GPL-2.0-or-later
// The Rules page: the list, its search and order, and the editor beside it.

import * as api from './api.js';
import { button, fill, h, icon, uid } from './dom.js';
import { plural } from './format.js';
import { emptyState, kbd } from './pieces.js';
import { RuleEditor } from './rule-editor.js';
import { newRule } from './rule-model.js';
import { RuleReport } from './rule-report.js';
import { COLUMNS, ruleRow, updateTimes } from './rule-row.js';
import { operatorText } from './rule-text.js';
import { plain, untrusted } from './text.js';

const CHUNK = 200;
const REFRESH_MS = 10000;
/** More rules than so are not fetched just for their hits. */
const REFRESH_MAX = 2000;

/** @param {object} context of app.js */
export function createRulesPage(context) {
	const memory = { search: '', action: '', sort: 'name', down: false };
	return { title: 'Rules', mount: (root, query) => new RulesPage(root, context, memory, query).unmount };
}

class RulesPage {
	constructor(root, context, memory, query) {
		Object.assign(this, { context, memory, store: context.store, toaster: context.toaster });
		this.limit = CHUNK;
		/** @type {Map<string, HTMLElement>} */
		this.rows = new Map();
		this.build(root);
		const ends = [this.store.on(['rules', 'problems'], () => this.show())];
		const timer = setInterval(() => updateTimes(this.body), 1000);
		// Hits are counted without an event for each.
		const refresh = setInterval(() => this.refreshHits(), REFRESH_MS);
		this.load();
		this.openFromAddress(query);
		this.unmount = () => {
			clearInterval(timer);
			clearInterval(refresh);
			ends.forEach((end) => end());
			this.editor.dispose();
		};
	}

	build(root) {
		const id = uid('search');
		this.box = h('input', { class: 'input filter-input', id, type: 'search', autocomplete: 'off', spellcheck: 'false', value: this.memory.search,
			placeholder: 'Search name, program, host…', on: { input: () => this.changed({ search: this.box.value }) } });
		this.segments = [['', 'All'], ['allow', 'Allow'], ['deny', 'Deny'], ['reject', 'Reject']].map(([action, label]) => h('button',
			{ type: 'button', class: 'seg', data: { action }, on: { click: () => this.changed({ action }) } }, label));
		this.summary = h('span', { class: 'list-summary', role: 'status' });
		this.problems = h('div', { class: 'problems', hidden: true });
		this.report = new RuleReport(this.context, { edit: (name) => this.edit(name), changed: () => this.load() });
		this.body = h('tbody', {});
		this.heads = COLUMNS.map((c) => this.head(c));
		const caption = uid('caption');
		this.table = h('table', { class: 'table rules', 'aria-labelledby': caption }, h('caption', { class: 'sr-only', id: caption }, 'Rules'),
			h('thead', {}, h('tr', {}, this.heads)), this.body);
		this.wrap = h('div', { class: 'table-wrap', hidden: true }, this.table);
		this.empty = h('div', { class: 'list-empty', hidden: true });
		this.more = button('Show more', () => {
			this.limit += CHUNK;
			this.show();
		}, { class: 'btn older', hidden: true });
		this.editor = new RuleEditor(this.context, { saved: (rule, old) => this.saved(rule, old), closed: () => this.edited(null), remove: (rule) => this.remove(rule) });
		root.append(
			h('div', { class: 'page-head' }, h('h1', {}, 'Rules'), h('div', { class: 'button-row' },
				h('a', { class: 'btn', href: '/suggestions', data: { nav: '' } }, icon('shield'), 'Suggestions'), button('New rule', () => this.create(newRule()), { class: 'btn btn-primary', icon: 'plus' }))),
			h('div', { class: 'toolbar' }, h('div', { class: 'search' }, icon('search'), h('label', { class: 'sr-only', for: id }, 'Search rules'), this.box),
				h('div', { class: 'segments', role: 'group', 'aria-label': 'Show only' }, this.segments), this.summary),
			this.problems, this.report.el,
			this.wrap, this.empty, h('div', { class: 'list-foot' }, this.more), this.editor.el);
	}

	head(column) {
		if (!column.sort) {
			return h('th', { scope: 'col', class: `c-${column.key}` }, h('span', { class: 'sr-only' }, column.label));
		}
		return h('th', { scope: 'col', class: `c-${column.key}`, data: { key: column.key } },
			h('button', { type: 'button', class: 'sort', on: { click: () => this.sortBy(column.key) } }, column.label, icon('sort')));
	}

	sortBy(key) {
		const column = COLUMNS.find((c) => c.key === key);
		const same = this.memory.sort === key;
		this.changed({ sort: key, down: same ? !this.memory.down : Boolean(column.downFirst) });
	}

	/** @param {object} change of `memory` */
	changed(change) {
		Object.assign(this.memory, change);
		this.limit = CHUNK;
		this.show();
	}

	async load() {
		try {
			await this.context.sync.loadRules();
		} catch (error) {
			if (error.status !== 401) {
				this.toaster.failure(error, 'The rules could not be loaded');
			}
		}
	}

	refreshHits() {
		if (!document.hidden && this.store.state.link === 'up' && (this.store.state.rules?.size ?? 0) <= REFRESH_MAX) {
			this.context.sync.loadRules().catch(() => {});
		}
	}

	/** ?new=draft and ?edit=NAME, from other pages. @param {URLSearchParams} query */
	openFromAddress(query) {
		const draft = sessionStorage.getItem('rule-draft');
		sessionStorage.removeItem('rule-draft');
		if (query.has('edit')) {
			this.edit(query.get('edit'));
		} else if (query.get('new') === 'draft' && draft) {
			this.create(JSON.parse(draft));
		} else if (query.has('new')) {
			this.create(newRule());
		}
		if (query.size > 0) {
			history.replaceState(null, '', '/rules');
		}
	}

	selected() {
		const words = this.memory.search.toLowerCase().split(/\s+/).filter(Boolean);
		const column = COLUMNS.find((c) => c.key === this.memory.sort);
		const turn = this.memory.down ? -1 : 1;
		return [...this.store.state.rules.values()]
			.filter((r) => !this.memory.action || r.action === this.memory.action)
			.filter((r) => {
				const text = `${r.name} ${r.description ?? ''} ${r.action} ${r.duration} ${operatorText(r.operator)}`.toLowerCase();
				return words.every((w) => text.includes(w));
			})
			.map((rule) => ({ rule, key: column.sort(rule) }))
			.sort((a, b) => turn * (a.key < b.key ? -1 : a.key > b.key ? 1 : a.rule.name < b.rule.name ? -1 : 1))
			.map(({ rule }) => rule);
	}

	show() {
		this.showProblems();
		if (!this.store.state.rules) {
			return;
		}
		this.report.follow(this.store.state.rules);
		const list = this.selected();
		const shown = list.slice(0, this.limit);
		const old = this.rows;
		this.rows = new Map();
		const focusKey = this.focusKey();
		this.body.replaceChildren(...shown.map((rule) => {
			const known = old.get(rule.name);
			const row = known?.rule === rule ? known : { rule, el: ruleRow(rule, this.actions) };
			this.rows.set(rule.name, row);
			return row.el;
		}));
		this.restoreFocus(focusKey);
		this.edited(this.editing ?? null);
		this.showFrame(list.length, shown.length);
	}

	showFrame(found, shown) {
		const all = this.store.state.rules.size;
		for (const th of this.heads.filter((th) => th.dataset.key)) {
			th.setAttribute('aria-sort', th.dataset.key !== this.memory.sort ? 'none' : this.memory.down ? 'descending' : 'ascending');
		}
		for (const s of this.segments) {
			s.setAttribute('aria-pressed', String(s.dataset.action === this.memory.action));
		}
		this.summary.textContent = found === all ? plural(all, 'rule') : `${found} of ${plural(all, 'rule')}`;
		this.more.hidden = shown >= found;
		this.wrap.hidden = found === 0;
		this.empty.hidden = found > 0;
		if (all === 0) {
			fill(this.empty, emptyState('rules', 'No rules yet', h('p', {}, 'Answer a prompt, or make a rule yourself. Without a rule you are asked.'),
				button('New rule', () => this.create(newRule()), { class: 'btn btn-primary', icon: 'plus' })));
		} else if (found === 0) {
			fill(this.empty, emptyState('search', 'No rule matches', button('Clear search', () => {
				this.box.value = '';
				this.changed({ search: '', action: '' });
			})));
		}
	}

	/** Where the focus is, so that a row made anew gets it back. */
	focusKey() {
		const el = document.activeElement;
		const row = el?.closest?.('tr[data-rule]');
		return row && this.body.contains(row) ? { name: row.dataset.rule, key: el.dataset.focus ?? '' } : null;
	}

	restoreFocus(at) {
		const row = at && this.rows.get(at.name)?.el;
		(row?.querySelector(`[data-focus="${at.key}"]`))?.focus({ preventScroll: true });
	}

	showProblems() {
		const list = this.store.state.problems;
		this.problems.hidden = list.length === 0;
		fill(this.problems, h('h2', {}, icon('warning'), plural(list.length, 'rule file was', 'rule files were'), ' skipped'),
			h('ul', {}, list.map((p) => h('li', {}, untrusted(p.file, 'mono strong'), p.place ? [' ', untrusted(p.place, 'mono muted')] : null, ' ', untrusted(p.message)))));
	}

	/** @param {string|null} name of the rule in the editor */
	edited(name) {
		this.editing = name;
		for (const [own, { el }] of this.rows) {
			if (own === name) {
				el.setAttribute('aria-selected', 'true');
			} else {
				el.removeAttribute('aria-selected');
			}
		}
	}

	create(rule) {
		this.edited(null);
		this.editor.create(rule);
	}

	async edit(name) {
		this.edited(name);
		await this.editor.edit(name);
	}

	/** What a row can do. */
	actions = {
		edit: (rule) => this.edit(rule.name),
		remove: (rule) => this.remove(rule),
		toggle: async (rule, enabled) => {
			try {
				this.context.store.putRule(await api.rules.patch(rule.name, { enabled }).then((r) => r.data));
				this.context.undo.offer(`Switched “${plain(rule.name)}” ${enabled ? 'on' : 'off'}`, [rule.name]);
			} catch (error) {
				this.toaster.failure(error, `“${plain(rule.name)}” could not be changed`);
				this.context.store.putRule({ ...rule });
			}
		},
	};

	async remove(rule) {
		try {
			await api.rules.remove(rule.name);
		} catch (error) {
			if (error.status !== 404) {
				this.toaster.failure(error, `“${plain(rule.name)}” could not be deleted`);
				return;
			}
		}
		if (this.editing === rule.name) {
			this.editor.close();
		}
		this.store.dropRule(rule.name);
		this.context.undo.offer(`Deleted “${plain(rule.name)}”`, [rule.name]);
	}

	saved(rule, oldName) {
		this.store.putRule(rule, oldName);
		const names = oldName && oldName !== rule.name ? [oldName, rule.name] : [rule.name];
		this.context.undo.offer(`Saved “${plain(rule.name)}”`, names, { kind: 'ok' });
	}
}
