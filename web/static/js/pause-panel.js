// SPDX-License-Identifier: GPL-2.0-or-later
// Pausing the firewall, and going on.

import * as api from './api.js';
import { button, fill, h, icon, uid } from './dom.js';
import { clockTime } from './format.js';

const CHOICES = [['For 5 minutes', '5m'], ['For 1 hour', '1h'], ['Until resumed', null]];

export class PausePanel {
	/** @param {{store: object, sync: object, toaster: object}} context */
	constructor(context) {
		this.context = context;
		const id = uid('pause');
		this.text = h('p', {});
		this.title = h('h2', { id });
		this.mark = h('span', { class: 'guard' });
		this.buttons = h('div', { class: 'button-row' });
		this.el = h('section', { class: 'card guard-card', 'aria-labelledby': id },
			h('div', { class: 'guard-head' }, this.mark, h('div', {}, this.title, this.text)), this.buttons);
		this.looks = '';
	}

	show() {
		const state = this.context.store.state.status?.interception;
		const looks = state ? `${state.enabled} ${state.until}` : 'unknown';
		if (looks === this.looks) {
			return;
		}
		this.looks = looks;
		const on = state?.enabled !== false;
		this.el.classList.toggle('is-paused', !on);
		fill(this.mark, icon(on ? 'shield' : 'pause'));
		this.title.textContent = !state ? 'Filtering' : on ? 'Filtering is on' : 'Filtering is paused';
		this.text.textContent = on ? 'Every new connection is judged by your rules.'
			: `Every connection is let through${state.until ? ` until ${clockTime(state.until)}` : ' until you resume'}.`;
		fill(this.buttons, on
			? [h('span', { class: 'muted' }, 'Pause'), CHOICES.map(([label, time]) => button(label, () => this.change({ enabled: false, ...(time ? { for: time } : {}) })))]
			: button('Resume filtering', () => this.change({ enabled: true }), { class: 'btn btn-primary', icon: 'play' }));
	}

	async change(body) {
		try {
			await api.setInterception(body);
			await this.context.sync.poll();
			this.el.querySelector('button')?.focus();
		} catch (error) {
			this.context.toaster.failure(error, body.enabled ? 'Filtering could not be resumed' : 'Filtering could not be paused');
		}
	}
}
