// SPDX-License-Identifier: GPL-2.0-or-later
// The live flows that this page knows: fetched, then followed by events.

import * as api from './api.js';

/** A flow begins without an event of its own, but with a connection: then it is fetched, at most so often. */
const FETCH_MS = 400;
/** Nor for more than one part in so many of the time. */
const EASE = 5;
/** Between two looks without any event. */
const REFRESH_MS = 10000;
/** Between two figures that make a rate. */
const RATE_MS = 400;

export class FlowBook {
	/** @param {object} context of app.js @param {{changed: () => void, failed: (error: Error) => void}} handlers */
	constructor(context, handlers) {
		this.handlers = handlers;
		/** @type {Map<number, {flow: object, at: number, rate: number|null}>} by id */
		this.flows = new Map();
		this.loaded = false;
		this.timer = 0;
		/** ms that the last fetch took */
		this.took = 0;
		const refresh = setInterval(() => !document.hidden && this.load(), REFRESH_MS);
		const ends = [context.log.onLive(() => this.soon()), context.sync.onFlow((type, flow) => this.told(type, flow)), context.store.on('link', () => this.soon())];
		this.close = () => {
			clearInterval(refresh);
			clearTimeout(this.timer);
			this.closed = true;
			ends.forEach((end) => end());
		};
	}

	soon() {
		this.timer ||= setTimeout(() => {
			this.timer = 0;
			this.load();
		}, Math.max(FETCH_MS, this.took * EASE));
	}

	async load() {
		this.ended = new Set();
		const ended = this.ended;
		const began = performance.now();
		try {
			const items = await api.flows.list();
			this.took = performance.now() - began;
			if (this.closed || ended !== this.ended) {
				return;
			}
			const old = this.flows;
			this.flows = new Map();
			for (const flow of items.filter((f) => !ended.has(f.id))) {
				this.put(flow, old.get(flow.id));
			}
			this.loaded = true;
			this.handlers.changed();
		} catch (error) {
			if (!this.closed) {
				this.handlers.failed(error);
			}
		}
	}

	/** @param {string} type of the event @param {object} flow */
	told(type, flow) {
		if (type === 'flow.closed') {
			this.ended?.add(flow.id);
			this.flows.delete(flow.id);
		} else {
			this.put(flow, this.flows.get(flow.id));
		}
		this.handlers.changed();
	}

	put(flow, old) {
		// What came by event may be newer than a list that was on its way.
		if (old && old.flow.updated > flow.updated) {
			this.flows.set(flow.id, old);
			return;
		}
		const at = Date.parse(flow.updated);
		const next = { flow, at, rate: old?.rate ?? null };
		if (old && at - old.at >= RATE_MS && flow.bytes_in !== null && old.flow.bytes_in !== null) {
			next.rate = Math.max(0, (flow.bytes_in + flow.bytes_out - old.flow.bytes_in - old.flow.bytes_out) / ((at - old.at) / 1000));
		} else if (old) {
			next.at = old.flow.updated === flow.updated ? old.at : at;
		}
		this.flows.set(flow.id, next);
	}
}
