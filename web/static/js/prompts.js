// SPDX-License-Identifier: GPL-2.0-or-later
// The dock of waiting connections, the same on every page: shows one card, counts the others, listens to the keys.

import { h, iconButton, fill, icon } from './dom.js';
import { plural } from './format.js';
import { programTile } from './pieces.js';
import { PromptCard } from './prompt-card.js';
import { listenKeys } from './prompt-keys.js';
import { serverNow } from './clock.js';

const TICK_MS = 200;
const MAX_TABS = 7;

export class PromptDock {
	/**
	 * @param {HTMLElement} root
	 * @param {import('./store.js').Store} store
	 * @param {(prompt: object, answer: object) => Promise<void>} send rejects when the prompt stays open
	 */
	constructor(root, store, send) {
		this.root = root;
		this.store = store;
		this.send = send;
		/** @type {Map<number, PromptCard>} */
		this.cards = new Map();
		/** @type {number|null} */
		this.current = null;
		/** Prompts that were put aside; a new one brings the dock back. @type {Set<number>} */
		this.aside = new Set();
		this.timer = 0;
		this.build();
		store.on('prompts', () => this.sync());
		store.on('config', () => this.cards.forEach((card) => card.setConfig(store.state.config)));
		listenKeys(this);
		this.sync();
	}

	build() {
		this.say = h('div', { class: 'sr-only', role: 'status', 'aria-live': 'assertive', 'aria-atomic': 'true' });
		this.tabs = h('div', { class: 'dock-tabs', role: 'group', 'aria-label': 'Waiting connections' });
		this.count = h('span', { class: 'dock-count' });
		this.slot = h('div', { class: 'dock-slot' });
		this.prev = iconButton('chevron-left', 'Previous waiting connection', () => this.step(-1));
		this.next = iconButton('chevron-right', 'Next waiting connection', () => this.step(1));
		const away = iconButton('minus', 'Put aside (Esc)', () => this.putAside());
		const help = iconButton('keyboard', 'Keyboard shortcuts', () => this.toggleHelp(), { 'aria-expanded': 'false' });
		this.help = h('div', { class: 'dock-help', hidden: true }, shortcuts());
		this.helpButton = help;
		this.dock = h('section', { class: 'dock', 'aria-label': 'Connections waiting for your answer', hidden: true },
			h('div', { class: 'dock-head' }, h('span', { class: 'dock-pulse', 'aria-hidden': 'true' }), this.count, this.tabs,
				h('span', { class: 'grow' }), this.prev, this.next, help, away),
			this.help, this.slot);
		this.pillText = h('span', {});
		this.pill = h('button', { type: 'button', class: 'pill', hidden: true, 'aria-keyshortcuts': 'P', on: { click: () => this.bringBack() } },
			icon('hand'), this.pillText);
		this.root.append(this.say, this.dock, this.pill);
	}

	/** Brings the cards in line with the open prompts. */
	sync() {
		const { prompts, config } = this.store.state;
		let arrived = null;
		for (const [id, card] of this.cards) {
			if (!prompts.has(id)) {
				card.close();
				this.cards.delete(id);
				this.aside.delete(id);
			}
		}
		for (const prompt of prompts.values()) {
			const card = this.cards.get(prompt.id);
			if (card) {
				card.update(prompt);
			} else {
				arrived = new PromptCard(prompt, config, this.send);
				this.cards.set(prompt.id, arrived);
			}
		}
		if (arrived) {
			this.aside.clear();
			this.announce(arrived);
		}
		this.show(this.cards.has(this.current) ? this.current : (this.cards.keys().next().value ?? null));
	}

	/** @param {PromptCard} card */
	announce(card) {
		const others = this.cards.size - 1;
		this.say.textContent = others > 0 ? `${card.sentence}. ${plural(this.cards.size, 'connection')} waiting.` : `${card.sentence}.`;
	}

	get isAside() {
		return this.cards.size > 0 && this.aside.size >= this.cards.size;
	}

