// SPDX-License-Identifier: GPL-2.0-or-later
// The Suggestions page: few rules for what a program was allowed to do, and learning what it needs.

import { serverNow } from './clock.js';
import { button, fill, h, icon, uid } from './dom.js';
import { duration, fullTime, plural } from './format.js';
import { learningDone, learnings, programsOf, startLearning } from './learning.js';
import * as api from './api.js';
import { programTile } from './pieces.js';
import { Proposal, proposalTitle } from './proposal.js';
import { baseName, hasHidden, plain, untrusted } from './text.js';
import { durationName } from './words.js';

const DAY_MS = 86400e3;
const SPANS = [['1', 'Last day'], ['7', 'Last week'], ['30', 'Last 30 days']];
const TIMES = ['15m', '1h', '12h'];
const MAX_PROGRAMS = 200;

/** @param {object} context of app.js */
export function createSuggestionsPage(context) {
	const memory = { days: 7, search: '' };
	return { title: 'Suggestions', mount: (root, query) => new SuggestionsPage(root, context, memory, query).unmount };
}

class SuggestionsPage {
	constructor(root, context, memory, query) {
		Object.assign(this, { context, memory, store: context.store, toaster: context.toaster });
		this.programs = [];
		/** @type {string|null} */
		this.program = query.get('program');
		this.build(root);
		const ends = [this.store.on('rules', () => this.rulesChanged())];
		const timer = setInterval(() => this.showTimes(), 1000);
		this.unmount = () => {
			ends.forEach((end) => end());
			clearInterval(timer);
			this.over = true;
		};
		this.start(query.get('learning'));
	}

	/** @param {string|null} learning the name of one whose proposal is wanted */
	async start(learning) {
		await this.context.sync.loadRules().catch(() => {});
		await Promise.all([this.loadPrograms(), this.loadLearnings()]);
		const wanted = this.learnings?.find((l) => l.name === learning);
		if (wanted) {
			this.propose(wanted);
		} else if (this.program) {
			this.pick(this.program);
		}
	}

	build(root) {
		const id = uid('search');
		this.box = h('input', { class: 'input filter-input', id, type: 'search', autocomplete: 'off', spellcheck: 'false', placeholder: 'Program…', value: this.memory.search, on: { input: () => {
			this.memory.search = this.box.value;
			this.showPrograms();
		} } });
		this.span = h('select', { class: 'select', 'aria-label': 'History of the', on: { change: () => {
			this.memory.days = Number(this.span.value);
			this.loadPrograms();
			if (this.program) {
				this.pick(this.program);
			}
		} } }, SPANS.map(([value, label]) => h('option', { value, selected: Number(value) === this.memory.days }, label)));
		this.list = h('ul', { class: 'program-list' });
		this.running = h('ul', { class: 'learning-list' });
		this.proposal = new Proposal(this.context, () => this.acceptedAll());
		this.proposal.tell('Pick a program', 'Its connections that were allowed become the fewest rules that say the same.');
		root.append(h('div', { class: 'page-head' }, h('h1', {}, 'Suggestions'), h('a', { class: 'btn', href: '/rules', data: { nav: '' } }, icon('rules'), 'Rules')),
			h('div', { class: 'suggestions' }, h('div', { class: 'stack' }, this.learningCard(),
				card('Programs', 'What they did becomes rules.', h('div', { class: 'program-tools' }, h('div', { class: 'search' }, icon('search'), h('label', { class: 'sr-only', for: id }, 'Search programs'), this.box), this.span), this.list)),
			this.proposal.el));
	}

	learningCard() {
		const id = uid('programs');
		const what = uid('what');
		this.options = h('datalist', { id });
		this.what = h('input', { class: 'input', id: what, list: id, autocomplete: 'off', spellcheck: 'false', placeholder: 'All programs, or /usr/bin/firefox' });
		this.time = h('select', { class: 'select', 'aria-label': 'For' }, TIMES.map((t) => h('option', { value: t, selected: t === '1h' }, durationName(t))));
		this.error = h('p', { class: 'field-error', role: 'alert', hidden: true });
		const form = h('form', { class: 'learning-form', on: { submit: (event) => {
			event.preventDefault();
			this.learn();
		} } }, h('div', { class: 'field' }, h('label', { for: what }, 'Program'), this.what), h('div', { class: 'learning-start' }, this.time, h('button', { type: 'submit', class: 'btn' }, icon('play'), 'Start learning')), this.options, this.error);
		return card('Learning', 'Allow and record for a while; rules are proposed at the end. Rules that deny stay in force.', this.running, form);
	}

	async loadPrograms() {
		try {
			this.programs = await programsOf({ from: this.spanStart() });
			// A menu of the browser shows a value as it is: only what hides nothing goes into it.
			fill(this.options, this.programs.filter((p) => !hasHidden(p.key)).slice(0, MAX_PROGRAMS).map((p) => h('option', { value: p.key })));
			this.showPrograms();
		} catch (error) {
			if (error.status !== 401) {
				fill(this.list, h('li', {}, h('p', { class: 'form-error' }, plain(error.message))));
			}
		}
	}

	spanStart() {
		return new Date(serverNow() - this.memory.days * DAY_MS).toISOString();
	}

