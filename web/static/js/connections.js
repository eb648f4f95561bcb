// SPDX-License-Identifier: GPL-2.0-or-later
// The connections that this page knows: the one decided last first, as the API has them; bounded, each once.

import { decidedTime } from './format.js';

const MAX_KEPT = 5000;
/** More than so many in one go is a flood. */
const CROWDED = 12;
const CROWDED_MS = 180;

export class ConnectionLog {
	constructor() {
		/** @type {object[]} newest first */
		this.items = [];
		this.seen = new Set();
		/** Where each stands: its id, which counts decisions. One that is not recorded has none, and stands behind those that came before it. */
		this.places = new WeakMap();
		this.last = 0;
		/** Of the live ones, all time. */
		this.total = 0;
		/** @type {Set<(added: object[], onTop: boolean) => void>} */
		this.live = new Set();
		/** @type {Set<(older: object[]) => void>} */
		this.fetched = new Set();
		/** @type {object[]} oldest first, until the next frame */
		this.batch = [];
		this.scheduled = false;
		this.crowded = false;
	}

	/** Calls `listener` with new connections, oldest first, and whether all go on top; at most once a frame. Returns a function that ends it. */
	onLive(listener) {
		this.live.add(listener);
		return () => this.live.delete(listener);
	}

	/** Calls `listener` with connections of a fetched page. */
	onFetched(listener) {
		this.fetched.add(listener);
	}

	/** Later decisions first. @param {object} a @param {object} b */
	order = (a, b) => this.places.get(b) - this.places.get(a);

	/** One from the event stream. @param {object} connection */
	push(connection) {
		if (!this.remember(connection)) {
			return;
		}
		this.batch.push(connection);
		this.total += 1;
		if (!this.scheduled) {
			this.scheduled = true;
			this.schedule();
		}
	}

	/** The next frame; under a flood only a few times a second, which leaves the page time for people. */
	schedule() {
		if (document.hidden) {
			// A hidden page has no frames, and must not pile events up for ever.
			setTimeout(() => this.flush(), 250);
		} else if (this.crowded) {
			setTimeout(() => requestAnimationFrame(() => this.flush()), CROWDED_MS);
		} else {
			requestAnimationFrame(() => this.flush());
		}
	}

	flush() {
		this.scheduled = false;
		this.crowded = this.batch.length > CROWDED;
		const added = this.batch;
		this.batch = [];
		// A page that was fetched meanwhile may hold later ones.
		const onTop = this.items.length === 0 || added.length === 0 || this.order(added[0], this.items[0]) <= 0;
		this.items = [...added.toReversed(), ...this.items];
		if (!onTop) {
			this.items.sort(this.order);
		}
		this.trim();
		this.live.forEach((listener) => listener(added, onTop));
	}

	/** Those of a fetched page, in their place. @param {object[]} list  @returns {object[]} those that were new */
	merge(list) {
		const fresh = list.filter((c) => this.remember(c));
		if (fresh.length > 0) {
			this.items = [...this.items, ...fresh].sort(this.order);
			this.fetched.forEach((listener) => listener(fresh));
		}
		return fresh;
	}

	/** Starts again from the newest page, after a gap. What came in live since stays on top. @param {object[]} list newest first */
	replace(list) {
		const { id: newest = 0 } = list[0] ?? {};
		const time = list[0] ? decidedTime(list[0]) : '';
		// Their time tells a history that counts from one again.
		const live = this.items.filter((c) => this.places.get(c) > newest && decidedTime(c) >= time);
		this.items = live;
		this.last = live.length > 0 ? this.places.get(live[0]) : newest;
		this.seen = new Set(live.map((c) => c.id));
		this.merge(list);
	}

	/** @param {object} connection  @returns {boolean} whether it was not known */
	remember(connection) {
		const id = connection.id;
		this.places.set(connection, id ?? this.last);
		if (id === null || id === undefined) {
			return true;
		}
		this.last = Math.max(this.last, id);
		if (this.seen.has(id)) {
			return false;
		}
		this.seen.add(id);
		return true;
	}

	/** Forgets the oldest once too many are kept; what was loaded on purpose stays until then. */
	trim() {
		if (this.items.length <= MAX_KEPT * 1.2) {
			return;
		}
		for (const old of this.items.splice(MAX_KEPT)) {
			this.seen.delete(old.id);
		}
	}
}
