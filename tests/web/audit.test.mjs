// SPDX-License-Identifier: GPL-2.0-or-later
// The Audit log page: who changed what, filters, pages, details, the way to the rule; strings of an attacker are text.

import assert from 'node:assert/strict';
import { eventually, suite } from './kit.mjs';

const world = suite();
const doc = (name, more = {}) => ({ name, enabled: true, action: 'deny', duration: 'until restart', operator: { type: 'simple', operand: 'dest.host', sensitive: false, data: 'nowhere.test' }, ...more });
const rows = (page, text) => page.locator('.audit tbody tr', text ? { hasText: text } : {});

world.test('it is reached from the settings, and tells who did what to which rule, from where', async () => {
	assert.equal((await world.lab.api('POST', '/rules', doc('noted-rule'))).status, 201);
	assert.equal((await world.lab.api('PATCH', '/rules/noted-rule', { action: 'reject' })).status, 200);
	const page = await world.open('/settings');
	await page.getByRole('link', { name: 'Audit log' }).click();
	await page.waitForURL((url) => url.pathname === '/audit');
	const changed = rows(page, 'Changed rule').first();
	await changed.waitFor();
	assert.match(await changed.innerText(), /Daemon’s token[^]*noted-rule[^]*127\.0\.0\.1:\d+/);
	assert.equal(await page.locator('.nav [aria-current]').innerText(), 'Settings');
	assert.match(await rows(page).first().innerText(), /Logged in/, 'newest on top');

	await changed.locator('.flow-open').click();
	const detail = page.getByLabel('Details of the change');
	for (const what of [/PATCH \/api\/v1\/rules\/\{name\}/, /"action": "reject"/, /[0-9a-f]{64}/, /noted-rule/]) {
		assert.match(await detail.innerText(), what);
	}
	await page.keyboard.press('Escape');
	await detail.waitFor({ state: 'hidden' });
	await changed.getByRole('link', { name: 'noted-rule' }).click();
	await page.waitForURL((url) => url.pathname === '/rules');
	await eventually(async () => await page.getByLabel('Name', { exact: true }).inputValue() === 'noted-rule', 'the rule is open');
	await page.locator('.history > summary').click();
	await page.locator('.history').getByRole('link', { name: 'Audit log' }).click();
	await rows(page, 'noted-rule').first().waitFor();
	await eventually(async () => (await rows(page).allInnerTexts()).every((t) => t.includes('noted-rule')), 'only of this rule');
});

world.test('filters by words, kind of change, who and time; what is new comes by itself', async () => {
	await world.lab.api('POST', '/rules', doc('filter-me'));
	await world.lab.api('POST', '/interception', { enabled: true });
	const page = await world.open('/audit');
	await rows(page, 'filter-me').first().waitFor();
	const only = async (all) => eventually(async () => {
		const texts = await rows(page).allInnerTexts();
		return texts.length > 0 && texts.every((t) => all.test(t));
	}, `only ${all}`);
	await page.getByLabel('What was changed').selectOption('Pausing');
	await only(/Resumed filtering/);
	await page.getByLabel('What was changed').selectOption('All changes');
	await page.getByLabel('Who changed it').selectOption('Tokens');
	await page.getByLabel('Search changes').fill('FILTER-me');
	await only(/Created rule[^]*filter-me/);
	await page.getByLabel('When').selectOption('Last hour');
	await only(/filter-me/);
	await world.lab.api('DELETE', '/rules/filter-me');
	await rows(page, 'Deleted rule').first().waitFor();
	await only(/filter-me/);
	await page.getByLabel('Search changes').fill('no such thing');
	await page.getByText('No change matches').waitFor();
});

world.test('older changes come in pages', async () => {
	for (let i = 0; i < 130; i++) {
		assert.equal((await world.lab.api('POST', '/interception', { enabled: true })).status, 200);
	}
	const page = await world.open('/audit');
	await rows(page).first().waitFor();
	assert.equal(await rows(page).count(), 100);
	await page.getByRole('button', { name: 'Load older' }).click();
	await page.getByText('That is all there is').waitFor();
	const ids = await rows(page).evaluateAll((all) => all.map((tr) => Number(tr.dataset.entry)));
	assert.deepEqual(ids, Array.from({ length: ids[0] }, (_, i) => ids[0] - i), 'each once, in order, to the first');
});

