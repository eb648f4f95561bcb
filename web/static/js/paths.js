// SPDX-License-Identifier: GPL-2.0-or-later
// The way to the log-in page and back.

/** @returns {string} the log-in page, which will return to where we are */
export function loginPath() {
	const here = location.pathname + location.search;
	return here === '/' ? '/login' : `/login?return=${encodeURIComponent(here)}`;
}

/**
 * Where to go after log-in: only ever a page of ours.
 * @param {string} search of the log-in page's address
 * @returns {string}
 */
export function returnPath(search) {
	const wanted = new URLSearchParams(search).get('return');
	if (!wanted) {
		return '/';
	}
	try {
		const url = new URL(wanted, location.origin);
		const ours = url.origin === location.origin && url.pathname !== '/login';
		return ours ? url.pathname + url.search : '/';
	} catch {
		return '/';
	}
}
