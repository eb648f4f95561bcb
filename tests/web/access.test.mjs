// SPDX-License-Identifier: GPL-2.0-or-later
// Tokens and sessions in Settings: made, shown once, used, revoked.

import assert from 'node:assert/strict';
import { eventually, suite } from './kit.mjs';

const world = suite({ config: JSON.stringify({ default_action: 'allow' }) });

world.test('a token is made, shown once, works with its scopes, and is revoked', async () => {
	const page = await world.open('/settings');
	const card = page.getByRole('region', { name: 'Tokens' });
	await card.getByLabel('New token').fill('<b>backup');
	await card.getByRole('button', { name: 'Create' }).click();
	const secret = await card.locator('.secret-text').innerText();
	await page.evaluate(() => {
		navigator.clipboard.writeText = async (text) => {
			document.title = text;
		};
	});
	// The word stands there for a moment only.
	const copied = card.getByRole('button', { name: 'Copied' }).waitFor();
	await card.getByRole('button', { name: 'Copy' }).click();
	await copied;
	assert.equal(await page.title(), secret);
	const ask = (path, method = 'GET') => fetch(`${world.lab.url}/api/v1${path}`, { method, headers: { Authorization: `Bearer ${secret}` } });
	assert.equal((await ask('/status')).status, 200);
	assert.equal((await ask('/session/codes', 'POST')).status, 403, 'only what was ticked');
	const item = card.locator('.access-item', { hasText: '<b>backup' });
	await item.waitFor();
	await page.reload();
	await item.waitFor();
	assert.equal(await card.locator('.secret-text').count(), 0, 'shown once');
	await item.getByRole('button', { name: /^Revoke/ }).click();
	await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
	await item.waitFor({ state: 'detached' });
	assert.equal((await ask('/status')).status, 401);
});

world.test('another session is listed and ended', async () => {
	const page = await world.open('/settings');
	const card = page.getByRole('region', { name: 'Sessions' });
	await card.locator('.access-item', { hasText: 'This browser' }).waitFor();
	const other = await world.lab.session();
	await page.reload();
	const ends = card.getByRole('button', { name: 'End session' });
	await ends.first().waitFor();
	const n = await ends.count();
	await ends.first().click();
	await eventually(async () => await ends.count() === n - 1, 'one less');
	for (let left = n - 1; left > 0; left--) {
		await ends.first().click();
		await eventually(async () => await ends.count() === left - 1, 'and the next');
	}
	const status = await fetch(`${world.lab.url}/api/v1/session`, { headers: { Cookie: `${other.name}=${other.value}` } });
	assert.equal(status.status, 401);
});
