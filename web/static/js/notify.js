// SPDX-License-Identifier: GPL-2.0-or-later
// The number of waiting connections in the tab's title, and notifications of the desktop for those who want them.

import { destinationText, programName } from './pieces.js';
import { plain } from './text.js';

const KEY = 'notifications';

/** @param {import('./store.js').Store} store */
export function createNotifier(store) {
	/** @type {Set<number>} */
	let known = new Set();
	/** @type {() => void} */
	let clicked = () => {};
	let title = 'OpenSnitch';
	/** @type {Map<number, Notification>} */
	const shown = new Map();

	function wanted() {
		try {
			return localStorage.getItem(KEY) === 'on';
		} catch {
			return false;
		}
	}

	/** Browsers of phones have the name, but take notifications from service workers only: it shows at the first try. */
	let refused = false;
	const available = () => 'Notification' in window && isSecureContext && !refused;
	const enabled = () => available() && wanted() && Notification.permission === 'granted';

	function updateTitle() {
		const n = store.state.prompts.size;
		document.title = n > 0 ? `(${n}) ${title}` : title;
	}

	/** @param {object} prompt */
	function notify(prompt) {
		const c = prompt.connection;
		let note;
		try {
			note = new Notification(`${plain(programName(c))} wants to connect`, {
				body: `to ${destinationText(c)}`, tag: `opensnitch-${prompt.id}`, icon: '/static/img/icon.svg',
			});
		} catch {
			refused = true;
			return;
		}
		note.onclick = () => {
			window.focus();
			clicked();
			note.close();
		};
		shown.set(prompt.id, note);
	}

	store.on('prompts', () => {
		updateTitle();
		for (const [id, note] of shown) {
			if (!store.state.prompts.has(id)) {
				note.close();
				shown.delete(id);
			}
		}
		if (enabled() && document.hidden) {
			[...store.state.prompts.values()].filter((p) => !known.has(p.id)).forEach(notify);
		}
		known = new Set(store.state.prompts.keys());
	});

	return {
		available, enabled,
		blocked: () => available() && Notification.permission === 'denied',
		/** @returns {Promise<boolean>} whether they are on now */
		async enable() {
			const permission = await Notification.requestPermission();
			localStorage.setItem(KEY, permission === 'granted' ? 'on' : 'off');
			return permission === 'granted';
		},
		disable: () => localStorage.setItem(KEY, 'off'),
		onClick: (run) => {
			clicked = run;
		},
		/** @param {string} page */
		setPageTitle(page) {
			title = `${page} – OpenSnitch`;
			updateTitle();
		},
	};
}
