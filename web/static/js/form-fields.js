// SPDX-License-Identifier: GPL-2.0-or-later
// Fields of a form, and the place for what is wrong with them.

import { h, uid } from './dom.js';

/** @param {Element} target the field or an input @param {string} message */
export function markInvalid(target, message) {
	const input = target.matches('input, select, textarea') ? target : (target.querySelector('input, select, textarea') ?? target);
	const id = uid('error');
	input.setAttribute('aria-invalid', 'true');
	input.setAttribute('aria-describedby', id);
	const holder = input.closest('[data-errors]') ?? input.closest('.field') ?? target;
	holder.append(h('p', { class: 'field-error', id }, message));
}

/** A labelled field; `path` is how errors name it. */
export function field(label, path, input, id, hint = '') {
	return h('div', { class: 'field', data: { field: path } }, h('label', { for: id }, label), input, hint ? h('p', { class: 'hint' }, hint) : null);
}

/** A checkbox with its explanation. */
export function option(input, label, hint) {
	return h('label', { class: 'check' }, input, h('span', {}, label, hint ? h('span', { class: 'hint' }, hint) : null));
}
