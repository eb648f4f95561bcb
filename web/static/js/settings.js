// SPDX-License-Identifier: GPL-2.0-or-later
// The Settings page: what the daemon says of itself, what can change, what this browser remembers.

import * as api from './api.js';
import { AccessPanel } from './access.js';
import { fill, h, icon, uid } from './dom.js';
import { notificationRow, sessionRow, themeRow } from './browser-settings.js';
import { groupSettings, SettingRow } from './setting-row.js';
import { PausePanel } from './pause-panel.js';
import { StatusPanel } from './status-panel.js';
import { untrusted } from './text.js';
import { SCOPES_WORDS } from './words.js';

/** @param {object} context of app.js */
export function createSettingsPage(context) {
	return { title: 'Settings', mount: (root) => new SettingsPage(root, context).unmount };
}

class SettingsPage {
	constructor(root, context) {
		this.context = context;
		this.store = context.store;
		/** @type {Map<string, SettingRow>} */
		this.rows = new Map();
		this.groups = h('div', { class: 'stack' });
		this.status = new StatusPanel(this.store);
		this.pause = new PausePanel(context);
		this.account = h('p', { class: 'hint' });
		this.access = new AccessPanel(context);
		root.append(h('div', { class: 'page-head' }, h('h1', {}, 'Settings'), h('div', { class: 'grow' }),
			h('a', { class: 'btn', href: '/audit', data: { nav: '' } }, icon('history'), 'Audit log'),
			h('a', { class: 'btn', href: '/reference', data: { nav: '' } }, icon('code'), 'API reference')),
			h('div', { class: 'settings' }, h('div', { class: 'stack' }, this.pause.el, this.groups),
				h('div', { class: 'stack' }, card('This browser', '', themeRow(), notificationRow(context), sessionRow(context, this.account)), this.access.el, this.status.el)));
		const ends = [this.store.on('config', () => this.showValues()), this.store.on('status', () => this.showStatus()),
			this.store.on('alerts', () => this.status.show()), this.store.on('session', () => this.showSession())];
		this.unmount = () => ends.forEach((end) => end());
		this.showStatus();
		this.showSession();
		this.access.load();
		this.load();
	}

	async load() {
		try {
			const [schema, config] = await Promise.all([this.store.state.schema ?? api.config.schema(), api.config.get()]);
			this.store.set({ schema, config });
			this.showGroups();
		} catch (error) {
			if (error.status !== 401) {
				this.context.toaster.failure(error, 'The settings could not be loaded');
			}
		}
	}

	showGroups() {
		this.rows.clear();
		fill(this.groups, groupSettings(this.store.state.schema.items).map(({ title, text, items }) => card(title, text,
			items.map((item) => {
				const row = new SettingRow(item, (name, value) => this.save(name, value));
				this.rows.set(item.name, row);
				return row.el;
			}))));
		this.showValues();
	}

	showValues() {
		const { config } = this.store.state;
		if (config) {
			this.rows.forEach((row) => row.show(config));
		}
	}

	/** @param {string} name dotted @param {any} value null: back to the default */
	async save(name, value) {
		const patch = name.split('.').reduceRight((inner, key) => ({ [key]: inner }), value);
		const config = await api.config.patch(patch);
		this.store.set({ config: config ?? await api.config.get() });
	}

	showStatus() {
		this.status.show();
		this.pause.show();
	}

	showSession() {
		const s = this.store.state.session;
		if (s) {
			fill(this.account, 'Logged in', s.user && s.user !== 'session' ? [' as ', untrusted(s.user, 'strong')] : '', s.scopes?.length ? `: may ${s.scopes.map((x) => SCOPES_WORDS[x] ?? x).join(', ')}` : '', '.');
		}
	}
}

/** @param {string} title @param {string} text */
function card(title, text, ...children) {
	const id = uid('card');
	return h('section', { class: 'card', 'aria-labelledby': id }, h('div', { class: 'card-head' }, h('h2', { id }, title), text ? h('p', {}, text) : null), children);
}
