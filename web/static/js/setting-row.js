// SPDX-License-Identifier: GPL-2.0-or-later
// One setting, made from the daemon's own description of it: its name, type, range and default.

import { h, icon, uid } from './dom.js';
import { plain, untrusted } from './text.js';

const GROUPS = [
	{ title: 'Decisions', text: 'What happens to a connection that no rule matches.', names: /^(default_|prompt[._]|prompt$|end_flows$)/ },
	{ title: 'Host names', text: 'How addresses get their names.', names: /^intercept_dns$/ },
	{ title: 'History', text: 'How long decided connections are kept.', names: /^history\./ },
	{ title: 'Log', text: '', names: /^log\b/ },
	{ title: 'Daemon', text: 'Read at the start: change them in the configuration file and restart the daemon.', names: null },
];

const LABELS = {
	default_action: 'Default action', default_duration: 'Default duration', 'prompt.timeout': 'Time to answer', 'prompt.timeout_action': 'When nobody answers',
	prompt_without_clients: 'Ask even if no dashboard is open', 'history.max_age': 'Keep for', 'history.max_rows': 'Keep at most', intercept_dns: 'Learn names from DNS answers', end_flows: 'End connections that new rules deny',
	'log.level': 'Log level', 'log.format': 'Log format', listen: 'Listens on', hosts: 'Further host names', fail_closed: 'Block when the daemon is down', queue_forwarded: 'Filter forwarded traffic', mark_bit: 'Mark bit', firewall: 'Firewall',
	read_sni: 'Read names from TLS and QUIC', 'tls.certificate': 'TLS certificate', 'tls.key': 'TLS key', tcp_peer_users: 'Who may log in over TCP', export: 'Decisions are sent to',
};

/** @param {object[]} items of the schema  @returns {{title: string, text: string, items: object[]}[]} */
export function groupSettings(items) {
	const rest = new Set(items);
	const groups = GROUPS.map(({ title, text, names }) => {
		const own = [...rest].filter((item) => (names ? item.live && names.test(item.name) : !item.live));
		own.forEach((item) => rest.delete(item));
		return { title, text, items: own };
	});
	if (rest.size > 0) {
		groups.splice(-1, 0, { title: 'More', text: '', items: [...rest] });
	}
	return groups.filter((g) => g.items.length > 0);
}

/** The value of a dotted name; read-only ones are told under "restart". @param {object} config @param {object} item */
export function valueAt(config, item) {
	const walk = (from) => item.name.split('.').reduce((at, key) => (at === null || at === undefined ? undefined : at[key]), from);
	return walk(config) ?? walk(config.restart) ?? config.restart?.[item.name];
}

/** "prompt.some_thing" as "Prompt some thing". @param {string} name */
function labelOf(name) {
	const words = plain(name).replace(/[._]/g, ' ');
	return LABELS[name] ?? words[0].toUpperCase() + words.slice(1);
}

/** Settings that, while not set, are as another one. */
const FOLLOWS = { 'prompt.timeout_action': 'default_action' };

const shown = (value) => (Array.isArray(value) ? value.join(', ') || 'none' : typeof value === 'boolean' ? (value ? 'yes' : 'no') : String(value ?? '—'));
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

export class SettingRow {
	/** @param {object} item of the schema @param {(name: string, value: any) => Promise<void>} save */
	constructor(item, save) {
		this.item = item;
		this.save = save;
		this.value = undefined;
		this.id = uid('setting');
		this.control = item.live ? this.makeControl() : h('span', { class: 'setting-fixed', id: this.id });
		this.note = h('span', { class: 'setting-note', role: 'status' });
		this.reset = h('button', { type: 'button', class: 'link setting-reset', hidden: true, on: { click: () => this.commit(null) } }, 'Reset');
		this.error = h('p', { class: 'field-error', role: 'alert', hidden: true, id: `${this.id}-error` });
		this.el = h('div', { class: `setting ${item.live ? '' : 'is-fixed'}`, data: { setting: item.name } },
			h('div', { class: 'setting-text' }, h(item.live ? 'label' : 'span', { class: 'setting-label', for: item.live ? this.id : null }, labelOf(item.name)),
				item.description ? h('p', { class: 'hint' }, plain(item.description)) : null, this.error),
			h('div', { class: 'setting-control' }, h('div', { class: 'setting-line' }, this.note, this.control), item.live ? this.reset : null));
	}

