// SPDX-License-Identifier: GPL-2.0-or-later
// The Lists page: lists from a URL with what came of their last fetch, and the folders of lists that rules name.

import * as api from './api.js';
import { serverNow } from './clock.js';
import { ask } from './dialog.js';
import { button, fill, h, icon, uid } from './dom.js';
import { field, markInvalid } from './form-fields.js';
import { ago, bytes, count, fullTime, plural } from './format.js';
import { emptyState } from './pieces.js';
import { plain, untrusted } from './text.js';

const LOOK_MS = 10000;
/** While one is fetched. */
const LOOK_SOON_MS = 700;

const KINDS = [['lists.domains', 'Host names'], ['lists.domains_regexp', 'Expressions for host names'], ['lists.ips', 'Addresses'], ['lists.nets', 'Networks'],
	['lists.hash.sha256', 'SHA-256 of programs'], ['lists.hash.md5', 'MD5 of programs']];
const INTERVALS = [['1h', 'Every hour'], ['6h', 'Every 6 hours'], ['12h', 'Every 12 hours'], ['1d', 'Every day'], ['7d', 'Every week']];
const COLUMNS = [['name', 'List'], ['entries', 'Entries'], ['updated', 'Updated'], ['hits', 'Hits'], ['on', 'On'], ['tools', 'Actions']];

const kindName = (operand) => Object.fromEntries(KINDS)[operand] ?? plain(operand);

/** @param {object} context of app.js */
export function createListsPage(context) {
	return { title: 'Lists', mount: (root) => new ListsPage(root, context).unmount };
}

class ListsPage {
	constructor(root, context) {
		this.toaster = context.toaster;
		this.build(root);
		this.load();
		this.unmount = () => {
			clearTimeout(this.timer);
			this.over = true;
		};
	}

	build(root) {
		const caption = uid('caption');
		this.body = h('tbody', {});
		this.summary = h('span', { class: 'list-summary', role: 'status' });
		this.wrap = h('div', { class: 'table-wrap', hidden: true }, h('table', { class: 'table lists', 'aria-labelledby': caption },
			h('caption', { class: 'sr-only', id: caption }, 'Lists'), h('thead', {}, h('tr', {}, COLUMNS.map(([key, label]) =>
				h('th', { scope: 'col', class: `l-${key}` }, key === 'tools' ? h('span', { class: 'sr-only' }, label) : label)))), this.body));
		this.empty = h('div', { class: 'list-empty', hidden: true });
		root.append(h('div', { class: 'page-head' }, h('h1', {}, 'Lists'), this.summary), h('div', { class: 'stack' }, this.wrap, this.empty, this.form()));
	}

	form() {
		const title = uid('card');
		const input = (path, label, attrs, hint) => {
			const id = uid(path);
			const el = h('input', { class: 'input', id, autocomplete: 'off', spellcheck: 'false', ...attrs });
			return { el, field: field(label, path, el, id, hint) };
		};
		const choice = (path, label, values, value) => {
			const id = uid(path);
			const el = h('select', { class: 'select', id }, values.map(([v, text]) => h('option', { value: v, selected: v === value }, text)));
			return { el, field: field(label, path, el, id) };
		};
		this.inputs = {
			name: input('name', 'Name', { maxlength: '64', placeholder: 'ads' }),
			url: input('url', 'URL', { maxlength: '2048', placeholder: 'https://', inputmode: 'url' }),
			operand: choice('operand', 'Holds', KINDS, 'lists.domains'),
			interval: choice('interval', 'Fetched', INTERVALS, '1d'),
		};
		this.error = h('p', { class: 'form-error', role: 'alert', hidden: true });
		this.submit = h('button', { type: 'submit', class: 'btn btn-primary' }, 'Add list');
		return h('section', { class: 'card', 'aria-labelledby': title },
			h('div', { class: 'card-head' }, h('h2', { id: title }, 'Add a list from a URL'), h('p', {}, 'A rule then blocks or allows what stands in its folder.')),
			h('form', { class: 'list-form', novalidate: true, on: { submit: (event) => {
				event.preventDefault();
				this.create();
			} } }, Object.values(this.inputs).map((i) => i.field), this.error, h('div', { class: 'list-form-foot' }, this.submit)));
	}

	async load() {
		clearTimeout(this.timer);
		let busy = false;
		try {
			const items = await api.lists.all();
			if (this.over) {
				return;
			}
			busy = items.some((l) => l.refreshing);
			this.show(items);
		} catch (error) {
			if (!this.shown && error.status !== 401 && error.status !== 0) {
				this.empty.hidden = false;
				fill(this.empty, emptyState('warning', 'The lists cannot be read', h('p', {}, plain(error.message))));
			}
		}
		if (!this.over) {
			this.timer = setTimeout(() => this.load(), busy ? LOOK_SOON_MS : LOOK_MS);
		}
	}

	show(items) {
		const urls = items.filter((l) => l.kind === 'subscription');
		const own = new Set(urls.map((l) => l.folder));
		const folders = items.filter((l) => l.kind === 'folder' && !own.has(l.folder));
		// Nothing moves under the pointer or the focus when nothing has changed.
		const now = JSON.stringify([urls, folders, Math.floor(serverNow() / 60000)]);
		if (this.shown === now) {
			return;
		}
		this.shown = now;
		const at = this.body.contains(document.activeElement) ? document.activeElement.getAttribute('aria-label') : null;
		fill(this.body, urls.map((l) => this.urlRow(l)), folders.map((l) => folderRow(l)));
		if (at) {
			[...this.body.querySelectorAll('[aria-label]')].find((el) => el.getAttribute('aria-label') === at)?.focus({ preventScroll: true });
		}
		const n = urls.length + folders.length;
		this.summary.textContent = n ? plural(n, 'list') : '';
		this.wrap.hidden = n === 0;
		this.empty.hidden = n > 0;
		fill(this.empty, n ? null : emptyState('shield', 'No list yet', h('p', {}, 'Lists of hosts, addresses or networks that rules block or allow appear here.')));
	}

