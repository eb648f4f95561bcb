// SPDX-License-Identifier: GPL-2.0-or-later
// Suggestions: the smallest set of rules for a program, accepted as one; and learning, which ends in such a proposal.

import assert from 'node:assert/strict';
import { eventually, suite } from './kit.mjs';

const world = suite({ config: JSON.stringify({ default_action: 'allow', default_duration: 'once' }) });
const api = (...args) => world.lab.api(...args);
const CURL = '/usr/bin/curl';

async function visit(...hosts) {
	for (const host of hosts) {
		assert.equal((await world.lab.curl(`http://${host}/`, '-4').done).code, 0, host);
	}
	await eventually(async () => (await api('GET', `/connections?dest.host=${hosts.at(-1)}`)).body.items.length > 0, 'recorded');
}

world.test('a program is picked, its rules are shown with what each covers, and accepted in one', async () => {
	await visit('www.example.test', 'news.example.test', 'updates.example.test', 'time.test');
	const page = await world.open('/rules');
	await page.getByRole('link', { name: 'Suggestions' }).click();
	await page.locator('.program-pick', { hasText: CURL }).focus();
	await page.keyboard.press('Enter');
	const items = page.locator('.proposal-item');
	const wide = items.filter({ hasText: 'example' });
	await wide.locator('summary').click();
	const text = await wide.innerText();
	for (const host of ['www.example.test', 'news.example.test', 'updates.example.test']) {
		assert.ok(text.includes(host), host);
	}
	assert.match(text, /covers 3 connections to 3 places/);
	const n = await items.count();
	await items.filter({ hasText: 'time.test' }).getByRole('checkbox').uncheck();
	await page.getByRole('button', { name: `Accept ${n - 1} rule` }).click();
	await page.locator('.toast', { hasText: 'Made' }).waitFor();
	const { body } = await api('GET', '/rules');
	assert.ok(body.items.some((r) => JSON.stringify(r.operator).includes('(^|\\\\.)example\\\\.test$')));
	assert.equal(JSON.stringify(body.items).includes('time.test'), false, 'only those that were chosen');
	// What stands already is told and not made twice.
	await page.locator('.program-pick', { hasText: CURL }).click();
	await wide.getByText('is a rule already').waitFor();
	assert.ok(await wide.getByRole('checkbox').isDisabled());
	await page.locator('.toast', { hasText: 'Made' }).getByRole('button', { name: 'Undo' }).click();
	await eventually(async () => !JSON.stringify((await api('GET', '/rules')).body.items).includes('example'), 'taken back together');
});

world.test('a program learns, is stopped, and ends in a proposal of that time alone', async () => {
	await visit('tracker.ads.test');
	const page = await world.open('/suggestions');
	await page.getByLabel('Program', { exact: true }).fill('curl');
	await page.getByRole('button', { name: 'Start learning' }).click();
	await page.getByText('whole path').waitFor();
	await page.getByLabel('Program', { exact: true }).fill(CURL);
	await page.getByRole('button', { name: 'Start learning' }).click();
	const running = page.locator('.learning.is-running');
	await running.getByText(/learning, (59 min|1 h)/).waitFor();
	const rule = (await api('GET', '/rules')).body.items.find((r) => r.name.startsWith('learning-'));
	assert.deepEqual([rule.action, rule.duration, rule.operator.operand, rule.operator.data], ['allow', '1h', 'process.path', CURL]);
	await visit('api.weather.test');
	const { body } = await api('GET', '/connections?dest.host=api.weather.test');
	assert.equal(body.items[0].rule, rule.name, 'it is what allows');
	await running.getByRole('button', { name: 'Stop learning curl' }).click();
	const items = page.locator('.proposal-item');
	await items.filter({ hasText: 'api.weather.test' }).waitFor();
	assert.equal(await items.filter({ hasText: 'tracker.ads.test' }).count(), 0, 'from before the learning');
	assert.equal((await api('GET', `/rules/${rule.name}`)).status, 404);
	// It is offered until it is dealt with, also after a reload.
	await page.reload();
	await page.getByRole('button', { name: 'See proposal for curl' }).click();
	await page.getByRole('button', { name: /^Accept/ }).click();
	await page.locator('.proposal', { hasText: 'Done' }).waitFor();
	await page.getByRole('button', { name: 'See proposal for curl' }).waitFor({ state: 'detached' });
	// No other browser is offered it again either.
	const done = (await api('GET', '/learnings/done')).body.items;
	assert.deepEqual(done.map((l) => l.name), [rule.name]);
	await page.evaluate(() => localStorage.clear());
	await page.reload();
	await page.getByLabel('Program', { exact: true }).fill('/opt/other');
	await page.getByRole('button', { name: 'Start learning' }).click();
	await page.locator('.learning.is-running', { hasText: 'other' }).waitFor();
	assert.equal(await page.getByRole('button', { name: 'See proposal for curl' }).count(), 0);
});

world.test('all programs learn; its end is told on other pages with the way to the proposal', async () => {
	const page = await world.open('/suggestions');
	await page.getByRole('button', { name: 'Start learning' }).click();
	await page.locator('.learning.is-running', { hasText: 'All programs' }).waitFor();
	await page.getByRole('button', { name: 'Start learning' }).click();
	await page.getByText('learned already').waitFor();
	await visit('shop.test');
	await page.locator('.nav').getByRole('link', { name: 'Monitor' }).click();
	assert.equal((await api('DELETE', '/rules/learning-everything')).status, 204);
	await page.locator('.toast', { hasText: 'Learning is over' }).getByRole('link', { name: 'See proposal' }).click();
	await page.locator('.proposal-item', { hasText: 'shop.test' }).waitFor();
});
