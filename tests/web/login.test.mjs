// SPDX-License-Identifier: GPL-2.0-or-later
// Getting in: by one-time code, by token, and not at all.

import assert from 'node:assert/strict';
import { connected, DEADLINE_MS, suite } from './kit.mjs';

const world = suite();

world.test('a page without a session leads to the log-in and back', async () => {
	const page = await world.tab(await world.profile());
	await page.goto(`${world.lab.url}/rules`);
	await page.waitForURL((url) => url.pathname === '/login' && url.search === '?return=%2Frules');
	await page.getByLabel('Access token').fill(world.lab.token);
	await page.keyboard.press('Enter');
	await page.waitForURL((url) => url.pathname === '/rules');
	await connected(page);
	await page.getByRole('heading', { name: 'Rules', level: 1 }).waitFor();
});

world.test('a wrong token is refused in words, at the field', async () => {
	const page = await world.tab(await world.profile());
	await page.goto(`${world.lab.url}/login`);
	await page.getByRole('button', { name: 'Log in' }).click();
	assert.match(await page.locator('#login-error').innerText(), /Enter the token/);
	await page.getByLabel('Access token').fill('not-the-token');
	await page.getByRole('button', { name: 'Log in' }).click();
	await page.locator('#login-error', { hasText: 'not right' }).waitFor();
	assert.equal(await page.getByLabel('Access token').getAttribute('aria-invalid'), 'true');
	assert.equal(new URL(page.url()).pathname, '/login');
});

world.test('a one-time code logs in, leaves the address bar at once, and works once', async () => {
	const url = await world.lab.loginUrl();
	assert.match(url, /\/login#code=.+/);
	const context = await world.profile();
	const page = await world.tab(context);
	const seen = [];
	page.on('framenavigated', (frame) => seen.push(frame.url()));
	await page.goto(url);
	await page.waitForURL((u) => u.pathname === '/');
	await connected(page);
	assert.ok(!(await page.evaluate(() => location.href)).includes('code='));
	await page.goBack().catch(() => {});
	assert.ok(!page.url().includes('code='), 'not in the history either');

	const other = await world.tab(await world.profile());
	await other.goto(url);
	await other.locator('#login-error', { hasText: 'used before or is too old' }).waitFor();
	assert.ok(!other.url().includes('code='));
	await other.getByLabel('Access token').waitFor();
	// The new link that the page asks for goes into the address bar of the same tab.
	const fresh = await world.lab.loginUrl();
	await other.evaluate((link) => location.assign(link), fresh);
	await other.waitForURL((u) => u.pathname === '/');
	await connected(other);
});

world.test('a password is typed: wrong ones must wait, the right one logs in', async () => {
	const right = 'correct horse battery staple';
	assert.equal((await world.lab.api('PUT', '/password', { password: right })).status, 204);
	const page = await world.tab(await world.profile());
	await page.goto(`${world.lab.url}/login?return=%2Frules`);
	const field = page.getByLabel('Access token');
	const error = page.locator('#login-error');
	assert.equal(await field.getAttribute('type'), 'password', 'nobody reads it over a shoulder');
	/** Types it, and waits for the answer. */
	const enter = async (text) => {
		await field.fill('');
		await field.pressSequentially(text);
		const answer = page.waitForResponse((r) => r.url().endsWith('/api/v1/session') && r.request().method() === 'POST');
		await page.keyboard.press('Enter');
		return (await answer).status();
	};
	assert.equal(await enter('wrong horse battery staple'), 401);
	await error.getByText('not right').waitFor();
	await page.waitForFunction((id) => document.activeElement.id === id, await field.getAttribute('id'));
	// Each wrong one doubles the wait: sooner or later one comes too early, however slow this machine is.
	let status;
	for (let tries = 0; tries < 8 && status !== 429; tries += 1) {
		status = await enter(`wrong ${tries}`);
	}
	assert.equal(status, 429);
	await page.locator('#login-error', { hasText: /^Too many .*\b\d+ (s|seconds?)\b/ }).waitFor();
	assert.equal(new URL(page.url()).pathname, '/login');
	// The right one is no exception while the wait lasts, and then it is enough.
	const end = Date.now() + 3 * DEADLINE_MS;
	do {
		status = await enter(right);
	} while (status === 429 && Date.now() < end);
	assert.equal(status, 201);
	await page.waitForURL((url) => url.pathname === '/rules');
	await connected(page);
	assert.equal((await world.lab.api('DELETE', '/password')).status, 204);
});

world.test('the way back never leaves this site', async () => {
	for (const evil of ['//evil.example/', 'https://evil.example/', '/\\evil.example', 'javascript:alert(1)', '/login']) {
		const page = await world.tab(await world.profile());
		await page.goto(`${world.lab.url}/login?return=${encodeURIComponent(evil)}`);
		await page.getByLabel('Access token').fill(world.lab.token);
		await page.keyboard.press('Enter');
		await page.waitForURL((url) => url.pathname !== '/login');
		assert.equal(new URL(page.url()).origin, new URL(world.lab.url).origin, evil);
		await connected(page);
	}
});

world.test('logging out ends the session', async () => {
	const page = await world.open('/settings');
	await page.getByRole('button', { name: 'Log out' }).click();
	await page.waitForURL((url) => url.pathname === '/login');
	await page.goto(`${world.lab.url}/`);
	await page.waitForURL((url) => url.pathname === '/login');
});

world.test('the session cookie is out of reach of scripts', async () => {
	const page = await world.open();
	assert.equal(await page.evaluate(() => document.cookie), '');
	const cookie = (await page.context().cookies()).find((c) => c.name === 'opensnitch_session');
	assert.equal(cookie.httpOnly, true);
	assert.equal(cookie.sameSite, 'Strict');
});
