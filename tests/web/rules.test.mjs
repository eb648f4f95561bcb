// SPDX-License-Identifier: GPL-2.0-or-later
// Rules: made, found, changed, switched, deleted and brought back; errors at their field.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually, suite } from './kit.mjs';

const world = suite();
const simple = (operand, data, type = 'simple') => ({ type, operand, sensitive: false, data });
const rule = (name, operator, more = {}) => ({ name, enabled: true, precedence: false, nolog: false, action: 'allow', duration: 'always', description: '', operator, ...more });
const line = (page, name) => page.locator(`tr[data-rule="${name}"]`);
const get = async (name) => (await world.lab.api('GET', `/rules/${encodeURIComponent(name)}`)).body;
const put = async (...args) => assert.equal((await world.lab.api('POST', '/rules', rule(...args))).status, 201);

world.test('a rule is made in the form and stands in the list', async () => {
	const page = await world.open('/rules');
	await page.locator('.page-head').getByRole('button', { name: 'New rule' }).click();
	await page.getByLabel('Name', { exact: true }).fill('deny-tracker');
	await page.locator('.pick', { hasText: 'Deny' }).click();
	await page.getByLabel('Value').fill('/usr/bin/curl');
	await page.getByRole('button', { name: 'Add condition' }).click();
	const second = page.getByRole('group', { name: 'Condition 2 of 2' });
	await second.getByLabel('What').selectOption('dest.host');
	await second.getByLabel('Comparison').selectOption('regexp');
	await second.getByLabel('Value').fill('(^|\\.)ads\\.test$');
	await second.getByLabel('Case sensitive').check({ force: true });
	await page.getByLabel('Lasts').selectOption('1h');
	await page.getByLabel('Description').fill('No ads');
	await page.getByRole('button', { name: 'Create rule' }).click();
	await line(page, 'deny-tracker').waitFor();
	assert.match(await line(page, 'deny-tracker').innerText(), /curl[^]*→[^]*ads[^]*Deny[^]*(59 min|1 h)[^]*left[^]*0[^]*never/);
	const made = await get('deny-tracker');
	assert.equal(made.action, 'deny');
	assert.equal(made.duration, '1h');
	assert.equal(made.description, 'No ads');
	assert.deepEqual(made.operator.list.map((o) => [o.type, o.operand, o.sensitive, o.data]),
		[['simple', 'process.path', false, '/usr/bin/curl'], ['regexp', 'dest.host', true, '(^|\\.)ads\\.test$']]);
});

world.test('what is wrong is said at its field', async () => {
	const page = await world.open('/rules?new');
	await page.getByLabel('Value').fill('/usr/bin/curl');
	await page.getByRole('button', { name: 'Create rule' }).click();
	const name = page.getByLabel('Name', { exact: true });
	await page.locator('.field-error').first().waitFor();
	assert.equal(await name.getAttribute('aria-invalid'), 'true');
	await name.fill('bad-regexp');
	await page.getByRole('button', { name: 'Add condition' }).click();
	const second = page.getByRole('group', { name: 'Condition 2 of 2' });
	await second.getByLabel('What').selectOption('dest.host');
	await second.getByLabel('Comparison').selectOption('regexp');
	await second.getByLabel('Value').fill('((');
	await page.getByRole('button', { name: 'Create rule' }).click();
	await second.locator('.field-error').waitFor();
	assert.equal(await second.getByLabel('Value').getAttribute('aria-invalid'), 'true');
	assert.equal(await name.getAttribute('aria-invalid'), null, 'the name is fine now');
	assert.equal((await world.lab.api('GET', '/rules/bad-regexp')).status, 404);
	await second.getByLabel('Value').fill('(x)');
	await page.getByRole('button', { name: 'Create rule' }).click();
	await line(page, 'bad-regexp').waitFor();
	await page.locator('.page-head').getByRole('button', { name: 'New rule' }).click();
	await name.fill('bad-regexp');
	await page.getByLabel('Value').fill('/x');
	await page.getByRole('button', { name: 'Create rule' }).click();
	await page.locator('.field-error', { hasText: /has this name|exists/i }).waitFor();
	await page.getByRole('button', { name: 'Cancel' }).click();
	await page.getByRole('button', { name: 'Discard' }).click();
});

world.test('a rule is changed, renamed, switched off and on', async () => {
	await put('change-me', simple('dest.port', '25'));
	const page = await world.open('/rules?edit=change-me');
	await page.getByLabel('Description').fill('mail');
	await page.locator('.pick', { hasText: 'Reject' }).click();
	await page.getByRole('button', { name: 'Save' }).click();
	await page.locator('.toast', { hasText: 'Saved' }).waitFor();
	assert.deepEqual([(await get('change-me')).action, (await get('change-me')).description], ['reject', 'mail']);

	await line(page, 'change-me').getByRole('switch').click();
	await eventually(async () => (await get('change-me')).enabled === false, 'switched off');
	await line(page, 'change-me').getByRole('switch').click();
	await eventually(async () => (await get('change-me')).enabled === true, 'switched on');

	await line(page, 'change-me').locator('.rule-open').click();
	await page.getByLabel('Name', { exact: true }).fill('changed');
	await page.getByRole('button', { name: 'Save' }).click();
	await line(page, 'changed').waitFor();
	await line(page, 'change-me').waitFor({ state: 'detached' });
	assert.equal((await world.lab.api('GET', '/rules/change-me')).status, 404);
});

