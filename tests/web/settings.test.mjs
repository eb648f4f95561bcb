// SPDX-License-Identifier: GPL-2.0-or-later
// Settings: live changes, refusals at the field, pausing, theme.

import assert from 'node:assert/strict';
import { eventually, suite } from './kit.mjs';

const world = suite();
const config = async () => (await world.lab.api('GET', '/config')).body;
const setting = (page, name) => page.locator(`[data-setting="${name}"]`);

world.test('every setting of the schema is there, live ones as controls, others as text', async () => {
	const { body } = await world.lab.api('GET', '/config/schema');
	const page = await world.open('/settings');
	await setting(page, 'prompt.timeout').waitFor();
	for (const item of body.items) {
		const controls = await setting(page, item.name).locator('input, select').count();
		assert.equal(controls, item.live ? 1 : 0, item.name);
		assert.ok((await setting(page, item.name).innerText()).length > 0, item.name);
	}
});

world.test('a change is saved at once, seen in another tab, and reset to the default', async () => {
	const page = await world.open('/settings');
	const other = await world.tab(page.context());
	await other.goto(page.url());
	await setting(other, 'prompt.timeout').waitFor();
	// The word stands there for a moment only.
	const saved = setting(page, 'prompt.timeout_action').getByText('Saved').waitFor();
	await setting(page, 'prompt.timeout_action').locator('select').selectOption('reject');
	await saved;
	assert.equal((await config()).prompt.timeout_action, 'reject');
	await eventually(async () => await setting(other, 'prompt.timeout_action').locator('select').inputValue() === 'reject', 'the other tab follows');
	await setting(page, 'prompt_without_clients').getByRole('switch').click();
	await eventually(async () => (await config()).prompt_without_clients === true, 'switched on');
	await setting(page, 'prompt_without_clients').getByRole('button', { name: /Reset|Same as/ }).click();
	await eventually(async () => (await config()).prompt_without_clients === false, 'back to the default');
	await setting(page, 'prompt.timeout_action').getByRole('button', { name: /Reset|Same as/ }).click();
	await eventually(async () => (await config()).prompt.timeout_action !== 'reject', 'back to the default');
	const timeout = setting(page, 'prompt.timeout').locator('input');
	await timeout.fill('45s');
	await timeout.press('Enter');
	await eventually(async () => (await config()).prompt.timeout === '45s', 'the time to answer is saved');
	await world.lab.api('PATCH', '/config', { prompt: { timeout: null } });
});

world.test('a bad value is refused at its field and nothing changes', async () => {
	const page = await world.open('/settings');
	const timeout = setting(page, 'prompt.timeout').locator('input');
	const before = (await config()).prompt.timeout;
	await timeout.fill('soon');
	await timeout.press('Enter');
	await setting(page, 'prompt.timeout').locator('.field-error:not([hidden])').waitFor();
	assert.equal(await timeout.getAttribute('aria-invalid'), 'true');
	assert.equal((await config()).prompt.timeout, before);
	await timeout.press('Escape');
	assert.equal(await timeout.inputValue(), before);
	const rows = setting(page, 'history.max_rows').locator('input');
	await rows.fill('');
	await rows.press('Enter');
	await setting(page, 'history.max_rows').locator('.field-error:not([hidden])').waitFor();
});

world.test('pausing shows a banner on every page until filtering is resumed', async () => {
	await world.lab.api('POST', '/rules', { name: 'reject-all', enabled: true, action: 'reject', duration: 'until restart', operator: { type: 'simple', operand: 'dest.port', sensitive: false, data: '80' } });
	const page = await world.open('/settings');
	assert.equal((await world.lab.curl('http://www.example.test/').done).code, 7);
	await page.getByRole('button', { name: 'For 5 minutes' }).click();
	const banner = page.locator('.banner-paused:not([hidden])');
	await banner.waitFor();
	assert.match(await banner.innerText(), /Filtering is paused for another (4 min \d+ s|5 min)/);
	assert.equal((await world.lab.api('GET', '/status')).body.interception.enabled, false);
	assert.equal((await world.lab.curl('http://www.example.test/').done).code, 0, 'everything is let through');
	for (const name of ['Monitor', 'Rules']) {
		await page.locator('.nav').getByRole('link', { name }).click();
		await banner.waitFor();
	}
	await page.locator('.state-paused').waitFor();
	await banner.getByRole('button', { name: 'Resume now' }).click();
	await page.locator('.banner-paused').waitFor({ state: 'hidden' });
	assert.equal((await world.lab.curl('http://www.example.test/').done).code, 7, 'filtered again');
});

world.test('the theme follows the system, or what was chosen, also after a reload', async () => {
	const page = await world.open('/settings', { colorScheme: 'dark' });
	const canvas = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
	const dark = await canvas();
	await page.emulateMedia({ colorScheme: 'light' });
	const light = await canvas();
	assert.notEqual(dark, light);
	await page.getByLabel('Dark').check({ force: true });
	assert.equal(await canvas(), dark);
	await page.reload();
	assert.equal(await canvas(), dark);
	await page.getByLabel('System').check({ force: true });
	assert.equal(await canvas(), light);
});

world.test('the status panel says how programs are identified and how the parts are', async () => {
	const page = await world.open('/settings');
	const { body } = await world.lab.api('GET', '/status');
	const card = page.getByRole('region', { name: 'Status' });
	await card.getByText(body.version, { exact: true }).waitFor();
	const text = await card.innerText();
	assert.match(text, body.attribution.method === 'ftrace' ? /kernel tracing/ : /\/proc search/);
	assert.ok(text.includes(body.attribution.why));
	assert.ok(text.includes(String(body.engine.pid)) && text.includes(String(body.console.pid)));
});
