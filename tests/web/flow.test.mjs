// SPDX-License-Identifier: GPL-2.0-or-later
// The test of tests: a connection is held, answered in the browser, and remembered.

import assert from 'node:assert/strict';
import { armed, connected, eventually, promptCard, suite } from './kit.mjs';

const world = suite({ config: JSON.stringify({ default_action: 'deny', prompt: { timeout: '120s' } }) });

world.test('curl is held, a click on Allow lets its body arrive, and the rule stands after a restart', async () => {
	const { lab } = world;
	const page = await world.open();
	const curl = lab.curl('http://www.example.test/');
	const card = await promptCard(page);

	assert.match(await card.locator('.prompt-title').innerText(), /curl wants to connect/);
	assert.match(await card.locator('.prompt-path').innerText(), /\/curl$/);
	assert.equal(await card.locator('.prompt-host').innerText(), 'www.example.test');
	assert.match(await card.locator('.prompt-port').innerText(), /80[^]*tcp/);
	await page.waitForFunction(() => document.title.startsWith('(1) '));
	const held = await lab.api('GET', '/prompts');
	assert.equal(held.body.items.length, 1);
	const arrivals = await lab.command('arrivals');
	assert.deepEqual(arrivals.arrivals.filter((a) => a.kind === 'http'), [], 'nothing left before the answer');

	await card.getByLabel('Remember').selectOption('always');
	await armed(page);
	await card.locator('[data-answer="allow"]').click();
	const { code, stdout } = await curl.done;
	assert.equal(code, 0);
	assert.ok(stdout.length > 0, 'the body arrived');
	await card.waitFor({ state: 'detached' });
	await page.waitForFunction(() => !document.title.startsWith('('));
	await page.locator('.toast', { hasText: 'Allowed curl → www.example.test' }).waitFor();
	await page.locator('.conn-body .conn', { hasText: 'www.example.test' }).first().waitFor();

	await page.locator('.toast .toast-action', { hasText: 'Show rule' }).click();
	await page.waitForURL((url) => url.pathname === '/rules');
	const name = await eventually(() => page.getByLabel('Name', { exact: true }).inputValue(), 'the name of the rule');

	await lab.command('restart-daemon');
	const after = await lab.api('GET', `/rules/${encodeURIComponent(name)}`);
	assert.equal(after.status, 200);
	assert.equal(after.body.action, 'allow');
	assert.equal(after.body.duration, 'always');

	const again = await lab.curl('http://www.example.test/').done;
	assert.equal(again.code, 0, 'the rule decides without asking');
	const fresh = await world.open('/rules');
	await fresh.locator(`tr[data-rule="${name}"]`).waitFor();
	await eventually(async () => (await lab.api('GET', `/rules/${encodeURIComponent(name)}`)).body.hits >= 1, 'the rule counts its hit');
});

world.test('the prompt survives a killed console, and the answer still counts', async () => {
	const { lab } = world;
	const page = await world.open();
	const curl = lab.curl('http://news.example.test/');
	await promptCard(page);
	// Where the next console is quick the page has nothing to tell; link.test.mjs looks at the banner.
	const again = page.waitForRequest((request) => request.url().includes('/events'));
	await lab.command('kill-console');
	await again;
	await page.locator('.banner-lost').waitFor({ state: 'hidden' });
	await connected(page);
	await armed(page);
	await page.locator('.dock [data-answer="allow"]').click();
	assert.equal((await curl.done).code, 0);
});
