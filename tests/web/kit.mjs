// SPDX-License-Identifier: GPL-2.0-or-later
// What every browser test stands on: a lab with the real daemon (tests/harness/lab.py), and a real browser.

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import assert from 'node:assert/strict';

const HERE = dirname(fileURLToPath(import.meta.url));
const SOURCE = resolve(process.env.TOP_SRCDIR ?? join(HERE, '../..'));
const BUILD = resolve(process.env.TOP_BUILDDIR ?? process.cwd());
const FLAGS = ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
	'--disable-component-update', '--disable-sync'];

/** Everything waits so long for what it wants to see, at most. */
export const DEADLINE_MS = 1000 * Number(process.env.OPENSNITCH_TEST_DEADLINE ?? 60);

function findPlaywright() {
	const places = [process.env.PLAYWRIGHT_DIR, join(SOURCE, 'tests/web/node_modules/playwright-core'), join(BUILD, 'tests/web/node_modules/playwright-core')];
	return places.find((p) => p && existsSync(join(p, 'package.json')));
}

function findChromium() {
	return [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser'].find((p) => p && existsSync(p));
}

/** Why these tests cannot run here, or null. */
function whyNot() {
	if (!findChromium()) {
		return 'chromium is not installed';
	}
	if (!findPlaywright()) {
		return 'playwright-core is not installed (npm ci in tests/web, or PLAYWRIGHT_DIR)';
	}
	const lab = spawnSync('python3', ['-c', 'import sys; sys.path.insert(0, sys.argv[1]); import lab; print(lab.why_not() or "")', join(SOURCE, 'tests/harness')], { encoding: 'utf8' });
	return lab.stdout.trim() || null;
}

/** The lab process: see tests/harness/lab.py for what it answers. */
class Lab {
	constructor({ helper, ...options }) {
		const args = helper ? [join(SOURCE, 'tests/web', helper)] : [join(SOURCE, 'tests/harness/lab.py'), 'serve', '--prefix', 'opensnitch-web'];
		for (const [name, value] of Object.entries(options)) {
			args.push(`--${name}`, value);
		}
		this.proc = spawn('python3', args, { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, TOP_SRCDIR: SOURCE, TOP_BUILDDIR: BUILD, CHROMIUM: findChromium() } });
		this.lines = createInterface({ input: this.proc.stdout })[Symbol.asyncIterator]();
		this.children = [];
		/** Commands are answered in order: one at a time. */
		this.turn = Promise.resolve();
	}

	async read() {
		const { value, done } = await this.lines.next();
		assert.ok(!done, 'the lab ended');
		return JSON.parse(value);
	}

	async start() {
		Object.assign(this, await this.read());
		return this;
	}

	/** @param {string} line */
	command(line) {
		this.turn = this.turn.then(async () => {
			this.proc.stdin.write(`${line}\n`);
			const answer = await this.read();
			assert.ok(answer.ok, `${line}: ${answer.error}`);
			for (const key of ['url', 'token', 'pid'].filter((k) => k in answer && line.endsWith('-daemon'))) {
				this[key] = answer[key];
			}
			return answer;
		});
		return this.turn;
	}

	/**
	 * Starts a program in the guarded namespace. `done` resolves with {code, stdout, stderr}.
	 * @param {string[]} argv @param {object} [options] of spawn
	 */
	program(argv, options = {}) {
		const [command, ...rest] = [...this.client_cmd, ...argv];
		const child = spawn(command, rest, { stdio: ['ignore', 'pipe', 'pipe'], cwd: '/', ...options });
		this.children.push(child);
		const out = { stdout: '', stderr: '' };
		child.stdout.on('data', (d) => (out.stdout += d));
		child.stderr.on('data', (d) => (out.stderr += d));
		const done = new Promise((r) => child.on('close', (code) => r({ code, ...out })));
		return { child, done };
	}

	/** curl, giving up late enough to be held. @param {string} url */
	curl(url, ...more) {
		return this.program(['curl', '-sS', '--max-time', '115', ...more, url]);
	}

	/** The API with the daemon's token, read again after a console that died. @returns {Promise<{status: number, body: any, etag: string|null}>} */
	async api(method, path, body) {
		if (this.browser) {
			return this.apiByCurl(method, path, body);
		}
		const ask = () => fetch(`${this.url}/api/v1${path}`, { method, headers: { Authorization: `Bearer ${this.token}`, 'Content-Type': method === 'PATCH' ? 'application/merge-patch+json' : 'application/json' },
			body: body === undefined ? undefined : JSON.stringify(body) });
		let response = await ask();
		if (response.status === 401) {
			this.token = readFileSync(join(this.runtime_dir, 'token'), 'utf8').trim();
			response = await ask();
		}
		const text = await response.text();
		return { status: response.status, body: text ? JSON.parse(text) : null, etag: response.headers.get('ETag') };
	}

	/** The same where the daemon is in a network namespace that this process is not in: by its Unix socket. */
	async apiByCurl(method, path, body) {
		const args = ['-sS', '--max-time', '60', '--unix-socket', this.socket, '-X', method, '-H', `Content-Type: application/${method === 'PATCH' ? 'merge-patch+json' : 'json'}`,
			'-w', '\n%{http_code}', `http://localhost/api/v1${path}`];
		const { stdout, stderr } = spawnSync('curl', body === undefined ? args : [...args, '--data-binary', JSON.stringify(body)], { encoding: 'utf8' });
		const [, text, status] = /^([^]*)\n(\d+)$/.exec(stdout) ?? assert.fail(`curl: ${stderr}`);
		return { status: Number(status), body: text ? JSON.parse(text) : null, etag: null };
	}

	async ruleNames() {
		return (await this.api('GET', '/rules?limit=1000')).body.items.map((r) => r.name);
	}

	/** Leaves to the next test what this one found: no programs, no prompts, no rules but these. @param {string[]} rules */
	async cleanUp(rules) {
		this.children.splice(0).filter((c) => c.exitCode === null).forEach((c) => c.kill('SIGKILL'));
		const open = await this.api('GET', '/prompts');
		assert.equal(open.status, 200, JSON.stringify(open.body));
		for (const prompt of open.body.items) {
			await this.api('POST', `/prompts/${prompt.id}/answer`, { action: 'deny', duration: 'once' });
		}
		for (const name of (await this.ruleNames()).filter((n) => !rules.includes(n))) {
			await this.api('DELETE', `/rules/${encodeURIComponent(name)}`);
		}
	}

	/** A session of its own, as a cookie for a browser. */
	async session() {
		const response = await fetch(`${this.url}/api/v1/session`, { method: 'POST', headers: { 'Content-Type': 'application/json', Origin: this.url },
			body: JSON.stringify({ token: this.token }) });
		assert.ok(response.ok, `log-in: ${response.status}`);
		const [name, value] = response.headers.get('Set-Cookie').split(';')[0].split('=');
		return { name, value, url: this.url, httpOnly: true, sameSite: 'Strict' };
	}

	/** A one-time URL that logs in, at the address that the tests use. */
	async loginUrl() {
		const { status, body } = await this.api('POST', '/session/codes');
		assert.equal(status, 201);
		const { pathname, hash } = new URL(body.url);
		return this.url + pathname + hash;
	}

	async close() {
		this.children.filter((c) => c.exitCode === null).forEach((c) => c.kill('SIGKILL'));
		this.proc.stdin.end();
		await new Promise((r) => (this.proc.exitCode === null ? this.proc.on('exit', r) : r()));
	}
}

