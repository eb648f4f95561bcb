// SPDX-License-Identifier: GPL-2.0-or-later
// What is wrong with the rules as a whole, each finding with a fix that one click applies.

import * as api from './api.js';
import { button, fill, h, icon, iconButton } from './dom.js';
import { plural } from './format.js';
import { plain, untrusted } from './text.js';

const DELAY_MS = 200;
const MAX_SHOWN = 100;
/** Days without a hit after which a rule is told as not used. */
const DAYS = [['7', '7 days'], ['30', '30 days'], ['90', '90 days'], ['365', 'a year']];
const KIND = {
	not_evaluated: 'Cannot be evaluated', never_matches: 'Can never match', shadowed: 'Has no effect', duplicate: 'Twice the same', contradiction: 'Contradiction',
	redundant: 'Not needed', unused: 'Not used', missing_program: 'Program is gone', changed_program: 'Program changed', too_wide: 'Very wide', ending: 'Ends soon',
};

export class RuleReport {
	/** @param {object} context of app.js @param {{edit: (name: string) => void, changed: () => void}} handlers */
	constructor(context, handlers) {
		this.context = context;
		this.handlers = handlers;
		this.summary = h('span', { class: 'report-summary' });
		this.list = h('ul', { class: 'report-list' });
		this.days = h('select', { class: 'select select-small', 'aria-label': 'Not used means no hit for', on: { change: () => this.load() } }, DAYS.map(([value, label]) => h('option', { value, selected: value === '30' }, label)));
		this.el = h('details', { class: 'report', hidden: true }, h('summary', {}, icon('info'), this.summary), h('div', { class: 'report-days hint' }, 'Not used means no hit for ', this.days), this.list);
	}

	/** Asks again once something in the rules is another. @param {Map<string, object>} rules */
	follow(rules) {
		const now = [...rules.values()].map((r) => `${r.name} ${r.updated} ${r.enabled}`).join('\n');
		if (now !== this.known) {
			this.known = now;
			clearTimeout(this.timer);
			this.timer = setTimeout(() => this.el.isConnected && this.load(), DELAY_MS);
		}
	}

	/** Asks again. A report that cannot be had is not shown. */
	async load() {
		try {
			const { items, complete } = await api.rules.report({ days: this.days.value });
			this.show(items, complete !== false);
		} catch {
			this.el.hidden = true;
		}
	}

	show(items, complete) {
		this.el.hidden = items.length === 0;
		this.el.classList.toggle('report-serious', items.some((i) => i.severity === 'error' || i.severity === 'warning'));
		this.summary.textContent = `${plural(items.length, 'thing')} to look at${complete ? '' : ', and more'}`;
		fill(this.list, items.slice(0, MAX_SHOWN).map((i) => this.finding(i)));
		if (items.length > MAX_SHOWN) {
			this.list.append(h('li', { class: 'hint' }, `and ${items.length - MAX_SHOWN} more`));
		}
	}

	finding(i) {
		const fix = i.fix ? button(plain(i.fix.title), () => this.apply(i), { class: 'btn btn-small' }) : null;
		return h('li', { class: `finding finding-${plain(i.severity)}`, data: { kind: i.kind } },
			h('div', { class: 'finding-text' }, h('b', {}, KIND[i.kind] ?? plain(i.kind)), ' ',
				i.rule ? h('button', { type: 'button', class: 'link', on: { click: () => this.handlers.edit(i.rule) } }, untrusted(i.rule)) : null,
				h('p', { class: 'hint' }, untrusted(i.message))),
			fix, iconButton('close', `Leave it: ${plain(i.rule ?? '')}`, (event) => event.currentTarget.closest('li').remove(), { class: 'btn btn-icon btn-quiet' }));
	}

	async apply(i) {
		const { method, path, body, title } = i.fix;
		try {
			await api.request(method, path.replace(/^\/api\/v1/, ''), { body: body ?? undefined });
			this.context.undo.offer(`${plain(title)}: “${plain(i.rule)}”`, [i.rule], { kind: 'ok' });
			this.handlers.changed();
		} catch (error) {
			this.context.toaster.failure(error, `“${plain(title)}” did not work`);
		}
	}
}