	urlRow(l) {
		const name = plain(l.name);
		const on = h('input', { type: 'checkbox', class: 'switch', role: 'switch', checked: l.enabled, 'aria-label': `${name} is on`, on: { change: () => this.run(() => api.lists.patch(l.name, { enabled: on.checked }), 'The list could not be changed') } });
		const refresh = button(l.refreshing ? 'Fetching…' : 'Refresh', () => this.run(() => api.lists.refresh(l.name), 'The list could not be fetched'), { class: 'btn btn-small', disabled: l.refreshing, 'aria-label': `Refresh ${name} now` });
		const remove = button('Remove', () => this.remove(l), { class: 'btn btn-small btn-danger-quiet', 'aria-label': `Remove ${name}` });
		return h('tr', { class: l.enabled ? '' : 'is-off', data: { list: l.name } },
			td('name', h('div', { class: 'list-name' }, untrusted(l.name, 'strong'), h('span', { class: 'muted' }, kindName(l.operand))),
				h('p', { class: 'list-source' }, untrusted(l.url, 'mono')), place(l), l.error ? failure(l) : null),
			td('entries', h('span', { class: 'num' }, count(l.entries)), h('p', { class: 'hint' }, l.updated ? bytes(l.bytes) : '')),
			td('updated', updated(l.updated), h('p', { class: 'hint', title: l.next ? fullTime(l.next) : null }, l.enabled ? intervalName(l.interval) : 'Off')),
			hits(l), td('on', on), td('tools', h('div', { class: 'list-tools' }, refresh, remove)));
	}

	async create() {
		this.error.hidden = true;
		for (const el of this.submit.form.querySelectorAll('.field-error')) {
			el.remove();
		}
		for (const { el } of Object.values(this.inputs)) {
			el.removeAttribute('aria-invalid');
			el.removeAttribute('aria-describedby');
		}
		const body = Object.fromEntries(Object.entries(this.inputs).map(([key, { el }]) => [key, el.value.trim()]));
		this.submit.disabled = true;
		try {
			await api.lists.create(body);
			this.inputs.name.el.value = '';
			this.inputs.url.el.value = '';
			await this.load();
		} catch (error) {
			this.refused(error);
		}
		this.submit.disabled = false;
	}

	refused(error) {
		const known = error.errors.filter((e) => e.field in this.inputs);
		for (const e of known) {
			markInvalid(this.inputs[e.field].field, plain(e.message));
		}
		if (known.length > 0) {
			this.inputs[known[0].field].el.focus();
			return;
		}
		this.error.textContent = plain(error.message);
		this.error.hidden = false;
	}

	async remove(l) {
		const used = l.rules.length > 0 ? ` ${l.rules.map(plain).join(', ')} will match nothing of it any more.` : '';
		if (await ask({ title: 'Remove this list?', text: `“${plain(l.name)}” and its copy are deleted.${used}`, yes: 'Remove', danger: true })) {
			await this.run(() => api.lists.remove(l.name), 'The list could not be removed');
		}
	}

	async run(what, problem) {
		try {
			await what();
		} catch (error) {
			this.toaster.failure(error, problem);
			this.shown = undefined;
		}
		await this.load();
	}
}

function td(key, ...children) {
	return h('td', { class: `l-${key}` }, children);
}

function updated(time) {
	return h('span', { title: time ? fullTime(time) : null }, time ? ago(time, serverNow()) : 'Never');
}

function hits(l) {
	return td('hits', h('span', { class: 'num' }, count(l.hits)), h('p', { class: 'hint' }, l.last_hit ? ago(l.last_hit, serverNow()) : ''));
}

function intervalName(interval) {
	return Object.fromEntries(INTERVALS)[interval] ?? `Every ${plain(interval)}`;
}

/** The folder for a rule's data, and the rules that have it. */
function place(l) {
	return h('p', { class: 'hint list-place' }, 'Folder ', untrusted(l.folder, 'mono'),
		l.rules.length === 0 ? ' · no rule names it' : l.rules.map((name, i) => [i === 0 ? ' · ' : ', ', h('a', { href: `/rules?edit=${encodeURIComponent(name)}`, data: { nav: '' } }, untrusted(name))]));
}

function failure(l) {
	return h('p', { class: 'list-error' }, icon('warning'), h('span', {}, untrusted(l.error), ' — tried ', ago(l.checked, serverNow()),
		l.updated ? `; the copy of ${fullTime(l.updated)} is in force.` : '; there is no copy yet.'));
}

function folderRow(l) {
	const bad = l.files.reduce((sum, f) => sum + f.bad_lines, 0);
	return h('tr', { data: { folder: l.folder } },
		td('name', h('div', { class: 'list-name' }, h('b', {}, 'Folder'), h('span', { class: 'muted' }, kindName(l.operand))), place(l),
			l.problem ? h('p', { class: 'list-error' }, icon('warning'), untrusted(l.problem)) : null),
		td('entries', h('span', { class: 'num' }, count(l.entries)), h('p', { class: 'hint' }, plural(l.files.length, 'file'), bad > 0 ? `, ${plural(bad, 'bad line')}` : '')),
		td('updated', updated(l.updated), h('p', { class: 'hint' }, 'Read live')), hits(l), td('on'), td('tools'));
}
