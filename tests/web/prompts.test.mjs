// SPDX-License-Identifier: GPL-2.0-or-later
// Prompts: keys, queue, several tabs, lateness, time-outs.

import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { armed, eventually, promptCard, suite } from './kit.mjs';

const world = suite({ config: JSON.stringify({ default_action: 'deny', default_duration: 'once', prompt: { timeout: '120s' } }) });
const rules = async () => (await world.lab.api('GET', '/rules')).body.items;

/** Waits until no prompt is open. */
const quiet = () => eventually(async () => (await world.lab.api('GET', '/prompts')).body.items.length === 0, 'no prompt is open');

world.test('D denies and R rejects: the program waits, or sees an error at once', async () => {
	const page = await world.open();
	const denied = world.lab.curl('http://www.example.test/');
	await promptCard(page);
	await armed(page);
	await page.keyboard.press('d');
	await page.locator('.toast', { hasText: 'Denied curl' }).waitFor();

	const rejected = world.lab.curl('http://news.example.test/');
	await promptCard(page);
	await armed(page);
	await page.keyboard.press('r');
	assert.equal((await rejected.done).code, 7, 'curl was refused');
	await quiet();
	assert.equal(denied.child.exitCode, null, 'curl still waits');
});

world.test('a browser that refuses to notify, as on a phone, shows prompts all the same', async () => {
	const page = await world.open('/', {});
	await page.evaluate(() => {
		localStorage.setItem('notifications', 'on');
		window.Notification = class {
			static permission = 'granted';

			constructor() {
				throw new TypeError('Illegal constructor. Use ServiceWorkerRegistration.showNotification() instead.');
			}
		};
		Object.defineProperty(document, 'hidden', { configurable: true, get: () => true });
	});
	const curl = world.lab.curl('http://www.example.test/');
	await promptCard(page);
	await armed(page);
	await page.keyboard.press('r');
	assert.equal((await curl.done).code, 7);
	await page.evaluate(() => Object.defineProperty(document, 'hidden', { configurable: true, get: () => false }));
	await page.getByRole('link', { name: 'Settings' }).click();
	await page.getByText('This browser offers none here.').waitFor();
	await quiet();
});

world.test('an answer for a name holds for its addresses of both families', async () => {
	const page = await world.open();
	const first = world.lab.curl('http://www.example.test/', '-4');
	const card = await promptCard(page);
	await armed(page);
	await card.getByLabel('Remember').selectOption('until restart');
	assert.match(await card.locator('.scope:has(:checked)').innerText(), /www\.example\.test\s+port 80\b/);
	await card.locator('.prompt-title').click();
	await page.keyboard.press('a');
	assert.equal((await first.done).code, 0);
	assert.equal((await world.lab.curl('http://www.example.test/', '-6').done).code, 0, 'nobody was asked again');
	const [made] = (await rules()).filter((r) => r.name === 'allow-curl-www.example.test-80');
	assert.deepEqual(made.operator.list.map((o) => o.operand), ['process.path', 'dest.host', 'dest.port']);
	const byRule = async () => (await world.lab.api('GET', `/connections?protocol=tcp6&rule=${made.name}`)).body.items;
	await eventually(async () => (await byRule()).some((c) => c.reason === 'rule'), 'the rule decided it');
	await quiet();
});

world.test('keys choose scope and the rule is what the card said', async () => {
	const page = await world.open();
	const curl = world.lab.curl('http://api.weather.test/');
	const card = await promptCard(page);
	await armed(page);
	assert.equal(await card.locator('.scopes').evaluate((e) => e.disabled), true, 'once has no scope');
	await card.getByLabel('Remember').selectOption('until restart');
	await card.locator('.prompt-title').click();
	await page.keyboard.press('2');
	await page.keyboard.press('ArrowDown');
	assert.match(await card.locator('.scope:has(:checked)').innerText(), /only address/);
	await page.keyboard.press('ArrowUp');
	assert.match(await card.locator('.scope:has(:checked)').innerText(), /api\.weather\.test\s+any port/);
	await page.keyboard.press('a');
	assert.equal((await curl.done).code, 0);
	const made = (await rules()).find((r) => r.source === 'prompt');
	const operators = made.operator.type === 'list' ? made.operator.list : [made.operator];
	assert.deepEqual(operators.map((o) => o.operand).sort(), ['dest.host', 'process.path']);
	assert.equal(made.duration, 'until restart');
});