world.test('a rule that somebody else changed meanwhile is not overwritten unasked', async () => {
	await put('contested', simple('dest.port', '1'));
	const page = await world.open('/rules?edit=contested');
	await page.getByLabel('Description').fill('mine');
	await world.lab.api('PATCH', '/rules/contested', { description: 'theirs' });
	await page.getByRole('button', { name: 'Save' }).click();
	const dialog = page.getByRole('dialog', { name: 'This rule was changed meanwhile' });
	await dialog.getByRole('button', { name: 'Show the other' }).click();
	await eventually(async () => await page.getByLabel('Description').inputValue() === 'theirs', 'the other version is shown');
	await world.lab.api('PATCH', '/rules/contested', { description: 'theirs again' });
	await page.getByLabel('Description').fill('mine');
	await page.getByRole('button', { name: 'Save' }).click();
	await dialog.getByRole('button', { name: 'Overwrite' }).click();
	await eventually(async () => (await get('contested')).description === 'mine', 'overwritten');
});

world.test('deleting offers to undo', async () => {
	await put('precious', simple('dest.host', 'www.example.test'), { description: 'keep' });
	const page = await world.open('/rules');
	await line(page, 'precious').getByRole('button', { name: 'Delete precious' }).click();
	await line(page, 'precious').waitFor({ state: 'detached' });
	assert.equal((await world.lab.api('GET', '/rules/precious')).status, 404);
	await page.locator('.toast').getByRole('button', { name: 'Undo' }).click();
	await line(page, 'precious').waitFor();
	assert.equal((await get('precious')).description, 'keep');
	await world.lab.api('DELETE', '/rules/precious');
	await line(page, 'precious').waitFor({ state: 'detached' });
});

world.test('unknown fields and nested lists survive the editor', async () => {
	const nested = { type: 'list', operand: 'list', sensitive: false, data: '', list: [simple('dest.port', '443'), { type: 'list', operand: 'list', sensitive: false, data: '', list: [simple('protocol', 'tcp')] }] };
	await put('nested', nested);
	await put('extra', simple('dest.port', '7'), { x_note: 'of another tool' });
	const page = await world.open('/rules?edit=nested');
	const json = page.getByLabel('Rule as JSON');
	await json.waitFor();
	assert.deepEqual(JSON.parse(await json.inputValue()).operator.list[1].type, 'list');
	await json.fill('{ broken');
	await page.getByRole('button', { name: 'Save' }).click();
	await page.getByText('This is not valid JSON').waitFor();
	await page.getByRole('button', { name: 'Cancel' }).click();
	await page.getByRole('button', { name: 'Discard' }).click();

	await line(page, 'extra').locator('.rule-open').click();
	await page.getByLabel('Description').fill('touched');
	await page.getByRole('button', { name: 'Save' }).click();
	await eventually(async () => (await get('extra')).description === 'touched', 'saved');
	assert.equal((await get('extra')).x_note, 'of another tool');
	await line(page, 'extra').locator('.rule-open').click();
	await page.getByRole('button', { name: 'JSON' }).click();
	assert.equal(JSON.parse(await page.getByLabel('Rule as JSON').inputValue()).description, 'touched');
	await page.getByRole('button', { name: 'Form' }).click();
	assert.equal(await page.getByLabel('Description').inputValue(), 'touched');
});

world.test('search, order and kinds', async () => {
	await put('aa-curl', simple('process.path', '/usr/bin/curl'));
	await put('bb-deny', simple('dest.host', 'tracker.ads.test'), { action: 'deny' });
	await put('cc-reject', simple('dest.port', '25'), { action: 'reject', enabled: false });
	const page = await world.open('/rules');
	const names = () => page.locator('.rules tbody tr').evaluateAll((all) => all.map((r) => r.dataset.rule));
	await line(page, 'bb-deny').waitFor();
	await page.getByLabel('Search rules').fill('tracker');
	assert.deepEqual(await names(), ['bb-deny']);
	await page.getByLabel('Search rules').fill('no such thing');
	await page.getByText('No rule matches').waitFor();
	await page.getByRole('button', { name: 'Clear search' }).click();
	await page.getByRole('button', { name: 'Reject', exact: true }).click();
	assert.deepEqual(await names(), ['cc-reject']);
	await page.getByRole('button', { name: 'All', exact: true }).click();
	const up = await names();
	assert.deepEqual(up, [...up].sort());
	await page.locator('th[data-key="name"] .sort').click();
	assert.deepEqual(await names(), [...up].reverse());
	assert.equal(await page.locator('th[data-key="name"]').getAttribute('aria-sort'), 'descending');
	assert.match(await page.locator('th[data-key="name"] .sort .icon').evaluate((el) => getComputedStyle(el).clipPath), /^inset\(50% 0(px|%)? 0/, 'the arrow down');
	await Promise.all(['aa-curl', 'bb-deny', 'cc-reject'].map((n) => world.lab.api('DELETE', `/rules/${n}`)));
	await line(page, 'bb-deny').waitFor({ state: 'detached' });
});

world.test('a bad rule file is told', async () => {
	writeFileSync(join(world.lab.rules_dir, 'broken.json'), '{"name": "broken", "action": "perhaps"}');
	await eventually(async () => (await world.lab.api('GET', '/rules')).body.problems?.length > 0, 'the daemon sees the file');
	const page = await world.open('/rules');
	await page.locator('.problems', { hasText: 'broken.json' }).waitFor();
});
