// SPDX-License-Identifier: GPL-2.0-or-later
// Everything about one connection, beside the list: who, where, what was decided and why.

import { whyBlock } from './explanation.js';
import { button, fill, h, icon, iconButton } from './dom.js';
import { setDrawer } from './drawer.js';
import { bytes, decidedTime, fullTime, latency, plural, serviceName } from './format.js';
import { actionBadge, destinationName, hasPort, programLabel, programTile, relativeName, senderName } from './pieces.js';
import { ruleFromConnection } from './rule-model.js';
import { commandLine, untrusted } from './text.js';
import { flagText, hostHow, confidenceName, confidenceText, methodName, reasonName, reasonText } from './words.js';

export class ConnectionDetail {
	/**
	 * @param {object} context of app.js
	 * @param {{filter: (text: string) => void, closed: () => void}} handlers
	 */
	constructor(context, handlers) {
		this.context = context;
		this.handlers = handlers;
		this.el = h('aside', { class: 'drawer', 'aria-label': 'Connection details', hidden: true, tabindex: '-1' });
		this.el.addEventListener('keydown', (event) => {
			if (event.key === 'Escape') {
				this.close();
			}
		});
	}

	/** @param {object} c @param {HTMLElement} from gets the focus back @param {boolean} [why] with its explanation */
	open(c, from, why = false) {
		this.from = from;
		this.connection = c;
		fill(this.el,
			h('div', { class: 'drawer-head' }, programTile(c.process?.path, 'lg'),
				h('div', { class: 'drawer-title' }, h('h2', {}, programLabel(c)), h('p', {}, '→ ', untrusted(destinationName(c)))),
				iconButton('close', 'Close details', () => this.close())),
			h('div', { class: 'drawer-body' }, this.decision(c), this.destination(c), this.program(c), this.attribution(c), this.record(c)),
			h('div', { class: 'drawer-foot' },
				button('Make a rule from this', () => this.makeRule(), { class: 'btn btn-primary', icon: 'plus' }),
				button('Show similar', () => this.handlers.filter(similar(c)), { icon: 'search' })));
		setDrawer(this.el, true);
		this.el.focus({ preventScroll: true });
		if (why) {
			this.why.open();
		}
	}

	close() {
		if (!this.el.hidden) {
			setDrawer(this.el, false);
			this.handlers.closed();
			if (this.from?.isConnected) {
				this.from.focus({ preventScroll: true });
			}
		}
	}

	makeRule() {
		sessionStorage.setItem('rule-draft', JSON.stringify(ruleFromConnection(this.connection)));
		this.context.go('/rules?new=draft');
	}

	decision(c) {
		const by = c.rule
			? h('a', { href: `/rules?edit=${encodeURIComponent(c.rule)}`, data: { nav: '' } }, untrusted(c.rule))
			: reasonName(c.reason);
		this.why = whyBlock(c);
		return section('Decision', h('div', { class: 'verdict' }, actionBadge(c.action, true), h('span', {}, c.rule ? 'by rule ' : '', by), this.why.toggle), this.why.body,
			c.rule ? null : h('p', { class: 'muted small' }, reasonText(c.reason)), list([['Decided', fullTime(decidedTime(c))], ['Began', fullTime(c.time)], ['Waited', latency(c.latency_us)]]));
	}

	destination(c) {
		const service = hasPort(c) ? serviceName(c.dest.port) : '';
		return section('Destination', list([
			['Host', c.dest.host ? [untrusted(c.dest.host), note(hostHow(c.dest))] : note('no name is known')],
			['Address', untrusted(c.dest.ip, 'mono')],
			['Port', hasPort(c) ? [h('span', { class: 'mono' }, c.dest.port), service ? note(service) : null] : null],
			['Protocol', untrusted(c.protocol, 'mono')],
			['From', c.source ? [untrusted(c.source.ip, 'mono'), c.source.port ? h('span', { class: 'mono muted' }, ` port ${c.source.port}`) : null] : null],
			['Forwarded for', c.forwarded ? untrusted(senderName(c), 'mono') : null],
			['Sent', c.traffic ? traffic(c.traffic.bytes_out, c.traffic.packets_out) : null],
			['Received', c.traffic ? traffic(c.traffic.bytes_in, c.traffic.packets_in) : null],
			['Interface', c.iface?.out ? [c.iface.in ? [untrusted(c.iface.in, 'mono'), ' → '] : null, untrusted(c.iface.out, 'mono')] : null]]));
	}

