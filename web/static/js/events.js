// SPDX-License-Identifier: GPL-2.0-or-later
// The event stream: opens it, notices when it is gone, opens it again.

const TYPES = ['prompt.opened', 'prompt.updated', 'prompt.closed', 'connection', 'rule.created', 'rule.updated', 'rule.deleted',
	'flow.updated', 'flow.closed', 'alert', 'config.changed', 'reset'];
const RETRY_MIN_MS = 500;
const RETRY_MAX_MS = 4000;
/** How long the browser may try to reconnect by itself before we start afresh. */
const PATIENCE_MS = 4000;

/**
 * @param {{event: (type: string, data: any) => void, open: (fresh: boolean) => void, lost: () => void}} handlers
 *   `open` comes after every (re)connect: whoever keeps state fetches it again then. `fresh`: nothing was replayed.
 */
export function createEventStream(handlers) {
	/** @type {EventSource|null} */
	let source = null;
	let timer = 0;
	let retry = RETRY_MIN_MS;
	let stopped = false;

	function connect() {
		clearTimeout(timer);
		source?.close();
		if (stopped) {
			return;
		}
		const own = new EventSource(`/api/v1/events?types=${TYPES.filter((t) => t !== 'reset').join(',')}`);
		source = own;
		let fresh = true;
		own.onopen = () => {
			clearTimeout(timer);
			retry = RETRY_MIN_MS;
			handlers.open(fresh);
			fresh = false;
		};
		own.onerror = () => failed(own);
		for (const type of TYPES) {
			own.addEventListener(type, (event) => deliver(type, event.data));
		}
		timer = setTimeout(connect, PATIENCE_MS + retry);
	}

	/** @param {EventSource} own */
	function failed(own) {
		if (own !== source || stopped) {
			return;
		}
		handlers.lost();
		clearTimeout(timer);
		// Refused outright (CLOSED) the browser gives up; else it tries by itself, for a while.
		timer = setTimeout(connect, own.readyState === EventSource.CLOSED ? retry : PATIENCE_MS);
		retry = Math.min(retry * 2, RETRY_MAX_MS);
	}

	/** @param {string} type @param {string} text */
	function deliver(type, text) {
		let value = null;
		try {
			value = text ? JSON.parse(text) : null;
		} catch {
			return;
		}
		handlers.event(type, value);
	}

	addEventListener('pagehide', () => source?.close());
	addEventListener('pageshow', (event) => {
		if (event.persisted) {
			connect();
		}
	});

	return {
		connect,
		isOpen: () => source?.readyState === EventSource.OPEN,
		stop() {
			stopped = true;
			clearTimeout(timer);
			source?.close();
		},
	};
}
