// SPDX-License-Identifier: GPL-2.0-or-later
// The API reference: every operation of the contract, what it shows of one, search, and the keyboard.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { suite } from './kit.mjs';

const world = suite();
const METHODS = ['get', 'post', 'put', 'patch', 'delete'];

world.test('every operation of the contract is there once', async () => {
	const page = await world.open('/settings');
	await page.getByRole('link', { name: 'API reference' }).click();
	await page.locator('.op-item').first().waitFor();
	const { body } = await world.lab.api('GET', '/openapi.json');
	const told = Object.entries(body.paths).flatMap(([path, item]) => METHODS.filter((m) => item[m]).map((m) => `${m.toUpperCase()} ${path}`)).sort();
	const shown = await page.locator('.op-item > summary').evaluateAll((list) => list.map((s) => `${s.children[0].textContent} ${s.children[1].textContent}`));
	assert.deepEqual(shown.sort(), told);
	assert.ok(told.length > 40);
});

world.test('an operation opens by keyboard, with parameters, example, fields and errors; its command line works', async () => {
	const page = await world.open('/reference#getRules');
	const item = page.locator('#getRules');
	await item.locator('.op-body h3').first().waitFor();
	assert.match(await item.innerText(), /Needs the scope read/);
	assert.match(await item.innerText(), /From the page before/);
	const other = page.locator('#postRules');
	await other.locator(':scope > summary').focus();
	await page.keyboard.press('Enter');
	await other.getByText('Request body').waitFor();
	const text = await other.innerText();
	assert.match(text, /"process.path"/);
	assert.match(text, /409/);
	await other.getByText('All fields').first().click();
	assert.match(await other.locator('.op-shape pre').first().innerText(), /operator: \{/);
	// As it stands but for the socket, which here is another.
	const line = await other.locator('pre', { hasText: 'curl --unix-socket' }).innerText();
	const run = spawnSync('sh', ['-c', line.replace('/run/opensnitchd/api.sock', `${world.lab.runtime_dir}/api.sock`).replace('curl ', 'curl -s -o /dev/null -w "%{http_code}" ')], { encoding: 'utf8' });
	assert.equal(run.stdout, '201', run.stderr);
});

world.test('search leaves what has all the words, and says when nothing has', async () => {
	const page = await world.open('/reference');
	await page.locator('.op-item').first().waitFor();
	await page.getByLabel('Search operations').fill('flows delete');
	assert.deepEqual(await page.locator('.op-item:visible').evaluateAll((l) => l.map((e) => e.id)), ['deleteFlowsId']);
	assert.equal(await page.locator('.reference-group:visible').count(), 1);
	await page.getByLabel('Search operations').fill('nothing has this word');
	await page.getByText('No operation matches').waitFor();
});
