// SPDX-License-Identifier: GPL-2.0-or-later
// Statistics: counts that agree with what was done, and ways from them to the connections.

import assert from 'node:assert/strict';
import { eventually, suite } from './kit.mjs';

const RULES = [{ name: '100-deny-ads', enabled: true, action: 'reject', duration: 'always', operator: { type: 'simple', operand: 'dest.host', data: 'tracker.ads.test', sensitive: false } }];
const world = suite({ config: JSON.stringify({ default_action: 'allow' }) }, RULES);
const connections = async (host) => (await world.lab.api('GET', `/connections?dest.host=${host}`)).body.items;

world.test('programs, hosts, ports and rules are counted, and lead to their connections', async () => {
	assert.equal((await world.lab.curl('http://www.example.test/', '-4').done).code, 0);
	assert.notEqual((await world.lab.curl('http://tracker.ads.test/', '-4').done).code, 0);
	await eventually(async () => (await connections('www.example.test')).length > 0 && (await connections('tracker.ads.test')).length > 0, 'recorded');
	const { body } = await world.lab.api('GET', '/stats');
	const page = await world.open('/');
	await page.getByRole('link', { name: 'Statistics' }).click();
	await page.getByRole('heading', { name: 'Statistics', level: 1 }).waitFor();
	const card = (name) => page.getByRole('region', { name });
	const row = (name, text) => card(name).locator('.top-row', { hasText: text });
	await row('Programs', 'curl').waitFor();
	await row('Ports', '80').first().waitFor();
	await row('Rules', '100-deny-ads').getByText('blocked').waitFor();
	assert.equal(await page.locator('.figure', { hasText: 'Connections' }).locator('dd').innerText(), String(body.connections));
	const bars = await page.locator('.chart rect').evaluateAll((all) => all.filter((r) => Number(r.getAttribute('height')) > 0).map((r) => r.getAttribute('class')));
	assert.ok(bars.includes('chart-allowed') && bars.includes('chart-blocked'), 'both are in the chart');

	await page.getByLabel('Statistics of the').selectOption('1h');
	await row('Hosts', 'tracker.ads.test').click();
	await page.waitForURL((url) => url.pathname === '/' && url.searchParams.get('q') === 'host:"tracker.ads.test"');
	await page.locator('.conn-body .conn', { hasText: 'tracker.ads.test' }).first().waitFor();
	assert.equal(await page.locator('.conn-body .conn', { hasText: 'www.example.test' }).count(), 0);
});
