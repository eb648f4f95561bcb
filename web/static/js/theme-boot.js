// SPDX-License-Identifier: GPL-2.0-or-later
// Runs before the first paint, so that a chosen theme never flashes through the other one.
(function () {
	try {
		const theme = localStorage.getItem('theme');
		if (theme === 'light' || theme === 'dark') {
			document.documentElement.dataset.theme = theme;
		}
	} catch {
		// No storage (private mode): the system's theme it is.
	}
}());
