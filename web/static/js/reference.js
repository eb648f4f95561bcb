// SPDX-License-Identifier: GPL-2.0-or-later
// The API for people: every operation of openapi.json with what it takes, what it answers and an example.

import * as api from './api.js';
import { button, fill, h, icon, uid } from './dom.js';
import { plural } from './format.js';
import { emptyState } from './pieces.js';
import { plain } from './text.js';

const METHODS = ['get', 'post', 'put', 'patch', 'delete'];
const SOCKET = '/run/opensnitchd/api.sock';
const MAX_DEPTH = 4;

export function createReferencePage() {
	return { title: 'API reference', mount: (root) => {
		const page = new ReferencePage(root);
		page.load();
		return () => {};
	} };
}

class ReferencePage {
	constructor(root) {
		const id = uid('search');
		this.box = h('input', { class: 'input filter-input', id, type: 'search', autocomplete: 'off', spellcheck: 'false', placeholder: 'Search paths and words…', on: { input: () => this.filter() } });
		this.summary = h('span', { class: 'list-summary', role: 'status' });
		this.body = h('div', { class: 'reference' });
		this.empty = h('div', { class: 'list-empty', hidden: true });
		root.append(h('div', { class: 'page-head' }, h('h1', {}, 'API reference'), h('a', { class: 'btn', href: '/api/v1/openapi.json', download: 'openapi.json' }, icon('code'), 'openapi.json')),
			h('div', { class: 'toolbar' }, h('div', { class: 'search' }, icon('search'), h('label', { class: 'sr-only', for: id }, 'Search operations'), this.box), this.summary), this.body, this.empty);
	}

	async load() {
		try {
			this.doc = await api.reference();
		} catch (error) {
			this.empty.hidden = false;
			fill(this.empty, emptyState('warning', 'The reference cannot be read', h('p', {}, plain(error.message)), button('Try again', () => this.load())));
			return;
		}
		const all = Object.entries(this.doc.paths).flatMap(([path, item]) => METHODS.filter((m) => item[m]).map((method) => ({ path, method, op: item[method], shared: item.parameters ?? [] })));
		this.items = all.map((o) => ({ tag: o.op.tags?.[0] ?? 'other', el: operation(this.doc, o), text: `${o.method} ${o.path} ${o.op.summary} ${o.op.description ?? ''}`.toLowerCase() }));
		const tags = [...new Set([...(this.doc.tags ?? []).map((t) => t.name), ...this.items.map((i) => i.tag)])];
		this.groups = tags.map((tag) => ({ tag, el: group(tag, this.items.filter((i) => i.tag === tag)) }));
		fill(this.body, intro(this.doc), this.groups.map((g) => g.el));
		this.filter();
		this.openFromAddress();
	}

	/** #operationId leads to one operation. */
	openFromAddress() {
		const el = location.hash && document.getElementById(location.hash.slice(1));
		if (el && this.body.contains(el)) {
			el.open = true;
			el.scrollIntoView();
		}
	}

	filter() {
		if (!this.items) {
			return;
		}
		const words = this.box.value.toLowerCase().split(/\s+/).filter(Boolean);
		const shown = this.items.filter((i) => {
			i.el.hidden = !words.every((w) => i.text.includes(w));
			return !i.el.hidden;
		});
		this.groups.forEach((g) => (g.el.hidden = !shown.some((i) => i.tag === g.tag)));
		this.summary.textContent = plural(shown.length, 'operation');
		this.empty.hidden = shown.length > 0;
		fill(this.empty, emptyState('search', 'No operation matches'));
	}
}

function intro(doc) {
	return h('section', { class: 'card reference-intro' }, h('p', {}, plain(doc.info.description)),
		h('p', { class: 'muted' }, 'Send a token as ', h('code', {}, 'Authorization: Bearer TOKEN'), ', or speak over the Unix socket as root or a member of the group opensnitch:'),
		h('pre', { class: 'mono sample', tabindex: '0' }, `curl --unix-socket ${SOCKET} http://localhost/api/v1/status`));
}

function group(tag, items) {
	const id = uid('group');
	return h('section', { class: 'card reference-group', 'aria-labelledby': id }, h('div', { class: 'card-head' }, h('h2', { id }, plain(tag))), items.map((i) => i.el));
}

/** One operation; what is inside is made when it is opened. */
function operation(doc, { path, method, op, shared }) {
	const body = h('div', { class: 'op-body' });
	const el = h('details', { class: 'op-item', id: plain(op.operationId) }, h('summary', {}, h('span', { class: `method method-${method}` }, method.toUpperCase()),
		h('code', { class: 'op-path' }, plain(path)), h('span', { class: 'op-summary' }, plain(op.summary))), body);
	el.addEventListener('toggle', () => {
		if (el.open && body.childElementCount === 0) {
			fill(body, details(doc, { path, method, op, shared }));
		}
	});
	return el;
}

