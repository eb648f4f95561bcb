// SPDX-License-Identifier: GPL-2.0-or-later
// Proposed rules: what each covers, a choice among them, and one click that makes them all, or none.

import * as api from './api.js';
import { button, fill, h, icon, uid } from './dom.js';
import { count, plural } from './format.js';
import { emptyState, programTile } from './pieces.js';
import { operatorSummary } from './rule-text.js';
import { baseName, plain, untrusted } from './text.js';

const MAX_COVERS = 50;

export class Proposal {
	/** @param {object} context of app.js @param {(names: string[]) => void} accepted */
	constructor(context, accepted) {
		this.context = context;
		this.accepted = accepted;
		this.turn = 0;
		this.el = h('section', { class: 'card proposal', 'aria-live': 'polite', 'aria-label': 'Proposed rules', tabindex: '-1' });
	}

	/** @param {string} title @param {string[]} programs @param {{from?: string, to?: string}} span */
	async load(title, programs, span) {
		this.turn += 1;
		const turn = this.turn;
		fill(this.el, head(title, 'Looking through the history…'));
		try {
			const groups = [];
			for (const program of programs) {
				groups.push(await api.rules.suggestions(program, span));
				if (turn !== this.turn) {
					return;
				}
			}
			await this.context.sync.loadRules();
			if (turn === this.turn) {
				this.show(title, groups);
			}
		} catch (error) {
			if (turn === this.turn && error.status !== 401) {
				fill(this.el, head(title, ''), h('p', { class: 'form-error' }, plain(error.message)));
			}
		}
	}

	tell(title, text) {
		this.turn += 1;
		fill(this.el, emptyState('shield', title, h('p', {}, text)));
	}

	show(title, groups) {
		const found = groups.filter((g) => g.items.length > 0);
		const uncovered = groups.reduce((n, g) => n + g.uncovered, 0);
		this.choices = [];
		if (found.length === 0) {
			const examined = groups.reduce((n, g) => n + g.examined, 0);
			fill(this.el, head(title, ''), emptyState('shield', 'Nothing to propose', h('p', {}, examined === 0 ? 'No connection is recorded in that time.' : 'Nothing was allowed in that time.')));
			return;
		}
		this.error = h('p', { class: 'form-error', role: 'alert', hidden: true });
		this.button = button('', () => this.accept(), { class: 'btn btn-primary', icon: 'check' });
		const lists = found.map((g) => this.group(g, found.length > 1));
		fill(this.el, head(title, uncovered > 0 ? `${plural(uncovered, 'allowed connection')} went to too many places to be covered.` : 'Together they allow everything that was allowed.'),
			lists, h('div', { class: 'proposal-foot' }, this.error, this.button));
		this.showChoice();
	}

	group(g, named) {
		return [named ? h('h3', { class: 'proposal-program' }, programTile(g.program), untrusted(g.program)) : null,
			h('ul', { class: 'proposal-list' }, g.items.map((i) => this.item(i)))];
	}

	item({ rule, connections, covers }) {
		const there = this.standing(rule);
		const proposed = { ...rule, name: there ?? this.freeName(rule.name) };
		const box = h('input', { type: 'checkbox', checked: !there, disabled: Boolean(there), id: uid('proposed'), on: { change: () => this.showChoice() } });
		if (!there) {
			this.choices.push({ box, rule: proposed });
		}
		const hosts = new Set(covers.map((c) => c.host ?? c.ip));
		return h('li', { class: there ? 'proposal-item is-off' : 'proposal-item' },
			h('label', { class: 'check', for: box.id }, box, h('span', { class: 'proposal-rule' }, operatorSummary(rule.operator), h('span', { class: 'hint' }, untrusted(proposed.name), there ? ' is a rule already' : ''))),
			h('details', { class: 'proposal-covers' }, h('summary', {}, `covers ${plural(connections, 'connection')} to ${plural(hosts.size, 'place')}`),
				h('ul', {}, covers.slice(0, MAX_COVERS).map((c) => h('li', {}, untrusted(c.host ?? c.ip, c.host ? 'strong' : 'mono'), c.host ? [' ', untrusted(c.ip, 'mono muted')] : null,
					h('span', { class: 'muted' }, ` ${c.port === null ? '' : `port ${c.port} `}${plain(c.protocol)}`), h('span', { class: 'num muted' }, `${count(c.count)} ×`))),
				covers.length > MAX_COVERS ? h('li', { class: 'hint' }, `and ${covers.length - MAX_COVERS} more`) : null)));
	}

	/** The name of a rule that says the same already. */
	standing(rule) {
		const key = (r) => JSON.stringify([r.action, r.operator.type, (r.operator.list ?? [r.operator]).map((o) => [o.type, o.operand, o.data])]);
		const wanted = key(rule);
		return [...this.context.store.state.rules.values()].find((r) => r.enabled && key(r) === wanted)?.name ?? null;
	}

	freeName(name) {
		const taken = (n) => this.context.store.state.rules.has(n) || this.choices.some((c) => c.rule.name === n);
		let out = name;
		for (let i = 2; taken(out); i++) {
			out = `${name}-${i}`;
		}
		return out;
	}

	chosen() {
		return this.choices.filter((c) => c.box.checked).map((c) => c.rule);
	}

	showChoice() {
		const n = this.chosen().length;
		this.button.disabled = n === 0;
		fill(this.button, icon('check'), n === 0 ? 'Nothing chosen' : `Accept ${plural(n, 'rule')}`);
	}

	async accept() {
		const rules = this.chosen();
		this.button.disabled = true;
		this.error.hidden = true;
		try {
			await api.rules.import(rules);
			await this.context.sync.loadRules();
			const names = rules.map((r) => r.name);
			this.context.undo.offer(`Made ${plural(rules.length, 'rule')}`, names, { kind: 'ok', action: { label: 'Show rules', href: '/rules' } });
			this.accepted(names);
		} catch (error) {
			this.error.textContent = error.errors?.length > 0 ? error.errors.map((e) => `${plain(e.field)}: ${plain(e.message)}`).join('\n') : plain(error.message);
			this.error.hidden = false;
			this.button.disabled = false;
		}
	}
}

function head(title, text) {
	return h('div', { class: 'card-head' }, h('h2', {}, title), text ? h('p', { class: 'muted' }, text) : null);
}

/** @param {string} path */
export function proposalTitle(path) {
	return ['Rules for ', untrusted(baseName(path))];
}
