// SPDX-License-Identifier: GPL-2.0-or-later
// Talking to the console: one function a resource, one error type.

import { learnServerTime } from './clock.js';

const BASE = '/api/v1';
const TIMEOUT_MS = 15000;

/** Everything that went wrong with a request: an answer of 400 and above, or none at all (status 0). */
export class ApiError extends Error {
	/** @param {number} status @param {object} problem RFC 9457 body, may be empty */
	constructor(status, problem) {
		super(problem.detail || problem.title || (status ? `The daemon answered ${status}.` : 'The daemon cannot be reached.'));
		this.name = 'ApiError';
		this.status = status;
		this.type = problem.type ?? '';
		/** @type {{field: string, message: string}[]} */
		this.errors = Array.isArray(problem.errors) ? problem.errors : [];
	}
}

/** @type {(() => void)|null} */
let unauthorized = null;

/** Says what to do when the session is over. @param {() => void} handler */
export function onUnauthorized(handler) {
	unauthorized = handler;
}

/**
 * @param {string} method
 * @param {string} path below /api/v1
 * @param {{body?: any, ifMatch?: string|null, query?: Object<string, any>, timeout?: number, quiet401?: boolean}} [options]
 * @returns {Promise<{data: any, etag: string|null, status: number}>}
 * @throws {ApiError}
 */
export async function request(method, path, options = {}) {
	const { body, ifMatch, query, timeout = TIMEOUT_MS, quiet401 = false } = options;
	const headers = { Accept: 'application/json' };
	if (body !== undefined) {
		headers['Content-Type'] = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
	}
	if (ifMatch) {
		headers['If-Match'] = ifMatch;
	}
	const response = await send(BASE + path + queryString(query), {
		method, headers, body: body === undefined ? undefined : JSON.stringify(body),
		credentials: 'same-origin', cache: 'no-store', redirect: 'error', signal: AbortSignal.timeout(timeout),
	});
	const data = await readJson(response);
	if (!response.ok) {
		if (response.status === 401 && !quiet401) {
			unauthorized?.();
		}
		throw new ApiError(response.status, data ?? {});
	}
	return { data, etag: response.headers.get('ETag'), status: response.status };
}

/** @param {string} url @param {RequestInit} init */
async function send(url, init) {
	const sent = Date.now();
	let response;
	try {
		response = await fetch(url, init);
	} catch {
		throw new ApiError(0, {});
	}
	learnServerTime(response.headers.get('Date'), sent, Date.now());
	return response;
}

/** @param {Response} response */
async function readJson(response) {
	if (response.status === 204) {
		return null;
	}
	try {
		return await response.json();
	} catch {
		if (response.ok) {
			throw new ApiError(0, { detail: 'The answer of the daemon was cut short.' });
		}
		return null;
	}
}

/** @param {Object<string, any>} [query] */
function queryString(query) {
	const params = new URLSearchParams();
	for (const [key, value] of Object.entries(query ?? {})) {
		if (value !== undefined && value !== null && value !== '') {
			params.set(key, String(value));
		}
	}
	const text = params.toString();
	return text ? `?${text}` : '';
}

const data = async (promise) => (await promise).data;
const listPath = (name) => `/lists/${encodeURIComponent(name)}`;
const rulePath = (name) => `/rules/${encodeURIComponent(name)}`;

export const session = {
	get: (options) => data(request('GET', '/session', options)),
	open: (body) => data(request('POST', '/session', { body, quiet401: true })),
	close: () => data(request('DELETE', '/session', { quiet401: true })),
};

export const getStatus = (timeout) => data(request('GET', '/status', { timeout }));
export const setInterception = (body) => data(request('POST', '/interception', { body }));

export const config = {
	get: () => data(request('GET', '/config')),
	schema: () => data(request('GET', '/config/schema')),
	patch: (body) => data(request('PATCH', '/config', { body })),
};

export const prompts = {
	list: () => everything('/prompts'),
	answer: (id, body) => data(request('POST', `/prompts/${encodeURIComponent(id)}/answer`, { body })),
};

