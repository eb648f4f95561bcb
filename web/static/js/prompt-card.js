// SPDX-License-Identifier: GPL-2.0-or-later
// One waiting connection: who, where, how sure, and the choices. The dock shows one card at a time.

import { h, icon, uid, fill } from './dom.js';
import { serverNow } from './clock.js';
import { fullTime, plural, serviceName } from './format.js';
import { programLabel, programName, programTile, relativeName, senderName, destinationName, destinationText, hasPort, kbd } from './pieces.js';
import { flagList } from './connection-detail.js';
import { matchOf, suggestedTarget, targets } from './prompt-scope.js';
import { baseName, commandLine, plain, untrusted } from './text.js';
import { ACTIONS, ACTION_DONE, ACTION_HINT, ACTION_ICON, ACTION_NAME, DURATIONS, confidenceName, confidenceNote, confidenceText, durationName,
	hostHow } from './words.js';

/** After a card (re)appears, no key and no click counts for so long: it was meant for what stood there before. */
const ARM_MS = 400;

export class PromptCard {
	/**
	 * @param {object} prompt
	 * @param {object|null} config of the daemon
	 * @param {(prompt: object, answer: {action: string, duration: string, match: string[]}) => Promise<void>} send
	 */
	constructor(prompt, config, send) {
		this.prompt = prompt;
		this.config = config;
		this.send = send;
		this.connection = prompt.connection;
		this.targets = targets(this.connection);
		this.busy = false;
		this.armedAt = Infinity;
		this.armTimer = 0;
		this.el = this.build();
		this.update(prompt);
		this.choose();
	}

	build() {
		const title = uid('prompt-title');
		const where = uid('prompt-where');
		this.error = h('p', { class: 'prompt-error', role: 'alert', hidden: true });
		this.held = h('span', { class: 'prompt-held' });
		this.bar = h('progress', { class: 'countdown', 'aria-label': 'Time left to answer' });
		this.left = h('span', { class: 'countdown-text' });
		return h('div', { class: 'prompt-card', role: 'alertdialog', 'aria-labelledby': title, 'aria-describedby': where, tabindex: '-1',
			data: { promptId: this.prompt.id } },
		h('div', { class: 'prompt-scroll' }, this.buildWho(title), this.buildWhere(where), flagList(this.connection.process?.flags, changedText(this.prompt.program_changed)), this.buildFacts(), this.buildChoices(), this.error),
		h('div', { class: 'prompt-foot' }, h('div', { class: 'countdown-row' }, this.left, this.held), this.bar, this.buildButtons()));
	}

	buildWho(id) {
		const path = this.connection.process?.path;
		return h('div', { class: 'prompt-who' }, programTile(path, 'lg'),
			h('div', { class: 'prompt-who-text' },
				h('h2', { class: 'prompt-title', id }, programLabel(this.connection), h('span', { class: 'prompt-verb' }, ' wants to connect')),
				path ? untrusted(path, 'prompt-path mono') : h('span', { class: 'prompt-path' }, this.connection.forwarded ? 'Sent through this machine by somebody else' : 'The kernel did not say who is behind it')));
	}

	buildWhere(id) {
		const c = this.connection;
		const service = hasPort(c) ? serviceName(c.dest.port) : '';
		const how = c.dest.host ? hostHow(c.dest) : 'no host name known';
		return h('div', { class: 'prompt-where', id },
			h('div', { class: 'prompt-line' }, h('div', { class: 'prompt-host' }, untrusted(destinationName(c))),
				h('div', { class: 'prompt-port' }, hasPort(c) ? h('span', { class: 'chip' }, 'port ', h('b', {}, c.dest.port)) : null, h('span', { class: 'chip' }, untrusted(c.protocol)))),
			h('div', { class: 'prompt-sub' }, c.dest.host ? [untrusted(c.dest.ip, 'mono'), ' · '] : null, how, service ? ` · ${service}` : ''));
	}

