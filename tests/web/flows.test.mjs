// SPDX-License-Identifier: GPL-2.0-or-later
// The Flows page: what is open, with its traffic and rule, followed live, and ended by a button.

import assert from 'node:assert/strict';
import { eventually, suite } from './kit.mjs';

const PYTHON = { name: 'allow-python', description: '', enabled: true, action: 'allow', duration: 'until restart', operator: { type: 'regexp', operand: 'process.path', sensitive: false, data: 'python3' } };
const world = suite({ config: JSON.stringify({ default_action: 'deny', default_duration: 'once' }) }, [PYTHON]);

/** Holds a connection open, sends some of a request when told to on stdin, and says how it ended. */
const CLIENT = `
import socket, sys, threading
s = socket.create_connection((sys.argv[1], 80), timeout=60)
s.settimeout(None)
print("open", flush=True)
def ask():
    for line in sys.stdin:
        s.sendall(b"x" * 3000)
threading.Thread(target=ask, daemon=True).start()
while True:
    try:
        got = s.recv(65536)
    except OSError as e:
        print("ended", type(e).__name__, flush=True)
        break
    if not got:
        print("closed", flush=True)
        break
`;

async function hold(host) {
	const { child, done } = world.lab.program(['python3', '-c', CLIENT, host], { stdio: ['pipe', 'pipe', 'pipe'] });
	let out = '';
	child.stdout.on('data', (d) => (out += d));
	await eventually(() => out.includes('open'), 'connected');
	return { child, done, said: () => out };
}

const rows = (page) => page.locator('.flows tbody tr');

world.test('a flow appears with program, host, address, rule, age and bytes both ways, and goes when it closes', async () => {
	const page = await world.open('/flows');
	await page.getByText('Nothing is open').waitFor();
	const client = await hold('www.example.test');
	const row = rows(page).filter({ hasText: 'www.example.test' });
	await row.waitFor();
	const text = await row.innerText();
	assert.match(text, /python3/);
	assert.match(text, /198\.51\.100\.10|2001:db8:100::10/);
	assert.match(text, /80/);
	assert.equal(await row.getByRole('link', { name: 'allow-python' }).getAttribute('href'), '/rules?edit=allow-python');
	const sent = () => row.locator('.f-sent').innerText();
	await eventually(async () => /\d B/.test(await sent()), 'counted');
	client.child.stdin.write('go\n');
	await eventually(async () => /KiB/.test(await sent()), 'the request is counted');
	await eventually(async () => /\d+ s/.test(await row.locator('.f-age').innerText()), 'its age goes on');
	client.child.kill('SIGKILL');
	await row.waitFor({ state: 'detached' });
});

world.test('port, age and bytes are in sight on every screen, those of a phone too', async () => {
	await hold('www.example.test');
	const page = await world.open('/flows');
	const row = rows(page).filter({ hasText: 'www.example.test' });
	await row.waitFor();
	for (const width of [1279, 1024, 860, 859, 719, 390, 320]) {
		await page.setViewportSize({ width, height: 844 });
		const cells = await row.evaluate((tr) => Object.fromEntries([...tr.cells].map((td) => {
			const { x, y, width, height } = td.getBoundingClientRect();
			return [td.className.slice(2), { text: td.innerText, left: x, right: x + width, middle: y + height / 2 }];
		})));
		for (const [key, text] of Object.entries({ program: /python3/, age: /\d+ (s|min)/, tools: /End/, dest: /www\.example\.test/, port: /80\s+tcp/, sent: /\d B|KiB|—/, received: /\d B|KiB|—/ })) {
			assert.match(cells[key].text, text, `${key}, ${width} px`);
			assert.ok(cells[key].left >= 0 && cells[key].left < cells[key].right && cells[key].right <= width, `${key} in ${width} px: ${JSON.stringify(cells)}`);
		}
		// Three lines on a phone, one elsewhere.
		const lines = width < 860 ? [['program', 'age', 'tools'], ['dest', 'port'], ['sent', 'received']] : [['program', 'dest', 'port', 'age', 'sent', 'received', 'tools']];
		const middle = (key) => cells[key].middle;
		for (const line of lines) {
			assert.ok(line.every((key) => Math.abs(middle(key) - middle(line[0])) < 8), `${line} in one line, ${width} px: ${JSON.stringify(cells)}`);
		}
		assert.ok(lines.every((line, i) => i === 0 || middle(line[0]) > middle(lines[i - 1][0]) + 8), `line by line, ${width} px`);
	}
});

world.test('the end button ends it, by keyboard, and the program sees that', async () => {
	const client = await hold('news.example.test');
	const other = await hold('www.example.test');
	const page = await world.open('/flows');
	const row = rows(page).filter({ hasText: 'news.example.test' });
	await row.getByRole('button', { name: /^End python3.* to news\.example\.test$/ }).focus();
	await page.keyboard.press('Enter');
	await page.locator('.toast', { hasText: 'Ended' }).waitFor();
	await row.waitFor({ state: 'detached' });
	await eventually(() => /ended|closed/.test(client.said()), 'the program is told');
	assert.equal(await rows(page).filter({ hasText: 'www.example.test' }).count(), 1, 'only that one');
	assert.equal(/ended|closed/.test(other.said()), false);
});

world.test('filter, order, and everything about one beside the list', async () => {
	await hold('news.example.test');
	await hold('www.example.test');
	const page = await world.open('/flows');
	// Names were asked for too.
	await page.getByLabel('Filter flows').fill('port:80');
	await eventually(async () => await rows(page).count() === 2, 'both');
	const hosts = () => rows(page).locator('.f-dest .strong').allInnerTexts();
	await page.getByRole('button', { name: 'Destination' }).click();
	await eventually(async () => (await hosts()).join() === 'news.example.test,www.example.test', 'from a to z');
	await page.getByRole('button', { name: 'Destination' }).click();
	await eventually(async () => (await hosts()).join() === 'www.example.test,news.example.test', 'from z to a');
	await page.getByLabel('Filter flows').fill('host:news port:80');
	await eventually(async () => (await hosts()).join() === 'news.example.test', 'only that one');
	await page.getByLabel('Filter flows').fill('host:nowhere');
	await page.getByText('No open flow matches').waitFor();
	await page.getByLabel('Filter flows').fill('port:80');
	await rows(page).first().locator('.flow-open').click();
	const detail = page.getByLabel('Connection details');
	await detail.getByRole('heading', { name: 'Destination' }).waitFor();
	await page.keyboard.press('Escape');
	await rows(page).first().getByRole('button', { name: /^Why/ }).click();
	await detail.locator('.step-decided', { hasText: 'allow-python' }).waitFor();
});
