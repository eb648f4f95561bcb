// SPDX-License-Identifier: GPL-2.0-or-later
// Moves between pages without leaving the document, so that the event stream lives on.

/**
 * @typedef {object} Page
 * @property {string} title
 * @property {(root: HTMLElement, query: URLSearchParams) => (() => void)} mount returns what ends it
 */

/**
 * @param {HTMLElement} root
 * @param {Object<string, Page>} pages by path
 * @param {(path: string, title: string) => void} moved
 */
export function createRouter(root, pages, moved) {
	/** @type {(() => void)|null} */
	let unmount = null;

	/** @param {boolean} byUser whether the focus should follow */
	function show(byUser) {
		const path = location.pathname in pages ? location.pathname : '/';
		unmount?.();
		root.textContent = '';
		root.className = `page page-${path.slice(1) || 'monitor'}`;
		moved(path, pages[path].title);
		unmount = pages[path].mount(root, new URLSearchParams(location.search));
		if (byUser) {
			scrollTo(0, 0);
			root.focus({ preventScroll: true });
		}
	}

	/** @param {string} url */
	function go(url) {
		history.pushState(null, '', url);
		show(true);
	}

	document.addEventListener('click', (event) => {
		const link = event.target instanceof Element ? event.target.closest('a[data-nav]') : null;
		if (link && event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey) {
			event.preventDefault();
			go(link.getAttribute('href'));
		}
	});
	addEventListener('popstate', () => show(false));

	return { start: () => show(false), go };
}
