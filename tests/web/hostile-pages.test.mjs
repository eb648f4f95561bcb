// SPDX-License-Identifier: GPL-2.0-or-later
// Every page, with strings of an attacker in everything that it can show: none runs, hides or breaks the layout.

import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { eventually, suite } from './kit.mjs';

const dir = mkdtempSync(join(tmpdir(), 'hostile-pages-'));
chmodSync(dir, 0o755);
after(() => rmSync(dir, { recursive: true, force: true }));

const MARKUP = '<img src=x onerror=alert(1)>';
const SCRIPT = '"\'><script>alert(2)</script>{{7*7}}${alert(3)}';
const BIDI = '\u202egpj\u202c\u2066x\u2069\u200f\u061c';
const TERMINAL = '\u001b[31m\u001b]0;title\u0007\u009b1m\b\r';
const LONG = 'L'.repeat(65536);
const HOST = '<svg onload=alert(4)>.evil.test';
const RULE = `${MARKUP}${SCRIPT.replaceAll('/', '|')}`.slice(0, 150);
const LIST = `${MARKUP.replaceAll('/', '|')}${BIDI}`;

// A name of a file is bytes: these are no UTF-8, and too long for most places.
const PROGRAM = Buffer.concat([Buffer.from(`${dir}/${MARKUP}${BIDI}${TERMINAL}`), Buffer.from([0xff, 0xc0, 0xaf, 0xed, 0xa0, 0x80]), Buffer.from('A'.repeat(100))]);
copyFileSync('/usr/bin/python3', PROGRAM);
chmodSync(PROGRAM, 0o755);
mkdirSync(join(dir, LIST));
writeFileSync(join(dir, LIST, `${SCRIPT.replaceAll('/', '|')}.txt`), `${HOST}\nx.test\n`);
writeFileSync(join(dir, 'sites.json'), JSON.stringify({ [HOST]: { A: ['198.51.100.66'] } }));

const world = suite({ sites: join(dir, 'sites.json'), config: JSON.stringify({ default_action: 'allow', default_duration: 'once' }) });

/** Runs what a file names in hex, as no argument of this side may be so long or no text. */
const LAUNCH = `
import os, sys
args = [bytes.fromhex(line) for line in open(sys.argv[1])]
os.execv(args[0], args)
`;
/** Asks for the name, connects, and stays. */
const CLIENT = `
import socket, struct, time
name = ${JSON.stringify(HOST)}
q = struct.pack('!6H', 7, 256, 1, 0, 0, 0) + b''.join(bytes([len(l)]) + l.encode() for l in name.split('.')) + b'\\0' + struct.pack('!2H', 1, 1)
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(60); s.sendto(q, ('198.51.100.53', 53)); s.recv(4096)
c = socket.create_connection(('198.51.100.66', 80), timeout=60)
print('open', flush=True)
time.sleep(900)
`;

async function attack() {
	const args = [PROGRAM, ...['-c', CLIENT, MARKUP, SCRIPT, BIDI, TERMINAL].map((s) => Buffer.from(s)), Buffer.from([0xff, 0xfe, 0xc0, 0x80]), Buffer.from(LONG)];
	writeFileSync(join(dir, 'args'), args.map((a) => a.toString('hex')).join('\n'));
	const { child } = world.lab.program(['python3', '-c', LAUNCH, join(dir, 'args')]);
	let out = '';
	child.stdout.on('data', (d) => (out += d));
	await eventually(() => out.includes('open'), 'it connected');
	await eventually(async () => (await world.lab.api('GET', '/connections?dest.port=80')).body.items.length > 0, 'recorded');
}

async function hostileRules() {
	const list = [{ type: 'simple', operand: 'process.command', sensitive: false, data: `${SCRIPT}${BIDI}` }, { type: 'lists', operand: 'lists.domains', sensitive: false, data: join(dir, LIST) }];
	const rule = { name: RULE, description: `${MARKUP}${BIDI}${TERMINAL}${LONG}`, enabled: true, action: 'deny', duration: '30m', [MARKUP]: SCRIPT, operator: { type: 'list', operand: 'list', sensitive: false, data: '', list } };
	assert.equal((await world.lab.api('POST', '/rules', rule)).status, 201);
	assert.equal((await world.lab.api('PATCH', `/rules/${encodeURIComponent(RULE)}`, { description: `${TERMINAL}${SCRIPT}`, duration: '15m' })).status, 200);
	const wide = { ...rule, name: `${RULE}-2`, description: MARKUP, action: 'allow', operator: { type: 'simple', operand: 'process.path', sensitive: false, data: `/opt/${MARKUP.replaceAll('/', '|')}${LONG.slice(0, 900)}` } };
	assert.equal((await world.lab.api('POST', '/rules', wide)).status, 201);
	writeFileSync(join(world.lab.rules_dir, `${LIST}.json`), `{"name": "${'x'.repeat(50)}${MARKUP}", "action": "${MARKUP}"}`);
	await eventually(async () => (await world.lab.api('GET', '/rules')).body.problems.length > 0, 'the bad file is told');
}