/** Runs in every page before its own scripts: what the content security policy refused. */
function recordViolations() {
	addEventListener('securitypolicyviolation', (event) => {
		console.error(`CSP violation: ${event.violatedDirective} ${event.blockedURI}`);
	});
}

/** The same: messages go after some seconds, which a machine may need between two steps of a test. They stay longer, as under a pointer. */
function keepMessages() {
	const stay = (toast) => {
		toast.dispatchEvent(new Event('pointerenter'));
		setTimeout(() => toast.dispatchEvent(new Event('pointerleave')), 20000);
	};
	new MutationObserver((list) => list.flatMap((m) => [...m.addedNodes]).filter((n) => n.classList?.contains('toast')).forEach(stay))
		.observe(document, { childList: true, subtree: true });
}

/** A page and what went wrong in it. */
async function watchPage(context, problemsNow) {
	const page = await context.newPage();
	page.setDefaultTimeout(DEADLINE_MS);
	page.on('pageerror', (error) => problemsNow().push(`exception: ${error.message}`));
	page.on('dialog', (dialog) => {
		if (dialog.type() === 'beforeunload') {
			dialog.accept();
			return;
		}
		problemsNow().push(`dialog: ${dialog.message()}`);
		dialog.dismiss();
	});
	page.on('console', (message) => {
		// Failed requests are part of the tests: the pages answer for them, not the console.
		if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) {
			problemsNow().push(message.text());
		}
	});
	return page;
}

/**
 * Declares the tests of a file.
 * @param {Object<string, string>} options of lab.py, as {config: '{...}'}; or {helper: 'FILE'}, a program that takes its place and says which browser to start
 * @param {object[]} [rules] that stand before each test
 * @param {string[]} [flags] of chromium
 * @returns {{lab: Lab, open: Function, tab: Function, test: Function}} usable inside tests
 */
