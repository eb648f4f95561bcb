// SPDX-License-Identifier: GPL-2.0-or-later
// What this browser remembers by itself: theme, notifications; and the session.

import * as api from './api.js';
import { button, h, uid } from './dom.js';
import { currentTheme, setTheme, watchTheme } from './theme.js';

/** @param {string} label @param {Node} hint @param {Node} control */
function row(label, hint, control) {
	return h('div', { class: 'setting' }, h('div', { class: 'setting-text' }, h('span', { class: 'setting-label' }, label), hint), h('div', { class: 'setting-control' }, control));
}

export function themeRow() {
	const group = uid('theme');
	const inputs = [['auto', 'System'], ['light', 'Light'], ['dark', 'Dark']].map(([value, label]) => {
		const input = h('input', { type: 'radio', name: group, value, checked: currentTheme() === value, on: { change: () => setTheme(value) } });
		return { value, input, el: h('label', { class: 'seg' }, input, label) };
	});
	watchTheme((theme) => {
		inputs.forEach(({ value, input }) => {
			input.checked = value === theme;
		});
	});
	return row('Theme', h('p', { class: 'hint' }, 'Light, dark, or as the system says.'),
		h('fieldset', { class: 'segments' }, h('legend', { class: 'sr-only' }, 'Theme'), inputs.map((i) => i.el)));
}

/** @param {{notifier: object, toaster: object}} context */
export function notificationRow({ notifier, toaster }) {
	const text = h('p', { class: 'hint' });
	const toggle = button('', async () => {
		if (notifier.enabled()) {
			notifier.disable();
		} else if (!await notifier.enable()) {
			toaster.show('The browser did not allow notifications.', { kind: 'warning' });
		}
		show();
	});

	function explain(on) {
		if (!notifier.available()) {
			return 'This browser offers none here.';
		}
		if (notifier.blocked()) {
			return 'Blocked in the browser’s settings for this page.';
		}
		return on ? 'Shown when a connection waits and this tab is not in front.' : 'Tell me when a connection waits and this tab is not in front.';
	}

	function show() {
		const on = notifier.enabled();
		toggle.textContent = on ? 'Turn off' : 'Turn on';
		toggle.disabled = !notifier.available() || notifier.blocked();
		text.textContent = explain(on);
	}
	show();
	return row('Desktop notifications', text, toggle);
}

/** @param {{toaster: object, sync: object}} context @param {HTMLElement} account says who is logged in */
export function sessionRow({ toaster, sync }, account) {
	const logout = button('Log out', async () => {
		try {
			await api.session.close();
		} catch (error) {
			if (error.status !== 401) {
				toaster.failure(error, 'Logging out failed');
				return;
			}
		}
		sync.stop();
		location.replace('/login');
	}, { icon: 'logout' });
	return row('Session', account, logout);
}