world.test('a program that is not the one its rule was made for says so', async () => {
	const folder = mkdtempSync(path.join(tmpdir(), 'opensnitch-program-'));
	const program = path.join(folder, 'my-curl');
	const asks = (port) => world.lab.program([program, '-sS', '--max-time', '115', `http://www.example.test:${port}/`]);
	try {
		chmodSync(folder, 0o755);
		copyFileSync('/usr/bin/curl', program);
		const rule = { name: 'for-my-curl', action: 'allow', duration: 'always', operator: { type: 'list', operand: 'list', data: '', list: [
			{ type: 'simple', operand: 'process.path', data: program }, { type: 'simple', operand: 'dest.port', data: '80' }] } };
		assert.equal((await world.lab.api('POST', '/rules', rule)).status, 201);
		const page = await world.open();
		let curl = asks(8080);
		let card = await promptCard(page);
		assert.doesNotMatch(await card.innerText(), /has changed since/);
		await armed(page);
		await page.keyboard.press('r');
		assert.equal((await curl.done).code, 7);
		await quiet();
		rmSync(program);
		copyFileSync('/usr/bin/curl', program);
		curl = asks(8080);
		card = await promptCard(page);
		assert.match(await card.locator('.oddities').innerText(), /has changed since you made a rule for it .*for-my-curl/);
		await armed(page);
		await page.keyboard.press('r');
		assert.equal((await curl.done).code, 7);
		await quiet();
	} finally {
		await world.lab.api('DELETE', '/rules/for-my-curl');
		rmSync(folder, { recursive: true, force: true });
	}
});

world.test('a card shows the script, the container and what is odd about the program', async () => {
	const folder = mkdtempSync(path.join(tmpdir(), 'opensnitch-program-'));
	try {
		const mount = path.join(folder, '.mount_KritaAbC12x');
		const script = path.join(folder, 'job.sh');
		chmodSync(folder, 0o755);
		mkdirSync(mount);
		copyFileSync('/bin/bash', path.join(mount, 'bash'));
		writeFileSync(script, `rm "$BASH"\nexec 3<>/dev/tcp/198.51.100.10/80\n`);
		const page = await world.open();
		const job = world.lab.program([path.join(mount, 'bash'), '-eu', script], { env: { ...process.env, LD_PRELOAD: '/nowhere.so', APPIMAGE: '/home/ann/Krita-5.AppImage' } });
		const card = await promptCard(page);
		const facts = await card.locator('.facts').innerText();
		assert.ok(facts.includes(script), facts);
		// Where all of this is a container, that is told instead.
		assert.match(facts, /Container\s+(appimage:Krita-5\.AppImage|\w+:)/);
		const odd = await card.locator('.oddities').innerText();
		assert.match(odd, /deleted or replaced/);
		assert.match(odd, /LD_PRELOAD/);
		await armed(page);
		await page.keyboard.press('r');
		assert.notEqual((await job.done).code, 0);
		await quiet();
	} finally {
		rmSync(folder, { recursive: true, force: true });
	}
});

world.test('any program is a second, separate choice, and never comes with anywhere', async () => {
	const page = await world.open();
	const curl = world.lab.curl('http://www.example.test/');
	const card = await promptCard(page);
	await armed(page);
	await card.getByLabel('Remember').selectOption('5m');
	const any = card.locator('.danger-choice input');
	assert.equal(await any.isChecked(), false);
	assert.match(await card.locator('.scopes legend').innerText(), /curl/);
	await any.check();
	assert.match(await card.locator('.scopes legend').innerText(), /any program/);
	assert.equal(await card.locator('.scope input').last().isDisabled(), true);
	await card.locator('[data-answer="reject"]').click();
	await curl.done;
	const made = (await rules()).find((r) => r.source === 'prompt');
	assert.ok(!JSON.stringify(made.operator).includes('process.path'));
	assert.ok(made.expires);
});

world.test('several wait at once: counted, walked with the arrows, answered one by one', async () => {
	const page = await world.open('/settings');
	const names = ['www.example.test', 'news.example.test', 'updates.example.test'];
	const curls = [];
	for (const [i, name] of names.entries()) {
		curls.push(world.lab.curl(`http://${name}/`));
		await page.waitForFunction((n) => document.title.startsWith(`(${n}) `), i + 1);
	}
	await page.locator('.dock-count', { hasText: '1 of 3 waiting' }).waitFor();
	const host = page.locator('.dock .prompt-host');
	assert.equal(await host.innerText(), names[0], 'the oldest first');
	await page.keyboard.press('ArrowRight');
	assert.equal(await host.innerText(), names[1]);
	await page.keyboard.press('ArrowLeft');
	await page.keyboard.press('ArrowLeft');
	assert.equal(await host.innerText(), names[2]);
	for (let left = 3; left > 0; left--) {
		await armed(page);
		await page.keyboard.press('a');
		await page.waitForFunction((n) => (n === 0 ? !document.title.startsWith('(') : document.title.startsWith(`(${n}) `)), left - 1);
	}
	assert.deepEqual((await Promise.all(curls.map((c) => c.done))).map((r) => r.code), [0, 0, 0]);
});

world.test('a key pressed as a prompt appears or is swapped in does not count', async () => {
	const page = await world.open();
	// Presses A in the very moment a card comes in, as somebody typing elsewhere would.
	await page.evaluate(() => {
		new MutationObserver((list) => {
			if (list.some((m) => [...m.addedNodes].some((n) => n.classList?.contains('prompt-card')))) {
				document.body.dispatchEvent(new KeyboardEvent('keydown', { key: 'a', bubbles: true, cancelable: true }));
			}
		}).observe(document.querySelector('.dock-slot'), { childList: true });
	});
	const curl = world.lab.curl('http://www.example.test/');
	const card = await promptCard(page);
	await armed(page);
	assert.equal((await world.lab.api('GET', '/prompts')).body.items.length, 1, 'still open');
	await card.locator('[data-answer="reject"]').click();
	await curl.done;
});

