// SPDX-License-Identifier: GPL-2.0-or-later
// The panel beside a list: shown and hidden, and the page told so that it makes room.

/** @param {HTMLElement} el @param {boolean} open */
export function setDrawer(el, open) {
	el.hidden = !open;
	document.body.classList.toggle('has-drawer', open);
}
