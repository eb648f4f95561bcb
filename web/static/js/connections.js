// SPDX-License-Identifier: GPL-2.0-or-later
// The connections that this page knows: newest first, bounded, each once.

const MAX_KEPT = 5000;
/** More than so many in one go is a flood. */
const CROWDED = 12;
const CROWDED_MS = 180;

/** Newer first. @param {object} a @param {object} b */
function order(a, b) {
	return a.time < b.time ? 1 : a.time > b.time ? -1 : (b.id ?? 0) - (a.id ?? 0);
}

export class ConnectionLog {
	constructor() {
		/** @type {object[]} newest first */
		this.items = [];
		this.seen = new Set();
		/** Of the live ones, all time. */
		this.total = 0;
		/** @type {Set<(added: object[]) => void>} */
		this.live = new Set();
		/** @type {Set<(older: object[]) => void>} */
		this.fetched = new Set();
		/** @type {object[]} oldest first, until the next frame */
		this.batch = [];
		this.scheduled = false;
		this.crowded = false;
	}

	/** Calls `listener` with new connections, oldest first, at most once a frame. Returns a function that ends it. */
	onLive(listener) {
		this.live.add(listener);
		return () => this.live.delete(listener);
	}

	/** Calls `listener` with connections of a fetched page. */
	onFetched(listener) {
		this.fetched.add(listener);
	}

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
		this.items = [...added.toReversed(), ...this.items];
		this.trim();
		this.live.forEach((listener) => listener(added));
	}

	/** Those of a fetched page, in their place. @param {object[]} list  @returns {object[]} those that were new */
	merge(list) {
		const fresh = list.filter((c) => this.remember(c));
		if (fresh.length > 0) {
			this.items = [...this.items, ...fresh].sort(order);
			this.fetched.forEach((listener) => listener(fresh));
		}
		return fresh;
	}

	/** Starts again from the newest page, after a gap. What came in live since stays on top. @param {object[]} list newest first */
	replace(list) {
		const newest = list[0]?.time ?? '';
		const live = this.items.filter((c) => c.time > newest);
		this.items = live;
		this.seen = new Set(live.map((c) => c.id));
		this.merge(list);
	}

	/** @param {object} connection  @returns {boolean} whether it was not known */
	remember(connection) {
		const id = connection.id;
		if (id === null || id === undefined) {
			return true;
		}
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
