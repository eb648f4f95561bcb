// SPDX-License-Identifier: GPL-2.0-or-later
// The Monitor: live rows, filter, pause, details, history, floods.

import assert from 'node:assert/strict';
import { armed, eventually, promptCard, suite } from './kit.mjs';

const hostRule = (name, action, host) => ({ name, enabled: true, action, duration: 'until restart', operator: { type: 'simple', operand: 'dest.host', sensitive: false, data: host } });
const world = suite({ config: JSON.stringify({ default_action: 'allow' }) },
	[hostRule('allow-www', 'allow', 'www.example.test'), hostRule('reject-news', 'reject', 'news.example.test'), hostRule('allow-weather', 'allow', 'api.weather.test')]);

const row = (page, text) => page.locator('.conn-body .conn', { hasText: text });

world.test('connections appear as they happen, newest on top, with action, program, host and rule', async () => {
	const page = await world.open();
	await world.lab.curl('http://www.example.test/').done;
	await row(page, 'www.example.test').first().waitFor();
	await world.lab.curl('http://news.example.test/').done;
	const first = row(page, 'news.example.test').first();
	await first.waitFor();
	assert.match(await first.innerText(), /Rejected[^]*curl[^]*news\.example\.test[^]*80[^]*tcp[^]*root[^]*reject-news[^]*[µm]?s/);
	const hosts = await page.locator('.conn-body .c-dest').allInnerTexts();
	const at = (name) => hosts.findIndex((h) => h.includes(name));
	assert.ok(at('news.example.test') < at('www.example.test'), 'newest on top');
	const times = await page.locator('.conn-body time').evaluateAll((all) => all.map((t) => t.dateTime));
	assert.deepEqual(times, [...times].sort().reverse());
});

world.test('the last minute counts what came before the page was opened, each once', async () => {
	const page = await world.open();
	const figure = (name) => page.locator('.activity-figure', { hasText: name }).locator('b');
	const total = async () => Number((await figure('last minute').innerText()).replace(/\D/g, ''));
	await world.lab.curl('http://news.example.test/').done;
	await row(page, 'news.example.test').first().waitFor();
	await eventually(async () => await total() > 0, 'live ones count');
	await page.reload();
	await row(page, 'news.example.test').first().waitFor();
	await eventually(async () => Number(await figure('blocked').innerText()) > 0, 'those before the page count');
	// Those of a minute ago leave both numbers, but not in the same moment. All of the history is on the page: of what was counted twice there would be more.
	const shown = () => page.locator('.conn-body time').evaluateAll((all) => all.filter((t) => Date.now() - Date.parse(t.dateTime) < 60000).length);
	await eventually(async () => await total() <= await shown() + 1, 'each once');
});

world.test('the last minute is told as soon as the history is there', async () => {
	await world.lab.curl('http://news.example.test/').done;
	const context = await world.profile();
	await context.addInitScript(() => {
		// Here no second passes.
		const real = globalThis.setInterval;
		globalThis.setInterval = (run, ms, ...rest) => (ms === 1000 ? 0 : real(run, ms, ...rest));
	});
	await context.addCookies([await world.lab.session()]);
	const page = await world.tab(context);
	await page.goto(`${world.lab.url}/`);
	await row(page, 'news.example.test').first().waitFor();
	await eventually(async () => /[1-9]/.test(await page.locator('.activity-blocked b').innerText()), 'what was blocked');
});

world.test('the filter takes words and fields, and the address carries it', async () => {
	await world.lab.curl('http://www.example.test/').done;
	await world.lab.curl('http://news.example.test/').done;
	const page = await world.open();
	await row(page, 'www.example.test').first().waitFor();
	const box = page.getByLabel('Filter connections');
	const shown = () => page.locator('.conn-body .c-dest').allInnerTexts();
	const only = async (text, all, none) => {
		await box.fill(text);
		await eventually(async () => {
			const hosts = await shown();
			return hosts.length > 0 && hosts.every((h) => h.includes(all)) && !hosts.some((h) => h.includes(none));
		}, `${text} shows ${all}`);
	};
	await only('news.example', 'news', 'www');
	await only('action:reject', 'news', 'www');
	await only('port:80 host:www -action:reject', 'www', 'news');
	await only('curl rule:allow-www', 'www', 'news');
	await box.fill('port:81');
	await page.getByText('Nothing matches this filter').waitFor();
	await page.getByRole('button', { name: 'Clear filter' }).click();
	await row(page, 'www.example.test').first().waitFor();
	await page.getByRole('button', { name: 'Rejected', exact: true }).click();
	assert.equal(await box.inputValue(), 'action:reject');
	await page.locator('.nav').getByRole('link', { name: 'Rules' }).click();
	await page.locator('.nav').getByRole('link', { name: 'Monitor' }).click();
	assert.equal(await page.getByLabel('Filter connections').inputValue(), 'action:reject', 'kept while away');
});

world.test('a live row that does not pass the filter stays out', async () => {
	const page = await world.open('/?q=host%3Anews');
	assert.equal(await page.getByLabel('Filter connections').inputValue(), 'host:news');
	await world.lab.curl('http://api.weather.test/').done;
	await world.lab.curl('http://news.example.test/').done;
	await row(page, 'news.example.test').first().waitFor();
	assert.equal(await row(page, 'api.weather.test').count(), 0);
});

