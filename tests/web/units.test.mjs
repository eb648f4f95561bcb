// SPDX-License-Identifier: GPL-2.0-or-later
// The parts that only compute, in the browser that runs them: text, filter, rules as data, scopes.

import assert from 'node:assert/strict';
import { suite } from './kit.mjs';

const world = suite();

/** Calls functions of a module in the page. */
async function inPage(run, argument) {
	const page = await world.tab(await world.profile());
	await page.goto(`${world.lab.url}/login`);
	return page.evaluate(run, argument);
}

world.test('hidden characters are shown, plain text is left alone', async () => {
	const out = await inPage(async () => {
		const { plain, hasHidden, untrusted, visibleJson, baseName, commandLine } = await import('/static/js/text.js');
		return {
			plain: ['a b', 'a\u202eb', 'x\ny\tz', 'é日本🙂', '\u00a0', '\u200d', '\ud800'].map(plain),
			hidden: ['a b', '', 'a\nb', 'a\u2066'].map(hasHidden),
			text: untrusted('<b>\u202e</b>').textContent, children: untrusted('<b>x</b>').childElementCount,
			json: visibleJson({ a: '\u202e\n' }), back: JSON.parse(visibleJson({ a: '\u202e\n\u{e0041}' })).a === '\u202e\n\u{e0041}',
			base: ['/usr/bin/curl', 'curl', '/', '', '/a/b/'].map(baseName), command: commandLine(['a', 'b c', "d'e"]), long: plain('x'.repeat(10000)).length < 9000,
		};
	});
	assert.deepEqual(out.plain, ['a b', 'a\\u{202E}b', 'x\\ny\\tz', 'é日本🙂', '\\u{A0}', '\\u{200D}', '\\u{D800}']);
	assert.deepEqual(out.hidden, [false, false, true, true]);
	assert.equal(out.text, '<b>\\u{202E}</b>');
	assert.equal(out.children, 0);
	assert.equal(out.json, '{\n  "a": "\\u202e\\n"\n}');
	assert.equal(out.back, true);
	assert.deepEqual(out.base, ['curl', 'curl', '/', '', 'b']);
	assert.equal(out.command, "a 'b c' 'd'\\''e'");
	assert.equal(out.long, true);
});

world.test('the filter language', async () => {
	const c = { action: 'deny', protocol: 'tcp6', rule: 'deny-x', reason: 'rule', dest: { ip: 'fe80::1', host: 'a.Example.com', port: 443 },
		process: { path: '/usr/bin/curl', user: 'ann', uid: 1000, pid: 7, args: ['curl', '-s'], parents: [{ path: '/usr/bin/bash' }] }, attribution: { confidence: 'exact' } };
	const cases = [['', true], ['curl', true], ['CURL example', true], ['wget', false], ['-wget', true], ['-curl', false], ['action:deny', true], ['action:allow', false], ['action:d', true],
		['port:443', true], ['port:44', false], ['port:400-500', true], ['host:example', true], ['-host:example', false], ['ip:fe80', true], ['fe80::1', true], ['proto:tcp', true], ['user:ann', true],
		['uid:1000', true], ['uid:100', false], ['rule:deny', true], ['"usr/bin/curl"', true], ['path:"/usr/bin/curl"', true], ['parent:bash', true], ['args:"curl -s"', true], ['nofield:x', false], ['constructor:x', false]];
	const got = await inPage(async ([connection, list]) => {
		const { parseFilter, compileFilter } = await import('/static/js/filter.js');
		return list.map(([text]) => compileFilter(parseFilter(text))(connection));
	}, [c, cases]);
	cases.forEach(([text, expected], i) => assert.equal(got[i], expected, text));
});

