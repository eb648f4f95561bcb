// SPDX-License-Identifier: GPL-2.0-or-later
// Building elements. Strings only ever become text nodes or attribute values, never markup.

/** @typedef {Node|string|number|null|undefined|false|Child[]} Child */

/**
 * @param {string} tag
 * @param {Object<string, any>} [attrs] `class`, `data` (object), `on` (object of listeners), DOM properties that are
 *   not plain attributes (`value`, `checked`, `disabled`, ...), and attributes; null or false leaves one out
 * @param {...Child} children
 * @returns {HTMLElement}
 */
export function h(tag, attrs = {}, ...children) {
	const el = document.createElement(tag);
	for (const [key, value] of Object.entries(attrs ?? {})) {
		setAttr(el, key, value);
	}
	append(el, children);
	return el;
}

const PROPERTIES = new Set(['value', 'checked', 'disabled', 'hidden', 'selected', 'indeterminate', 'readOnly']);

/** @param {HTMLElement} el @param {string} key @param {any} value */
function setAttr(el, key, value) {
	if (value === null || value === undefined || value === false) {
		return;
	}
	if (key === 'class') {
		el.className = value;
	} else if (key === 'data') {
		Object.assign(el.dataset, value);
	} else if (key === 'on') {
		for (const [type, listener] of Object.entries(value)) {
			el.addEventListener(type, listener);
		}
	} else if (PROPERTIES.has(key)) {
		el[key] = value;
	} else {
		el.setAttribute(key, value === true ? '' : String(value));
	}
}

/** @param {Node} el @param {Child[]} children */
export function append(el, children) {
	for (const child of children) {
		if (Array.isArray(child)) {
			append(el, child);
		} else if (child instanceof Node) {
			el.appendChild(child);
		} else if (child !== null && child !== undefined && child !== false) {
			el.appendChild(document.createTextNode(String(child)));
		}
	}
}

/** Replaces everything inside `el`. @param {Element} el @param {...Child} children */
export function fill(el, ...children) {
	el.textContent = '';
	append(el, children);
}

const SVG = 'http://www.w3.org/2000/svg';

/** An icon of img/icons.svg in the colour of its text; decoration only. @param {string} name @param {string} [className] */
export function icon(name, className = '') {
	const svg = document.createElementNS(SVG, 'svg');
	svg.setAttribute('class', className ? `icon ${className}` : 'icon');
	svg.setAttribute('aria-hidden', 'true');
	svg.setAttribute('focusable', 'false');
	const use = document.createElementNS(SVG, 'use');
	use.setAttribute('href', `/static/img/icons.svg#${name}`);
	svg.append(use);
	return svg;
}

/**
 * A button. @param {Child} label @param {(event: MouseEvent) => void} click
 * @param {Object<string, any>} [attrs] as h(); `icon` puts one before the label
 */
export function button(label, click, attrs = {}) {
	const { icon: name, ...rest } = attrs;
	return h('button', { type: 'button', class: 'btn', ...rest, on: { click } }, name ? icon(name) : null, label);
}

/** A square button with an icon and a name for those who cannot see it. */
export function iconButton(name, label, click, attrs = {}) {
	return h('button', { type: 'button', class: 'btn btn-icon', 'aria-label': label, title: label, ...attrs, on: { click } },
		icon(name));
}

let counter = 0;

/** An id that is unique in this page. @param {string} prefix */
export function uid(prefix) {
	counter += 1;
	return `${prefix}-${counter}`;
}