	buildFacts() {
		const p = this.connection.process;
		const a = this.connection.attribution ?? { confidence: 'unknown' };
		const rows = [];
		if (p?.args?.length > 0) {
			rows.push(fact('Command', untrusted(commandLine(p.args), 'mono clamp'), plain(commandLine(p.args))));
		}
		if (p?.script) {
			rows.push(fact('Script', untrusted(p.script, 'mono clamp'), plain(p.script)));
		}
		if (p?.container) {
			rows.push(fact('Container', untrusted(p.container, 'mono clamp'), plain(p.container)));
		}
		if (p) {
			rows.push(fact('User', [untrusted(p.user ?? '?'), p.uid !== undefined && p.uid !== null ? h('span', { class: 'muted' }, ` (${p.uid})`) : null]));
		}
		if (p?.parents?.length > 0) {
			rows.push(fact('Started by', lineage(p)));
		}
		if (this.connection.forwarded) {
			rows.push(fact('Forwarded for', untrusted(senderName(this.connection), 'mono clamp'), plain(senderName(this.connection))));
		}
		if (p?.socket_creator) {
			rows.push(fact('Socket made by', [untrusted(p.socket_creator.path ?? relativeName(p.socket_creator), 'mono clamp'), p.socket_creator.path ? h('span', { class: 'note' }, `PID ${p.socket_creator.pid}`) : null],
				'Another program made this socket and handed it on'));
		}
		rows.push(fact('Identified', [h('span', { class: `sure sure-${a.confidence}` }, confidenceName(a.confidence)), h('span', { class: 'note' }, confidenceNote(a.confidence))], confidenceText(a.confidence)));
		return h('dl', { class: 'facts' }, rows);
	}

	buildChoices() {
		const group = uid('scope');
		const suggested = suggestedTarget(this.prompt, this.targets);
		const known = Boolean(this.connection.process?.path);
		this.radios = this.targets.map((t) => h('input', { type: 'radio', name: group, value: t.id, checked: t === suggested, on: { change: () => this.choose() } }));
		this.who = h('span', { class: 'scope-who' });
		const options = this.targets.map((t, i) => h('label', { class: 'scope' }, this.radios[i],
			h('span', { class: 'scope-text' }, t.parts.map((part) => (part.strong ? [untrusted(part.strong, 'strong'), ' '] : `${part.text} `))),
			i < 9 ? kbd(String(i + 1)) : null));
		this.scopes = h('fieldset', { class: 'scopes' }, h('legend', {}, 'Applies to connections of ', this.who, ' to'), options);
		this.anyProgram = h('input', { type: 'checkbox', on: { change: () => this.choose() } });
		this.onlyUser = h('input', { type: 'checkbox', on: { change: () => this.choose() } });
		this.exactCommand = h('input', { type: 'checkbox', on: { change: () => this.choose() } });
		return h('div', { class: 'prompt-choices' }, this.buildDuration(), this.scopes, this.buildNarrower(known), known ? this.buildAnyProgram() : null);
	}

	buildDuration() {
		const id = uid('duration');
		const wanted = this.prompt.suggestions?.[0]?.duration ?? this.config?.default_duration ?? 'until restart';
		this.duration = h('select', { class: 'select', id, on: { change: () => this.choose() } },
			DURATIONS.map((d) => h('option', { value: d, selected: d === wanted }, durationName(d))));
		return h('div', { class: 'prompt-duration' }, h('label', { for: id }, 'Remember'), this.duration);
	}

	buildNarrower(known) {
		const p = this.connection.process;
		const options = [];
		if (p && Number.isInteger(p.uid)) {
			options.push(h('label', { class: 'check' }, this.onlyUser, h('span', {}, 'only for user ', untrusted(p.user ?? p.uid, 'strong clip'))));
		}
		if (known && p.args?.length > 1) {
			options.push(h('label', { class: 'check' }, this.exactCommand, 'only with this command line'));
		}
		return options.length > 0 ? h('div', { class: 'narrower' }, options) : null;
	}

	buildAnyProgram() {
		return h('label', { class: 'danger-choice' }, this.anyProgram,
			h('span', {}, icon('warning'), h('b', {}, 'Any program'), ', not only ', untrusted(programName(this.connection), 'clip')));
	}

	buildButtons() {
		this.buttons = ACTIONS.map((action) => h('button', { type: 'button', class: `btn btn-lg btn-${action}`, title: ACTION_HINT[action],
			'aria-keyshortcuts': ACTION_NAME[action][0], data: { answer: action }, on: { click: () => this.answer(action) } },
		icon(ACTION_ICON[action]), ACTION_NAME[action], kbd(ACTION_NAME[action][0])));
		return h('div', { class: 'prompt-buttons' }, this.buttons);
	}

	/** Brings everything in line with what is chosen. */
	choose() {
		const once = this.duration.value === 'once';
		const unknown = !this.connection.process?.path;
		const wide = this.anyProgram.checked || unknown;
		this.el.classList.toggle('is-wide', this.anyProgram.checked);
		fill(this.who, wide ? h('b', { class: 'danger-text' }, 'any program') : untrusted(programName(this.connection), 'strong clip'));
		this.scopes.disabled = once;
		for (const box of [this.anyProgram, this.onlyUser]) {
			box.disabled = once;
		}
		this.exactCommand.disabled = once || this.anyProgram.checked;
		// A rule for every program and every destination is not something to click together in a hurry.
		const anywhere = this.radios.at(-1);
		anywhere.disabled = wide && !this.onlyUser.checked;
		if (anywhere.disabled && anywhere.checked) {
			this.radios[0].checked = true;
		}
	}