world.test('who may not read it is told so', async () => {
	const page = await world.open('/audit');
	await rows(page).first().waitFor();
	await page.route('**/api/v1/audit*', (route) => route.fulfill({ status: 403, contentType: 'application/problem+json', body: '{"status":403,"title":"Forbidden"}' }));
	await page.getByLabel('When').selectOption('Last day');
	await page.getByText('Only administrators can read this').waitFor();
	assert.equal(await page.locator('.list-summary').innerText(), '', 'no number of changes');
	await page.unrouteAll({ behavior: 'ignoreErrors' });
	await page.getByLabel('When').selectOption('Any time');
	await rows(page).first().waitFor();
});

world.test('every word for what was done, and by whom', async () => {
	const page = await world.open('/audit');
	const out = await page.evaluate(async () => {
		const { objectOf, whatText, whoText, ruleOf } = await import('/static/js/audit-words.js');
		const api = await (await fetch('/api/v1/openapi.json')).json();
		const entry = (action, more = {}) => ({ action: action.replace(' /', ' /api/v1/'), status: 200, detail: null, object: 'x', ...more });
		const writes = Object.entries(api.paths).flatMap(([path, item]) => Object.keys(item).map((method) => [method.toUpperCase(), path, item[method]]))
			.filter(([method, , op]) => ['POST', 'PUT', 'PATCH', 'DELETE'].includes(method) && (op['x-scope'] !== 'read' || method === 'DELETE')).map(([method, path]) => `${method} ${path}`);
		return {
			// Each route that changes something has words.
			bare: writes.filter((action) => whatText({ action, status: 200, detail: null }) === action), n: writes.length,
			what: [entry('POST /interception', { detail: '{"enabled":false,"for":"5m"}' }), entry('POST /interception', { detail: '{"ena' }), entry('POST /session', { status: 401 }), entry('PUT /new/{thing}'), entry('constructor')].map(whatText),
			who: [['token', 'token'], ['token', 'token:ci'], ['session', 'user:ann'], ['session', 'token'], ['user', 'user:root'], ['nobody', 'nobody'], ['session', 'password']].map(([kind, name]) => whoText({ kind, name })),
			rules: ['POST /rules', 'PATCH /rules/{name}', 'DELETE /rules/{name}', 'POST /rules/import', 'POST /tokens'].map((a) => ruleOf(entry(a))),
			answers: ['{"action":"deny"}', '{"rule":{"action":"allow"}}', '{"action":"x"}', '{"cut'].map((detail) => whatText(entry('POST /prompts/{id}/answer', { detail }))),
			answered: ['allow-x', '1303896400175424', null].map((object) => [ruleOf(entry('POST /prompts/{id}/answer', { object })), objectOf(entry('POST /prompts/{id}/answer', { object }))]),
		};
	});
	assert.deepEqual(out.bare, []);
	assert.ok(out.n > 20);
	assert.deepEqual(out.what, ['Paused filtering for 5m', 'Resumed filtering', 'Log-in refused', 'PUT /api/v1/new/{thing}', 'constructor']);
	assert.deepEqual(out.who, [['Daemon’s token', ''], ['ci', 'token'], ['ann', 'dashboard'], ['Daemon’s token', 'dashboard'], ['root', 'this machine'], ['Nobody', 'not logged in'], ['password', 'dashboard']]);
	assert.deepEqual(out.rules, ['x', 'x', null, null, null]);
	assert.deepEqual(out.answers, ['Answered prompt: deny', 'Answered prompt: allow', 'Answered prompt', 'Answered prompt']);
	assert.deepEqual(out.answered, [['allow-x', 'allow-x'], [null, null], [null, null]]);
});