	/** The card that keys act on; null when none is to be seen. */
	get visibleCard() {
		return this.dock.hidden ? null : (this.cards.get(this.current) ?? null);
	}

	/** @param {number|null} id */
	show(id) {
		const wasVisible = !this.dock.hidden;
		const hadFocus = this.dock.contains(document.activeElement);
		const swapped = this.current !== id;
		this.current = id;
		const card = this.cards.get(id) ?? null;
		this.dock.hidden = card === null || this.isAside;
		this.pill.hidden = !this.isAside;
		document.body.classList.toggle('has-dock', !this.dock.hidden);
		if (card && !this.dock.hidden && (swapped || !wasVisible)) {
			fill(this.slot, card.el);
			card.shown();
			card.el.querySelector('.prompt-scroll').scrollTop = 0;
			if (hadFocus || document.activeElement === document.body || document.activeElement === null) {
				card.el.focus({ preventScroll: true });
			}
		}
		if (card === null) {
			this.slot.textContent = '';
			this.say.textContent = '';
		}
		this.showQueue();
		this.run();
	}

	showQueue() {
		const ids = [...this.cards.keys()];
		const n = ids.length;
		const at = ids.indexOf(this.current);
		this.count.textContent = n > 1 ? `${at + 1} of ${n} waiting` : 'Waiting for your answer';
		this.prev.hidden = n < 2;
		this.next.hidden = n < 2;
		const first = Math.max(0, Math.min(at - 3, n - MAX_TABS));
		fill(this.tabs, n > 1 ? ids.slice(first, first + MAX_TABS).map((id) => this.tab(id)) : []);
	}

	/** @param {number} id */
	tab(id) {
		const card = this.cards.get(id);
		return h('button', { type: 'button', class: 'dock-tab', 'aria-pressed': String(id === this.current), 'aria-label': card.short, title: card.short,
			on: { click: () => this.show(id) } }, programTile(card.connection.process?.path));
	}

	/** @param {number} by */
	step(by) {
		const ids = [...this.cards.keys()];
		if (ids.length > 1) {
			this.show(ids[(ids.indexOf(this.current) + by + ids.length) % ids.length]);
		}
	}

	putAside() {
		this.aside = new Set(this.cards.keys());
		const hadFocus = this.dock.contains(document.activeElement);
		this.show(this.current);
		if (hadFocus) {
			this.pill.focus();
		}
	}

	bringBack() {
		this.aside.clear();
		this.show(this.current);
		this.visibleCard?.el.focus({ preventScroll: true });
	}

	toggleHelp() {
		this.help.hidden = !this.help.hidden;
		this.helpButton.setAttribute('aria-expanded', String(!this.help.hidden));
	}

	/** Runs the countdowns while there are any. */
	run() {
		if (this.cards.size === 0) {
			clearInterval(this.timer);
			this.timer = 0;
		} else if (this.timer === 0) {
			this.timer = setInterval(() => this.tick(), TICK_MS);
		}
		this.tick();
	}

	tick() {
		this.visibleCard?.tick();
		if (!this.pill.hidden) {
			const ends = [...this.cards.values()].map((card) => Date.parse(card.prompt.deadline));
			const left = Math.max(0, Math.ceil((Math.min(...ends) - serverNow()) / 1000));
			const text = `${plural(this.cards.size, 'connection')} waiting · ${left} s`;
			if (this.pillText.textContent !== text) {
				this.pillText.textContent = text;
			}
		}
	}
}

function shortcuts() {
	const rows = [['A', 'Allow'], ['D', 'Deny'], ['R', 'Reject'], ['1 – 9', 'Choose what it applies to'], ['↑ ↓', 'The same, one by one'],
		['← →', 'Other waiting connections'], ['Esc', 'Put aside'], ['P', 'Bring back']];
	return h('dl', { class: 'shortcuts' }, rows.map(([keys, what]) => h('div', {}, h('dt', {}, h('kbd', { class: 'kbd' }, keys)), h('dd', {}, what))));
}