world.test('the filter takes connections without process, host or port', async () => {
	const got = await inPage(async () => {
		const { parseFilter, compileFilter } = await import('/static/js/filter.js');
		const c = { action: 'allow', protocol: 'icmp', rule: null, reason: 'default', dest: { ip: '1.2.3.4', host: null, port: null }, process: null, attribution: null };
		return ['user:x', 'port:80', 'host:x', 'parent:x', 'args:x', 'confidence:x', '1.2.3'].map((t) => compileFilter(parseFilter(t))(c));
	});
	assert.deepEqual(got, [false, false, false, false, false, false, true]);
});

world.test('operators survive the way through the editor, or are left to JSON', async () => {
	const s = (operand, data, more = {}) => ({ type: 'simple', operand, sensitive: false, data, ...more });
	const list = (...l) => ({ type: 'list', operand: 'list', sensitive: false, data: '', list: l });
	const kept = [s('process.path', '/x'), list(s('dest.host', 'a', { sensitive: true }), s('process.env.HOME', 'b'), { type: 'network', operand: 'dest.network', sensitive: false, data: '10.0.0.0/8', x_other: 1 })];
	const left = [list(s('a.b', 'x')), list(list(s('dest.port', '1'))), { type: 'odd', operand: 'dest.port', data: '1' }];
	const out = await inPage(async ([good, bad]) => {
		const { conditionsOf, operatorOf } = await import('/static/js/rule-model.js');
		return { good: good.map((o) => operatorOf(conditionsOf(o))), bad: bad.map(conditionsOf) };
	}, [kept, left]);
	assert.deepEqual(out.good, kept);
	assert.deepEqual(out.bad, [null, null, null]);
});

world.test('scopes: what each choice would match', async () => {
	const out = await inPage(async () => {
		const { targets, matchOf } = await import('/static/js/prompt-scope.js');
		const c = { protocol: 'tcp', dest: { ip: '1.2.3.4', host: 'h.test', port: 443 }, process: { path: '/x', uid: 0, args: ['x', 'y'] } };
		const bare = { protocol: 'icmp', dest: { ip: '1.2.3.4', host: null, port: null }, process: null };
		const choice = (target, more = {}) => ({ target, anyProgram: false, onlyUser: false, exactCommand: false, ...more });
		return {
			all: targets(c).map((t) => matchOf(c, choice(t))), any: matchOf(c, choice(targets(c)[0], { anyProgram: true, exactCommand: true })),
			user: matchOf(c, choice(targets(c)[1], { onlyUser: true, exactCommand: true })), bare: targets(bare).map((t) => matchOf(bare, choice(t, { onlyUser: true }))),
		};
	});
	assert.deepEqual(out.all, [['process.path', 'dest.host', 'dest.port'], ['process.path', 'dest.host'], ['process.path', 'dest.ip', 'dest.port', 'protocol'],
		['process.path', 'dest.port'], ['process.path']]);
	assert.deepEqual(out.any, ['dest.host', 'dest.port']);
	assert.deepEqual(out.user, ['process.path', 'process.command', 'user.id', 'dest.host']);
	assert.deepEqual(out.bare, [['dest.ip', 'protocol'], ['dest.ip'], []]);
});

world.test('numbers and times for people', async () => {
	const out = await inPage(async () => {
		const { ago, duration, kib, latency, plural } = await import('/static/js/format.js');
		return [duration(0), duration(59.6), duration(61), duration(90061), duration(7200), latency(61), latency(1500), latency(25000), latency(3.2e6), latency(null),
			kib(512), kib(4096), plural(1, 'rule'), plural(2, 'rule'), ago(1000, 1000), ago(0, 61000), ago(0, 2 * 86400e3)];
	});
	assert.deepEqual(out, ['0 s', '1 min', '1 min 1 s', '1 d 1 h', '2 h', '61 µs', '1.5 ms', '25 ms', '3.2 s', '—', '512 KiB', '4.0 MiB', '1 rule', '2 rules', 'just now', '1 min ago', '2 d ago']);
});

