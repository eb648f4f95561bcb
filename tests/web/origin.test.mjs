// SPDX-License-Identifier: GPL-2.0-or-later
// A page of another origin, in a browser that is logged in to the dashboard: whatever it tries, nothing gets through.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before } from 'node:test';
import { suite } from './kit.mjs';

const REBOUND = 'rebound.example';
const world = suite({ config: JSON.stringify({ default_action: 'allow' }) }, [], [`--host-resolver-rules=MAP ${REBOUND} 127.0.0.1`]);
const RULE = { name: 'evil', enabled: true, action: 'allow', duration: 'always', operator: { type: 'simple', operand: 'true', sensitive: false, data: '' } };

/** The hostile site: an empty page, on a port of its own. */
const site = createServer((request, response) => response.writeHead(200, { 'Content-Type': 'text/html' }).end('<!doctype html><title>evil</title><body>'));
before(() => new Promise((r) => site.listen(0, '127.0.0.1', r)));
after(() => site.close());

/** A logged-in browser with the hostile page open. localhost and 127.0.0.1 are other origins, but the same site as far as cookies go. */
async function evilPage(hostName) {
	const page = await world.open();
	await page.goto(`http://${hostName}:${site.address().port}/`);
	return page;
}

/** What the daemon looks like from inside: nothing of it may change. */
async function state() {
	const [rules, config, status] = await Promise.all(['/rules', '/config', '/status'].map((path) => world.lab.api('GET', path)));
	return { rules: rules.body.items.map((r) => [r.name, r.enabled]), config: config.body, filtering: status.body.interception.enabled };
}

/** Runs in the page: every way to read, and to change, that a script of another origin has. */
async function attack([url, rule]) {
	const api = `${url}/api/v1`;
	const got = [];
	const attempt = async (what, run) => {
		try {
			const answer = await run();
			if (answer) {
				got.push(`${what}: ${answer}`);
			}
		} catch {
			// Refused, as it should be.
		}
	};
	const text = async (response) => (response.type === 'opaque' ? null : (await response.text()).slice(0, 80) || null);
	for (const credentials of ['include', 'omit', 'same-origin']) {
		for (const mode of ['cors', 'no-cors']) {
			await attempt(`fetch ${mode} ${credentials}`, async () => text(await fetch(`${api}/status`, { credentials, mode })));
			await attempt(`health ${mode} ${credentials}`, async () => text(await fetch(`${api}/health`, { credentials, mode })));
			for (const type of ['text/plain', 'application/json', 'application/x-www-form-urlencoded']) {
				await attempt(`post ${mode} ${type}`, async () => text(await fetch(`${api}/rules`, { method: 'POST', credentials, mode, headers: { 'Content-Type': type }, body: JSON.stringify(rule) })));
				await attempt(`pause ${mode} ${type}`, async () => text(await fetch(`${api}/interception`, { method: 'POST', credentials, mode, headers: { 'Content-Type': type }, body: '{"enabled":false}' })));
			}
		}
		await attempt('delete', async () => text(await fetch(`${api}/rules/000-allow-dns`, { method: 'DELETE', credentials })));
		await attempt('patch', async () => text(await fetch(`${api}/config`, { method: 'PATCH', credentials, headers: { 'Content-Type': 'application/merge-patch+json' }, body: '{"default_action":"deny"}' })));
	}
	navigator.sendBeacon(`${api}/interception`, new Blob(['{"enabled":false}'], { type: 'text/plain' }));
	const loaded = (el, address) => new Promise((resolve) => {
		el.onload = () => resolve('loaded');
		el.onerror = () => resolve(null);
		el.src = address;
		document.body.append(el);
		setTimeout(() => resolve(null), 3000);
	});
	await attempt('image', () => loaded(new Image(), `${url}/static/img/icon.svg`));
	await attempt('image of the API', () => loaded(new Image(), `${api}/status`));
	await attempt('script', () => loaded(document.createElement('script'), `${url}/static/js/theme-boot.js`));
	await attempt('script of the API', () => loaded(document.createElement('script'), `${api}/rules`));
	await attempt('module', async () => {
		await import(`${url}/static/js/text.js`);
		return 'imported';
	});
	await attempt('style', () => new Promise((resolve) => {
		const link = Object.assign(document.createElement('link'), { rel: 'stylesheet', href: `${url}/static/css/base.css`, onload: () => resolve('loaded'), onerror: () => resolve(null) });
		document.head.append(link);
		setTimeout(() => resolve(null), 3000);
	}));
	const opened = (source) => new Promise((resolve) => {
		source.onopen = () => resolve('opened');
		source.onmessage = (event) => resolve(`message ${event.data}`);
		source.onerror = () => resolve(null);
		setTimeout(() => resolve(null), 3000);
	}).finally(() => source.close());
	await attempt('EventSource', () => opened(new EventSource(`${api}/events`, { withCredentials: true })));
	await attempt('EventSource without credentials', () => opened(new EventSource(`${api}/events`)));
	await attempt('WebSocket', () => opened(new WebSocket(`${api.replace('http', 'ws')}/events`)));
	const frames = [];
	for (const path of ['/', '/login', '/rules']) {
		const frame = document.createElement('iframe');
		frames.push(frame);
		await loaded(frame, `${url}${path}`);
		await attempt(`frame ${path}`, async () => frame.contentDocument?.body?.innerText || null);
	}
	return got;
}