	showPrograms() {
		const words = this.memory.search.toLowerCase().split(/\s+/).filter(Boolean);
		const found = this.programs.filter((p) => words.every((w) => p.key.toLowerCase().includes(w)));
		fill(this.list, found.length === 0 ? h('li', { class: 'hint program-none' }, this.programs.length === 0 ? 'No program is recorded in that time.' : 'No program matches.') : null,
			found.slice(0, MAX_PROGRAMS).map((p) => h('li', {}, h('button', { type: 'button', class: 'program-pick', title: plain(p.key), data: { program: p.key }, 'aria-pressed': String(p.key === this.program), on: { click: () => this.pick(p.key) } },
				programTile(p.key), h('span', { class: 'program-text' }, h('span', { class: 'cut' }, untrusted(baseName(p.key), 'strong')), h('span', { class: 'cut muted small' }, untrusted(p.key))),
				h('span', { class: 'num muted' }, p.allow > 0 ? `${p.allow} allowed` : 'nothing allowed')))));
	}

	/** @param {string} path */
	pick(path) {
		this.program = path;
		this.current = null;
		this.list.querySelectorAll('[data-program]').forEach((el) => el.setAttribute('aria-pressed', String(el.dataset.program === path)));
		this.proposal.load(proposalTitle(path), [path], { from: this.spanStart() });
		this.reveal();
	}

	/** On a narrow page the proposal is below. */
	reveal() {
		if (matchMedia('(max-width: 1020px)').matches) {
			this.proposal.el.scrollIntoView({ block: 'start' });
			this.proposal.el.focus({ preventScroll: true });
		}
	}

	/* ---- learning */

	async learn() {
		const program = this.what.value.trim();
		this.error.hidden = true;
		try {
			if (program && !program.startsWith('/')) {
				throw new Error('The program is its whole path, as /usr/bin/firefox; or nothing for all programs.');
			}
			await startLearning(program || null, this.time.value);
			this.what.value = '';
			await this.context.sync.loadRules();
		} catch (error) {
			this.error.textContent = error.status === 409 ? 'That is being learned already.' : plain(error.errors?.[0]?.message ?? error.message);
			this.error.hidden = false;
		}
	}

	rulesChanged() {
		const now = [...(this.store.state.rules?.keys() ?? [])].filter((n) => n.startsWith('learning-')).join('\n');
		if (now !== this.known) {
			this.known = now;
			this.loadLearnings();
		}
	}

	async loadLearnings() {
		try {
			this.learnings = await learnings(this.store.state.rules ?? new Map());
		} catch {
			this.learnings = [];
		}
		if (!this.over) {
			fill(this.running, this.learnings.map((l) => this.learning(l)));
			this.showTimes();
		}
	}

	learning(l) {
		const name = l.program === null ? 'All programs' : baseName(l.program);
		const time = h('span', { class: 'hint', data: l.runs ? { until: l.expires ?? '' } : {} }, l.runs ? '' : `ended ${fullTime(l.until)}`);
		return h('li', { class: l.runs ? 'learning is-running' : 'learning', data: { learning: l.name } }, programTile(l.program),
			h('span', { class: 'program-text' }, h('span', { class: 'cut' }, untrusted(name, 'strong')), time),
			l.runs ? button('Stop', () => this.stop(l), { class: 'btn btn-small', 'aria-label': `Stop learning ${plain(name)}` }) : button('See proposal', () => this.propose(l), { class: 'btn btn-small btn-primary', 'aria-label': `See proposal for ${plain(name)}` }),
			l.runs ? null : button('Dismiss', () => this.dismiss(l), { class: 'btn btn-small btn-danger-quiet', 'aria-label': `Dismiss ${plain(name)}` }));
	}

	showTimes() {
		for (const el of this.running.querySelectorAll('[data-until]')) {
			const left = el.dataset.until ? (Date.parse(el.dataset.until) - serverNow()) / 1000 : null;
			const text = left === null ? 'learning' : left > 0 ? `learning, ${duration(left)} left` : 'ending';
			if (el.textContent !== text) {
				el.textContent = text;
			}
		}
	}

	/** Ends it now, and shows what it brought. */
	async stop(l) {
		try {
			await api.rules.remove(l.name);
			await this.context.sync.loadRules();
			await this.loadLearnings();
			this.propose({ ...l, runs: false, until: new Date(serverNow() + 1000).toISOString() });
		} catch (error) {
			this.toaster.failure(error, 'Learning could not be stopped');
		}
	}

	async propose(l) {
		const span = { from: l.from, ...(l.until ? { to: l.until } : {}) };
		this.program = null;
		this.current = l;
		this.showPrograms();
		try {
			const programs = l.program === null ? (await programsOf(span)).filter((p) => p.allow > 0).map((p) => p.key) : [l.program];
			if (programs.length === 0) {
				this.proposal.tell('Nothing to propose', 'No program was recorded while learning.');
				return;
			}
			const title = l.program === null ? `Rules for ${plural(programs.length, 'program')} that learned` : proposalTitle(l.program);
			await this.proposal.load(title, programs, span);
			this.reveal();
		} catch (error) {
			this.toaster.failure(error, 'The proposal could not be made');
		}
	}

	async dismiss(l) {
		try {
			await learningDone(l);
		} catch (error) {
			this.toaster.failure(error, 'It could not be dismissed');
		}
		await this.loadLearnings();
	}

	acceptedAll() {
		if (this.current) {
			this.dismiss(this.current);
		}
		this.proposal.tell('Done', 'The rules are in force.');
		this.proposal.el.focus({ preventScroll: true });
	}
}

function card(title, text, ...rest) {
	const id = uid('card');
	return h('section', { class: 'card', 'aria-labelledby': id }, h('div', { class: 'card-head' }, h('h2', { id }, title), h('p', { class: 'muted' }, text)), rest);
}