	program(c) {
		const p = c.process;
		if (!p) {
			return section('Program', h('p', { class: 'muted' }, c.forwarded ? 'It was sent from elsewhere; no program is known for it.' : 'No program is known for this connection.'));
		}
		return section('Program', list([
			['Path', untrusted(p.path, 'mono')],
			['Script', p.script ? untrusted(p.script, 'mono') : null],
			['Command', p.args?.length > 0 ? untrusted(commandLine(p.args), 'mono') : null],
			['Directory', p.cwd ? untrusted(p.cwd, 'mono') : null],
			['User', [untrusted(p.user ?? '?'), Number.isInteger(p.uid) ? note(`uid ${p.uid}`) : null]],
			['Runs as', runsAs(p) ? note(runsAs(p)) : null],
			['PID', h('span', { class: 'mono' }, p.pid)],
			['Started', p.started ? fullTime(p.started) : null],
			['Socket made by', p.socket_creator ? [untrusted(p.socket_creator.path ?? relativeName(p.socket_creator), 'mono'), p.socket_creator.path ? note(`PID ${p.socket_creator.pid}`) : null] : null],
			['Container', p.container ? untrusted(p.container, 'mono') : null],
			['Unit', p.unit ? untrusted(p.unit, 'mono') : null],
			['Cgroup', p.cgroup ? untrusted(p.cgroup, 'mono') : null]]), flagList(p.flags), tree(p));
	}

	attribution(c) {
		const a = c.attribution ?? { method: 'none', confidence: 'unknown' };
		return section('How it was identified',
			h('div', { class: 'verdict' }, h('span', { class: `sure sure-${a.confidence}` }, confidenceName(a.confidence)), note(methodName(a.method))),
			h('p', { class: 'muted small' }, confidenceText(a.confidence)));
	}

	record(c) {
		return h('details', { class: 'raw' }, h('summary', {}, 'As JSON'), h('pre', { class: 'mono', tabindex: '0' }, untrustedJson(c)));
	}
}

/** Every line by itself, so that no string reaches across lines. @param {object} c */
function untrustedJson(c) {
	return JSON.stringify(c, null, 2).split('\n').map((line) => h('div', { class: 'json-line' }, untrusted(line)));
}

function section(title, ...children) {
	return h('section', { class: 'drawer-section' }, h('h3', {}, title), children);
}

/** @param {[string, any][]} rows those without a value are left out */
function list(rows) {
	return h('dl', { class: 'pairs' }, rows.filter(([, value]) => value !== null).map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value))));
}

function traffic(bytes_, packets) {
	return [h('span', { class: 'num' }, bytes(bytes_)), note(plural(packets, 'packet'))];
}

/**
 * What is unusual about a process, in words.
 * @param {string[]|undefined} flags
 * @param {any} [more] what goes before them
 */
export function flagList(flags, more) {
	const all = [more, ...(flags ?? []).map((f) => flagText(f))].filter(Boolean);
	return all.length > 0 ? h('ul', { class: 'oddities' }, all.map((text) => h('li', {}, icon('warning'), h('span', {}, text)))) : null;
}

function note(text) {
	return text ? h('span', { class: 'note' }, text) : null;
}

/** As whom a process runs, where its real and effective user are known. @param {object} p  @returns {string} */
function runsAs(p) {
	if (!Number.isInteger(p.real_uid)) {
		return '';
	}
	return !Number.isInteger(p.effective_uid) || p.effective_uid === p.real_uid ? `uid ${p.real_uid}` : `uid ${p.real_uid}, with the rights of uid ${p.effective_uid}`;
}

/** @param {object} p  @returns {string} since when and as whom, as far as is known */
function since(p) {
	return [p.started ? `since ${fullTime(p.started)}` : '', runsAs(p)].filter(Boolean).join(' · ');
}

/** The ancestors, oldest on top. @param {object} process */
function tree(process) {
	const chain = [...(process.parents ?? [])].reverse();
	if (chain.length === 0) {
		return null;
	}
	return h('div', { class: 'tree-block' }, h('h4', {}, 'Started by'),
		h('ol', { class: 'tree' }, [...chain, process].map((p, i) => h('li', { class: `depth-${Math.min(i, 8)}` },
			i > 0 ? icon('branch') : null, untrusted(relativeName(p), 'strong'), p.path ? [untrusted(p.path, 'muted mono tree-path'), h('span', { class: 'muted num' }, `PID ${p.pid}`)] : null, since(p) ? h('span', { class: 'note tree-since' }, since(p)) : null))));
}

/** @param {object} c  @returns {string} a filter for the same program and destination */
function similar(c) {
	const quote = (s) => (/[\s"]/.test(s) ? `"${s.replace(/"/g, '')}"` : s);
	return [c.process?.path ? `path:${quote(c.process.path)}` : '', c.dest.host ? `host:${quote(c.dest.host)}` : `ip:${c.dest.ip}`].filter(Boolean).join(' ');
}