	makeControl() {
		const { item, id } = this;
		if (item.type === 'bool') {
			return h('input', { type: 'checkbox', class: 'switch', role: 'switch', id, on: { change: () => this.commit(this.control.checked) } });
		}
		if (item.type === 'enum') {
			return h('select', { class: 'select', id, on: { change: () => this.commit(this.control.value) } }, (item.values ?? []).map((v) => h('option', { value: v }, capital(wordOf(v)))));
		}
		const number = item.type === 'int';
		return h('input', { class: 'input', id, type: number ? 'number' : 'text', min: number ? item.min : null, max: number ? item.max : null, inputmode: number ? 'numeric' : null,
			spellcheck: 'false', autocomplete: 'off', on: { change: () => this.commitText(), keydown: (event) => {
				if (event.key === 'Escape') {
					this.setValue(this.value, true);
				}
			} } });
	}

	commitText() {
		const text = this.control.value.trim();
		if (this.item.type === 'int') {
			const n = Number(text);
			if (text === '' || !Number.isInteger(n)) {
				this.fail('A whole number, please.');
				return;
			}
			this.commit(n);
		} else if (this.item.type === 'list') {
			this.commit(text === '' ? [] : text.split(/[\s,]+/));
		} else {
			this.commit(text);
		}
	}

	/** @param {any} value */
	async commit(value) {
		if (same(value, this.value)) {
			this.clear();
			return;
		}
		this.clear();
		this.note.textContent = 'Saving…';
		try {
			await this.save(this.item.name, value);
			this.note.textContent = '';
			this.note.append(icon('check'), 'Saved');
			clearTimeout(this.noteTimer);
			this.noteTimer = setTimeout(() => {
				this.note.textContent = '';
			}, 2500);
		} catch (error) {
			this.note.textContent = '';
			const own = error.errors?.find((e) => e.field === this.item.name) ?? error.errors?.[0];
			this.fail(plain(own?.message ?? error.message));
		}
	}

	/** @param {string} message */
	fail(message) {
		this.error.textContent = message;
		this.error.hidden = false;
		this.control.setAttribute('aria-invalid', 'true');
		this.control.setAttribute('aria-describedby', this.error.id);
		if (this.item.type === 'bool' || this.item.type === 'enum') {
			this.setValue(this.value, true);
		}
	}

	clear() {
		this.error.hidden = true;
		this.control.removeAttribute('aria-invalid');
		this.control.removeAttribute('aria-describedby');
	}

	/**
	 * Shows what the daemon has; a field that somebody edits stays.
	 * @param {object} config
	 */
	show(config) {
		const follows = FOLLOWS[this.item.name];
		this.fallback = follows ? valueAt(config, { name: follows }) : this.item.default;
		this.resetText = follows ? `Same as ${labelOf(follows).toLowerCase()}` : `Reset to ${wordOf(shown(this.fallback))}`;
		this.setValue(valueAt(config, this.item));
	}

	/** @param {any} value @param {boolean} [force] also over what somebody is typing */
	setValue(value, force = false) {
		const changed = !same(this.value, value);
		this.value = value;
		const { control, item } = this;
		if (!item.live) {
			control.textContent = '';
			control.append(untrusted(shown(value)));
		} else if (item.type === 'bool') {
			control.checked = Boolean(value);
		} else if (force || changed || document.activeElement !== control) {
			control.value = Array.isArray(value) ? value.join(', ') : String(value ?? '');
		}
		this.reset.hidden = !item.live || this.fallback === undefined || same(value, this.fallback);
		this.reset.textContent = this.resetText;
	}
}

/** @param {string} s */
function capital(s) {
	return s === '' ? s : s[0].toUpperCase() + s.slice(1);
}

function wordOf(value) {
	return plain(value);
}
