// SPDX-License-Identifier: GPL-2.0-or-later
// "Undo" after a change of rules: for a minute, and for exactly the change that was made.

import * as api from './api.js';
import { plain } from './text.js';

const LIFE_MS = 60000;

/**
 * @param {import('./store.js').Store} store
 * @param {ReturnType<import('./toast.js').createToaster>} toaster
 */
export function createUndo(store, toaster) {
	/** The offer that stands, for there is room for one. @type {(() => void)|null} */
	let standing = null;

	/**
	 * Tells what was done and offers to take it back.
	 * @param {string} text
	 * @param {string[]} names of the rules that changed, the last change first
	 * @param {{kind?: string, action?: object|null}} [options] of the message
	 */
	function offer(text, names, options = {}) {
		standing?.();
		// Which change it was is asked now: later it may not be the newest.
		const changes = Promise.all(names.map(async (name) => ({ name, id: (await api.rules.history(name, { limit: 1 })).items[0]?.id })));
		changes.catch(() => {});
		standing = toaster.show(text, { life: LIFE_MS, ...options, undo: { label: 'Undo', run: () => undo(changes) } });
	}

	async function undo(changes) {
		standing = null;
		try {
			for (const { name, id } of await changes) {
				await revert(name, id);
			}
			toaster.show('Undone', { kind: 'ok' });
		} catch (error) {
			toaster.failure(error, 'It could not be undone');
		}
	}

	/** Puts a rule back to what it was before a change. @param {string} name @param {number} [id] */
	async function revert(name, id) {
		const rule = await api.rules.revert(name, id);
		if (rule) {
			store.putRule(rule);
		} else {
			store.dropRule(name);
		}
		return rule;
	}

	return { offer, revert, name: plain };
}
