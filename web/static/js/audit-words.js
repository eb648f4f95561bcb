// SPDX-License-Identifier: GPL-2.0-or-later
// The audit log in words: what was done, by whom.

import { ACTIONS } from './words.js';

const API = '/api/v1';
const ANSWER = 'POST /prompts/{id}/answer';

/** By method and route; null: no word of ours, the route says it. */
const DONE = {
	'POST /rules': 'Created rule', 'PUT /rules/{name}': 'Changed rule', 'PATCH /rules/{name}': 'Changed rule', 'DELETE /rules/{name}': 'Deleted rule',
	'POST /rules/import': 'Imported rules', 'POST /rules/{name}/revert': 'Put back rule', 'POST /learnings/done': 'Closed learning',
	[ANSWER]: 'Answered prompt', 'PATCH /config': 'Changed settings', 'DELETE /flows/{id}': 'Ended flow',
	'POST /lists': 'Added list', 'PATCH /lists/{name}': 'Changed list', 'DELETE /lists/{name}': 'Removed list', 'POST /lists/{name}/refresh': 'Refreshed list',
	'POST /tokens': 'Created token', 'DELETE /tokens': 'Revoked token', 'DELETE /tokens/{name}': 'Revoked token',
	'POST /session': 'Logged in', 'DELETE /session': 'Logged out', 'DELETE /sessions/{id}': 'Ended session', 'POST /session/codes': 'Made a log-in link',
	'PUT /password': 'Set the password', 'DELETE /password': 'Removed the password',
};

/** Kinds of change to show: name, and what is in their routes. */
export const AREAS = [['', 'All changes'], [`${API}/rules`, 'Rules'], [`${API}/prompts`, 'Answers to prompts'], [`${API}/config`, 'Settings'], [`${API}/interception`, 'Pausing'],
	[`${API}/lists`, 'Lists'], [`${API}/tokens`, 'Tokens'], [`${API}/session`, 'Log-ins and sessions'], [`${API}/password`, 'Password'], [`${API}/flows`, 'Ended flows']];

export const KINDS = [['', 'Anybody'], ['session', 'Dashboard'], ['token', 'Tokens'], ['user', 'Users of this machine'], ['nobody', 'Not logged in']];

/** @param {object} entry  @returns {string} its method and its route below /api/v1 */
function routeOf(entry) {
	return entry.action.replace(` ${API}`, ' ');
}

/** The body of the request, where it is whole. @param {object} entry */
export function bodyOf(entry) {
	try {
		return JSON.parse(entry.detail);
	} catch {
		return null;
	}
}

/** @param {object} entry @returns {string} */
export function whatText(entry) {
	const route = routeOf(entry);
	if (entry.status >= 400) {
		return route === 'POST /session' ? 'Log-in refused' : `Refused: ${entry.action}`;
	}
	if (route === 'POST /interception') {
		const body = bodyOf(entry);
		return body?.enabled === false ? `Paused filtering${typeof body.for === 'string' ? ` for ${body.for}` : ''}` : 'Resumed filtering';
	}
	if (route === ANSWER) {
		const body = bodyOf(entry);
		const action = body?.action ?? body?.rule?.action;
		return ACTIONS.includes(action) ? `${DONE[route]}: ${action}` : DONE[route];
	}
	return Object.hasOwn(DONE, route) ? DONE[route] : entry.action;
}

/** The rule that an entry is about, where it may still be there. @param {object} entry @returns {string|null} */
export function ruleOf(entry) {
	const route = routeOf(entry);
	return route === ANSWER ? objectOf(entry) : /^(POST|PUT|PATCH) \/rules(\/\{name\}(\/revert)?)?$/.test(route) ? entry.object : null;
}

/** What an entry is about, where that says something: the number of a prompt, which is gone, does not. @param {object} entry @returns {string|null} */
export function objectOf(entry) {
	return routeOf(entry) === ANSWER && /^\d+$/.test(entry.object) ? null : entry.object;
}

/** @param {{kind: string, name: string|null}} who @returns {[string, string]} a name, and how they proved it */
export function whoText(who) {
	const name = who.name?.replace(/^(token|user):/, '') ?? '';
	if (who.kind === 'nobody') {
		return ['Nobody', 'not logged in'];
	}
	const how = { session: 'dashboard', token: 'token', user: 'this machine' }[who.kind] ?? who.kind;
	// The token that the daemon makes has no name but this.
	return who.name === 'token' || name === '' ? ['Daemon’s token', who.kind === 'session' ? how : ''] : [name, how];
}
