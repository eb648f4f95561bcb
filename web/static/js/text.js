// SPDX-License-Identifier: GPL-2.0-or-later
// Strings that a process, a DNS answer or a packet chose: shown as they are, never obeyed.

/*
 * What may not reach the screen raw: controls, bidi and other format characters, separators, private and
 * unassigned code points, every blank but the plain space, and letters that look like nothing.
 */
const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cn}\p{Cs}]|[^\S ]|[\u115f\u1160\u2800\u3164\uffa0\u034f\ufe00-\ufe0f]/gu;

/** Whether a string holds what a text field would not show, or drop. @param {unknown} value  @returns {boolean} */
export function hasHidden(value) {
	return typeof value === 'string' && value.search(HIDDEN) >= 0;
}

/** JSON for a text field: what cannot be seen stands there as \\uXXXX, and reads back the same. @param {any} value */
export function visibleJson(value) {
	const units = (c) => Array.from({ length: c.length }, (_, i) => `\\u${c.charCodeAt(i).toString(16).padStart(4, '0')}`).join('');
	return JSON.stringify(value, null, 2).replace(HIDDEN, (c) => (c === '\n' ? c : units(c)));
}

/** Longest string put into a page; whatever is longer is cut and says so. */
const MAX_LENGTH = 8192;

/** @param {string} c one character  @returns {string} as \n or \u{202E} */
function escapeOne(c) {
	switch (c) {
	case '\n': return '\\n';
	case '\t': return '\\t';
	case '\r': return '\\r';
	default: return `\\u{${c.codePointAt(0).toString(16).toUpperCase()}}`;
	}
}

/** @param {unknown} value  @returns {string} bounded text */
function bounded(value) {
	const s = value === null || value === undefined ? '' : String(value);
	return s.length > MAX_LENGTH ? `${s.slice(0, MAX_LENGTH)}… (${s.length} characters)` : s;
}

/**
 * For places that take a plain string only: title, aria-label, document.title, notifications.
 * @param {unknown} value
 * @returns {string}
 */
export function plain(value) {
	return bounded(value).replace(HIDDEN, escapeOne);
}

/**
 * An element that shows `value` isolated from the direction of its surroundings, hidden characters made visible.
 * @param {unknown} value
 * @param {string} [className]
 * @returns {HTMLElement}
 */
export function untrusted(value, className = '') {
	const out = document.createElement('bdi');
	out.className = className ? `ut ${className}` : 'ut';
	const s = bounded(value);
	let last = 0;
	for (const match of s.matchAll(HIDDEN)) {
		if (match.index > last) {
			out.append(s.slice(last, match.index));
		}
		const mark = document.createElement('span');
		mark.className = 'esc';
		mark.textContent = escapeOne(match[0]);
		out.append(mark);
		last = match.index + match[0].length;
	}
	out.append(s.slice(last));
	return out;
}

/** The last component of a path. @param {string|null|undefined} path  @returns {string} */
export function baseName(path) {
	if (!path) {
		return '';
	}
	const cut = path.replace(/\/+$/, '');
	return cut.slice(cut.lastIndexOf('/') + 1) || path;
}

/** One command line out of arguments, quoted where a shell would want it. @param {string[]} args */
export function commandLine(args) {
	return args.map((a) => (/^[\w@%+=:,./-]+$/.test(a) ? a : `'${a.replace(/'/g, "'\\''")}'`)).join(' ');
}
