// SPDX-License-Identifier: GPL-2.0-or-later
// Forwarded traffic: who sent it, in the prompt, in the Monitor and its details, and in a rule made from it.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { armed, eventually, promptCard, suite } from './kit.mjs';

const NET_TESTS = join(dirname(fileURLToPath(import.meta.url)), '../net');
/** Sends one datagram as a frame: no program, no socket. See test_forwarded.py. */
const RAW = 'import sys; sys.dont_write_bytecode = True; sys.path.insert(0, sys.argv.pop(1)); import test_forwarded; exec(test_forwarded.RAW)';
const world = suite({ config: JSON.stringify({ default_action: 'deny', default_duration: 'once', prompt: { timeout: '60s' }, queue_forwarded: true }) });

function run(...argv) {
	const done = spawnSync(argv[0], argv.slice(1), { encoding: 'utf8' });
	assert.equal(done.status, 0, `${argv.join(' ')}: ${done.stderr}`);
}

const guarded = (...argv) => run('nsenter', `--net=/run/netns/${world.lab.netns}`, ...argv);

/** Switches forwarding on, and gives the world a way back. False where that cannot be: then the test is skipped. */
function forward(t) {
	const done = spawnSync('nsenter', [`--net=/run/netns/${world.lab.netns}`, 'sh', '-c', 'echo 1 >/proc/sys/net/ipv4/ip_forward'], { encoding: 'utf8' });
	if (done.status !== 0) {
		t.skip(`no forwarding here: ${done.stderr}`);
		return false;
	}
	run('ip', '-n', world.lab.netns.replace('-client', '-world'), 'route', 'replace', '10.204.0.0/16', 'via', '10.203.0.2');
	return true;
}

const detail = (page, term) => page.locator('.drawer dt', { hasText: term }).locator('xpath=following-sibling::dd[1]');

world.test('a program in a namespace behind is told with its namespace', async (t) => {
	if (!forward(t)) {
		return;
	}
	const behind = world.lab.netns.replace('-client', '-behind1');
	const inside = ['ip', '-n', behind];
	let curl = null;
	run('ip', 'netns', 'add', behind);
	try {
		run('ip', '-n', world.lab.netns, 'link', 'add', 'inner1', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', behind);
		run('ip', '-n', world.lab.netns, 'address', 'add', '10.204.1.1/24', 'dev', 'inner1');
		run('ip', '-n', world.lab.netns, 'link', 'set', 'inner1', 'up');
		run(...inside, 'address', 'add', '10.204.1.2/24', 'dev', 'eth0');
		run(...inside, 'link', 'set', 'eth0', 'up');
		run(...inside, 'route', 'add', 'default', 'via', '10.204.1.1');
		const page = await world.open();
		curl = spawn('nsenter', [`--net=/run/netns/${behind}`, 'curl', '-sS', '-o', '/dev/null', '--max-time', '60', 'http://198.51.100.10/'], { stdio: 'ignore' });
		const done = new Promise((r) => curl.on('close', r));
		const card = await promptCard(page);
		assert.match(await card.locator('.prompt-title').innerText(), /curl/);
		assert.match(await card.locator('.facts').innerText(), new RegExp(`Forwarded for\\s+${behind}`));
		await armed(page);
		await page.keyboard.press('a');
		assert.equal(await done, 0);
		await page.locator('.conn-body .conn', { hasText: '198.51.100.10' }).first().click();
		assert.equal(await detail(page, 'Forwarded for').innerText(), behind);
		assert.match(await detail(page, 'Interface').innerText(), /inner1 → eth0/);
		assert.match(await detail(page, 'From').innerText(), /10\.204\.1\.2/);
	} finally {
		curl?.kill('SIGKILL');
		run('ip', 'netns', 'del', behind);
	}
});

world.test('another machine is an address and an interface, also in a rule', async (t) => {
	if (!forward(t)) {
		return;
	}
	const mac = '02:00:00:00:09:01';
	guarded('ip', 'link', 'add', 'wire0', 'address', mac, 'type', 'veth', 'peer', 'name', 'wire1');
	try {
		guarded('ip', 'link', 'set', 'wire0', 'up');
		guarded('ip', 'link', 'set', 'wire1', 'up');
		guarded('ip', 'address', 'add', '10.204.9.1/24', 'dev', 'wire0');
		const page = await world.open();
		guarded('python3', '-c', RAW, NET_TESTS, 'wire1', mac, '10.204.9.77', '198.51.100.40', '4000', '9000');
		const card = await promptCard(page);
		assert.match(await card.innerText(), /Sent through this machine by somebody else/);
		assert.match(await card.locator('.prompt-title').innerText(), /10\.204\.9\.77/);
		assert.match(await card.locator('.facts').innerText(), /Forwarded for\s+10\.204\.9\.77/);
		await armed(page);
		await page.keyboard.press('r');
		const row = page.locator('.conn-body .conn', { hasText: '198.51.100.40' }).first();
		assert.match(await row.locator('.c-program').innerText(), /10\.204\.9\.77/);
		await row.click();
		const drawer = page.locator('.drawer');
		await drawer.getByText('It was sent from elsewhere; no program is known for it').waitFor();
		assert.equal(await detail(page, 'Forwarded for').innerText(), '10.204.9.77');
		assert.match(await detail(page, 'Interface').innerText(), /wire0 → eth0/);
		await drawer.getByRole('button', { name: 'Make a rule from this' }).click();
		await page.waitForURL((url) => url.pathname === '/rules');
		const values = () => page.locator('.condition-value .input').evaluateAll((all) => all.map((i) => i.value));
		await eventually(async () => (await values()).includes('wire0') && (await values()).includes('198.51.100.40'), 'the interface stands for the program');
	} finally {
		guarded('ip', 'link', 'del', 'wire0');
	}
});
