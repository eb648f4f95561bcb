// SPDX-License-Identifier: GPL-2.0-or-later
// The start of the dashboard: makes the parts and ties them together. It reads as their table of contents.

import * as api from './api.js';
import { createAuditPage } from './audit.js';
import { createBanners } from './banners.js';
import { ConnectionLog } from './connections.js';
import { createFlowsPage } from './flows.js';
import { isLearning } from './learning.js';
import { createListsPage } from './lists.js';
import { createMonitorPage } from './monitor.js';
import { createNotifier } from './notify.js';
import { loginPath } from './paths.js';
import { createAnswering } from './answering.js';
import { PromptDock } from './prompts.js';
import { createReferencePage } from './reference.js';
import { createRouter } from './router.js';
import { createRulesPage } from './rules.js';
import { createSettingsPage } from './settings.js';
import { createShell } from './shell.js';
import { Store } from './store.js';
import { createStatisticsPage } from './statistics.js';
import { createSuggestionsPage } from './suggestions.js';
import { createSync } from './sync.js';
import { createToaster } from './toast.js';
import { createUndo } from './undo.js';

const element = (id) => document.getElementById(id);

function main() {
	const store = new Store();
	const log = new ConnectionLog();
	const toaster = createToaster(element('toasts'));
	const undo = createUndo(store, toaster);
	const answering = createAnswering(store, toaster, undo);
	const sync = createSync(store, log, { alert: toaster.alert, promptClosed: answering.closed, ruleDeleted: (rule) => tellLearned(toaster, rule) });
	const notifier = createNotifier(store);
	const context = { store, log, sync, toaster, undo, notifier, go: (url) => router.go(url) };
	const shell = createShell(element('side'), context);
	const router = createRouter(element('main'), {
		'/': createMonitorPage(context),
		'/flows': createFlowsPage(context),
		'/rules': createRulesPage(context),
		'/lists': createListsPage(context),
		'/suggestions': createSuggestionsPage(context),
		'/statistics': createStatisticsPage(context),
		'/settings': createSettingsPage(context),
		'/audit': createAuditPage(context),
		'/reference': createReferencePage(),
	}, shell.moved);

	api.onUnauthorized(() => {
		sync.stop();
		location.replace(loginPath());
	});
	createBanners(element('banners'), context);
	const dock = new PromptDock(element('prompts'), store, answering.send);
	notifier.onClick(() => dock.bringBack());
	router.start();
	start(store, sync);
}

/** A learning that is over ends in a proposal. */
function tellLearned(toaster, rule) {
	if (isLearning(rule.name) && location.pathname !== '/suggestions') {
		toaster.show('Learning is over.', { life: 60000, action: { label: 'See proposal', href: `/suggestions?learning=${encodeURIComponent(rule.name)}` } });
	}
}

/** Nothing is asked for before it is clear that somebody is logged in. */
async function start(store, sync) {
	try {
		store.set({ session: await api.session.get() });
	} catch (error) {
		if (error.status === 401) {
			return;
		}
		store.set({ link: 'lost' });
	}
	sync.start();
}

main();
