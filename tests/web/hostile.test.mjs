// SPDX-License-Identifier: GPL-2.0-or-later
// Names chosen by an attacker: shown as text on every page, and nothing of them runs or breaks the layout.

import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { armed, promptCard, suite } from './kit.mjs';

const dir = mkdtempSync(join(tmpdir(), 'hostile-'));
chmodSync(dir, 0o755);
after(() => rmSync(dir, { recursive: true, force: true }));

// Markup, a script, quotes, a right-to-left override that would hide an extension, a line break, an escape sequence.
const PROGRAM = `\u202egnp<img src=x onerror=alert(1)>"'\n\u001b[31m${'A'.repeat(120)}`;
const HOST = '<svg onload=alert(1)>.evil.test';
// Bytes that are no text, one character a byte: a label may hold any.
const BYTES = '\u00ff\u00fe\u009b2j\u00c0\u00af\u00ed\u00a0\u0080.evil.test';
const BYTES_SHOWN = '\\255\\254\\1552j\\192\\175\\237\\160\\128.evil.test';
const ARGUMENT = `</script><script>alert(2)</script>\u2066${'z'.repeat(2000)}`;
const RULE = `"><script>alert(3)</script>\u202e${'n'.repeat(100)}`;

writeFileSync(join(dir, 'sites.json'), JSON.stringify({ [HOST]: { A: ['198.51.100.66'] }, [BYTES]: { A: ['198.51.100.67'] } }));
const world = suite({ sites: join(dir, 'sites.json'), config: JSON.stringify({ default_action: 'deny', default_duration: 'once', prompt: { timeout: '120s' } }) });

/** Asks for the hostile name (the C library would refuse the answer, the wire does not), then connects. */
const client = (name, address) => `
import socket, struct, sys
name = ${JSON.stringify(name)}
q = struct.pack('!6H', 7, 256, 1, 0, 0, 0) + b''.join(bytes([len(l)]) + l.encode("latin-1") for l in name.split('.')) + b'\\0' + struct.pack('!2H', 1, 1)
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(60); s.sendto(q, ('198.51.100.53', 53)); s.recv(4096)
c = socket.socket(); c.settimeout(115)
try: c.connect(('${address}', 80))
except OSError: sys.exit(7)
`;

const CLIENT = client(HOST, '198.51.100.66');

function hostileProgram() {
	const path = join(dir, PROGRAM);
	copyFileSync('/usr/bin/python3', path);
	chmodSync(path, 0o755);
	return path;
}

/** Nothing of the attacker became an element, and nothing is wider than the window. */
async function check(page, where) {
	const found = await page.evaluate(() => ({
		elements: document.querySelectorAll('body script, img:not([src^="/static/img/"]), svg:not(.icon, .plot), [onerror], [onload]').length,
		wide: document.documentElement.scrollWidth - innerWidth,
		raw: /[\u202e\u2066\u001b]/.test(document.body.innerText) || /[\u202e\u2066\u001b]/.test(document.title),
		titles: [...document.querySelectorAll('[title], [aria-label]')].some((e) => /[\u202e\u2066\u001b]/.test(`${e.title}${e.ariaLabel}`)),
	}));
	assert.deepEqual(found, { elements: 0, wide: found.wide <= 0 ? found.wide : 0, raw: false, titles: false }, where);
}

world.test('in the prompt, the monitor, the details, the rules and the editor', async () => {
	for (const viewport of [{ width: 1440, height: 900 }, { width: 390, height: 844 }]) {
		const page = await world.open('/');
		await page.setViewportSize(viewport);
		const program = world.lab.program([hostileProgram(), '-c', CLIENT, ARGUMENT]);
		const card = await promptCard(page);
		await check(page, 'prompt');
		const text = await card.innerText();
		assert.ok(text.includes('<img src=x onerror=alert(1)>'), 'the name stands there as text');
		assert.ok(text.includes('\\u{202E}'), 'what would be hidden is shown');
		assert.ok(text.includes('<script>alert(2)</script>'));
		await armed(page);
		await card.locator('[data-answer="reject"]').click();
		assert.equal((await program.done).code, 7);

		const row = page.locator('.conn-body .conn', { hasText: 'onerror' }).first();
		await row.waitFor();
		await check(page, 'monitor');
		await row.click();
		await page.getByLabel('Connection details').locator('summary').click();
		await check(page, 'details');
		await page.getByRole('button', { name: 'Make a rule from this' }).click();
		const json = page.getByLabel('Rule as JSON');
		await json.waitFor();
		await check(page, 'editor');
		const draft = JSON.parse(await json.inputValue());
		assert.ok(JSON.stringify(draft).includes('onerror'));
		assert.equal(/[\u202e\u001b]/.test(await json.inputValue()), false, 'escaped in the field too');
		await page.getByRole('button', { name: 'Cancel' }).click();
	}
});

world.test('a host name that is no text, from the prompt to the rule', async () => {
	const page = await world.open('/');
	const program = world.lab.program(['python3', '-c', client(BYTES, '198.51.100.67')]);
	const card = await promptCard(page);
	await check(page, 'prompt');
	assert.ok((await card.innerText()).includes(BYTES_SHOWN), await card.innerText());
	await armed(page);
	await card.locator('[data-answer="reject"]').click();
	assert.equal((await program.done).code, 7);
	const row = page.locator('.conn-body .conn', { hasText: BYTES_SHOWN }).first();
	await row.waitFor();
	await row.click();
	await check(page, 'details');
	await page.getByRole('button', { name: 'Make a rule from this' }).click();
	await page.getByRole('button', { name: 'Cancel' }).waitFor();
	await page.waitForFunction((name) => [...document.querySelectorAll('input, textarea')].some((e) => e.value.includes(name)), BYTES_SHOWN);
	await check(page, 'editor');
	const told = await world.lab.api('GET', `/connections?dest.host=${encodeURIComponent(BYTES_SHOWN)}`);
	assert.deepEqual(told.body.items.map((c) => [c.dest.ip, c.action]), [['198.51.100.67', 'reject']]);
	assert.equal(/[\u0080-\uffff]/.test(JSON.stringify(told.body.items[0].dest)), false);
});

world.test('rule names and descriptions, and the toasts that tell of them', async () => {
	const made = await world.lab.api('POST', '/rules', { name: RULE, description: PROGRAM, enabled: true, action: 'deny', duration: 'until restart',
		operator: { type: 'simple', operand: 'process.command', sensitive: false, data: ARGUMENT } });
	if (made.status === 422) {
		// Names that cannot be files may be refused; then one that only hurts a page.
		const tame = RULE.replace('\u202e', '').replace('/', '');
		const second = await world.lab.api('POST', '/rules', { name: tame, description: PROGRAM, enabled: true, action: 'deny', duration: 'until restart',
			operator: { type: 'simple', operand: 'process.command', sensitive: false, data: ARGUMENT } });
		assert.equal(second.status, 201, JSON.stringify(second.body));
	}
	for (const width of [1440, 390]) {
		const page = await world.open('/rules');
		await page.setViewportSize({ width, height: 800 });
		const row = page.locator('.rules tbody tr', { hasText: '<script>' });
		await row.first().waitFor();
		await check(page, 'rules');
		await row.first().getByRole('button', { name: /^Delete/ }).click();
		await page.locator('.toast', { hasText: 'Deleted' }).waitFor();
		await check(page, 'toast');
		await page.locator('.toast').getByRole('button', { name: 'Undo' }).click();
		await row.first().waitFor();
		await page.goto(`${world.lab.url}/settings`);
		await page.locator('[data-setting]').first().waitFor();
		await check(page, 'settings');
	}
});
