// SPDX-License-Identifier: GPL-2.0-or-later
// What a rule in the editor would have done to the recorded connections, shown while it is typed.

import * as api from './api.js';
import { fill, h } from './dom.js';
import { count, plural } from './format.js';
import { actionBadge, destinationName, programName } from './pieces.js';
import { untrusted } from './text.js';

const DELAY_MS = 450;
const SPANS = [['1', 'Last day'], ['7', 'Last week']];
const MAX_LINES = 5;

export class WhatIf {
	/** @param {() => {rule: object, replaces: string|null}|null} read the candidate as it stands; null: not to be read now */
	constructor(read) {
		this.read = read;
		this.turn = 0;
		this.timer = 0;
		this.days = 1;
		this.body = h('div', { class: 'whatif-body', role: 'status' });
		const span = h('select', { class: 'select select-small', 'aria-label': 'Compared with', on: { change: () => {
			this.days = Number(span.value);
			this.soon(0);
		} } }, SPANS.map(([value, label]) => h('option', { value }, label)));
		this.el = h('section', { class: 'whatif', 'aria-label': 'What would change' }, h('div', { class: 'whatif-head' }, h('h3', {}, 'What would change'), span), this.body);
		// Choosing the time is no change of the rule.
		span.addEventListener('input', (event) => event.stopPropagation());
	}

	soon(delay = DELAY_MS) {
		clearTimeout(this.timer);
		this.turn += 1;
		this.body.classList.add('is-stale');
		this.timer = setTimeout(() => this.ask(), delay);
	}

	stop() {
		clearTimeout(this.timer);
		this.turn += 1;
	}

	async ask() {
		const turn = this.turn;
		const candidate = this.read();
		if (!candidate) {
			this.tell('Not while the JSON is broken.');
			return;
		}
		const from = new Date(Date.now() - this.days * 86400e3).toISOString();
		try {
			const result = await api.rules.test({ ...candidate, from });
			if (turn === this.turn) {
				this.body.classList.remove('is-stale');
				fill(this.body, this.show(result));
			}
		} catch (error) {
			if (turn === this.turn) {
				this.tell(error.status === 422 || error.status === 400 ? 'The rule is not complete yet.' : 'This cannot be told right now.');
			}
		}
	}

	tell(text) {
		this.body.classList.remove('is-stale');
		fill(this.body, h('p', { class: 'hint' }, text));
	}

	show(r) {
		if (r.examined === 0) {
			return h('p', { class: 'hint' }, 'No connection is recorded in that time.');
		}
		const head = r.changed === 0
			? h('p', {}, h('b', {}, 'Nothing'), ` of ${plural(r.examined, 'recorded connection')}${r.matched > 0 ? `; it matches ${count(r.matched)}` : '; it matches none'}.`)
			: h('p', {}, h('b', {}, plural(r.changed, 'connection')), ` of ${count(r.examined)} would be decided differently.`);
		return [head,
			r.changes?.length > 0 ? h('ul', { class: 'whatif-changes' }, r.changes.map((c) => h('li', {}, h('span', { class: 'num' }, count(c.count)), action(c.from), '→', action(c.to)))) : null,
			lines(r.samples)];
	}
}

function action(a) {
	return a === 'ask' ? h('span', { class: 'badge badge-none' }, 'Ask') : actionBadge(a);
}

function lines(samples) {
	const seen = new Set();
	const unique = (samples ?? []).filter(({ connection: c }) => {
		const key = `${programName(c)}\0${destinationName(c)}\0${c.dest.port}`;
		return seen.has(key) ? false : seen.add(key);
	});
	return unique.length === 0 ? null : h('ul', { class: 'whatif-samples' }, unique.slice(0, MAX_LINES).map(({ connection: c }) => h('li', {},
		untrusted(programName(c), 'strong'), ' → ', untrusted(destinationName(c)), h('span', { class: 'muted' }, Number.isInteger(c.dest.port) ? ` port ${c.dest.port}` : ''))));
}
