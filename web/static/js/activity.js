// SPDX-License-Identifier: GPL-2.0-or-later
// The last minute at a glance: decided connections a second, the blocked ones in their own colour.

import { h } from './dom.js';
import { count } from './format.js';

const SECONDS = 60;
const BAR_PX = 4;
const HEIGHT_PX = 36;

export class Activity {
	/** Counts from now on, also while it is not shown. @param {import('./connections.js').ConnectionLog} log */
	constructor(log) {
		/** @type {Map<number, {allowed: number, blocked: number}>} by second */
		this.buckets = new Map();
		log.onLive((added) => this.add(added));
		this.canvas = h('canvas', { class: 'activity-canvas', 'aria-hidden': 'true' });
		this.rate = h('b', { class: 'num' }, '0');
		this.blocked = h('b', { class: 'num' }, '0');
		this.el = h('div', { class: 'activity' },
			h('div', { class: 'activity-figure' }, this.rate, h('span', {}, 'last minute')),
			h('div', { class: 'activity-figure activity-blocked' }, this.blocked, h('span', {}, 'blocked')), this.canvas);
		this.timer = 0;
	}

	/** @param {object[]} added */
	add(added) {
		const second = Math.floor(Date.now() / 1000);
		const bucket = this.buckets.get(second) ?? { allowed: 0, blocked: 0 };
		for (const c of added) {
			bucket[c.action === 'allow' ? 'allowed' : 'blocked'] += 1;
		}
		this.buckets.set(second, bucket);
		for (const old of this.buckets.keys()) {
			if (old > second - SECONDS) {
				break;
			}
			this.buckets.delete(old);
		}
	}

	start() {
		this.timer = setInterval(() => this.draw(), 1000);
		this.draw();
	}

	stop() {
		clearInterval(this.timer);
	}

	draw() {
		const now = Math.floor(Date.now() / 1000);
		const bars = Array.from({ length: SECONDS }, (_, i) => this.buckets.get(now - SECONDS + 1 + i) ?? { allowed: 0, blocked: 0 });
		const blocked = bars.reduce((n, b) => n + b.blocked, 0);
		this.rate.textContent = count(bars.reduce((n, b) => n + b.allowed, blocked));
		this.blocked.textContent = count(blocked);
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
