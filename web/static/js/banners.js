// SPDX-License-Identifier: GPL-2.0-or-later
// What one must know on every page: the daemon is not reached, filtering is paused, the firewall has a problem.

import { button, fill, h, icon } from './dom.js';
import { duration } from './format.js';
import { serverNow } from './clock.js';
import * as api from './api.js';

const GRACE_MS = 1200;

/**
 * @param {HTMLElement} root
 * @param {{store: import('./store.js').Store, sync: object, toaster: object}} context
 */
export function createBanners(root, { store, sync, toaster }) {
	const lost = banner('banner-lost', 'unplugged', 'alert');
	const paused = banner('banner-paused', 'pause', 'status');
	const broken = banner('banner-broken', 'warning', 'alert');
	root.append(lost.el, paused.el, broken.el);
	let lostTimer = 0;

	function showLink() {
		clearTimeout(lostTimer);
		if (store.state.link !== 'lost') {
			lost.el.hidden = true;
			document.body.classList.remove('is-lost');
			return;
		}
		// A reconnect within a moment is not worth a word.
		lostTimer = setTimeout(() => {
			fill(lost.text, h('b', {}, 'No connection to the daemon.'), ' What you see may be out of date. Trying again…');
			lost.el.hidden = false;
			document.body.classList.add('is-lost');
		}, GRACE_MS);
	}

	async function resume() {
		try {
			await api.setInterception({ enabled: true });
			await sync.poll();
		} catch (error) {
			toaster.failure(error, 'Filtering could not be resumed');
		}
	}
	paused.el.append(button('Resume now', resume, { class: 'btn btn-small' }));

	function showPaused() {
		const state = store.state.status?.interception;
		paused.el.hidden = state === undefined || state.enabled;
		if (!paused.el.hidden) {
			const left = state.until ? (Date.parse(state.until) - serverNow()) / 1000 : null;
			const text = left === null ? 'until you resume it' : `for another ${duration(left)}`;
			fill(paused.text, h('b', {}, 'Filtering is paused'), ` ${text}: every connection is let through.`);
		}
	}

	function showBroken() {
		const bad = store.state.status?.engine?.rules_ok === false;
		broken.el.hidden = !bad;
		if (bad) {
			fill(broken.text, h('b', {}, 'The firewall’s netfilter rules are missing.'), ' Connections are not filtered until they are back.');
		}
	}

	new ResizeObserver(() => document.body.style.setProperty('--banner', `${root.offsetHeight}px`)).observe(root);
	store.on('link', showLink);
	store.on('status', () => {
		showPaused();
		showBroken();
	});
	setInterval(showPaused, 1000);
}

function banner(className, iconName, role) {
	const text = h('span', { class: 'banner-text' });
	return { el: h('div', { class: `banner ${className}`, role, hidden: true }, icon(iconName), text), text };
}
