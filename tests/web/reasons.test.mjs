// SPDX-License-Identifier: GPL-2.0-or-later
// Why a connection was decided, what a rule would change, what became of it, what is wrong with the rules, and undo.

import assert from 'node:assert/strict';
import { armed, eventually, promptCard, suite } from './kit.mjs';

const host = (name, action, data, more = {}) => ({ name, enabled: true, action, duration: 'until restart', ...more, operator: { type: 'simple', operand: 'dest.host', sensitive: false, data } });
const world = suite({ config: JSON.stringify({ default_action: 'deny', default_duration: 'once', prompt: { timeout: '120s' } }) },
	[host('allow-www', 'allow', 'www.example.test'), host('reject-news', 'reject', 'news.example.test')]);
const api = (...args) => world.lab.api(...args);
const undo = (page) => page.locator('.toast').getByRole('button', { name: 'Undo' });

world.test('"why?" on a row says which rule decided, and which did not match and on what', async () => {
	await world.lab.curl('http://news.example.test/').done;
	const page = await world.open();
	const row = page.locator('.conn-body .conn', { hasText: 'news.example.test' }).first();
	await row.hover();
	await row.locator('.row-why').click();
	const detail = page.getByLabel('Connection details');
	const decided = detail.locator('.step-decided');
	await decided.waitFor();
	assert.match(await decided.innerText(), /reject-news[^]*decided[^]*Host is news\.example\.test/);
	assert.match(await detail.locator('.why-sentence').innerText(), /decides/);
	await detail.locator('.why-misses > summary').click();
	const miss = detail.locator('.why-misses .step', { hasText: 'allow-www' });
	await miss.locator('summary').click({ position: { x: 150, y: 8 } });
	assert.match(await miss.innerText(), /Host is www\.example\.test[^]*here: news\.example\.test/);
	// The rules change: the explanation tells what holds now.
	await api('PATCH', '/rules/reject-news', { enabled: false });
	await detail.getByRole('button', { name: 'Why?' }).click();
	await detail.getByRole('button', { name: 'Why?' }).click();
	await detail.locator('.why-now', { hasText: 'you would be asked' }).waitFor();
	await api('PATCH', '/rules/reject-news', { enabled: true });
	await page.keyboard.press('Escape');
	await row.focus();
	await page.keyboard.press('w');
	await decided.waitFor();
});

world.test('a switch, a deletion, a new rule and an answer can each be undone', async () => {
	const page = await world.open('/rules');
	const enabled = async () => (await api('GET', '/rules/allow-www')).body.enabled;
	await page.getByRole('switch', { name: 'Enabled: allow-www' }).click();
	await eventually(async () => await enabled() === false, 'switched off');
	await undo(page).click();
	await eventually(enabled, 'on again');

	await page.getByRole('button', { name: 'Delete allow-www' }).click();
	await eventually(async () => (await api('GET', '/rules/allow-www')).status === 404, 'deleted');
	await undo(page).click();
	await eventually(async () => (await api('GET', '/rules/allow-www')).status === 200, 'back');
	await page.locator('tr[data-rule="allow-www"]').waitFor();

	const curl = world.lab.curl('http://api.weather.test/');
	const card = await promptCard(page);
	await card.getByLabel('Remember').selectOption('always');
	await armed(page);
	await card.locator('[data-answer="reject"]').click();
	assert.equal((await curl.done).code, 7);
	await page.locator('.toast', { hasText: 'Show rule' }).waitFor();
	assert.equal((await world.lab.ruleNames()).length, 4);
	await undo(page).click();
	await eventually(async () => (await world.lab.ruleNames()).length === 3, 'the rule of the answer is gone');
});

world.test('the editor tells what the rule would change while it is typed', async () => {
	await world.lab.curl('http://www.example.test/').done;
	await eventually(async () => (await api('GET', '/connections?dest.host=www.example.test')).body.items.length > 0, 'it is in the history');
	const page = await world.open('/rules?edit=allow-www');
	const what = page.getByLabel('What would change');
	await what.getByText('Nothing', { exact: true }).waitFor();
	await page.locator('.pick-reject').click();
	await what.locator('.whatif-changes', { hasText: 'Reject' }).waitFor();
	assert.match(await what.innerText(), /connections? of \d+ would be decided differently[^]*Allow[^]*Reject[^]*curl → www\.example\.test port 80/);
	await page.locator('.condition-value .input').fill('nowhere.test');
	await what.locator('.whatif-changes', { hasText: 'Ask' }).waitFor();
	assert.equal((await api('GET', '/rules/allow-www')).body.action, 'allow', 'only tried');
});