/** Nothing of the attacker became an element or an attribute that acts, nothing is hidden, and nothing is wider than the window. */
async function check(page, where) {
	const found = await page.evaluate(() => {
		// eslint-disable-next-line no-control-regex
		const raw = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/;
		const all = [...document.querySelectorAll('*')];
		return {
			elements: all.filter((e) => e.matches('body script, img:not([src^="/static/img/"]), svg:not(.icon, .plot), iframe, object, embed, base, form[action]')).map((e) => e.outerHTML.slice(0, 80)),
			handlers: all.filter((e) => [...e.attributes].some((a) => /^on/i.test(a.name))).length,
			links: [...document.querySelectorAll('[href], [src]')].map((e) => e.getAttribute('href') ?? e.getAttribute('src')).filter((u) => !/^(\/|#)/.test(u)),
			raw: raw.test(document.body.textContent) || raw.test(document.title),
			attributes: all.filter((e) => [...e.attributes].some((a) => !/^data-/.test(a.name) && raw.test(a.value))).map((e) => e.outerHTML.slice(0, 80)),
			wide: Math.max(0, document.documentElement.scrollWidth - innerWidth),
		};
	});
	assert.deepEqual(found, { elements: [], handlers: 0, links: [], raw: false, attributes: [], wide: 0 }, where);
}

/** What is behind the pages' own controls. */
const MORE = {
	'/': async (page) => {
		const row = page.locator('.conn-body .conn', { hasText: 'onerror' }).first();
		await row.focus();
		await page.keyboard.press('w');
		await page.locator('.why-body').waitFor();
		await page.getByLabel('Connection details').locator('.raw summary').click();
	},
	'/flows': async (page) => {
		const row = page.locator('.flows tbody tr', { hasText: 'onload' });
		await row.waitFor();
		await check(page, 'the list of flows');
		await row.locator('.flow-open').click();
	},
	'/rules': async (page) => {
		await page.locator('.problems').waitFor();
		await page.locator('.report > summary').click();
		await page.locator('.finding', { hasText: 'onerror' }).first().waitFor();
		await check(page, 'the report');
		await page.locator('.rules tbody tr', { hasText: '<script>' }).first().locator('.rule-open').click();
		await page.locator('.history > summary').click();
		await page.locator('.change').first().waitFor();
		await page.locator('.whatif-body:not(.is-stale)').waitFor();
		await page.locator('.json').waitFor();
	},
	'/suggestions': async (page) => {
		await page.locator('.program-pick', { hasText: 'onerror' }).click();
		await page.locator('.proposal-item').first().waitFor();
		for (const summary of await page.locator('.proposal-item summary').all()) {
			await summary.click();
		}
	},
	'/statistics': async (page) => page.locator('.top-row', { hasText: 'onerror' }).first().waitFor(),
	'/settings': async (page) => page.locator('.access-item').first().waitFor(),
	'/audit': async (page) => {
		const row = page.locator('.audit tbody tr', { hasText: 'onerror' }).first();
		await row.waitFor();
		await check(page, 'the list of changes');
		await row.locator('.flow-open').click();
		await page.getByLabel('Details of the change').locator('pre').waitFor();
	},
	'/reference': async (page) => page.locator('.op-item').first().waitFor(),
};

world.test('every page, wide and narrow', async () => {
	await hostileRules();
	await attack();
	for (const viewport of [{ width: 1440, height: 900 }, { width: 390, height: 844 }]) {
		const page = await world.open('/');
		await page.setViewportSize(viewport);
		await page.locator('.conn-body .conn', { hasText: 'onerror' }).first().waitFor();
		const linked = await page.locator('.nav a').evaluateAll((all) => all.map((a) => a.getAttribute('href')));
		for (const path of new Set([...linked, ...Object.keys(MORE)])) {
			await page.goto(world.lab.url + path);
			await page.locator('h1').waitFor();
			await MORE[path]?.(page);
			await check(page, `${path}, ${viewport.width} px`);
		}
		await page.close();
	}
});

world.test('a filter, a search and an address of the attacker', async () => {
	const page = await world.open(`/?q=${encodeURIComponent(`${MARKUP}${SCRIPT}`)}`);
	await check(page, 'a filter');
	for (const address of [`/rules?edit=${encodeURIComponent(MARKUP)}`, `/suggestions?program=${encodeURIComponent(`/${MARKUP}`)}`, `/suggestions?learning=${encodeURIComponent(SCRIPT)}`,
		`/reference#${encodeURIComponent(MARKUP)}`, `/rules?new=${encodeURIComponent(SCRIPT)}`, `/audit?q=${encodeURIComponent(`${MARKUP}${SCRIPT}`)}`]) {
		await page.goto(world.lab.url + address);
		await page.locator('h1').waitFor();
		await check(page, address);
	}
});