	get target() {
		return this.targets[this.radios.findIndex((r) => r.checked)] ?? this.targets[0];
	}

	/** Selects a scope by number, as the keys do. @param {number} index */
	selectScope(index) {
		const radio = this.radios[index];
		if (radio && !radio.disabled && !this.scopes.disabled) {
			radio.checked = true;
			this.choose();
			radio.closest('.scope').scrollIntoView({ block: 'nearest' });
		}
	}

	/** @param {number} step 1 or -1 */
	moveScope(step) {
		const usable = this.radios.filter((r) => !r.disabled);
		const at = usable.findIndex((r) => r.checked);
		this.selectScope(this.radios.indexOf(usable[(at + step + usable.length) % usable.length]));
	}

	/** The daemon told something new of this prompt. @param {object} prompt */
	update(prompt) {
		this.prompt = prompt;
		this.bar.max = Math.max(1, Date.parse(prompt.deadline) - Date.parse(prompt.opened));
		this.held.textContent = `${plural(prompt.held, 'packet')} held`;
		this.tick();
	}

	/** @param {object|null} config */
	setConfig(config) {
		this.config = config;
		this.tick();
	}

	/** Moves the countdown. */
	tick() {
		const left = Math.max(0, Date.parse(this.prompt.deadline) - serverNow());
		this.bar.value = Math.min(left, this.bar.max);
		const action = this.config?.prompt?.timeout_action ?? this.config?.default_action;
		const end = ACTION_DONE[action] ?? 'Decided by default';
		const text = left > 0 ? `${end} in ${Math.ceil(left / 1000)} s if not answered` : `${end}…`;
		if (this.left.textContent !== text) {
			this.left.textContent = text;
		}
		this.el.classList.toggle('is-urgent', left < 6000);
	}

	/** Called when the card comes to the front: see ARM_MS. */
	shown() {
		this.armedAt = performance.now() + ARM_MS;
		clearTimeout(this.armTimer);
		this.setInert(true);
		this.armTimer = setTimeout(() => this.setInert(this.busy), ARM_MS);
	}

	get armed() {
		return performance.now() >= this.armedAt;
	}

	setInert(inert) {
		for (const b of this.buttons) {
			b.setAttribute('aria-disabled', String(inert));
		}
	}

	/** @param {string} action */
	async answer(action) {
		if (!this.armed || this.busy) {
			return;
		}
		this.busy = true;
		this.setInert(true);
		this.error.hidden = true;
		const choice = { target: this.target, anyProgram: this.anyProgram.checked, onlyUser: this.onlyUser.checked, exactCommand: this.exactCommand.checked };
		const duration = this.duration.value;
		const match = matchOf(this.connection, choice);
		try {
			await this.send(this.prompt, duration === 'once' ? { action, duration } : { action, duration, match });
		} catch (problem) {
			this.error.textContent = problem.errors?.[0]?.message ?? problem.message;
			this.error.hidden = false;
			this.error.scrollIntoView({ block: 'nearest' });
		} finally {
			this.busy = false;
			this.setInert(false);
		}
	}

	/** One sentence for screen readers and notifications. */
	get sentence() {
		return `${plain(programName(this.connection))} wants to connect to ${destinationText(this.connection)}`;
	}

	get short() {
		return `${plain(programName(this.connection))} → ${plain(destinationName(this.connection))}`;
	}

	close() {
		clearTimeout(this.armTimer);
		this.el.remove();
	}
}

function fact(name, value, title) {
	return h('div', { class: 'fact', title: title || null }, h('dt', {}, name), h('dd', {}, value));
}

/** The program is not the one that rules were made for. @param {{rules: string[], changed: string}|null|undefined} changed */
function changedText(changed) {
	return changed ? ['It has changed since you made a rule for it (', fullTime(changed.changed), '): ', untrusted(changed.rules.join(', '), 'strong clip')] : null;
}

/** Oldest ancestor first, the program itself last. @param {object} process */
function lineage(process) {
	const chain = [...process.parents].reverse();
	return h('span', { class: 'lineage', title: plain(chain.map((p) => (p.path ? `${p.path} (PID ${p.pid})` : relativeName(p))).join(' › ')) },
		chain.map((p) => [untrusted(relativeName(p), 'clip'), h('span', { class: 'sep', 'aria-hidden': 'true' }, '›')]),
		untrusted(baseName(process.path) || '?', 'strong clip'));
}
