// SPDX-License-Identifier: GPL-2.0-or-later
// The keys of the prompt dock. A key never counts while somebody types, nor for a card that only just appeared.

const ACTIONS = { a: 'allow', d: 'deny', r: 'reject' };
const NOT_TYPING = new Set(['radio', 'checkbox', 'button', 'submit', 'reset']);

/** Whether keys go into a field. @param {EventTarget|null} target */
export function isTyping(target) {
	if (!(target instanceof HTMLElement)) {
		return false;
	}
	if (target instanceof HTMLInputElement) {
		return !NOT_TYPING.has(target.type);
	}
	return target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement || target.isContentEditable;
}

/** @param {KeyboardEvent} event */
function isForUs(event) {
	return !event.defaultPrevented && !event.ctrlKey && !event.altKey && !event.metaKey && !event.isComposing && !event.repeat
		&& !isTyping(event.target) && document.querySelector('dialog[open]') === null;
}

/**
 * @param {object} dock a PromptDock
 */
export function listenKeys(dock) {
	document.addEventListener('keydown', (event) => {
		if (!isForUs(event)) {
			return;
		}
		const card = dock.visibleCard;
		const handled = card ? cardKey(dock, card, event) : asideKey(dock, event);
		if (handled) {
			event.preventDefault();
			event.stopImmediatePropagation();
		}
	}, true);
}

function asideKey(dock, event) {
	if (event.key.toLowerCase() === 'p' && dock.isAside) {
		dock.bringBack();
		return true;
	}
	return false;
}

/** @returns {boolean} whether the key was ours, also when it came too early to count */
function cardKey(dock, card, event) {
	const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
	if (key === 'Escape') {
		dock.putAside();
		return true;
	}
	if (key in ACTIONS) {
		if (card.armed) {
			card.answer(ACTIONS[key]);
		}
		return true;
	}
	if (/^[1-9]$/.test(key)) {
		if (card.armed) {
			card.selectScope(Number(key) - 1);
		}
		return true;
	}
	if (key === 'p') {
		card.el.focus();
		return true;
	}
	return arrowKey(dock, card, event, key);
}

/** Arrows belong to the page, unless the focus is in the dock or nowhere. */
function arrowKey(dock, card, event, key) {
	const steps = { ArrowUp: -1, ArrowDown: 1, ArrowLeft: -1, ArrowRight: 1 };
	const ours = dock.dock.contains(event.target) || event.target === document.body;
	if (!(key in steps) || !ours) {
		return false;
	}
	if (key === 'ArrowLeft' || key === 'ArrowRight') {
		dock.step(steps[key]);
		return true;
	}
	if (event.target instanceof HTMLInputElement && event.target.type === 'radio') {
		return false;
	}
	card.moveScope(steps[key]);
	return true;
}
