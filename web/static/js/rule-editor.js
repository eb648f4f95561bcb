// SPDX-License-Identifier: GPL-2.0-or-later
// The editor of one rule: a form, or its JSON. Errors of the daemon appear at the field that they name.

import * as api from './api.js';
import { button, fill, h, icon, iconButton, uid } from './dom.js';
import { ask } from './dialog.js';
import { setDrawer } from './drawer.js';
import { field, markInvalid, option } from './form-fields.js';
import { ConditionList } from './rule-conditions.js';
import { historyBlock } from './rule-history.js';
import { conditionsOf, operatorOf } from './rule-model.js';
import { hasHidden, plain, visibleJson } from './text.js';
import { WhatIf } from './what-if.js';
import { ACTIONS, ACTION_HINT, ACTION_ICON, ACTION_NAME, DURATIONS, durationName } from './words.js';

/** What the daemon tells about a rule and does not take back. */
const READ_ONLY = ['hits', 'last_hit', 'expires', 'file', 'source'];

export class RuleEditor {
	/**
	 * @param {object} context of app.js
	 * @param {{saved: (rule: object, oldName?: string) => void, closed: () => void, remove: (rule: object) => void}} handlers
	 */
	constructor(context, handlers) {
		this.toaster = context.toaster;
		this.undo = context.undo;
		this.whatIf = new WhatIf(() => this.candidate());
		this.handlers = handlers;
		/** The rule as it was when the editor opened. @type {object|null} */
		this.rule = null;
		this.oldName = null;
		this.etag = null;
		this.dirty = false;
		this.raw = false;
		this.el = h('aside', { class: 'drawer', 'aria-label': 'Rule editor', hidden: true, tabindex: '-1' });
		this.el.addEventListener('input', () => {
			this.dirty = true;
			this.whatIf.soon();
		});
		this.el.addEventListener('keydown', (event) => {
			if (event.key === 'Escape') {
				this.cancel();
			} else if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
				this.save();
			}
		});
		this.beforeUnload = (event) => {
			if (this.dirty && !this.el.hidden) {
				event.preventDefault();
			}
		};
		addEventListener('beforeunload', this.beforeUnload);
	}

	/** @param {object} rule a draft */
	async create(rule) {
		if (await this.mayLeave()) {
			this.from = document.activeElement;
			this.open(rule, null, null);
		}
	}

	/** @param {string} name */
	async edit(name) {
		if (!await this.mayLeave()) {
			return;
		}
		this.from = document.activeElement;
		try {
			const { data, etag } = await api.rules.get(name);
			this.open(data, name, etag);
		} catch (error) {
			this.toaster.failure(error, `“${plain(name)}” cannot be opened`);
			this.handlers.closed();
		}
	}

	open(rule, oldName, etag) {
		Object.assign(this, { rule, oldName, etag, dirty: false });
		this.raw = !fitsForm(rule);
		setDrawer(this.el, true);
		this.render(rule);
		(this.raw ? this.json : oldName === null ? this.name : this.el).focus({ preventScroll: true });
	}

	/** @param {object} rule what the fields start with */
	render(rule) {
		const title = uid('editor');
		this.error = h('p', { class: 'form-error', role: 'alert', hidden: true });
		this.toggle = button(this.raw ? 'Form' : 'JSON', () => this.switchView(), { class: 'btn btn-small', icon: this.raw ? 'form' : 'code' });
		const form = h('form', { class: 'drawer-form', novalidate: true, 'aria-labelledby': title, on: { submit: (event) => {
			event.preventDefault();
			this.save();
		} } },
		h('div', { class: 'drawer-head' }, h('div', { class: 'drawer-title' }, h('h2', { id: title }, this.oldName === null ? 'New rule' : 'Edit rule')),
			this.toggle, iconButton('close', 'Close editor', () => this.cancel())),
		h('div', { class: 'drawer-body' }, this.error, this.raw ? this.rawView(rule) : this.formView(rule),
			this.oldName === null ? null : historyBlock(this.oldName, (change) => this.revert(change))),
		h('div', { class: 'drawer-foot' }, h('button', { type: 'submit', class: 'btn btn-primary' }, this.oldName === null ? 'Create rule' : 'Save'),
			button('Cancel', () => this.cancel()), h('span', { class: 'grow' }),
			this.oldName === null ? null : button('Delete', () => this.handlers.remove(this.rule), { class: 'btn btn-danger-quiet', icon: 'trash' })));
		fill(this.el, form);
		this.whatIf.soon(0);
	}

	/** The rule in the fields, for trying. A rule without a name yet is tried as the last one. */
	candidate() {
		const rule = this.raw ? parsed(this.json.value) : this.read();
		if (!rule) {
			return null;
		}
		const named = { ...rule, name: rule.name || 'new-rule' };
		return this.oldName === null ? { rule: named } : { rule: named, replaces: this.oldName };
	}

	/** @param {object} change of the rule's history */
	async revert(change) {
		if (!await this.mayLeave()) {
			return;
		}
		const name = this.oldName;
		this.close();
		try {
			await this.undo.revert(name, change.id);
			this.undo.offer(`Put “${plain(name)}” back`, [name], { kind: 'ok' });
		} catch (error) {
			this.toaster.failure(error, `“${plain(name)}” could not be put back`);
		}
	}

	rawView(rule) {
		const id = uid('json');
		const shown = { ...rule };
		READ_ONLY.forEach((key) => delete shown[key]);
		this.json = h('textarea', { class: 'input mono json', id, spellcheck: 'false', rows: '24', value: visibleJson(shown) });
		return [field('Rule as JSON', '', this.json, id), this.whatIf.el];
	}

	formView(rule) {
		this.name = h('input', { class: 'input', id: uid('name'), value: rule.name ?? '', maxlength: '200', spellcheck: 'false', autocomplete: 'off', placeholder: 'allow-curl' });
		this.description = h('input', { class: 'input', id: uid('description'), value: rule.description ?? '', autocomplete: 'off', placeholder: 'Optional' });
		this.duration = h('select', { class: 'select', id: uid('duration') }, this.durations(rule).map((d) => h('option', { value: d, selected: d === rule.duration }, durationName(d))));
		const group = uid('action');
		this.action = ACTIONS.map((a) => h('input', { type: 'radio', name: group, value: a, checked: a === rule.action }));
		this.enabled = h('input', { type: 'checkbox', checked: rule.enabled !== false });
		this.precedence = h('input', { type: 'checkbox', checked: Boolean(rule.precedence) });
		this.nolog = h('input', { type: 'checkbox', checked: Boolean(rule.nolog) });
		this.conditions = new ConditionList(conditionsOf(rule.operator) ?? []);
		return [
			field('Name', 'name', this.name, this.name.id, 'Rules apply in the order of their names.'),
			h('fieldset', { class: 'field', data: { field: 'action' } }, h('legend', {}, 'Action'),
				h('div', { class: 'action-picks' }, ACTIONS.map((a, i) => h('label', { class: `pick pick-${a}`, title: ACTION_HINT[a] }, this.action[i], icon(ACTION_ICON[a]), ACTION_NAME[a])))),
			this.conditions.el,
			this.whatIf.el,
			field('Lasts', 'duration', this.duration, this.duration.id),
			field('Description', 'description', this.description, this.description.id),
			h('div', { class: 'field options' },
				option(this.enabled, 'Enabled', ''),
				option(this.precedence, 'Precedence', 'Decides at once when it matches, whatever later rules say.'),
				option(this.nolog, 'Do not record', 'Its connections do not appear in the history.')),
		];
	}

	/** A duration from a file may be one that the menu does not have. */
	durations(rule) {
		const list = DURATIONS.filter((d) => d !== 'once');
		return list.includes(rule.duration) || !rule.duration ? list : [rule.duration, ...list];
	}

	/** What is in the fields now. @returns {object|null} null when the JSON is broken, which is then told */
	read() {
		if (!this.raw) {
			return { ...this.rule, name: this.name.value.trim(), description: this.description.value, duration: this.duration.value,
				action: this.action.find((r) => r.checked)?.value ?? 'deny', enabled: this.enabled.checked, precedence: this.precedence.checked,
				nolog: this.nolog.checked, operator: operatorOf(this.conditions.read()) };
		}
		try {
			const rule = JSON.parse(this.json.value);
			if (rule === null || typeof rule !== 'object' || Array.isArray(rule)) {
				throw new Error('a rule is an object: { … }');
			}
			return rule;
		} catch (error) {
			this.showError(`This is not valid JSON: ${plain(error.message)}`);
			this.json.focus();
			return null;
		}
	}

	switchView() {
		const rule = this.read();
		if (rule === null) {
			return;
		}
		if (this.raw && !fitsForm(rule)) {
			this.showError('The form cannot show this rule: it has lists inside lists, unknown words or invisible characters. Edit it here.');
			return;
		}
		this.raw = !this.raw;
		this.rule = { ...this.rule, ...rule };
		this.render(rule);
		this.toggle.focus();
	}

	async save() {
		const rule = this.read();
		if (rule === null || this.saving) {
			return;
		}
		this.clearErrors();
		this.saving = true;
		this.el.classList.add('is-busy');
		try {
			await this.send(rule);
		} catch (error) {
			await this.failed(error, rule);
		} finally {
			this.saving = false;
			this.el.classList.remove('is-busy');
		}
	}

	async send(rule) {
		const oldName = this.oldName;
		let result;
		if (oldName === null) {
			result = await api.rules.create(rule);
		} else if (rule.name === oldName) {
			result = await api.rules.replace(oldName, rule, this.etag);
		} else {
			// A new name is a new rule; the old one goes only once the new one stands.
			result = await api.rules.create(rule);
			await api.rules.remove(oldName);
		}
		this.dirty = false;
		this.handlers.saved(result.data, oldName ?? undefined);
		this.close();
	}

	async failed(error, rule) {
		if (error.status === 412) {
			await this.changedElsewhere(rule);
		} else if (error.status === 404 && this.oldName !== null) {
			this.showError('This rule was deleted meanwhile. Saving again creates it anew.');
			this.oldName = null;
		} else if (error.status === 409) {
			this.showError('');
			this.place([{ field: 'name', message: 'Another rule has this name.' }]);
		} else if (error.errors?.length > 0) {
			this.place(error.errors);
		} else {
			this.showError(plain(error.message));
		}
	}

	async changedElsewhere(rule) {
		const overwrite = await ask({ title: 'This rule was changed meanwhile', text: 'Somebody saved it after you opened it. Keep your version, or look at the other one first?',
			yes: 'Overwrite with mine', no: 'Show the other' });
		try {
			const { data, etag } = await api.rules.get(this.oldName);
			if (overwrite) {
				this.etag = etag;
				await this.send(rule);
			} else {
				this.open(data, this.oldName, etag);
			}
		} catch (error) {
			this.showError(plain(error.message));
		}
	}

	/** Puts each message at the field that it names; what has no place goes on top. @param {{field: string, message: string}[]} errors */
	place(errors) {
		const loose = [];
		for (const { field: path, message } of errors) {
			const target = this.raw ? null : (this.conditions.fieldFor(path) ?? this.el.querySelector(`[data-field="${CSS.escape(path)}"]`));
			if (target) {
				markInvalid(target, plain(message));
			} else {
				loose.push(path ? `${plain(path)}: ${plain(message)}` : plain(message));
			}
		}
		this.showError(loose.join('\n'));
		this.el.querySelector('[aria-invalid="true"]')?.focus();
	}

	showError(text) {
		this.error.textContent = text;
		this.error.hidden = text === '';
		if (text) {
			this.error.scrollIntoView({ block: 'nearest' });
		}
	}

	clearErrors() {
		this.showError('');
		this.el.querySelectorAll('.field-error').forEach((el) => el.remove());
		this.el.querySelectorAll('[aria-invalid]').forEach((el) => el.removeAttribute('aria-invalid'));
	}

	/** @returns {Promise<boolean>} false when there are changes that somebody wants to keep */
	async mayLeave() {
		return this.el.hidden || !this.dirty
			|| ask({ title: 'Discard your changes?', text: 'The rule in the editor was changed and is not saved.', yes: 'Discard', no: 'Keep editing', danger: true });
	}

	async cancel() {
		if (await this.mayLeave()) {
			this.close();
		}
	}

	close() {
		this.dirty = false;
		this.whatIf.stop();
		setDrawer(this.el, false);
		this.el.textContent = '';
		this.handlers.closed();
		if (this.from?.isConnected) {
			this.from.focus({ preventScroll: true });
		}
	}

	dispose() {
		removeEventListener('beforeunload', this.beforeUnload);
		this.whatIf.stop();
		setDrawer(this.el, false);
	}
}

/** @param {string} text @returns {object|null} */
function parsed(text) {
	try {
		const rule = JSON.parse(text);
		return rule !== null && typeof rule === 'object' && !Array.isArray(rule) ? rule : null;
	} catch {
		return null;
	}
}

/** Whether the fields can hold all of a rule, unchanged. @param {object} rule */
function fitsForm(rule) {
	const conditions = conditionsOf(rule.operator);
	return conditions !== null && ![rule.name, rule.description, ...conditions.flatMap((c) => [c.operand, c.data])].some(hasHidden);
}