world.test('pausing holds new rows back, counts them, and gives them on resume', async () => {
	await world.lab.curl('http://api.weather.test/').done;
	const page = await world.open();
	await row(page, 'api.weather.test').first().waitFor();
	await page.getByRole('button', { name: 'Pause' }).click();
	const before = await page.locator('.conn-body .conn').count();
	const newest = await page.locator('.conn-body time').first().getAttribute('datetime').catch(() => '');
	await world.lab.curl('http://www.example.test/').done;
	const resume = page.getByRole('button', { name: /Resume \(\d+ new\)/ });
	await resume.waitFor();
	assert.equal(await page.locator('.conn-body .conn').count(), before);
	await resume.click();
	await page.waitForFunction((t) => document.querySelector('.conn-body time')?.dateTime > t, newest);
	await page.getByRole('button', { name: 'Pause' }).waitFor();
});

world.test('a row opens its details, by mouse and by key, and makes a rule', async () => {
	await world.lab.curl('http://www.example.test/some/page').done;
	const page = await world.open();
	await row(page, 'www.example.test').first().click();
	const detail = page.getByLabel('Connection details');
	for (const what of [/www\.example\.test/, /198\.51\.100\.10|2001:db8:100::10/, /some\/page/, /Command/, /Started by/, /Runs as/, /since .*uid \d/, /How it was identified/, /Decided/, /Began/, /Waited/]) {
		await eventually(async () => what.test(await detail.innerText()), what);
	}
	await page.keyboard.press('Escape');
	await detail.waitFor({ state: 'hidden' });
	await page.keyboard.press('ArrowDown');
	await page.keyboard.press('Enter');
	await detail.waitFor();
	await page.keyboard.press('Escape');

	await row(page, 'www.example.test').first().click();
	await detail.getByRole('button', { name: 'Make a rule from this' }).click();
	await page.waitForURL((url) => url.pathname === '/rules');
	const values = () => page.locator('.condition-value .input').evaluateAll((all) => all.map((i) => i.value));
	await eventually(async () => (await values()).includes('www.example.test') && (await values()).includes('80'), 'host and port');
	assert.match((await values())[0], /\/curl$/);
	await page.getByLabel('Name', { exact: true }).fill('made-from-row');
	await page.getByRole('button', { name: 'Create rule' }).click();
	await page.locator('.toast', { hasText: 'Saved “made-from-row”' }).waitFor();
	assert.equal((await world.lab.api('GET', '/rules/made-from-row')).status, 200);
});

world.test('older connections come from the history; the page stays bounded under a flood', async () => {
	const script = 'import socket\nfor i in range(700):\n s=socket.socket(); s.settimeout(60)\n try: s.connect(("198.51.100.10", 80))\n except OSError: pass\n s.close()';
	const page = await world.open();
	await world.lab.program(['python3', '-c', script]).done;
	const rows = page.locator('.conn-body .conn');
	// A page that fell far behind starts again from the newest ones: either way it ends at the newest, and is bounded.
	await world.lab.curl('http://news.example.test/').done;
	await page.waitForFunction(() => document.querySelector('.conn-body .conn')?.textContent.includes('news.example.test'));
	await eventually(async () => await rows.count() >= 200, 'many rows');
	const shown = await rows.count();
	assert.ok(shown <= 500, `${shown} rows`);
	await page.reload();
	await rows.first().waitFor();
	const start = await rows.count();
	await page.getByRole('button', { name: 'Load older' }).click();
	await eventually(async () => await rows.count() > start, 'more rows');
	const ids = await page.locator('.conn-body time').evaluateAll((all) => all.map((t) => t.dateTime));
	assert.deepEqual(ids, [...ids].sort().reverse(), 'in order');
});

world.test('what was asked about stands where it was decided, before and after a reload', async () => {
	await world.lab.api('PATCH', '/config', { default_action: 'deny' });
	try {
		const page = await world.open();
		const asked = world.lab.curl('http://updates.example.test/', '-4');
		await promptCard(page);
		await world.lab.curl('http://www.example.test/', '-4').done;
		await row(page, 'www.example.test').first().waitFor();
		await armed(page);
		await page.keyboard.press('r');
		await asked.done;
		await row(page, 'updates.example.test').first().waitFor();
		const order = async () => (await page.locator('.conn-body .c-dest').allInnerTexts()).slice(0, 20);
		const before = await order();
		assert.match(before[0], /updates\.example\.test/);
		assert.ok(before.findIndex((h) => h.includes('www.example.test')) > 0);
		const times = await page.locator('.conn-body time').evaluateAll((all) => all.map((t) => t.dateTime));
		assert.deepEqual(times, [...times].sort().reverse(), 'told as decided');
		assert.match(await row(page, 'updates.example.test').first().locator('time').getAttribute('title'), /^Decided [^]*\nBegan [^]*, waited /);
		await page.reload();
		await row(page, 'updates.example.test').first().waitFor();
		await eventually(async () => (await order()).join('\n') === before.join('\n'), 'the same order');
	} finally {
		await world.lab.api('PATCH', '/config', { default_action: 'allow' });
	}
});