function details(doc, { path, method, op, shared }) {
	const parameters = [...shared, ...(op.parameters ?? [])].map((p) => resolve(doc, p));
	const body = op.requestBody ? example(Object.values(resolve(doc, op.requestBody).content)[0]) : undefined;
	return [op.description ? h('p', {}, plain(op.description)) : null,
		h('p', { class: 'hint' }, op['x-scope'] && op['x-scope'] !== 'none' ? `Needs the scope ${op['x-scope']}.` : 'Needs no authentication.'),
		parameters.length > 0 ? [h('h3', {}, 'Parameters'), h('dl', { class: 'pairs' }, parameters.map((p) => parameter(doc, p)))] : null,
		op.requestBody ? requestBody(doc, resolve(doc, op.requestBody)) : null,
		h('h3', {}, 'With curl'), pre(curl(path, method, parameters, body)), answers(doc, op.responses)];
}

function parameter(doc, p) {
	return h('div', {}, h('dt', {}, h('code', { class: 'strong' }, plain(p.name)), h('span', { class: 'note' }, p.required ? `${p.in}, required` : p.in)),
		h('dd', {}, h('code', {}, shape(doc, p.schema)), p.description ? h('p', { class: 'hint' }, plain(p.description)) : null));
}

function requestBody(doc, body) {
	return Object.entries(body.content).map(([type, media]) => [h('h3', {}, 'Request body, ', h('code', {}, plain(type))), sample(media), schemaBlock(doc, media.schema)]);
}

function answers(doc, responses) {
	const all = Object.entries(responses).map(([status, r]) => [status, resolve(doc, r)]);
	const good = all.filter(([status]) => status < '400');
	const bad = all.filter(([status]) => status >= '400');
	return [good.map(([status, r]) => [h('h3', {}, 'Answer ', h('code', {}, status), ` ${plain(r.description)}`),
		Object.values(r.content ?? {}).map((media) => [sample(media), schemaBlock(doc, media.schema)])]),
	h('h3', {}, 'Errors'), h('ul', { class: 'op-errors' }, bad.map(([status, r]) => h('li', {}, h('code', { class: 'strong' }, status), ` ${plain(r.description)}`)))];
}

function example(media) {
	return media?.example ?? Object.values(media?.examples ?? {})[0]?.value;
}

function sample(media) {
	const value = example(media);
	return value === undefined ? null : pre(typeof value === 'string' ? value : JSON.stringify(value, null, 2));
}

function schemaBlock(doc, schema) {
	const text = schema ? shape(doc, schema) : 'any';
	return text === 'any' ? null : h('details', { class: 'op-shape' }, h('summary', {}, 'All fields'), pre(text));
}

function pre(text) {
	return h('pre', { class: 'mono sample', tabindex: '0' }, text.split('\n').map((line, i) => `${i > 0 ? '\n' : ''}${plain(line)}`));
}

/** A command line that can be run as it stands. */
function curl(path, method, parameters, body) {
	const value = (p) => encodeURIComponent(p.example ?? p.schema?.example ?? (p.schema?.type === 'integer' ? '1' : p.name.toUpperCase()));
	const full = parameters.filter((p) => p.in === 'path').reduce((s, p) => s.replace(`{${p.name}}`, value(p)), path);
	const query = parameters.filter((p) => p.in === 'query' && p.required).map((p) => `${p.name}=${value(p)}`).join('&');
	const words = ['curl', `--unix-socket ${SOCKET}`, method === 'get' ? null : `-X ${method.toUpperCase()}`,
		body === undefined ? null : `-H 'Content-Type: application/${method === 'patch' ? 'merge-patch+json' : 'json'}' \\\n  -d ${quote(JSON.stringify(body))} \\\n `,
		quote(`http://localhost${full}${query ? `?${query}` : ''}`)];
	return words.filter(Boolean).join(' ');
}

function quote(s) {
	return `'${s.replace(/'/g, "'\\''")}'`;
}

/** @param {object} node @returns {object} what a $ref stands for */
function resolve(doc, node) {
	const ref = node?.$ref;
	return ref?.startsWith('#/') ? ref.slice(2).split('/').reduce((at, key) => at?.[key], doc) ?? {} : node ?? {};
}

/** A schema as a person would write it down. */
function shape(doc, schema, depth = 0) {
	const s = resolve(doc, schema);
	if (depth > MAX_DEPTH) {
		return '…';
	}
	if (s.enum) {
		return s.enum.map((v) => JSON.stringify(v)).join(' | ');
	}
	const many = s.anyOf ?? s.oneOf;
	if (many) {
		return [...new Set(many.map((one) => shape(doc, one, depth)))].join(' | ');
	}
	if (s.properties) {
		return fields(doc, s, depth);
	}
	if (s.type === 'array') {
		return `[${shape(doc, s.items, depth)}]`;
	}
	return [s.type].flat().filter(Boolean).join(' | ').concat(s.format ? ` (${s.format})` : '', range(s)) || 'any';
}

function fields(doc, s, depth) {
	const pad = '  '.repeat(depth + 1);
	const lines = Object.entries(s.properties).map(([k, v]) => `${pad}${k}${s.required?.includes(k) ? '' : '?'}: ${shape(doc, v, depth + 1)}`);
	return `{\n${lines.join('\n')}\n${'  '.repeat(depth)}}`;
}

function range(s) {
	if (s.minimum !== undefined && s.maximum !== undefined) {
		return `, ${s.minimum} to ${s.maximum}`;
	}
	return s.minimum > 0 ? `, at least ${s.minimum}` : '';
}
