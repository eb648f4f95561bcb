// SPDX-License-Identifier: GPL-2.0-or-later
// The Lists page: add, see what came, switch off, refresh, an error with the last good copy, remove.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before } from 'node:test';
import { eventually, suite } from './kit.mjs';

const world = suite({ config: JSON.stringify({ default_action: 'allow' }) });
const answer = { status: 200, body: '0.0.0.0 www.example.test\nads.example\n' };
let server;
let base;

before(async () => {
	server = createServer((_request, response) => {
		response.writeHead(answer.status, { 'Content-Length': Buffer.byteLength(answer.body), Connection: 'close' });
		response.end(answer.body);
	});
	await new Promise((r) => server.listen(0, '127.0.0.1', r));
	base = `http://127.0.0.1:${server.address().port}`;
});
after(() => server.close());

const row = (page, name) => page.locator(`tr[data-list="${name}"]`);

async function add(page, name, url) {
	await page.getByLabel('Name').fill(name);
	await page.getByLabel('URL', { exact: true }).fill(url);
	await page.getByRole('button', { name: 'Add list' }).click();
}

world.test('a list from a URL, from adding to removing', async () => {
	const page = await world.open('/lists');
	await page.getByText('No list yet').waitFor();
	await add(page, 'ads', `${base}/hosts.txt`);
	const ads = row(page, 'ads');
	await eventually(async () => (await ads.locator('.l-entries .num').innerText()) === '2', 'its entries');
	const text = await ads.innerText();
	assert.match(text, /ads[\s\S]*Host names[\s\S]*127\.0\.0\.1[\s\S]*hosts\.txt[\s\S]*no rule names it[\s\S]*just now|ago/);
	// A rule names its folder, and hits are counted.
	const { folder } = (await world.lab.api('GET', '/lists/ads')).body;
	await world.lab.api('POST', '/rules', { name: 'block-ads', enabled: true, action: 'reject', duration: 'always', operator: { type: 'lists', operand: 'lists.domains', sensitive: false, data: folder } });
	await eventually(async () => (await world.lab.curl('http://www.example.test/').done).code === 7, 'blocked');
	await page.reload();
	await ads.getByRole('link', { name: 'block-ads' }).waitFor();
	await eventually(async () => Number(await ads.locator('.l-hits .num').innerText()) > 0, 'hits');
	assert.equal(await page.locator('tr[data-folder]').count(), 0, 'its folder is not told twice');
	// An error stands beside the copy that is in force.
	answer.status = 503;
	await ads.getByRole('button', { name: 'Refresh ads now' }).click();
	await ads.locator('.list-error', { hasText: 'status 503' }).waitFor();
	await ads.locator('.list-error', { hasText: /the copy of .*\d.* is in force/ }).waitFor();
	assert.equal(await ads.locator('.l-entries .num').innerText(), '2');
	answer.status = 200;
	await ads.getByRole('button', { name: 'Refresh ads now' }).click();
	await ads.locator('.list-error').waitFor({ state: 'detached' });
	// Off, by keyboard: what it holds is not blocked any more.
	await ads.getByRole('switch').focus();
	await page.keyboard.press('Space');
	await eventually(async () => (await world.lab.api('GET', '/lists/ads')).body.enabled === false, 'off');
	await eventually(async () => (await world.lab.curl('http://www.example.test/').done).code === 0, 'allowed');
	await page.locator('tr.is-off[data-list="ads"]').waitFor();
	await ads.getByRole('button', { name: 'Remove ads' }).click();
	const dialog = page.getByRole('dialog');
	await dialog.getByText(/block-ads/).first().waitFor();
	await dialog.getByRole('button', { name: 'Remove' }).click();
	await ads.waitFor({ state: 'detached' });
	// The rule's folder is still one that a rule names.
	await page.locator('tr[data-folder]').waitFor();
	assert.equal((await world.lab.api('GET', '/lists/ads')).status, 404);
});

world.test('what is wrong stands at its field, and names from outside are only text', async () => {
	const page = await world.open('/lists');
	await add(page, 'no good', 'ftp://localhost/');
	await page.locator('[data-field="name"] .field-error').waitFor();
	assert.equal(await page.evaluate(() => document.activeElement.closest('[data-field]')?.dataset.field), 'name');
	await add(page, 'good', 'ftp://localhost/');
	await page.locator('[data-field="url"] .field-error', { hasText: 'https' }).waitFor();
	assert.equal(await page.locator('[data-field="name"] .field-error').count(), 0);
	await add(page, 'good', 'http://127.0.0.1:1/<img src=x onerror=alert(1)>'.replaceAll(' ', '%20'));
	await row(page, 'good').locator('.list-error', { hasText: 'no copy yet' }).waitFor();
	assert.match(await row(page, 'good').innerText(), /<img%20src=x/);
	assert.equal(await page.locator('tr img').count(), 0);
	await world.lab.api('DELETE', '/lists/good');
});
