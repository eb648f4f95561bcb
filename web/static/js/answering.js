// SPDX-License-Identifier: GPL-2.0-or-later
// Sending answers to prompts, and telling how they ended.

import * as api from './api.js';
import { destinationName, programName } from './pieces.js';
import { plain } from './text.js';
import { ACTION_DONE, durationName } from './words.js';

/** @param {object} prompt */
function name(prompt) {
	return `${plain(programName(prompt.connection))} → ${plain(destinationName(prompt.connection))}`;
}

/**
 * @param {import('./store.js').Store} store
 * @param {ReturnType<import('./toast.js').createToaster>} toaster
 * @param {ReturnType<import('./undo.js').createUndo>} undo
 */
export function createAnswering(store, toaster, undo) {
	/** Prompts that this page answered: their end is no news. @type {Set<number>} */
	const mine = new Set();

	/** Resolves when the prompt is over, by us or by somebody else. */
	async function send(prompt, answer) {
		mine.add(prompt.id);
		try {
			const result = await api.prompts.answer(prompt.id, answer);
			store.dropPrompt(prompt.id);
			const how = answer.duration === 'once' ? 'only this once' : durationName(answer.duration).toLowerCase();
			const rule = result?.rule;
			const text = `${ACTION_DONE[answer.action]} ${name(prompt)}, ${how}`;
			if (rule?.name) {
				undo.offer(text, [rule.name], { kind: answer.action, action: { label: 'Show rule', href: `/rules?edit=${encodeURIComponent(rule.name)}` } });
			} else {
				toaster.show(text, { kind: answer.action });
			}
		} catch (problem) {
			mine.delete(prompt.id);
			if (problem.status !== 410 && problem.status !== 404) {
				throw problem;
			}
			store.dropPrompt(prompt.id);
			toaster.show(`Already answered: ${name(prompt)}`, { kind: 'info' });
		}
	}

	/** @param {{id: number, end: string, action: string}} closed @param {object|null} prompt */
	function closed(closed, prompt) {
		if (mine.delete(closed.id) || !prompt) {
			return;
		}
		const done = ACTION_DONE[closed.action] ?? 'Decided';
		if (closed.end === 'timed_out') {
			toaster.show(`Nobody answered: ${name(prompt)} was ${done.toLowerCase()}`, { kind: 'info' });
		} else if (closed.end === 'rule') {
			toaster.show(`${done} by a new rule: ${name(prompt)}`, { kind: closed.action });
		} else if (closed.end === 'answered') {
			toaster.show(`${done} elsewhere: ${name(prompt)}`, { kind: closed.action });
		}
	}

	return { send, closed };
}
