// SPDX-License-Identifier: GPL-2.0-or-later
// The line to the daemon: lost, told, healed; and a session that ends.

import assert from 'node:assert/strict';
import { armed, connected, eventually, promptCard, suite } from './kit.mjs';

const world = suite({ config: JSON.stringify({ default_action: 'deny', default_duration: 'once', prompt: { timeout: '120s' } }) });

world.test('a stopped daemon is told on the page, and everything is back after its start', async () => {
	const page = await world.open('/rules');
	await world.lab.command('stop-daemon');
	await page.locator('.banner-lost:not([hidden])', { hasText: 'No connection to the daemon' }).waitFor();
	await page.locator('.state-lost').waitFor();
	await world.lab.command('start-daemon');
	await page.locator('.banner-lost').waitFor({ state: 'hidden' });
	await connected(page);
	await world.lab.api('POST', '/rules', { name: 'after-restart', enabled: true, action: 'allow', duration: 'until restart', operator: { type: 'simple', operand: 'dest.port', sensitive: false, data: '9' } });
	await page.locator('tr[data-rule="after-restart"]').waitFor();
	const curl = world.lab.curl('http://www.example.test/');
	const card = await promptCard(page);
	await armed(page);
	await card.locator('[data-answer="allow"]').click();
	assert.equal((await curl.done).code, 0);
});

world.test('a session that ended elsewhere leads to the log-in, and back to the same page', async () => {
	const page = await world.open('/rules');
	const cookies = await page.context().cookies();
	const cookie = cookies.map((c) => `${c.name}=${c.value}`).join('; ');
	const gone = await fetch(`${world.lab.url}/api/v1/session`, { method: 'DELETE', headers: { Cookie: cookie, Origin: world.lab.url, 'Sec-Fetch-Site': 'same-origin' } });
	assert.equal(gone.status, 204);
	await page.waitForURL((url) => url.pathname === '/login' && url.search.includes('rules'));
	await page.getByLabel('Access token').fill(world.lab.token);
	await page.keyboard.press('Enter');
	await page.waitForURL((url) => url.pathname === '/rules');
	await connected(page);
});

world.test('leaving for another page of the dashboard keeps the stream, and with it the prompt', async () => {
	const page = await world.open();
	let streams = 0;
	page.on('request', (request) => (streams += request.url().includes('/events') ? 1 : 0));
	const curl = world.lab.curl('http://www.example.test/');
	await promptCard(page);
	for (const name of ['Rules', 'Settings', 'Monitor']) {
		await page.locator('.nav').getByRole('link', { name }).click();
		await page.getByRole('heading', { name, level: 1 }).waitFor();
		await promptCard(page);
	}
	await page.goBack();
	await page.getByRole('heading', { name: 'Settings', level: 1 }).waitFor();
	assert.equal(streams, 0, 'one stream all along');
	await armed(page);
	await page.locator('.dock [data-answer="reject"]').click();
	assert.equal((await curl.done).code, 7);
});

world.test('more tabs than the browser has connections: each of them works', async () => {
	const first = await world.open();
	const tabs = [first];
	for (let i = 0; i < 7; i++) {
		const tab = await world.tab(first.context());
		await tab.goto(`${world.lab.url}/rules`);
		await connected(tab);
		tabs.push(tab);
	}
	const curl = world.lab.curl('http://www.example.test/');
	for (const tab of tabs) {
		await promptCard(tab);
	}
	await armed(tabs.at(-1));
	await tabs.at(-1).locator('.dock [data-answer="reject"]').click();
	assert.equal((await curl.done).code, 7);
	for (const tab of tabs) {
		await tab.locator('.dock').waitFor({ state: 'hidden' });
	}
	// A closed tab gives its stream to one that had none.
	let streams = 0;
	tabs.at(-1).on('request', (request) => (streams += request.url().includes('/events') ? 1 : 0));
	await Promise.all(tabs.slice(0, -1).map((tab) => tab.close()));
	await eventually(() => streams === 1, 'the last tab gets a stream');
});