world.test('the changes of a rule are told, and a click puts it back', async () => {
	await api('POST', '/rules', host('changing', 'allow', 'a.test'));
	await api('PATCH', '/rules/changing', { action: 'deny' });
	const page = await world.open('/rules?edit=changing');
	await page.locator('.history > summary').click();
	const changes = page.locator('.change');
	await changes.nth(1).waitFor();
	assert.match(await changes.first().innerText(), /Changed[^]*action allow → deny/);
	await changes.first().getByRole('button', { name: 'Put back' }).click();
	await eventually(async () => (await api('GET', '/rules/changing')).body.action === 'allow', 'as it was');
	await undo(page).click();
	await eventually(async () => (await api('GET', '/rules/changing')).body.action === 'deny', 'and forth again');
});

world.test('what is wrong with the rules is told with a fix that mends it', async () => {
	await api('POST', '/rules', host('allow-www-again', 'allow', 'www.example.test'));
	const page = await world.open('/rules');
	await page.locator('.report > summary').click();
	const finding = page.locator('.finding[data-kind="duplicate"]');
	await finding.waitFor();
	await finding.locator('.btn-small').click();
	await finding.waitFor({ state: 'detached' });
	await eventually(async () => {
		const rules = (await api('GET', '/rules')).body.items.filter((r) => r.name.startsWith('allow-www') && r.enabled);
		return rules.length === 1;
	}, 'one of the two is left');
	await undo(page).click();
	await page.locator('.finding[data-kind="duplicate"]').waitFor();
});

world.test('each kind of finding has a fix that one click applies', async () => {
	const program = (data) => ({ type: 'simple', operand: 'process.path', sensitive: false, data });
	const is = (operand, data) => ({ type: 'simple', operand, sensitive: false, data });
	const make = async (name, list, more = {}) => assert.equal((await api('POST', '/rules', { name, enabled: true, action: 'allow', duration: 'until restart',
		operator: { type: 'list', operand: 'list', sensitive: false, data: '', list }, ...more })).status, 201, name);
	await make('f-never', [program('/usr/bin/curl'), is('dest.port', '1'), is('dest.port', '2')]);
	await make('f-wide', [is('protocol', 'tcp')]);
	await make('f-gone', [program('/usr/bin/not-there'), is('dest.port', '3')]);
	await make('f-ending', [program('/usr/bin/curl'), is('dest.port', '4')], { duration: '30m' });
	await make('f-1', [program('/usr/bin/bash'), is('dest.port', '5')], { action: 'deny' });
	await make('f-2', [program('/usr/bin/bash'), is('dest.port', '5')]);
	await make('f-unused', [program('/usr/bin/curl'), is('dest.port', '6')], { created: '2020-01-01T00:00:00Z' });
	const page = await world.open('/rules');
	await page.locator('.report > summary').click();
	for (const [kind, name] of [['never_matches', 'f-never'], ['too_wide', 'f-wide'], ['missing_program', 'f-gone'], ['ending', 'f-ending'], ['contradiction', 'f-1'], ['unused', 'f-unused']]) {
		const finding = page.locator(`.finding[data-kind="${kind}"]`, { hasText: name });
		await finding.waitFor();
		await finding.locator('.btn-small').focus();
		await page.keyboard.press('Enter');
		await finding.waitFor({ state: 'detached' });
	}
	const rule = async (name) => (await api('GET', `/rules/${name}`)).body;
	assert.equal((await rule('f-never')).enabled, false);
	assert.equal((await rule('f-wide')).enabled, false);
	assert.equal((await rule('f-gone')).status, 404);
	assert.equal((await rule('f-ending')).duration, 'always');
	assert.equal((await rule('f-unused')).enabled, false);
	await page.getByLabel('Not used means no hit for').selectOption('7');
	await page.locator('.report-summary', { hasText: 'look at' }).waitFor();
});
