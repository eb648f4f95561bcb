// SPDX-License-Identifier: GPL-2.0-or-later
// The last minute at a glance: decided connections a second, the blocked ones in their own colour.

import { serverNow } from './clock.js';
import { h } from './dom.js';
import { count, decidedTime } from './format.js';

const SECONDS = 60;
const BAR_PX = 4;
const HEIGHT_PX = 36;

function thisSecond() {
	return Math.floor(serverNow() / 1000);
}

export class Activity {
	/** Counts also while it is not shown. @param {import('./connections.js').ConnectionLog} log */
	constructor(log) {
		this.log = log;
		/** @type {Map<number, {ids: Set<number>, allowed: number, blocked: number}>} by second of the daemon's clock */
		this.buckets = new Map();
		log.onLive((added) => this.add(added));
		log.onFetched((older) => this.add(older));
		this.canvas = h('canvas', { class: 'activity-canvas', 'aria-hidden': 'true' });
		this.rate = h('b', { class: 'num' }, '0');
		this.blocked = h('b', { class: 'num' }, '0');
		this.el = h('div', { class: 'activity' },
			h('div', { class: 'activity-figure' }, this.rate, h('span', {}, 'last minute')),
			h('div', { class: 'activity-figure activity-blocked' }, this.blocked, h('span', {}, 'blocked')), this.canvas);
		this.timer = 0;
	}

	/** Each counts once, in the second in which it was decided. @param {object[]} connections */
	add(connections) {
		const oldest = thisSecond() - SECONDS;
		for (const c of connections) {
			const second = Math.floor(Date.parse(decidedTime(c)) / 1000);
			if (second <= oldest) {
				continue;
			}
			const bucket = this.buckets.get(second) ?? { ids: new Set(), allowed: 0, blocked: 0 };
			this.buckets.set(second, bucket);
			if (typeof c.id === 'number' && bucket.ids.has(c.id)) {
				continue;
			}
			bucket.ids.add(c.id);
			bucket[c.action === 'allow' ? 'allowed' : 'blocked'] += 1;
		}
		for (const second of [...this.buckets.keys()].filter((s) => s <= oldest)) {
			this.buckets.delete(second);
		}
	}

	/** Whether the minute began before the oldest connection that this page knows. */
	isPartial() {
		const oldest = this.log.items.at(-1);
		return Boolean(this.log.cursor && oldest) && Date.parse(decidedTime(oldest)) / 1000 > thisSecond() - SECONDS;
	}

	start() {
		this.timer = setInterval(() => this.draw(), 1000);
		this.draw();
	}

	stop() {
		clearInterval(this.timer);
	}

	draw() {
		const now = thisSecond();
		const bars = Array.from({ length: SECONDS }, (_, i) => this.buckets.get(now - SECONDS + 1 + i) ?? { allowed: 0, blocked: 0 });
		const blocked = bars.reduce((n, b) => n + b.blocked, 0);
		const more = this.isPartial() ? '+' : '';
		this.rate.textContent = `${count(bars.reduce((n, b) => n + b.allowed, blocked))}${more}`;
		this.blocked.textContent = `${count(blocked)}${more}`;
		this.el.classList.toggle('has-blocked', blocked > 0);
		this.paint(bars);
	}

	paint(bars) {
		const scale = devicePixelRatio || 1;
		const width = SECONDS * BAR_PX;
		this.canvas.width = width * scale;
		this.canvas.height = HEIGHT_PX * scale;
		const ctx = this.canvas.getContext('2d');
		const style = getComputedStyle(this.canvas);
		const colours = { none: style.borderTopColor, allowed: style.color, blocked: style.outlineColor };
		const top = Math.max(4, ...bars.map((b) => b.allowed + b.blocked));
		ctx.scale(scale, scale);
		bars.forEach((b, i) => {
			const x = i * BAR_PX;
			const low = (b.blocked / top) * HEIGHT_PX;
			const high = (b.allowed / top) * HEIGHT_PX;
			ctx.fillStyle = colours.none;
			ctx.fillRect(x, HEIGHT_PX - 1, BAR_PX - 1, 1);
			ctx.fillStyle = colours.allowed;
			ctx.fillRect(x, HEIGHT_PX - low - high, BAR_PX - 1, high);
			ctx.fillStyle = colours.blocked;
			ctx.fillRect(x, HEIGHT_PX - low, BAR_PX - 1, low);
		});
	}
}
