// SPDX-License-Identifier: GPL-2.0-or-later
// What everybody must be able to use: names for controls, visible focus, an order of the tab key, room at every size.

import assert from 'node:assert/strict';
import { armed, promptCard, suite } from './kit.mjs';

const world = suite({ config: JSON.stringify({ default_action: 'deny', default_duration: 'once', prompt: { timeout: '120s' } }) });

/** In the page: what is wrong with its controls. */
function audit() {
	const shown = (el) => el.getClientRects().length > 0 && getComputedStyle(el).visibility !== 'hidden';
	const name = (el) => (el.getAttribute('aria-label') || (el.getAttribute('aria-labelledby') ?? '').split(' ').map((id) => document.getElementById(id)?.textContent ?? '').join('')
		|| [...(el.labels ?? [])].map((l) => l.textContent).join('') || (el.matches('button, a, summary') ? el.textContent : '')).trim();
	const problems = [];
	for (const el of document.querySelectorAll('a[href], button, input, select, textarea, summary')) {
		if (shown(el) && name(el) === '') {
			problems.push(`no name: ${el.outerHTML.slice(0, 120)}`);
		}
	}
	for (const el of document.querySelectorAll('[aria-labelledby], [aria-describedby], [for]')) {
		for (const id of `${el.getAttribute('aria-labelledby') ?? ''} ${el.getAttribute('aria-describedby') ?? ''} ${el.getAttribute('for') ?? ''}`.trim().split(/\s+/)) {
			if (!document.getElementById(id)) {
				problems.push(`no element ${id}`);
			}
		}
	}
	const ids = [...document.querySelectorAll('[id]')].map((e) => e.id);
	problems.push(...ids.filter((id, i) => ids.indexOf(id) !== i).map((id) => `twice: ${id}`));
	problems.push(...[...document.querySelectorAll('[tabindex]')].filter((e) => e.tabIndex > 0).map(() => 'a positive tabindex'));
	problems.push(...[...document.querySelectorAll('[style]')].filter((e) => e !== document.body).map((e) => `a style attribute: ${e.className}`));
	if (document.querySelectorAll('h1').length !== 1) {
		problems.push('not one h1');
	}
	if (document.documentElement.scrollWidth > innerWidth) {
		problems.push(`${document.documentElement.scrollWidth - innerWidth} px too wide`);
	}
	return problems;
}

const PAGES = { Monitor: '/', Flows: '/flows', Rules: '/rules', Lists: '/lists', Settings: '/settings', Audit: '/audit', Reference: '/reference', Suggestions: '/suggestions', Statistics: '/statistics' };
const SIZES = [[1920, 1080], [1440, 900], [1280, 800], [1110, 800], [1024, 700], [760, 800], [390, 844], [360, 640]];

/** Looks at what is on the page in sizes and themes: all sizes, or every other one. */
async function everySize(page, where, more = async () => {}, sizes = SIZES) {
	for (const [i, [width, height]] of sizes.entries()) {
		await page.emulateMedia({ colorScheme: i % 2 ? 'dark' : 'light' });
		await page.setViewportSize({ width, height });
		assert.deepEqual(await page.evaluate(audit), [], `${where}, ${width} px`);
		await more(width, height);
	}
	await page.setViewportSize({ width: 1440, height: 900 });
}

for (const [k, path] of [...Object.values(PAGES), '/rules?new'].entries()) {
	world.test(`${path} in every other size, with a prompt`, async () => {
		const page = await world.open(path);
		const curl = world.lab.curl('http://www.example.test/', '--max-time', '118');
		await promptCard(page);
		await everySize(page, `${path} with a prompt`, async (width, height) => {
			for (const action of ['allow', 'deny', 'reject']) {
				const box = await page.locator(`[data-answer="${action}"]`).boundingBox();
				assert.ok(box.y + box.height <= height && box.x + box.width <= width, `${path}, ${width} px: ${action} is in sight`);
			}
		}, SIZES.filter((_, i) => i % 2 === k % 2));
		await armed(page);
		await page.locator('.dock [data-answer="reject"]').click();
		await curl.done;
	});
}

world.test('the monitor in every size, without a prompt and with details', async () => {
	const page = await world.open('/');
	await page.locator('.conn-body .conn').first().waitFor();
	await everySize(page, 'without a prompt');
	await page.locator('.conn-body .conn').first().click();
	await everySize(page, 'with details');
});

world.test('the log-in page', async () => {
	const page = await world.tab(await world.profile());
	await page.goto(`${world.lab.url}/login`);
	assert.deepEqual(await page.evaluate(audit), []);
});

world.test('the tab key reaches prompt, navigation and page, and the focus is always to be seen', async () => {
	const page = await world.open();
	const curl = world.lab.curl('http://www.example.test/');
	await promptCard(page);
	await armed(page);
	await page.evaluate(() => document.activeElement?.blur());
	const seen = [];
	for (let i = 0; i < 45; i++) {
		await page.keyboard.press('Tab');
		const at = await page.evaluate(() => {
			const el = document.activeElement;
			const around = [el, el.closest('label'), el.parentElement].filter(Boolean).map((e) => getComputedStyle(e));
			const ring = around.some((s) => (s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) > 0) || s.boxShadow !== 'none');
			return { place: el.closest('.dock') ? 'dock' : el.closest('.side') ? 'nav' : el.closest('main') ? 'main' : 'other', ring, what: el.outerHTML.slice(0, 80), body: el === document.body };
		});
		if (!at.body) {
			assert.ok(at.ring, `no focus ring: ${at.what}`);
			seen.push(at.place);
		}
	}
	assert.ok(seen.indexOf('dock') >= 0 && seen.indexOf('dock') < seen.indexOf('nav') && seen.indexOf('nav') < seen.indexOf('main'), seen.join());
	await page.locator('.dock [data-answer="reject"]').click();
	await curl.done;
});

world.test('text has the contrast that it needs, in both themes', async () => {
	const page = await world.open('/settings');
	await page.locator('[data-setting]').first().waitFor();
	for (const colorScheme of ['light', 'dark']) {
		await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
		const poor = await page.evaluate(() => {
			const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
			const rgba = (colour) => {
				canvas.clearRect(0, 0, 1, 1);
				canvas.fillStyle = colour;
				canvas.fillRect(0, 0, 1, 1);
				return [...canvas.getImageData(0, 0, 1, 1).data];
			};
			const light = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)).reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
			const behind = (el) => {
				for (let e = el; e; e = e.parentElement) {
					const c = rgba(getComputedStyle(e).backgroundColor);
					if (c[3] === 255) {
						return c;
					}
				}
				return [255, 255, 255];
			};
			return [...document.querySelectorAll('body *')].filter((el) => el.getClientRects().length > 0 && [...el.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim()) && !el.closest('.sr-only, :disabled, option'))
				.map((el) => {
					const [a, b] = [light(rgba(getComputedStyle(el).color)), light(behind(el))].sort((x, y) => y - x);
					return [Math.round(((a + 0.05) / (b + 0.05)) * 100) / 100, el.textContent.trim().slice(0, 40)];
				}).filter(([ratio]) => ratio < 4.5);
		});
		assert.deepEqual(poor, [], colorScheme);
	}
});