world.test('keys go into a field while somebody types there', async () => {
	const page = await world.open();
	await page.locator('.filter-input').focus();
	const curl = world.lab.curl('http://www.example.test/');
	await promptCard(page);
	await armed(page);
	assert.equal(await page.evaluate(() => document.activeElement.className.includes('filter-input')), true, 'the focus stays');
	await page.keyboard.type('adr1');
	assert.equal(await page.locator('.filter-input').inputValue(), 'adr1');
	assert.equal((await world.lab.api('GET', '/prompts')).body.items.length, 1);
	await page.locator('.dock [data-answer="reject"]').click();
	await curl.done;
});

world.test('Esc puts aside, P brings back, and a new prompt brings back too', async () => {
	const page = await world.open();
	const first = world.lab.curl('http://www.example.test/');
	await promptCard(page);
	await page.keyboard.press('Escape');
	await page.locator('.pill', { hasText: '1 connection waiting' }).waitFor();
	assert.equal(await page.locator('.dock').isVisible(), false);
	await page.keyboard.press('p');
	await page.locator('.dock').waitFor();
	await page.keyboard.press('Escape');
	const second = world.lab.curl('http://news.example.test/');
	await page.locator('.dock-count', { hasText: 'of 2 waiting' }).waitFor();
	for (let i = 0; i < 2; i++) {
		await armed(page);
		await page.keyboard.press('r');
		await page.waitForFunction((n) => (n === 0 ? !document.title.startsWith('(') : document.title.startsWith(`(${n}) `)), 1 - i);
	}
	await Promise.all([first.done, second.done]);
});

world.test('an answer in one tab empties the other', async () => {
	const one = await world.open();
	const two = await world.tab(one.context());
	await two.goto(`${new URL(one.url()).origin}/rules`);
	const curl = world.lab.curl('http://www.example.test/');
	await promptCard(one);
	await promptCard(two);
	await armed(two);
	await two.locator('.dock [data-answer="allow"]').click();
	await one.locator('.dock').waitFor({ state: 'hidden' });
	await one.locator('.toast', { hasText: 'elsewhere' }).waitFor();
	assert.equal((await curl.done).code, 0);
});

world.test('an answer that comes too late says so', async () => {
	const page = await world.open();
	// This tab does not hear that the prompt is over, and so still shows it.
	await page.route('**/api/v1/prompts/*/answer', async (route) => {
		const { id } = /\/prompts\/(?<id>\d+)\/answer/.exec(route.request().url()).groups;
		const first = await world.lab.api('POST', `/prompts/${id}/answer`, { action: 'reject', duration: 'once' });
		assert.equal(first.status, 200);
		await route.continue();
	});
	const curl = world.lab.curl('http://www.example.test/');
	await promptCard(page);
	await armed(page);
	await page.keyboard.press('a');
	await page.locator('.toast', { hasText: 'Already answered' }).waitFor();
	await page.locator('.dock').waitFor({ state: 'hidden' });
	assert.equal((await curl.done).code, 7);
});

world.test('the countdown runs, and at its end happens what it said', async () => {
	await world.lab.api('PATCH', '/config', { prompt: { timeout: '15s', timeout_action: 'reject' } });
	const page = await world.open();
	const curl = world.lab.curl('http://www.example.test/');
	const card = await promptCard(page);
	const text = card.locator('.countdown-text');
	const left = /^Rejected in (\d+) s if not answered$/;
	const first = Number(left.exec(await text.innerText())?.[1]);
	assert.ok(first >= 1 && first <= 15, `${first} s`);
	await eventually(async () => Number(left.exec(await text.innerText())?.[1]) < first, 'it runs');
	await page.locator('.toast', { hasText: 'Nobody answered' }).waitFor();
	await card.waitFor({ state: 'detached' });
	assert.equal((await curl.done).code, 7, 'rejected');
	await world.lab.api('PATCH', '/config', { prompt: { timeout: '120s', timeout_action: null } });
});

world.test('the card tells how many packets it holds and who is behind them', async () => {
	const page = await world.open();
	const script = 'import socket,time\ns=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)\nfor i in range(3):\n s.sendto(b"x",("198.51.100.40",9000)); time.sleep(0.05)\ntime.sleep(60)';
	const udp = world.lab.program(['python3', '-c', script]);
	const card = await promptCard(page);
	await card.locator('.prompt-held', { hasText: '3 packets held' }).waitFor();
	assert.match(await card.locator('.prompt-host').innerText(), /198\.51\.100\.40/);
	assert.match(await card.locator('.facts').innerText(), /Command[^]*python3[^]*User[^]*root[^]*Identified[^]*(Certain|Likely)/);
	await armed(page);
	await page.keyboard.press('d');
	await quiet();
	udp.child.kill('SIGKILL');
	await udp.done;
});
