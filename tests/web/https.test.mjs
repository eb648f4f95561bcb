// SPDX-License-Identifier: GPL-2.0-or-later
// The dashboard over HTTPS, in a browser of another machine's kind: by address and name, not on loopback.

import assert from 'node:assert/strict';
import { armed, connected, eventually, promptCard, suite } from './kit.mjs';

const world = suite({ helper: 'https_lab.py' });

world.test('log-in, a cookie for TLS only, events, and a prompt that is answered', async () => {
	const context = await world.profile();
	const page = await world.tab(context);
	const streams = [];
	page.on('response', (r) => r.url().includes('/api/v1/events') && streams.push(r));
	await page.goto(`${world.lab.url}/rules`);
	await page.waitForURL((url) => url.protocol === 'https:' && url.pathname === '/login');
	assert.equal(await page.evaluate(() => isSecureContext), true);
	await page.getByLabel('Access token').fill(world.lab.token);
	await page.keyboard.press('Enter');
	await page.waitForURL((url) => url.pathname === '/rules');
	await connected(page);

	const cookies = await context.cookies();
	assert.deepEqual(cookies.map((c) => c.name), ['__Host-opensnitch_session']);
	const { secure, httpOnly, sameSite, path, domain } = cookies[0];
	assert.deepEqual({ secure, httpOnly, sameSite, path, domain }, { secure: true, httpOnly: true, sameSite: 'Strict', path: '/', domain: new URL(world.lab.url).hostname });
	await eventually(() => streams.some((r) => r.status() === 200), 'the stream of events');
	assert.match(await streams[0].headerValue('content-type'), /^text\/event-stream/);

	// The card comes by an event, and its answer goes back with the cookie, from our own page.
	const curl = world.lab.curl('http://www.example.test/');
	await promptCard(page);
	await armed(page);
	const answer = page.waitForResponse((r) => r.url().endsWith('/answer'));
	await page.keyboard.press('a');
	const told = await (await answer).request().allHeaders();
	assert.equal((await answer).status(), 200);
	assert.equal(told.origin, world.lab.url);
	assert.equal((await curl.done).code, 0);
	await page.locator('.dock .prompt-card').waitFor({ state: 'detached' });
});

world.test('a one-time code logs in, and logging out takes the cookie away', async () => {
	const context = await world.profile();
	const page = await world.tab(context);
	await page.goto(await world.lab.loginUrl());
	await page.waitForURL((url) => url.pathname === '/');
	await connected(page);
	assert.ok(!page.url().includes('code='));
	await page.goto(`${world.lab.url}/settings`);
	await page.getByRole('button', { name: 'Log out' }).click();
	await page.waitForURL((url) => url.pathname === '/login');
	assert.deepEqual(await context.cookies(), []);
});