/** What the API is, as OpenAPI. @returns {Promise<object>} */
export const reference = () => data(request('GET', '/openapi.json'));

export const explain = (connection) => data(request('POST', '/explain', { body: connection }));

/** How many connections, by what. @param {Object<string, any>} query */
export const stats = (query) => data(request('GET', '/stats', { query }));

export const connections = {
	/** @param {Object<string, any>} query @returns {Promise<{items: object[], next: string|null}>} */
	page: (query) => data(request('GET', '/connections', { query })),
};

export const flows = {
	/** All that are live. @returns {Promise<object[]>} */
	list: () => everything('/flows'),
	end: (id) => data(request('DELETE', `/flows/${encodeURIComponent(id)}`)),
};

export const rules = {
	/** All of them, with the problems of rule files. */
	list: async () => {
		let problems = [];
		const items = await everything('/rules', (page) => {
			problems = page.problems ?? problems;
		});
		return { items, problems };
	},
	get: (name) => request('GET', rulePath(name)),
	create: (rule) => request('POST', '/rules', { body: rule }),
	replace: (name, rule, ifMatch) => request('PUT', rulePath(name), { body: rule, ifMatch }),
	patch: (name, change) => request('PATCH', rulePath(name), { body: change }),
	remove: (name) => request('DELETE', rulePath(name)),
	/** Newest change first. @returns {Promise<{items: object[], next: string|null}>} */
	history: (name, query) => data(request('GET', `${rulePath(name)}/history`, { query })),
	/** @returns {Promise<object|null>} the rule, null when there was none before */
	revert: (name, change) => data(request('POST', `${rulePath(name)}/revert`, { body: change ? { change } : {} })),
	/** What is wrong with the rules as a whole. @param {{days?: string}} query @returns {Promise<{items: object[], complete: boolean}>} */
	report: (query) => data(request('GET', '/rules/report', { query })),
	/** The few rules that would have allowed what a program was allowed. @param {string} program @param {{from?: string, to?: string}} span */
	suggestions: (program, span) => data(request('GET', '/rules/suggestions', { query: { 'process.path': program, ...span } })),
	/** All of them or none. @param {object[]} list */
	import: (list) => data(request('POST', '/rules/import', { body: list })),
	/** What a candidate would change in the recorded history. */
	test: (body) => data(request('POST', '/rules/test', { body })),
};

export const learnings = {
	/** Those whose proposal was dealt with. @returns {Promise<{name: string, from: string}[]>} */
	done: async () => (await data(request('GET', '/learnings/done'))).items,
	addDone: (name, from) => data(request('POST', '/learnings/done', { body: { name, from } })),
};

export const lists = {
	/** Lists from a URL (kind "subscription"), then folders that rules name (kind "folder"). @returns {Promise<object[]>} */
	all: () => everything('/lists'),
	create: (body) => data(request('POST', '/lists', { body })),
	patch: (name, change) => data(request('PATCH', listPath(name), { body: change })),
	refresh: (name) => data(request('POST', `${listPath(name)}/refresh`)),
	remove: (name) => data(request('DELETE', listPath(name))),
};

export const access = {
	tokens: () => everything('/tokens'),
	createToken: (body) => data(request('POST', '/tokens', { body })),
	revoke: (name) => data(request('DELETE', `/tokens/${encodeURIComponent(name)}`)),
	sessions: () => everything('/sessions'),
	endSession: (id) => data(request('DELETE', `/sessions/${encodeURIComponent(id)}`)),
};

/** Who changed what, newest first. @param {Object<string, any>} query @returns {Promise<{items: object[], next: string|null}>} */
export const audit = { page: (query) => data(request('GET', '/audit', { query })) };

/** All pages of a list. @param {string} path @param {(page: object) => void} [seen] */
async function everything(path, seen) {
	const items = [];
	let cursor = null;
	do {
		const page = await data(request('GET', path, { query: { limit: 1000, cursor } }));
		items.push(...page.items);
		seen?.(page);
		cursor = page.next;
	} while (cursor);
	return items;
}
