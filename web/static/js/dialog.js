// SPDX-License-Identifier: GPL-2.0-or-later
// Modal questions, with the browser's own <dialog>: focus stays inside, Esc means no.

import { h, button, uid } from './dom.js';

/**
 * @param {{title: string, text: string, yes: string, no?: string, danger?: boolean}} options
 * @returns {Promise<boolean>}
 */
export function ask({ title, text, yes, no = 'Cancel', danger = false }) {
	return new Promise((resolve) => {
		const id = uid('dialog');
		const done = (answer) => {
			dialog.close();
			dialog.remove();
			resolve(answer);
		};
		const dialog = h('dialog', { class: 'dialog', 'aria-labelledby': id, on: { cancel: () => done(false) } },
			h('h2', { id }, title), h('p', {}, text),
			h('div', { class: 'dialog-buttons' }, button(no, () => done(false)),
				button(yes, () => done(true), { class: danger ? 'btn btn-danger' : 'btn btn-primary' })));
		document.body.append(dialog);
		dialog.showModal();
	});
}