export function suite(options = {}, rules = [], flags = []) {
	const skip = whyNot();
	const world = { lab: null, browser: null };
	/** @type {string[]} */
	let problems = [];
	/** @type {RegExp[]} */
	let forgiven = [];
	const contexts = [];
	/** @type {{context: object, page: object, busy: boolean}|null} */
	let kept = null;

	/** What a failed test was looking at, where somebody asked for it. */
	const lastPage = () => [...contexts.flatMap((c) => c.pages()), ...(kept?.context.pages() ?? [])].at(-1);

	/** What stood there, for who reads the log. */
	async function pageText() {
		const text = await lastPage()?.evaluate(() => document.body.innerText).catch((error) => error.message);
		return text ? `\nThe page: ${text.replace(/\s+/g, ' ').slice(0, 1500)}` : '';
	}

	async function keepPicture(name) {
		const page = lastPage();
		if (process.env.OPENSNITCH_TEST_PICTURES && page) {
			await page.screenshot({ path: join(process.env.OPENSNITCH_TEST_PICTURES, `${name.replace(/\W+/g, '-')}.png`) }).catch(() => {});
		}
	}

	if (!skip) {
		before(async () => {
			const { chromium } = createRequire(join(findPlaywright(), 'package.json'))('playwright-core');
			world.lab = new Lab(options);
			await world.lab.start();
			for (const rule of rules) {
				assert.equal((await world.lab.api('POST', '/rules', rule)).status, 201);
			}
			world.browser = await chromium.launch({ executablePath: world.lab.browser ?? findChromium(), args: [...FLAGS, ...flags, ...(world.lab.flags ?? [])], headless: true, timeout: 2 * DEADLINE_MS });
		});
		after(async () => {
			await world.browser?.close();
			await world.lab?.close();
		});
	}

	/** A fresh browser profile, not logged in. */
	world.profile = async (more = {}) => {
		const context = await world.browser.newContext({ viewport: { width: 1440, height: 900 }, ...more });
		await context.addInitScript(recordViolations);
		await context.addInitScript(keepMessages);
		contexts.push(context);
		return context;
	};
	/** Said last in a test: what it provoked. @param {RegExp} pattern */
	world.forgive = (pattern) => forgiven.push(pattern);
	world.tab = (context) => watchPage(context, () => problems);

	/** The page that tests of a file have in common: a browser takes its time to make a new one. */
	async function commonPage() {
		if (!kept || kept.page.isClosed()) {
			const context = await world.profile();
			contexts.splice(contexts.indexOf(context), 1);
			kept = { context, page: await world.tab(context), busy: false };
		}
		if (kept.busy) {
			return null;
		}
		kept.busy = true;
		await kept.page.goto('about:blank');
		await kept.context.clearCookies();
		return kept.page;
	}

	/** Makes the common page as good as new. After a test that provoked something it goes: the browser may say more of it, which is not the next test's. */
	async function putBack() {
		if (!kept?.busy || kept.page.isClosed()) {
			return;
		}
		if (forgiven.length > 0) {
			const { context } = kept;
			kept = null;
			await context.close();
			return;
		}
		const { page, context } = kept;
		['request', 'framenavigated', 'response'].forEach((type) => page.removeAllListeners(type));
		await page.unrouteAll({ behavior: 'ignoreErrors' });
		await page.evaluate(() => (localStorage.clear(), sessionStorage.clear())).catch(() => {});
		await Promise.all(context.pages().filter((p) => p !== page).map((p) => p.close()));
		await page.setViewportSize({ width: 1440, height: 900 });
		kept.busy = false;
	}

	/** A page, logged in, its event stream open. @param {string} [path] @param {object} [more] makes a profile of its own */
	world.open = async (path = '/', more = null) => {
		const page = (more ? null : await commonPage()) ?? await world.tab(await world.profile(more ?? {}));
		await page.context().addCookies([await world.lab.session()]);
		await page.goto(new URL(path, world.lab.url).href);
		await connected(page);
		return page;
	};

	/** @param {string} name @param {(t: object) => Promise<void>} run */
	world.test = (name, run) => test(name, { skip: skip ?? false, timeout: 6 * DEADLINE_MS }, async (t) => {
		problems = [];
		forgiven = [];
		const before = await world.lab.ruleNames();
		try {
			await run(t);
			assert.deepEqual(problems.filter((p) => !forgiven.some((pattern) => pattern.test(p))), [], 'the pages are clean');
		} catch (error) {
			await keepPicture(name);
			error.message += await pageText();
			throw error;
		} finally {
			await Promise.all([...contexts.splice(0).map((c) => c.close()), putBack()]);
			await world.lab.cleanUp(before);
		}
	});
	return world;
}

/** Waits until the page says that it is in touch with the daemon. */
export async function connected(page) {
	await page.waitForSelector('.state-dot.state-on, .state-dot.state-paused');
}

/** The prompt card in front. */
export async function promptCard(page) {
	const card = page.locator('.dock .prompt-card');
	await card.waitFor();
	return card;
}

/** Waits until a card accepts answers. */
export async function armed(page) {
	await page.locator('.dock [data-answer="allow"][aria-disabled="false"]').waitFor();
}

/** Calls `probe` until it returns something true. */
export async function eventually(probe, what) {
	const end = Date.now() + DEADLINE_MS;
	for (;;) {
		const value = await probe();
		if (value) {
			return value;
		}
		assert.ok(Date.now() < end, `not in time: ${what}`);
		await new Promise((r) => setTimeout(r, 25));
	}
}
