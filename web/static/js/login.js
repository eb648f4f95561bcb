// SPDX-License-Identifier: GPL-2.0-or-later
// The log-in page: a one-time code from the address bar's fragment, or a token or password typed in.

import { session } from './api.js';
import { returnPath } from './paths.js';

const form = /** @type {HTMLFormElement} */ (document.getElementById('login-form'));
const token = /** @type {HTMLInputElement} */ (document.getElementById('token'));
const error = document.getElementById('login-error');
const busy = document.getElementById('login-busy');
const submit = /** @type {HTMLButtonElement} */ (document.getElementById('login-submit'));

/** The code, removed from the address bar and the history before anything else happens. */
function takeCode() {
	const match = /^#(?:.*&)?code=([^&]+)/.exec(location.hash);
	if (location.hash) {
		history.replaceState(null, '', location.pathname + location.search);
	}
	try {
		return match ? decodeURIComponent(match[1]) : null;
	} catch {
		return null;
	}
}

/** @param {string} message */
function fail(message) {
	busy.hidden = true;
	form.hidden = false;
	submit.disabled = false;
	error.textContent = message;
	error.hidden = false;
	token.setAttribute('aria-invalid', 'true');
	token.focus();
	token.select();
}

/** @param {import('./api.js').ApiError} problem @param {boolean} withCode */
function explain(problem, withCode) {
	if (problem.status === 0) {
		return 'The daemon cannot be reached. Is opensnitchd running?';
	}
	if (problem.status === 429) {
		return `${problem.message.replace(/^t/, 'T')}.`;
	}
	if (problem.status === 503) {
		return 'The daemon is starting. Try again in a moment.';
	}
	if (withCode) {
		return 'This link was used before or is too old. Run opensnitch-ui again for a new one, or enter the token.';
	}
	return 'This is not right. Copy the whole token, or check the password.';
}

/** @param {object} credentials @param {boolean} withCode */
async function logIn(credentials, withCode) {
	error.hidden = true;
	token.removeAttribute('aria-invalid');
	submit.disabled = true;
	try {
		await session.open(credentials);
		location.replace(returnPath(location.search));
	} catch (problem) {
		fail(explain(problem, withCode));
	}
}

form.addEventListener('submit', (event) => {
	event.preventDefault();
	const value = token.value.trim();
	if (value === '') {
		fail('Enter the token or the password.');
		return;
	}
	// Tokens are 64 hexadecimal digits.
	logIn(/^[0-9a-f]{64}$/.test(value) ? { token: value } : { password: token.value }, false);
});

/** @returns {boolean} whether the address bar had a code; then it is being tried */
function useCode() {
	const code = takeCode();
	if (code === null) {
		return false;
	}
	form.hidden = true;
	busy.hidden = false;
	logIn({ code }, true);
	return true;
}

// A new link that is put into the address bar of this page changes the fragment only.
addEventListener('hashchange', useCode);
if (!useCode()) {
	token.focus();
	// Someone who is logged in already has nothing to do here.
	session.get({ quiet401: true }).then(() => location.replace(returnPath(location.search)), () => {});
}
