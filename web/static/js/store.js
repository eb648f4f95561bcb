// SPDX-License-Identifier: GPL-2.0-or-later
// The one store of state. Views read `state`, subscribe to the keys that they show, and never write.

/**
 * @typedef {object} State
 * @property {'connecting'|'up'|'lost'} link to the daemon
 * @property {object|null} session
 * @property {object|null} status of GET /status
 * @property {object|null} config of GET /config
 * @property {object[]|null} schema of GET /config/schema
 * @property {Map<number, object>} prompts open ones, oldest first
 * @property {Map<string, object>|null} rules null until loaded
 * @property {object[]} problems of rule files
 * @property {object[]} alerts newest first
 */

const MAX_ALERTS = 50;

export class Store {
	constructor() {
		/** @type {State} */
		this.state = {
			link: 'connecting', session: null, status: null, config: null, schema: null,
			prompts: new Map(), rules: null, problems: [], alerts: [],
		};
		/** @type {Map<string, Set<() => void>>} */
		this.listeners = new Map();
		/** @type {Set<string>} */
		this.changed = new Set();
	}

	/**
	 * Calls `listener` after any of `keys` changed, once for all changes of one turn.
	 * @param {string|string[]} keys
	 * @param {() => void} listener
	 * @returns {() => void} ends it
	 */
	on(keys, listener) {
		const list = [keys].flat();
		for (const key of list) {
			if (!this.listeners.has(key)) {
				this.listeners.set(key, new Set());
			}
			this.listeners.get(key).add(listener);
		}
		return () => list.forEach((key) => this.listeners.get(key).delete(listener));
	}

	/** @param {Partial<State>} patch */
	set(patch) {
		for (const [key, value] of Object.entries(patch)) {
			if (this.state[key] !== value) {
				this.state[key] = value;
				this.touch(key);
			}
		}
	}

	/** Tells that what `key` holds changed inside. @param {string} key */
	touch(key) {
		if (this.changed.size === 0) {
			queueMicrotask(() => this.flush());
		}
		this.changed.add(key);
	}

	flush() {
		const todo = new Set();
		for (const key of this.changed) {
			this.listeners.get(key)?.forEach((listener) => todo.add(listener));
		}
		this.changed.clear();
		for (const listener of todo) {
			// A part of the page that fails takes no other with it.
			try {
				listener();
			} catch (error) {
				reportError(error);
			}
		}
	}

	/** @param {object} prompt opened or updated */
	putPrompt(prompt) {
		this.state.prompts.set(prompt.id, prompt);
		this.touch('prompts');
	}

	/** @param {number} id */
	dropPrompt(id) {
		if (this.state.prompts.delete(id)) {
			this.touch('prompts');
		}
	}

	/** @param {object[]} list all that are open */
	setPrompts(list) {
		this.state.prompts = new Map(list.map((p) => [p.id, p]));
		this.touch('prompts');
	}

	/** @param {object} rule @param {string} [oldName] */
	putRule(rule, oldName) {
		if (!this.state.rules) {
			return;
		}
		if (oldName && oldName !== rule.name) {
			this.state.rules.delete(oldName);
		}
		this.state.rules.set(rule.name, rule);
		this.touch('rules');
	}

	/** @param {string} name */
	dropRule(name) {
		if (this.state.rules?.delete(name)) {
			this.touch('rules');
		}
	}

	/** @param {object} alert */
	addAlert(alert) {
		this.state.alerts = [alert, ...this.state.alerts].slice(0, MAX_ALERTS);
		this.touch('alerts');
	}
}