world.test('a connection was decided when it had waited', async () => {
	const out = await inPage(async () => {
		const { decidedTime } = await import('/static/js/format.js');
		const at = (time, latency_us) => decidedTime({ time, latency_us });
		return [at('2026-01-01T00:00:10.000001Z', 61), at('2026-01-01T23:59:59.999999Z', 1), at('2026-01-01T00:00:10.5Z', 90e6), at('2026-01-01T00:00:10Z', 1500000), at('2026-01-01T00:00:10.5Z', undefined), at('x', 5)];
	});
	assert.deepEqual(out, ['2026-01-01T00:00:10.000062Z', '2026-01-02T00:00:00.000000Z', '2026-01-01T00:01:40.500000Z', '2026-01-01T00:00:11.500000Z', '2026-01-01T00:00:10.5Z', 'x']);
});

world.test('an ancestor whose file cannot be read goes by its name and number', async () => {
	const out = await inPage(async () => {
		const { ConnectionDetail } = await import('/static/js/connection-detail.js');
		const { relativeName } = await import('/static/js/pieces.js');
		const detail = new ConnectionDetail({}, { filter() {}, closed() {} });
		const parents = [{ pid: 40, path: '/usr/bin/bash', name: null }, { pid: 30, path: null, name: '<b>\u202e' }, { pid: 20, path: null, name: null }, { pid: 1, path: null, name: 'init' }];
		document.body.append(detail.el);
		detail.open({ time: '2026-01-01T00:00:10Z', latency_us: 61, action: 'allow', reason: 'default', rule: null, protocol: 'tcp', dest: { ip: '192.0.2.1', host: null, port: 80 },
			process: { pid: 41, path: '/usr/bin/curl', args: [], parents }, attribution: null }, document.body);
		return { tree: [...detail.el.querySelectorAll('.tree li')].map((li) => li.textContent), names: parents.map(relativeName), bold: detail.el.querySelectorAll('.tree b').length };
	});
	assert.deepEqual(out.tree, ['init (PID 1)', 'PID 20', '<b>\\u{202E} (PID 30)', 'bash/usr/bin/bashPID 40', 'curl/usr/bin/curlPID 41']);
	assert.deepEqual(out.names, ['bash', '<b>\u202e (PID 30)', 'PID 20', 'init (PID 1)']);
	assert.equal(out.bold, 0);
});

world.test('connections stand in the order of their decisions, as the history has them', async () => {
	const out = await inPage(async () => {
		const { ConnectionLog } = await import('/static/js/connections.js');
		const c = (id, second) => ({ id, time: `2026-01-01T00:00:${String(second).padStart(2, '0')}Z` });
		const ids = (log) => log.items.map((i) => i.id);
		const told = [];
		const log = new ConnectionLog();
		log.onLive((added, onTop) => told.push([added.map((a) => a.id), onTop]));
		log.merge([c(3, 30), c(2, 5), c(1, 20)]);
		const fetched = ids(log);
		// One that was asked about since second 10, then one that is not recorded.
		for (const one of [c(4, 40), c(5, 10), c(null, 41), c(5, 10)]) {
			log.push(one);
		}
		log.flush();
		const live = ids(log);
		// A page that comes in between holds a later one than the event that is still to be shown.
		log.push(c(6, 50));
		log.merge([c(7, 51), c(6, 50), c(5, 10), c(4, 40)]);
		log.flush();
		const mixed = ids(log);
		log.replace([c(8, 60), c(7, 51)]);
		const replaced = ids(log);
		// A history that begins anew.
		log.replace([c(2, 62), c(1, 61)]);
		return { fetched, live, mixed, replaced, again: ids(log), told };
	});
	assert.deepEqual(out.fetched, [3, 2, 1]);
	assert.deepEqual(out.live, [null, 5, 4, 3, 2, 1]);
	assert.deepEqual(out.mixed, [7, 6, null, 5, 4, 3, 2, 1]);
	assert.deepEqual(out.told, [[[4, 5, null], true], [[6], false]]);
	assert.deepEqual(out.replaced, [8, 7]);
	assert.deepEqual(out.again, [2, 1]);
});
