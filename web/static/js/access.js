// SPDX-License-Identifier: GPL-2.0-or-later
// Who may come in: named tokens and open sessions, for administrators.

import * as api from './api.js';
import { ask } from './dialog.js';
import { button, fill, h, uid } from './dom.js';
import { ago, fullTime } from './format.js';
import { serverNow } from './clock.js';
import { plain, untrusted } from './text.js';
import { SCOPES_WORDS } from './words.js';

const ENDS = [['', 'Never ends'], ['1', 'Ends in a day'], ['30', 'Ends in 30 days'], ['365', 'Ends in a year']];

export class AccessPanel {
	/** @param {object} context of app.js */
	constructor(context) {
		this.toaster = context.toaster;
		this.tokens = h('ul', { class: 'access-list' });
		this.sessions = h('ul', { class: 'access-list' });
		this.secret = h('div', { class: 'secret', role: 'status', hidden: true });
		this.sessionCard = card('Sessions', 'Browsers that are logged in.', this.sessions);
		this.tokenCard = card('Tokens', 'For scripts and other machines: each with its own rights, revoked at once.', this.tokens, this.secret, this.form());
		this.el = h('div', { class: 'stack', hidden: true }, this.tokenCard, this.sessionCard);
	}

	form() {
		const name = uid('token');
		this.name = h('input', { class: 'input', id: name, placeholder: 'backup-script', maxlength: '64', autocomplete: 'off', spellcheck: 'false' });
		this.scopes = Object.entries(SCOPES_WORDS).map(([value, label]) => ({ value, input: h('input', { type: 'checkbox', checked: value === 'read' }), label }));
		this.ends = h('select', { class: 'select', 'aria-label': 'End' }, ENDS.map(([value, label]) => h('option', { value }, label)));
		this.error = h('p', { class: 'field-error', role: 'alert', hidden: true });
		return h('form', { class: 'token-form', on: { submit: (event) => {
			event.preventDefault();
			this.create();
		} } }, h('div', { class: 'field' }, h('label', { for: name }, 'New token'), this.name),
		h('fieldset', { class: 'token-scopes' }, h('legend', { class: 'sr-only' }, 'May'), this.scopes.map((s) => h('label', { class: 'check' }, s.input, h('span', {}, s.label)))),
		h('div', { class: 'token-foot' }, this.ends, h('button', { type: 'submit', class: 'btn btn-primary' }, 'Create')), this.error);
	}

	/** Who may not see this, or a daemon that has none, gets no panel. */
	async load() {
		const [tokens, sessions] = await Promise.allSettled([api.access.tokens(), api.access.sessions()]);
		this.tokenCard.hidden = tokens.status === 'rejected';
		this.sessionCard.hidden = sessions.status === 'rejected';
		this.el.hidden = this.tokenCard.hidden && this.sessionCard.hidden;
		if (tokens.value) {
			fill(this.tokens, tokens.value.length === 0 ? h('li', { class: 'hint access-none' }, 'No named token.') : tokens.value.map((t) => this.token(t)));
		}
		if (sessions.value) {
			fill(this.sessions, sessions.value.map((s) => this.session(s)));
		}
	}

	token(t) {
		return entry([untrusted(t.name, 'strong'), scopes(t.scopes)], [t.last_used ? `used ${ago(t.last_used, serverNow())}` : 'never used', t.expires ? `ends ${fullTime(t.expires)}` : 'never ends'],
			button('Revoke', () => this.revoke(t), { class: 'btn btn-small btn-danger-quiet', 'aria-label': `Revoke ${plain(t.name)}` }));
	}

	session(s) {
		return entry([h('b', {}, s.current ? 'This browser' : 'Browser'), scopes(s.scopes)], [s.login ? ['by ', untrusted(s.login)] : null, s.last_used ? `used ${ago(s.last_used, serverNow())}` : null, `until ${fullTime(s.expires)}`],
			s.current ? null : button('End', () => this.run(() => api.access.endSession(s.id), 'The session could not be ended'), { class: 'btn btn-small btn-danger-quiet', 'aria-label': 'End session' }));
	}

	async create() {
		this.error.hidden = true;
		const body = { name: this.name.value.trim(), scopes: this.scopes.filter((s) => s.input.checked).map((s) => s.value) };
		if (this.ends.value) {
			body.expires = new Date(serverNow() + Number(this.ends.value) * 86400e3).toISOString();
		}
		try {
			const made = await api.access.createToken(body);
			this.name.value = '';
			fill(this.secret, h('p', {}, 'Copy it now, it is not shown again:'), h('code', { class: 'mono secret-text', tabindex: '0' }, made.token ?? made.secret), copyButton(made.token ?? made.secret));
			this.secret.hidden = false;
			await this.load();
		} catch (error) {
			this.error.textContent = plain(error.errors?.[0]?.message ?? error.message);
			this.error.hidden = false;
		}
	}

	async revoke(t) {
		if (await ask({ title: 'Revoke this token?', text: `“${plain(t.name)}” stops working at once, also where it is used right now.`, yes: 'Revoke', danger: true })) {
			await this.run(() => api.access.revoke(t.name), 'The token could not be revoked');
		}
	}

	async run(what, failure) {
		try {
			await what();
		} catch (error) {
			this.toaster.failure(error, failure);
		}
		await this.load();
	}
}

/** @param {string} text @returns {HTMLElement|null} null where the browser has no clipboard for this page */
function copyButton(text) {
	if (!navigator.clipboard) {
		return null;
	}
	const copy = button('Copy', async () => {
		try {
			await navigator.clipboard.writeText(text);
			copy.textContent = 'Copied';
		} catch {
			copy.textContent = 'Not allowed: select and copy it';
		}
	}, { class: 'btn btn-small secret-copy' });
	return copy;
}

function scopes(list) {
	return h('span', { class: 'note' }, (list ?? []).map((s) => SCOPES_WORDS[s] ?? plain(s)).join(', '));
}

function entry(title, facts, control) {
	return h('li', { class: 'access-item' }, h('div', { class: 'access-text' }, h('div', {}, title), h('p', { class: 'hint' }, facts.filter(Boolean).map((f, i) => [i > 0 ? ' · ' : '', f]))), control);
}

function card(title, text, ...rest) {
	const id = uid('card');
	return h('section', { class: 'card', 'aria-labelledby': id }, h('div', { class: 'card-head' }, h('h2', { id }, title), h('p', { class: 'muted' }, text)), rest);
}