/** A form can be sent to anywhere, and takes the page along. */
async function forms(page) {
	for (const [path, enctype] of [['/api/v1/interception', 'text/plain'], ['/api/v1/rules', 'application/x-www-form-urlencoded'], ['/api/v1/session', 'multipart/form-data']]) {
		const back = page.url();
		const [response] = await Promise.all([page.waitForNavigation(), page.evaluate(([action, type]) => {
			const form = Object.assign(document.createElement('form'), { method: 'POST', action, enctype: type });
			form.append(Object.assign(document.createElement('input'), { name: '{"enabled":false,"x":"', value: '"}' }));
			document.body.append(form);
			form.submit();
		}, [world.lab.url + path, enctype])]);
		assert.ok(response.status() >= 400, `${path} as ${enctype}: ${response.status()}`);
		await page.goto(back);
	}
}

for (const hostName of ['localhost', '127.0.0.1', REBOUND]) {
	world.test(`a page of http://${hostName} reads nothing and changes nothing`, async () => {
		const before = await state();
		const page = await evilPage(hostName);
		const ends = [];
		page.on('response', (r) => ends.push([r.status(), r.url(), r.request().resourceType()]));
		assert.deepEqual(await page.evaluate(attack, [world.lab.url, RULE]), []);
		const frames = page.frames().slice(1).map((f) => f.url());
		assert.ok(frames.every((u) => !u.startsWith(world.lab.url)), `nothing is framed: ${frames.join()}`);
		await forms(page);
		assert.deepEqual(await state(), before);
		world.forgive(/Content Security Policy|CORS|blocked|WebSocket|MIME|EventSource|frame|CSP violation/i);
	});
}

world.test('a name that is rebound to 127.0.0.1 is not answered', async () => {
	const page = await world.open();
	const { port } = new URL(world.lab.url);
	for (const path of ['/', '/login', '/api/v1/health', '/api/v1/status', '/static/js/app.js']) {
		const response = await page.goto(`http://${REBOUND}:${port}${path}`);
		assert.equal(response.status(), 403, path);
		assert.ok(!(await response.text()).includes('script'), path);
	}
	world.forgive(/./);
});

world.test('markup does not become elements, not even by mistake of a script', async () => {
	const page = await world.open();
	const refused = await page.evaluate(() => {
		const tries = [
			(el) => (el.innerHTML = '<b>x</b>'), (el) => el.insertAdjacentHTML('beforeend', '<b>x</b>'), () => document.write('<b>x</b>'),
			() => (document.createElement('script').src = '/static/js/app.js'), () => document.createElement('iframe').srcdoc = '<b>x</b>',
		];
		return tries.map((run) => {
			try {
				run(document.createElement('div'));
				return false;
			} catch {
				return true;
			}
		});
	});
	assert.ok(refused.every(Boolean), refused.join());
	world.forgive(/TrustedHTML|TrustedScript|trusted-types|Trusted|Content Security Policy|CSP violation/i);
});
