// SPDX-License-Identifier: GPL-2.0-or-later
// Small pieces that several pages show: programs, destinations, actions.

import { h, icon } from './dom.js';
import { ACTION_DONE, ACTION_NAME, hostSourceText } from './words.js';
import { baseName, plain, untrusted } from './text.js';

const N_HUES = 8;

/** A stable colour for a program, so that the eye finds it again. @param {string} s */
function hueOf(s) {
	let hash = 0;
	for (let i = 0; i < s.length; i++) {
		hash = (hash * 31 + s.charCodeAt(i)) >>> 0;
	}
	return hash % N_HUES;
}

/** The tile with a program's initial. @param {string|null|undefined} path @param {string} [size] '' or 'lg' */
export function programTile(path, size = '') {
	const initial = /[\p{L}\p{N}]/u.exec(baseName(path))?.[0]?.toUpperCase() ?? '?';
	const hue = path ? `hue-${hueOf(path)}` : 'hue-none';
	return h('span', { class: `tile ${hue} ${size ? `tile-${size}` : ''}`, 'aria-hidden': 'true' }, initial);
}

/** "bash", or what the kernel calls a process whose file cannot be read. @param {{pid: number, path: string|null, name?: string|null}} p an ancestor, or who made a socket */
export function relativeName(p) {
	return p.path ? baseName(p.path) : p.name ? `${p.name} (PID ${p.pid})` : `PID ${p.pid}`;
}

/** Who sends what is forwarded, as far as is known. @param {object} connection */
export function senderName(connection) {
	return connection.namespace ?? connection.source?.ip ?? 'elsewhere';
}

/** "curl", or what to say when nobody knows. @param {object} connection */
export function programName(connection) {
	const path = connection.process?.path;
	return path ? baseName(path) : connection.forwarded ? senderName(connection) : 'Unknown program';
}

/** @param {object} connection */
export function programLabel(connection) {
	const path = connection.process?.path;
	if (path || connection.forwarded) {
		return untrusted(programName(connection), 'strong');
	}
	return h('span', { class: 'muted' }, 'Unknown program');
}

/** Host if known, else address. @param {object} connection */
export function destinationName(connection) {
	return connection.dest.host ?? connection.dest.ip ?? '?';
}

/** @param {object} connection @returns {boolean} */
export function hasPort(connection) {
	return !/^icmp/.test(connection.protocol) && Number.isInteger(connection.dest.port);
}

/** "example.com, port 443 tcp" as plain text. @param {object} connection */
export function destinationText(connection) {
	const name = plain(destinationName(connection));
	return hasPort(connection) ? `${name}, port ${connection.dest.port}` : name;
}

/** How the host name is known, as a tooltip. @param {object} connection */
export function hostHint(connection) {
	return connection.dest.host ? `${plain(connection.dest.host)}, ${hostSourceText(connection.dest.host_source)}` : 'No name is known for this address';
}

/** Colour, sign and word of an action. @param {string} action @param {boolean} [done] "Allowed" rather than "Allow" */
export function actionBadge(action, done = false) {
	const known = action in ACTION_NAME;
	const word = known ? (done ? ACTION_DONE : ACTION_NAME)[action] : plain(action);
	return h('span', { class: `badge badge-${known ? action : 'none'}` }, word);
}

/** A key on the keyboard. @param {string} name */
export function kbd(name) {
	return h('kbd', { class: 'kbd', 'aria-hidden': 'true' }, name);
}

/** What a list shows when there is nothing in it. @param {string} iconName @param {string} title */
export function emptyState(iconName, title, ...rest) {
	return h('div', { class: 'empty' }, icon(iconName, 'empty-icon'), h('p', { class: 'empty-title' }, title), ...rest);
}
