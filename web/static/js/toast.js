// SPDX-License-Identifier: GPL-2.0-or-later
// Short messages at the edge of the page. They wait while the pointer or the focus is on them.

import { h, icon, iconButton } from './dom.js';
import { plain } from './text.js';

const LIFE_MS = 6000;
const MAX_TOASTS = 4;
const ICONS = { allow: 'check', deny: 'slash', reject: 'bounce', info: 'info', warning: 'warning', error: 'warning', ok: 'check' };

/** @param {HTMLElement} root */
export function createToaster(root) {
	const list = h('div', { class: 'toasts', role: 'log', 'aria-live': 'polite', 'aria-label': 'Messages' });
	root.append(list);

	/**
	 * @param {string} text
	 * @param {{kind?: string, life?: number, action?: {label: string, href?: string, run?: () => void}|null, undo?: {label: string, run: () => void}|null}} [options]
	 */
	function show(text, { kind = 'info', life = LIFE_MS, action = null, undo = null } = {}) {
		const close = () => {
			clearTimeout(timer);
			el.remove();
		};
		const el = h('div', { class: `toast toast-${kind}` }, icon(ICONS[kind] ?? 'info'), h('span', { class: 'toast-text' }, text),
			action ? actionOf(action, close) : null, undo ? actionOf(undo, close) : null, iconButton('close', 'Dismiss', close, { class: 'btn btn-icon btn-small' }));
		let timer = setTimeout(close, life);
		const hold = () => clearTimeout(timer);
		const resume = () => {
			clearTimeout(timer);
			timer = setTimeout(close, life / 2);
		};
		el.addEventListener('pointerenter', hold);
		el.addEventListener('pointerleave', resume);
		el.addEventListener('focusin', hold);
		el.addEventListener('focusout', resume);
		list.append(el);
		while (list.children.length > MAX_TOASTS) {
			list.firstElementChild.remove();
		}
		return close;
	}

	function actionOf(action, close) {
		if (action.href) {
			return h('a', { class: 'toast-action', href: action.href, data: { nav: '' }, on: { click: close } }, action.label);
		}
		return h('button', { type: 'button', class: 'toast-action', on: { click: () => {
			close();
			action.run();
		} } }, action.label);
	}

	/** An error from the daemon. @param {Error} error @param {string} what could not be done */
	function failure(error, what) {
		show(`${what}: ${plain(error.errors?.[0]?.message ?? error.message)}`, { kind: 'error', life: 10000 });
	}

	/** @param {{severity: string, message: string}} alert of the event stream */
	function alert(alert) {
		show(plain(alert.message), { kind: alert.severity === 'info' ? 'info' : alert.severity === 'error' ? 'error' : 'warning', life: 12000 });
	}

	return { show, failure, alert };
}
