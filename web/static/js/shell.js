// SPDX-License-Identifier: GPL-2.0-or-later
// The frame around every page: name, navigation, state of the firewall.

import { fill, h, icon } from './dom.js';
import { count } from './format.js';
import { plain } from './text.js';

const NAV = [['/', 'activity', 'Monitor'], ['/flows', 'flows', 'Flows'], ['/rules', 'rules', 'Rules'], ['/lists', 'shield', 'Lists'], ['/settings', 'settings', 'Settings']];

/** Pages that are reached from another one, which the navigation shows for them. */
const BELOW = { '/statistics': '/', '/suggestions': '/rules', '/audit': '/settings', '/reference': '/settings' };

/**
 * @param {HTMLElement} root
 * @param {{store: import('./store.js').Store, notifier: object}} context
 */
export function createShell(root, { store, notifier }) {
	const links = new Map(NAV.map(([path, name, label]) => {
		const badge = h('span', { class: 'nav-badge', hidden: true });
		return [path, { badge, el: h('a', { class: 'nav-link', href: path, data: { nav: '' } }, icon(name), h('span', { class: 'nav-text' }, label), badge) }];
	}));
	const dot = h('span', { class: 'state-dot', 'aria-hidden': 'true' });
	const word = h('span', { class: 'state-word' });
	const more = h('span', { class: 'state-more' });
	const state = h('a', { class: 'state', href: '/settings', data: { nav: '' } }, dot, h('span', { class: 'state-text' }, word, more));

	root.append(
		h('a', { class: 'brand', href: '/', data: { nav: '' }, 'aria-label': 'OpenSnitch' },
			h('img', { src: '/static/img/icon.svg', alt: '', width: '28', height: '28' }), h('span', { class: 'brand-name', 'aria-hidden': 'true' }, 'OpenSnitch')),
		h('nav', { class: 'nav', 'aria-label': 'Pages' }, [...links.values()].map((l) => l.el)),
		h('div', { class: 'grow' }), state);

	/** @returns {[string, string, string]} look, word, small print */
	function health() {
		const { link, status } = store.state;
		if (link === 'lost') {
			return ['lost', 'Not connected', 'trying again'];
		}
		if (!status) {
			return ['wait', 'Connecting', ''];
		}
		const version = `version ${plain(status.version)}`;
		if (!status.interception.enabled) {
			return ['paused', 'Paused', version];
		}
		return status.engine?.rules_ok === false ? ['lost', 'Not filtering', version] : ['on', 'Filtering', version];
	}

	function show() {
		const [look, text, small] = health();
		dot.className = `state-dot state-${look}`;
		word.textContent = text;
		more.textContent = small;
		state.setAttribute('aria-label', `${text}. ${small}`);
	}

	function showBadges() {
		const n = store.state.prompts.size;
		const { badge } = links.get('/');
		badge.hidden = n === 0;
		fill(badge, count(n), h('span', { class: 'sr-only' }, ' waiting'));
		const warnings = (store.state.status?.warnings?.length ?? 0);
		const dotted = links.get('/settings').badge;
		dotted.hidden = warnings === 0;
		dotted.classList.add('nav-badge-warning');
		fill(dotted, count(warnings), h('span', { class: 'sr-only' }, ' warnings'));
	}

	store.on(['link', 'status'], show);
	store.on(['prompts', 'status'], showBadges);
	show();
	showBadges();

	return {
		/** @param {string} path @param {string} title */
		moved(path, title) {
			for (const [own, { el }] of links) {
				if (own === path || own === BELOW[path]) {
					el.setAttribute('aria-current', own === path ? 'page' : 'true');
				} else {
					el.removeAttribute('aria-current');
				}
			}
			notifier.setPageTitle(title);
		},
	};
}
