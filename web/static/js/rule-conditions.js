// SPDX-License-Identifier: GPL-2.0-or-later
// The conditions of a rule in the editor: add, change, remove. All of them must hold.

import { button, fill, h, iconButton } from './dom.js';
import { ENV_PREFIX, OPERANDS, TYPE_NAMES, conditionField, emptyCondition, operandInfo } from './rule-model.js';

export class ConditionList {
	/** @param {import('./rule-model.js').Condition[]} conditions */
	constructor(conditions) {
		this.items = [];
		this.list = h('div', { class: 'conditions' });
		this.el = h('fieldset', { class: 'field', data: { field: 'operator' } }, h('legend', {}, 'When all of this holds'), this.list,
			button('Add condition', () => this.add(emptyCondition(), true), { class: 'btn btn-small', icon: 'plus' }));
		(conditions.length > 0 ? conditions : [emptyCondition()]).forEach((c) => this.add(c, false));
	}

	/** @param {import('./rule-model.js').Condition} condition @param {boolean} byUser */
	add(condition, byUser) {
		const item = new ConditionRow(condition, () => this.remove(item));
		this.items.push(item);
		this.list.append(item.el);
		this.renumber();
		if (byUser) {
			item.operand.focus();
			this.el.dispatchEvent(new Event('input', { bubbles: true }));
		}
	}

	remove(item) {
		this.items = this.items.filter((i) => i !== item);
		item.el.remove();
		this.renumber();
		this.el.dispatchEvent(new Event('input', { bubbles: true }));
		this.items.at(-1)?.operand.focus();
	}

	renumber() {
		this.items.forEach((item, i) => item.setNumber(i + 1, this.items.length));
	}

	/** @returns {import('./rule-model.js').Condition[]} */
	read() {
		return this.items.map((item) => item.read());
	}

	/** The input that an error path as `operator.list[1].data` names; null if it is none of ours. @param {string} path */
	fieldFor(path) {
		for (const [i, item] of this.items.entries()) {
			const own = conditionField(i, this.items.length);
			if (path === own || path.startsWith(`${own}.`)) {
				return item.inputFor(path.slice(own.length + 1));
			}
		}
		return null;
	}
}

class ConditionRow {
	/** @param {import('./rule-model.js').Condition} condition @param {() => void} remove */
	constructor(condition, remove) {
		this.condition = condition;
		const info = operandInfo(condition.operand) ?? OPERANDS[0];
		this.operand = h('select', { class: 'select', 'aria-label': 'What', on: { change: () => this.operandChanged() } },
			OPERANDS.map((o) => h('option', { value: o.operand, selected: o === info }, o.label)));
		this.env = h('input', { class: 'input mono', 'aria-label': 'Name of the variable', placeholder: 'NAME', spellcheck: 'false',
			value: condition.operand.startsWith(ENV_PREFIX) ? condition.operand.slice(ENV_PREFIX.length) : '' });
		this.type = h('select', { class: 'select', 'aria-label': 'Comparison', on: { change: () => this.show() } });
		this.data = h('input', { class: 'input mono', 'aria-label': 'Value', spellcheck: 'false', autocomplete: 'off', autocapitalize: 'off', value: condition.data });
		this.sensitive = h('input', { type: 'checkbox', 'aria-label': 'Case sensitive', checked: condition.sensitive });
		this.case = h('label', { class: 'case', title: 'Case sensitive' }, this.sensitive, h('span', { 'aria-hidden': 'true' }, 'Aa'));
		this.removeButton = iconButton('close', 'Remove condition', remove, { class: 'btn btn-icon btn-quiet' });
		this.el = h('div', { class: 'condition', role: 'group', data: { errors: '' } },
			h('div', { class: 'condition-row' }, this.operand, this.env, this.type, this.removeButton), h('div', { class: 'condition-value' }, this.data, this.case));
		this.setTypes(info, condition.type);
	}

	get info() {
		return OPERANDS.find((o) => o.operand === this.operand.value);
	}

	/** A type of a file that does not fit stays in the menu: the daemon judges, not we. */
	setTypes(info, wanted) {
		const types = wanted && !info.types.includes(wanted) ? [...info.types, wanted] : info.types;
		fill(this.type, types.map((t) => h('option', { value: t, selected: t === wanted }, TYPE_NAMES[t] ?? t)));
		this.show();
	}

	operandChanged() {
		const keep = this.info.types.includes(this.type.value) ? this.type.value : this.info.types[0];
		this.setTypes(this.info, keep);
	}

	show() {
		const everything = this.operand.value === 'true';
		this.env.hidden = this.operand.value !== ENV_PREFIX;
		this.type.hidden = everything;
		this.data.hidden = everything;
		this.case.hidden = everything || !['simple', 'regexp'].includes(this.type.value);
		this.data.placeholder = this.type.value === 'regexp' ? '^pattern$' : this.type.value === 'range' ? '1000-2000' : this.info.example;
	}

	/** @param {number} number @param {number} of */
	setNumber(number, of) {
		this.el.setAttribute('aria-label', `Condition ${number} of ${of}`);
		this.removeButton.hidden = of === 1;
	}

	/** @returns {import('./rule-model.js').Condition} */
	read() {
		const everything = this.operand.value === 'true';
		return { original: this.condition.original, type: everything ? 'simple' : this.type.value,
			operand: this.operand.value === ENV_PREFIX ? ENV_PREFIX + this.env.value.trim() : this.operand.value,
			data: everything ? '' : this.data.value, sensitive: this.sensitive.checked };
	}

	/** @param {string} part "data", "type", ... or '' */
	inputFor(part) {
		const inputs = { type: this.type, operand: this.operand.value === ENV_PREFIX ? this.env : this.operand, data: this.data, sensitive: this.sensitive };
		const input = inputs[part] ?? this.data;
		return input.hidden ? this.operand : input;
	}
}
