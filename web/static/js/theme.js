// SPDX-License-Identifier: GPL-2.0-or-later
// Light, dark or as the system says; remembered in this browser.

/** @typedef {'auto'|'light'|'dark'} Theme */

/** @returns {Theme} */
export function currentTheme() {
	return /** @type {Theme} */ (document.documentElement.dataset.theme ?? 'auto');
}

/** @param {Theme} theme */
export function setTheme(theme) {
	if (theme === 'auto') {
		delete document.documentElement.dataset.theme;
	} else {
		document.documentElement.dataset.theme = theme;
	}
	try {
		localStorage.setItem('theme', theme);
	} catch {
		// It holds for this page, then.
	}
}

/** Follows a change made in another tab. @param {(theme: Theme) => void} changed */
export function watchTheme(changed) {
	addEventListener('storage', (event) => {
		if (event.key === 'theme') {
			const theme = event.newValue === 'light' || event.newValue === 'dark' ? event.newValue : 'auto';
			if (theme === 'auto') {
				delete document.documentElement.dataset.theme;
			} else {
				document.documentElement.dataset.theme = theme;
			}
			changed(theme);
		}
	});
}
