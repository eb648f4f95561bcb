// SPDX-License-Identifier: GPL-2.0-or-later
// Keeps the store equal to the daemon: fetches at the start and after every break, follows events in between.

import * as api from './api.js';
import { createEventStream } from './events.js';
import { takeStreamSlot } from './stream-slot.js';

const POLL_MS = 5000;
const POLL_TIMEOUT_MS = 4000;
/** Between two looks of a tab that has no stream of its own. */
const LOOK_MS = 2000;

/**
 * @param {import('./store.js').Store} store
 * @param {import('./connections.js').ConnectionLog} log
 * @param {{alert: (alert: object) => void, promptClosed: (closed: object, prompt: object|null) => void, ruleDeleted: (rule: object) => void}} hooks
 */
export function createSync(store, log, hooks) {
	let failures = 0;
	let round = 0;
	/** Whether this tab has an event stream of its own. */
	let hasSlot = true;

	const stream = createEventStream({
		event: (type, value) => handlers[type]?.(value),
		open: (fresh) => reload(fresh),
		lost: () => {
			store.set({ link: 'lost' });
			poll();
		},
	});

	/** Who follows flows. @type {Set<(type: string, flow: object) => void>} */
	const flowListeners = new Set();
	const tellFlow = (type) => (flow) => flowListeners.forEach((listener) => listener(type, flow));

	const handlers = {
		'prompt.opened': putPrompt,
		'prompt.updated': putPrompt,
		'prompt.closed': (closed) => {
			const prompt = store.state.prompts.get(closed.id) ?? null;
			store.dropPrompt(closed.id);
			meanwhile.set(closed.id, null);
			hooks.promptClosed(closed, prompt);
		},
		connection: (c) => log.push(c),
		'flow.updated': tellFlow('flow.updated'),
		'flow.closed': tellFlow('flow.closed'),
		'rule.created': (r) => store.putRule(r),
		'rule.updated': (r) => store.putRule(r),
		'rule.deleted': (r) => {
			store.dropRule(r.name);
			hooks.ruleDeleted(r);
		},
		alert: (a) => {
			store.addAlert(a);
			hooks.alert(a);
			poll();
		},
		'config.changed': (c) => store.set({ config: c }),
		reset: () => reload(true),
	};

	/**
	 * What events said while the list of prompts was on its way, by id (null: ended). Each is newer than the list.
	 * @type {Map<number, object|null>}
	 */
	const meanwhile = new Map();

	/** @param {object} prompt */
	function putPrompt(prompt) {
		meanwhile.set(prompt.id, prompt);
		store.putPrompt(prompt);
	}

	/** @param {object[]} list as fetched */
	function setPrompts(list) {
		const all = new Map(list.map((p) => [p.id, p]));
		for (const [id, prompt] of meanwhile) {
			if (prompt) {
				all.set(id, prompt);
			} else {
				all.delete(id);
			}
		}
		store.setPrompts([...all.values()]);
	}

	/** @param {boolean} [gap] whether connections may have been missed since the last one known */
	async function reload(gap = false) {
		round += 1;
		const mine = round;
		meanwhile.clear();
		try {
			const [prompts, status, config, page] = await Promise.all([
				api.prompts.list(), api.getStatus(), api.config.get(), recent(),
				store.state.rules ? loadRules() : null,
			]);
			if (mine !== round) {
				return;
			}
			setPrompts(prompts);
			store.set({ status, config, link: !hasSlot || stream.isOpen() ? 'up' : 'lost' });
			mergeHistory(page, gap);
			failures = 0;
		} catch {
			// The next poll sees whether the daemon is there, and begins again.
			if (mine === round) {
				store.set({ link: 'lost' });
			}
		}
	}

	/** A history that cannot be read (a full disk, say) is no reason to show nothing at all. */
	async function recent() {
		try {
			return await api.connections.page({ limit: 200 });
		} catch (error) {
			if (error.status === 0 || error.status === 401) {
				throw error;
			}
			return { items: [], next: null };
		}
	}

	/** @param {{items: object[], next: string|null}} page @param {boolean} gap */
	function mergeHistory(page, gap) {
		if (gap && log.loaded) {
			log.replace(page.items);
			log.cursor = page.next;
		} else {
			log.merge(page.items);
			log.cursor ??= page.next;
		}
		log.loaded = true;
		store.touch('history');
	}

	async function loadRules() {
		const { items, problems } = await api.rules.list();
		const old = store.state.rules ?? new Map();
		// What did not change stays the same object, so that its row stays the same row.
		const keep = (r) => (JSON.stringify(old.get(r.name)) === JSON.stringify(r) ? old.get(r.name) : r);
		store.set({ rules: new Map(items.map((r) => [r.name, keep(r)])), problems });
	}

	async function poll() {
		try {
			const status = await api.getStatus(POLL_TIMEOUT_MS);
			failures = 0;
			store.set({ status });
			if (store.state.link !== 'up' && (stream.isOpen() || !hasSlot)) {
				await reload();
			}
		} catch (error) {
			failures += 1;
			store.set({ link: 'lost' });
			// A stream that looks open over a dead tunnel stays silent for ever: start a new one.
			if (failures % 2 === 0 && error.status !== 401 && hasSlot) {
				stream.connect();
			}
		}
	}

	/** Opens the stream as soon as this tab may have one; until then looks by itself. */
	async function follow() {
		hasSlot = await takeStreamSlot();
		if (hasSlot) {
			stream.connect();
		} else {
			await reload();
			setTimeout(follow, LOOK_MS);
		}
	}

	function start() {
		follow();
		setInterval(poll, POLL_MS);
		document.addEventListener('visibilitychange', () => {
			if (!document.hidden) {
				poll();
			}
		});
		addEventListener('online', () => hasSlot && stream.connect());
	}

	/** Calls `listener` with what is told of flows. Returns a function that ends it. */
	function onFlow(listener) {
		flowListeners.add(listener);
		return () => flowListeners.delete(listener);
	}

	return { start, stop: stream.stop, reload, loadRules, poll, onFlow };
}
